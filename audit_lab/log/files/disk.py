"""The few operations of a file system that a log is written with, one method each.

They stand apart so that tests can put a disk under a log that records what it is asked, or fails, or forgets on a power
loss whatever was not synced. All raise `OSError`; `audit_lab.log.files.storage` makes sentences of it.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from audit_lab.log.files.durable import sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

__all__ = ["Disk", "LocalDisk", "try_lock"]

_T = TypeVar("_T")

_WORTH_THREADS = 2
_MOST_AT_ONCE = 16
_PATIENCE_S = 60.0
_FIRST_PAUSE_S = 0.0005
_LONGEST_PAUSE_S = 0.02


class Disk(Protocol):
    """What a file system must offer. Paths are absolute; `make_folder` and `open_new` refuse what is there already."""

    def read(self, path: str, start: int, length: int | None) -> bytes:
        """Return the bytes of a file from `start` on, `length` of them at most (None: to its end)."""
        ...

    def size(self, path: str) -> int | None:
        """Return the size of a regular file in bytes; None where there is none."""
        ...

    def names(self, path: str) -> list[tuple[str, bool]]:
        """Return what lies in a folder, as name and whether it is a folder; empty where there is no such folder."""
        ...

    def has_folder(self, path: str) -> bool:
        """Whether there is a folder."""
        ...

    def resolve(self, path: str) -> str:
        """Return a path with its links followed, whether or not anything is there."""
        ...

    def make_folder(self, path: str) -> None:
        """Make a folder in one that is there."""
        ...

    def open_new(self, path: str) -> int:
        """Make an empty file and return the handle to write it with."""
        ...

    def write(self, handle: int, content: bytes) -> None:
        """Write all of `content` to the end of an open file."""
        ...

    def sync(self, handles: Sequence[int]) -> None:
        """Return when the bytes of some open files are on the disk."""
        ...

    def close(self, handle: int) -> None:
        """Close an open file."""
        ...

    def sync_folders(self, paths: Sequence[str]) -> None:
        """Return when the names in some folders are on the disk."""
        ...

    def rename(self, source: str, target: str) -> None:
        """Give a file another name in one step, in place of a file that has it."""
        ...

    def unlink(self, path: str) -> None:
        """Remove a file."""
        ...

    def lock(self, path: str) -> AbstractContextManager[None]:
        """Hold a lock that one process at a time can hold, and that ends with the process."""
        ...


class LocalDisk:
    """The file system of this machine."""

    def read(self, path: str, start: int, length: int | None) -> bytes:
        """Return the bytes of a file from `start` on, as `Disk` says; a pipe or a device is no file."""
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116
            raise FileNotFoundError(errno.ENOENT, "not a file", path)
        with open(path, "rb") as file:  # noqa: PTH123 (paths are text at this level)
            file.seek(start)
            return file.read(-1 if length is None else length)

    def size(self, path: str) -> int | None:
        """Return the size of a regular file; None where there is none."""
        try:
            found = os.stat(path)  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def names(self, path: str) -> list[tuple[str, bool]]:
        """Return what lies in a folder."""
        try:
            with os.scandir(path) as found:
                return [(each.name, each.is_dir(follow_symlinks=False)) for each in found]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def has_folder(self, path: str) -> bool:
        """Whether there is a folder."""
        return os.path.isdir(path)  # noqa: PTH112

    def resolve(self, path: str) -> str:
        """Return a path with its links followed."""
        return os.path.realpath(path)

    def make_folder(self, path: str) -> None:
        """Make a folder in one that is there."""
        os.mkdir(path)  # noqa: PTH102

    def open_new(self, path: str) -> int:
        """Make an empty file and return its handle."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)

    def write(self, handle: int, content: bytes) -> None:
        """Write all of `content`; the system may take it in pieces."""
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(handle, rest) :]

    def sync(self, handles: Sequence[int]) -> None:
        """Return when the bytes of some open files are on the disk; together they take little longer than one."""
        _at_once(os.fsync, handles)

    def close(self, handle: int) -> None:
        """Close an open file."""
        os.close(handle)

    def sync_folders(self, paths: Sequence[str]) -> None:
        """Return when the names in some folders are on the disk; Windows sees to that itself and has no call for it."""
        if sys.platform != "win32":
            _at_once(sync_folder, [Path(path) for path in paths])

    def rename(self, source: str, target: str) -> None:
        """Give a file another name in one step."""
        os.replace(source, target)  # noqa: PTH105

    def unlink(self, path: str) -> None:
        """Remove a file."""
        os.unlink(path)  # noqa: PTH108

    @contextmanager
    def lock(self, path: str) -> Iterator[None]:
        """Hold a lock on a file, which is made when missing and never removed.

        Raises
        ------
        TimeoutError
            Another process held it for a minute.
        """
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            deadline, pause = time.monotonic() + _PATIENCE_S, _FIRST_PAUSE_S
            while not try_lock(handle):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{path} is locked")
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            yield
        finally:
            os.close(handle)


def _at_once(sync: Callable[[_T], None], what: Sequence[_T]) -> None:
    if len(what) < _WORTH_THREADS or not threading.main_thread().is_alive():
        for each in what:  # one only, or no thread can be started because the interpreter ends
            sync(each)
    else:
        with ThreadPoolExecutor(min(len(what), _MOST_AT_ONCE)) as pool:
            list(pool.map(sync, what))


if sys.platform == "win32":
    import msvcrt

    def try_lock(handle: int) -> bool:
        """Take the lock of an open file, which ends with the process; whether it could be had."""
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(handle: int) -> bool:
        """Take the lock of an open file, which ends with the process; whether it could be had."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
