"""The one private folder of an export: everything that must not outlive it, and what killed exports left."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["FOLDER_PREFIX", "export_folder", "room_in"]

FOLDER_PREFIX = "audit-lab-export-"

_OWNER = "pid"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_STALE_AFTER_S = 24 * 3600


@contextmanager
def export_folder() -> Iterator[Path]:
    """Give a folder that only this user can enter, and remove it however the block ends.

    SIGTERM ends the block as Ctrl-C does, and then ends the process as it would have done. What a killed export of the
    same user left is removed first, once it is a day old.
    """
    _sweep()
    with _terminable():
        folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
        try:
            with room_in(folder.parent):
                (folder / _OWNER).write_text(str(os.getpid()), encoding="ascii")
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def room_in(folder: Path) -> Iterator[None]:
    """Say of a disk that is full, in a block that writes temporary files, which one it is."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise AuditLabError(
            f"The temporary folder {folder} has no room left ({error.strerror})",
            "Make room in it, or name another one in the environment variable TMPDIR; nothing was written elsewhere",
        ) from error


@contextmanager
def _terminable() -> Iterator[None]:
    """Turn SIGTERM into an interrupt inside the block, and hand it on to who handled it before afterwards."""
    before = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or before in {signal.SIG_IGN, None}:
        yield
        return
    terminated = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal terminated
        terminated = True
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        if terminated:
            signal.raise_signal(signal.SIGTERM)


def _sweep() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        if _is_stale(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_stale(folder: Path) -> bool:
    """Whether a folder is this user's, older than a day, and of a process that is gone."""
    try:
        found = folder.lstat()
        if folder.is_symlink() or not folder.is_dir() or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
            return False
        return time.time() - found.st_mtime > _STALE_AFTER_S and not _is_running(folder / _OWNER)
    except OSError:
        return False


def _is_running(owner: Path) -> bool:
    """Whether the process runs whose number a file holds; one that was killed before it wrote the file does not."""
    try:
        number = int(owner.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return False
    if sys.platform == "win32":  # there, asking whether a process runs would end it
        return False
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
