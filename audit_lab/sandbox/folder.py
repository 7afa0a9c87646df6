"""The folder that parent and child share: the parent writes into ``in``, the child into ``work``.

It lies in memory where there is room. A lock held by the parent marks it as in use; the folders of parents that are
gone are removed by the next one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
import time
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import polars as pl

__all__ = ["SharedFolder", "total_bytes"]

_PREFIX = "audit-lab-"
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - folders made there are this user's own
#: Bytes that must be free in memory beside the files: room for tables.
_ROOM = 1_000_000_000
#: Seconds in which a folder may not have its lock yet.
_NEW_S = 60


class SharedFolder:
    """A private folder for one child.

    Parameters
    ----------
    files_bytes
        Size of the files that will be copied in.
    uid
        The user the child will become; nothing where it stays this user.

    Attributes
    ----------
    path
        The folder. Other users cannot enter it.
    inputs
        What the child may read.
    work
        What the child may write.
    hidden
        A file that the child must not be able to read: the lock.

    Raises
    ------
    StorageError
        No folder can be made.
    """

    def __init__(self, files_bytes: int, uid: int | None) -> None:
        base = _base(files_bytes)
        _remove_abandoned(base)
        self._group = uid
        self._numbers = count()
        try:
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base)).resolve()
        except OSError as error:
            raise StorageError(
                f"no private folder could be made for the sandbox in {base} ({error.strerror})",
                "Point TMPDIR at a folder that this user may write.",
                "full" if error.errno == errno.ENOSPC else "denied",
            ) from error
        self.inputs, self.work, self.hidden = self.path / "in", self.path / "work", self.path / "lock"
        self._lock = os.open(self.hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.inputs.mkdir(0o700)
        self.work.mkdir(0o700)
        if uid is not None:
            os.chown(self.work, uid, uid)
            for place in (self.path, self.inputs):
                os.chown(place, -1, uid)
                place.chmod(0o750)

    def add_file(self, name: str, content: bytes | Path | Mapping[str, bytes]) -> Path:
        """Copy a file, or the files of a folder, to the child's side.

        Raises
        ------
        MisuseError
            A name within a folder points out of it.
        StorageError
            There is no room.
        """
        target = self.inputs / f"file-{name}"
        with _told_as_storage(target):
            if isinstance(content, bytes):
                self._write(target, content)
            elif isinstance(content, Path):
                shutil.copyfile(content, target)
                self._hand_over(target)
            else:
                self._add_folder(target, content)
        return target

    def _add_folder(self, target: Path, content: Mapping[str, bytes]) -> None:
        self._make(target)
        for name, data in content.items():
            inner = Path(name)
            if inner.is_absolute() or ".." in inner.parts or not inner.parts:
                raise MisuseError(f"the file {name!r} lies outside its folder", "Give names below the folder.")
            for ancestor in reversed(inner.parents[:-1]):
                self._make(target / ancestor)
            self._write(target / inner, data)

    def add_table(self, name: str, frame: pl.DataFrame) -> Path:
        """Write a frame as an uncompressed Arrow stream, which is sooner written and read than an Arrow file."""
        import polars as pl

        target = self.inputs / f"table-{next(self._numbers)}-{name}.arrow"
        try:
            frame.write_ipc_stream(target, compression="uncompressed")
        except (OSError, pl.exceptions.PolarsError) as error:
            target.unlink(missing_ok=True)
            raise _no_room(target, error) from error
        self._hand_over(target)
        return target

    def _make(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._hand_over(folder)

    def _write(self, target: Path, data: bytes) -> None:
        target.write_bytes(data)
        self._hand_over(target)

    def _hand_over(self, path: Path) -> None:
        """Let the child's group read what the child's user does not own."""
        if self._group is not None:
            os.chown(path, -1, self._group)
        path.chmod(0o750 if path.is_dir() else 0o640)

    def remove(self) -> None:
        """Remove it all."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.forget()

    def forget(self) -> None:
        """Let go of it without removing it: it belongs to another process."""
        with contextlib.suppress(OSError):
            os.close(self._lock)


def total_bytes(files: Mapping[str, bytes | Path | Mapping[str, bytes]]) -> int:
    """Return the size of all files together.

    Raises
    ------
    StorageError
        A file is not there, or may not be looked at.
    """
    total = 0
    for content in files.values():
        if isinstance(content, bytes):
            total += len(content)
        elif isinstance(content, Path):
            total += _size(content)
        else:
            total += sum(map(len, content.values()))
    return total


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise StorageError(
            f"{path} cannot be given to the sandbox ({error.strerror})",
            "Check that the file is there and that this user may read it.",
            "missing" if isinstance(error, FileNotFoundError) else "denied",
        ) from error


def _base(files_bytes: int) -> Path:
    with contextlib.suppress(OSError):
        room = os.statvfs(_IN_MEMORY)
        if os.access(_IN_MEMORY, os.W_OK) and room.f_bavail * room.f_frsize > files_bytes + _ROOM:
            return _IN_MEMORY
    return Path(tempfile.gettempdir())


@cache
def _remove_abandoned(base: Path) -> None:
    """Remove, once, the folders whose parent died without doing so: nobody holds their lock."""
    for folder in base.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            about = folder.lstat()
            if about.st_uid != os.geteuid() or time.time() - about.st_mtime < _NEW_S:
                continue
            lock = os.open(folder / "lock", os.O_WRONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


@contextlib.contextmanager
def _told_as_storage(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _no_room(target, error) from error


def _no_room(target: Path, error: Exception) -> StorageError:
    full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
    return StorageError(
        f"{target.name} could not be written for the sandbox ({error})",
        f"Make room in {target.parents[2]}, or point TMPDIR at a folder that has some.",
        "full" if full else "other",
    )
