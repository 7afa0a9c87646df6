"""Where the files of a log are kept: whole files by relative path, and steps of writing that outlast a power loss.

A file is written aside in its own folder, synced, renamed to its name, and the folder is synced; a new folder's parent
is synced too. So a file is there whole or not at all, and what `create` returned from stays.
"""

from __future__ import annotations

import errno
import secrets
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from audit_lab.errors import LogError, StorageError
from audit_lab.log.files.disk import LocalDisk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from audit_lab.log.files.disk import Disk

__all__ = ["ASIDE_PREFIX", "LOCK_NAME", "LocalStorage", "Storage", "checked", "disk_error"]

#: What the names of files begin with that are not yet, or will never be, part of a log.
ASIDE_PREFIX = ".aside-"

LOCK_NAME = ".lock"

_REASONS = {
    errno.ENOSPC: ("full", "the disk is full", "Free some space, then try again."),
    errno.EDQUOT: ("full", "the disk quota is used up", "Free some space, then try again."),
    errno.EROFS: ("read-only", "it is on a read-only medium", "Make it writable, or copy the log to where it is."),
    errno.EACCES: ("denied", "permission is denied", "Ask its owner for access."),
    errno.EPERM: ("denied", "permission is denied", "Ask its owner for access."),
    errno.ENOENT: ("missing", "it is not there", "Restore it from a backup."),
    errno.ENOTDIR: ("missing", "a file stands where a folder should", "Move that file away."),
    errno.EIO: ("failing", "the disk failed", "Check the disk and the system's log before you write there again."),
    errno.ETIMEDOUT: ("locked", "another process is writing and does not end", "End that process, or wait for it."),
}


class Storage(Protocol):
    """The files of a log, by path relative to it, parts divided by ``/``."""

    def read(self, path: str) -> bytes:
        """Return a file's bytes."""
        ...

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """Return `length` bytes of a file from `start` on, fewer where it ends before."""
        ...

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        ...

    def size(self, path: str) -> int:
        """Return a file's size in bytes."""
        ...

    def list(self, folder: str = "") -> list[str]:
        """Return the paths of all files below a folder, sorted."""
        ...

    def create(self, path: str, content: bytes, *, replace: bool = False) -> None:
        """Write a file that outlasts a power loss; refuse to overwrite one unless told."""
        ...

    def create_all(self, files: Mapping[str, bytes], *, replace: bool = False, derived: bool = False) -> None:
        """Write several files; those that are derived from others may vanish on a power loss, but are never torn."""
        ...

    def remove(self, path: str, *, for_good: bool = False) -> None:
        """Remove a file; `for_good` returns when not even a power loss brings it back."""
        ...

    def lock(self) -> AbstractContextManager[None]:
        """Hold the log's lock: one writer at a time."""
        ...


class LocalStorage:
    """A log in a folder of this machine.

    Parameters
    ----------
    folder
        The log's folder; `create` makes it when missing.
    disk
        What carries the operations out.
    """

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        self.folder = folder
        self._disk: Disk = LocalDisk() if disk is None else disk
        self._root = self._disk.resolve(str(folder.absolute()))
        #: Folders that this process made or found, and whose names it knows to be on the disk.
        self._settled: set[str] = set()

    def read(self, path: str) -> bytes:
        """Return a file's bytes.

        Raises
        ------
        StorageError
            It is missing or cannot be read.
        """
        with self._doing("read", path):
            return self._disk.read(self._full(path), 0, None)

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """Return `length` bytes of a file from `start` on, fewer where it ends before.

        Raises
        ------
        StorageError
            It is missing or cannot be read.
        """
        with self._doing("read", path):
            return self._disk.read(self._full(path), start, length)

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        with self._doing("look for", path):
            return self._disk.size(self._full(path)) is not None

    def size(self, path: str) -> int:
        """Return a file's size in bytes.

        Raises
        ------
        StorageError
            It is missing.
        """
        with self._doing("look for", path):
            size = self._disk.size(self._full(path))
            if size is None:
                raise FileNotFoundError(errno.ENOENT, "missing")
            return size

    def list(self, folder: str = "") -> list[str]:
        """Return the paths of all files below a folder, sorted; links are listed and not followed."""
        found: list[str] = []
        waiting = [folder]
        while waiting:
            inner = waiting.pop()
            with self._doing("list", inner):
                names = self._disk.names(self._full(inner))
            for name, is_folder in names:
                path = f"{inner}/{name}" if inner else name
                (waiting if is_folder else found).append(path)
        return sorted(found)

    def create(self, path: str, content: bytes, *, replace: bool = False) -> None:
        """Write a file that outlasts a power loss: aside, sync, rename, sync of the folder.

        Raises
        ------
        StorageError
            It cannot be written; what was there before is unchanged, unless the very last step failed.
        LogError
            A file has that name already and `replace` is false.
        """
        self.create_all({path: content}, replace=replace)

    def create_all(self, files: Mapping[str, bytes], *, replace: bool = False, derived: bool = False) -> None:
        """Write several files, each whole or not at all, and sync all of them together.

        Parameters
        ----------
        files
            Path to content.
        replace
            Whether files of these names may be there already.
        derived
            Whether the files can be made again from others: a power loss may then bring back what was there before
            (or nothing), but never a torn file.

        Raises
        ------
        StorageError
            One cannot be written; others may be there.
        LogError
            A file has one of the names already and `replace` is false.
        """
        folders = list(dict.fromkeys(_parent(path) for path in files))
        asides: dict[str, str] = {}
        try:
            with ExitStack() as opened:
                handles = []
                self._settle(folders)
                for path, content in files.items():
                    if not replace and self.exists(path):
                        raise LogError(
                            f"the file {path} of the log {self.folder} exists already",
                            "Nothing was overwritten: find out who wrote it.",
                        )
                    asides[path] = _aside(path)
                    with self._doing("write", path):
                        handle = self._disk.open_new(self._full(asides[path]))
                        opened.callback(self._close, handle, path)
                        self._disk.write(handle, content)
                    handles.append(handle)
                with self._doing("write", ", ".join(folder or "files" for folder in folders)):
                    self._disk.sync(handles)
            for path in files:
                with self._doing("write", path):
                    self._disk.rename(self._full(asides[path]), self._full(path))
                del asides[path]
        finally:
            for aside in asides.values():
                # Whatever went wrong is being raised; a file that stays aside is no part of the log.
                with suppress(OSError):
                    self._disk.unlink(self._full(aside))
        if not derived:
            with self._doing("write", ", ".join(folder or "files" for folder in folders)):
                self._disk.sync_folders([self._full(folder) for folder in folders])

    def remove(self, path: str, *, for_good: bool = False) -> None:
        """Remove a file.

        Parameters
        ----------
        path
            The file.
        for_good
            Whether to sync its folder; else a power loss may bring it back.

        Raises
        ------
        StorageError
            It is missing or cannot be removed.
        """
        with self._doing("remove", path):
            self._disk.unlink(self._full(path))
            if for_good:
                self._disk.sync_folders([self._full(_parent(path))])

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the log's lock.

        Raises
        ------
        StorageError
            Another process held it for a minute, or the folder cannot be written to.
        """
        with ExitStack() as held:
            with self._doing("write to", ""):
                self._settle([""])
                held.enter_context(self._disk.lock(self._full(LOCK_NAME)))
            yield

    def _close(self, handle: int, path: str) -> None:
        with self._doing("write", path):
            self._disk.close(handle)

    def _settle(self, folders: Iterable[str]) -> None:
        """Make folders and those above them, and sync the name of each in its parent.

        A folder that is there is synced too, once: whoever made it may have ended before he did that.
        """
        missing = {self._root: ""}
        for folder in folders:
            parts = folder.split("/") if folder else []
            above = ["/".join(parts[: count + 1]) for count in range(len(parts))]
            missing |= {f"{self._root}/{path}": path for path in above}
        wanted = [full for full in missing if full not in self._settled]
        if not wanted:
            return
        with self._doing("write", missing[wanted[-1]]):
            if self._root in wanted:
                self._settle_above()
            for full in wanted:
                if not self._disk.has_folder(full):
                    self._disk.make_folder(full)
            self._disk.sync_folders(list(dict.fromkeys(_parent(full) or "/" for full in wanted)))
        self._settled.update(wanted)

    def _settle_above(self) -> None:
        """Do the same for the folders above the log's own; one that may not be read was not made by us."""
        for full in _ancestors(self._root):
            if not self._disk.has_folder(full):
                self._disk.make_folder(full)
            with suppress(PermissionError):
                self._disk.sync_folders([_parent(full) or "/"])

    def _full(self, path: str) -> str:
        if not path:
            return self._root
        full = f"{self._root}/{checked(path)}"
        if not self._disk.resolve(full).startswith(f"{self._root}/"):
            raise _outside(path)
        return full

    @contextmanager
    def _doing(self, what: str, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise disk_error(error, f"cannot {what} {path or 'the folder'} of {self.folder}") from error


def disk_error(error: OSError, what: str) -> StorageError:
    """Return what the system said as a sentence: `what` could not be done, why, and what to do about it."""
    number = errno.ETIMEDOUT if isinstance(error, TimeoutError) else error.errno
    said = error.strerror or type(error).__name__
    reason, cause, step = _REASONS.get(number or 0, ("other", said, "See what the system says about it."))
    return StorageError(f"{what}: {cause}", step, reason)


def checked(path: str) -> str:
    """Return a path, or raise `LogError` where it is not a plain path below the log."""
    parts = path.split("/")
    if "\\" in path or "\0" in path or any(part in {"", ".", ".."} for part in parts):
        raise _outside(path)
    return path


def _outside(path: str) -> LogError:
    return LogError(
        f"a log names a file outside itself: {path!r}",
        "Do not use this log before its origin is cleared: a sound log never does that.",
    )


def _aside(path: str) -> str:
    folder, name = _parent(path), f"{ASIDE_PREFIX}{secrets.token_hex(8)}"
    return f"{folder}/{name}" if folder else name


def _ancestors(path: str) -> list[str]:
    """Return the folders above an absolute path, the highest first."""
    found = []
    while path := _parent(path):
        found.append(path)
    return found[::-1]


def _parent(path: str) -> str:
    return path.rpartition("/")[0]
