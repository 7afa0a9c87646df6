"""A file that appears whole under its name, or never was there, whatever ends the process that writes it."""

from __future__ import annotations

import errno
import os
import secrets
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.log.files.durable import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

__all__ = ["aside"]

_SUFFIX = ".tmp"
_MODE = 0o644
#: Linux: a file of a folder that has no name there (open(2)); its content is reached, and named, through its number.
_UNNAMED: int = getattr(os, "O_TMPFILE", 0)
_NUMBERS = Path("/proc/self/fd")
_NOT_HERE = {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS}


@contextmanager
def aside(path: Path, *, replace: bool = True) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` when the block ends well, and vanishes when it does not.

    Until then it has no name, where there are such files (Linux), so that nothing is left of it even when the process
    is killed. Elsewhere it is hidden beside `path` as ``.NAME.*.tmp``; so it is, complete, for the moment between two
    system calls when it replaces another one. What a killed process left under such a name is removed by the next.

    Parameters
    ----------
    path
        Where the file is to stand; folders that are missing are made.
    replace
        Whether one that stands there already is replaced.

    Raises
    ------
    FileExistsError
        There is one already, and `replace` was not given; of two at once, the later one.
    OSError
        It cannot be written; everything is as it was.
    """
    missing = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    with _new_file(path) as (file, name):
        yield file
        file.flush()
        if name is None:
            os.fchmod(file.fileno(), _MODE)
        else:
            name.chmod(_MODE)
        os.fsync(file.fileno())
        _publish(file, name, path, replace=replace)
    for folder in dict.fromkeys([path.parent, *(made.parent for made in missing)]):
        sync_folder(folder)


@contextmanager
def _new_file(path: Path) -> Iterator[tuple[BinaryIO, Path | None]]:
    """Open a file that nobody else has, in the folder of `path`, and give it with its name, if it has one."""
    handle, name = _opened(path)
    try:
        with os.fdopen(handle, "w+b") as file:
            _taken(handle)
            yield file, name
    finally:
        if name is not None:
            name.unlink(missing_ok=True)


def _opened(path: Path) -> tuple[int, Path | None]:
    if _UNNAMED and _NUMBERS.is_dir():
        try:
            return os.open(path.parent, _UNNAMED | os.O_RDWR | os.O_CLOEXEC, 0o600), None
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_prefix(path), suffix=_SUFFIX)
    return handle, Path(name)


def _publish(file: BinaryIO, name: Path | None, path: Path, *, replace: bool) -> None:
    if name is not None:
        file.close()  # some systems rename no file that is open
        if replace:
            name.replace(path)
        else:
            _link(name, path)
        return
    try:
        _name(file, path)
    except FileExistsError:
        if not replace:
            raise
        hidden = path.with_name(f"{_prefix(path)}{secrets.token_hex(8)}{_SUFFIX}")
        try:
            _name(file, hidden)
            hidden.replace(path)
        except BaseException:
            hidden.unlink(missing_ok=True)
            raise


def _link(name: Path, path: Path) -> None:
    """Give a file a name that nothing has yet."""
    try:
        os.link(name, path)
    except FileExistsError:
        raise
    except OSError as error:  # a file system without second names
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        name.replace(path)


def _name(file: BinaryIO, path: Path) -> None:
    """Give a file without a name one that nothing has yet."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:  # with a folder's number, link(2) becomes linkat(2), which follows the number of the file to the file
        os.link(str(_NUMBERS / str(file.fileno())), path.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _prefix(path: Path) -> str:
    return f".{path.name}."


def _sweep(path: Path) -> None:
    """Remove what killed processes left of this file: hidden beside it, and held by nobody."""
    for entry in list(os.scandir(path.parent)):
        hidden = entry.name.startswith(_prefix(path)) and entry.name.endswith(_SUFFIX)
        if hidden and entry.is_file(follow_symlinks=False):
            with suppress(OSError):  # another one removed it, or it is not ours to remove
                handle = os.open(entry.path, os.O_RDWR)
                try:
                    if _taken(handle):
                        Path(entry.path).unlink()
                finally:
                    os.close(handle)


if sys.platform == "win32":

    def _taken(handle: int) -> bool:
        """Whether nobody else holds a file; there, the system itself refuses to remove a file that is open."""
        return handle >= 0

else:
    import fcntl

    def _taken(handle: int) -> bool:
        """Whether nobody else holds a file; from now on, until it is closed, this process does."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
