"""Files that were computed and are kept in a folder of the user's cache, each under a digest, believed only if ours.

What is kept may speak of persons, so files are the user's alone and are gone after thirty days; what was not used for
longest goes when there is too much. A file is believed only when it is the user's own, nobody else may read or write
it, and it holds what its own digest says; else it is as if it were not there. No lock is needed: each is written aside
and renamed, and of two processes that compute the same either may be the last.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["KeptFiles"]

_KEPT_S = 30 * 86_400
#: The whole is looked at whenever a key begins so: one time in sixteen.
_LOOKED_AT = "0"
_ASIDE = ".aside-"
#: A file that was written aside and never renamed is removed after this time.
_ABANDONED_AFTER_S = 86_400


@dataclass(frozen=True)
class KeptFiles:
    """A folder of kept files, in sub-folders.

    Attributes
    ----------
    folder
        Where it is; made when the first file is kept.
    form
        The name and version of what is kept, in each file's first line: another one is not believed.
    most_bytes
        The largest file that is read.
    largest_bytes
        What all files may take together, give or take a few.
    """

    folder: Path
    form: str
    most_bytes: int
    largest_bytes: int

    def read(self, within: str, name: str, key: str) -> bytes | None:
        """Return what is kept under a key, or None where nothing is that can be believed."""
        place = self.folder / within / name
        try:
            content = self._content(place)
        except OSError:
            return None
        head, _, body = content.partition(b"\n")
        return body if head == self._head(key, [body]) else None

    def used(self, within: str, name: str) -> None:
        """Set when a file was last used, which file systems keep to the day, and not when it was computed."""
        place = self.folder / within / name
        with suppress(OSError):
            changed_ns = place.stat(follow_symlinks=False).st_mtime_ns
            os.utime(place, ns=(time.time_ns(), changed_ns), follow_symlinks=False)

    def write(self, within: str, name: str, key: str, *body: bytes) -> None:
        """Keep a file, in as many parts as it lies in; where it cannot be written nothing is kept, and nothing said."""
        with suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.folder / within).mkdir(mode=0o700, exist_ok=True)
            _write(self.folder / within / name, [self._head(key, body), b"\n", *body])
            if key.startswith(_LOOKED_AT):
                self._thin_out()

    def forget(self, within: str) -> None:
        """Remove a sub-folder."""
        shutil.rmtree(self.folder / within, ignore_errors=True)

    def clear(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _head(self, key: str, body: Iterable[bytes]) -> bytes:
        digest = hashlib.sha256()
        for part in body:
            digest.update(part)
        return b" ".join((self.form.encode(), key.encode(), digest.hexdigest().encode()))

    def _thin_out(self) -> None:
        """Remove what is older than thirty days, and of what is too much that which was not used for longest."""
        now = time.time()
        found = [(status, path) for path in self.folder.glob("*/*") if (status := _status(path))]
        found.sort(key=lambda each: max(each[0].st_atime_ns, each[0].st_mtime_ns))
        total = sum(status.st_size for status, _ in found)
        for status, path in found:
            kept_s = _ABANDONED_AFTER_S if path.name.startswith(_ASIDE) else _KEPT_S
            if total > self.largest_bytes or status.st_mtime < now - kept_s:
                total -= status.st_size
                path.unlink(missing_ok=True)
                with suppress(OSError):  # another file may be there, or just come
                    path.parent.rmdir()

    def _content(self, path: Path) -> bytes:
        """Return the bytes of a file of ours; raise OSError for any other, and for one that is too old."""
        # No link is followed, and no pipe that somebody put there is waited for.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            about = os.fstat(file.fileno())
            mine = not hasattr(os, "geteuid") or (about.st_uid == os.geteuid() and not about.st_mode & 0o077)
            fresh = about.st_mtime >= time.time() - _KEPT_S
            if not (stat.S_ISREG(about.st_mode) and mine and fresh and about.st_size <= self.most_bytes):
                raise PermissionError(f"{path} is not a file that audit_lab kept")
            return file.read(self.most_bytes)


def _status(path: Path) -> os.stat_result | None:
    """Return the status of a file, and of no link's target; None where it is no file, or gone meanwhile."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return None if stat.S_ISDIR(status.st_mode) else status


def _write(path: Path, content: Iterable[bytes]) -> None:
    """Write a file aside, readable by its owner alone, and rename it; a torn one is found by its digest."""
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=_ASIDE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(content)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
