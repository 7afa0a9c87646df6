"""What was computed of the files of logs, kept in the user's cache folder, so that a file need not be read again.

What is kept may speak of persons (texts that occur, and when), so files are the user's alone and are gone after thirty
days; what was not used for longest goes when there is too much. A file is believed only when it is the user's own,
nobody else may read or write it, and it holds what its own digest says, as polars' IPC format, in which nothing is ever
executed; else it is as if it were not there. No lock is needed: each file is written aside and renamed, and of two
processes that compute the same either may be the last.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import LogError
from audit_lab.log.files.reading import reading

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SketchCache"]

#: Another format, or another polars, whose hashes of ids may differ, starts anew.
_FORMAT = f"audit_lab.sketch-cache/1 polars/{pl.__version__}"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES = 512 * 1024 * 1024
_KEPT_S = 30 * 86_400
#: What all files may take together, looked at whenever a key begins so: one time in sixteen.
_LARGEST_CACHE_BYTES = 4_000_000_000
_LOOKED_AT = "0"
_ASIDE = ".aside-"
#: A file that was written aside and never renamed is removed after this time.
_ABANDONED_AFTER_S = 86_400


class SketchCache:
    """The folder of sketches, with a sub-folder for each file, or pair of files, that they are of.

    Parameters
    ----------
    folder
        Where it is; ``audit_lab/sketches`` in the user's cache folder when omitted.
    largest_bytes
        How much it may hold, give or take a few files; what was not used for longest goes first.
    """

    def __init__(self, folder: Path | None = None, largest_bytes: int = _LARGEST_CACHE_BYTES) -> None:
        stated = os.environ.get("XDG_CACHE_HOME") or ""
        home = Path(stated) if Path(stated).is_absolute() else Path.home() / ".cache"
        self.folder = folder if folder is not None else home / "audit_lab" / "sketches"
        self.largest_bytes = largest_bytes

    def find(
        self, of: str, question: str, schemas: Mapping[str, Mapping[str, pl.DataType]]
    ) -> dict[str, pl.DataFrame] | None:
        """Return the frames that were kept, or None.

        Parameters
        ----------
        of
            What files they are of: a few digests, joined by hyphens, or one digest of many digests.
        question
            What was asked of these, as canonical text.
        schemas
            The columns and types that the frames must have.
        """
        key = _key(of, question)
        place = self.folder / of / f"{key}.sketch"
        try:
            content = _read(place)
        except OSError:
            return None
        head, _, body = content.partition(b"\n")
        if head != _head(key, body):
            return None
        try:
            found = _frames(body)
        except (LogError, ValueError, AttributeError):
            return None
        if {name: dict(frame.schema) for name, frame in found.items()} != {k: dict(v) for k, v in schemas.items()}:
            return None
        with suppress(OSError):  # when it was used, and not when it was computed, which its age counts from
            changed_ns = place.stat(follow_symlinks=False).st_mtime_ns
            os.utime(place, ns=(time.time_ns(), changed_ns), follow_symlinks=False)
        return found

    def keep(self, of: str, question: str, frames: Mapping[str, pl.DataFrame]) -> None:
        """Keep frames; where the folder cannot be written, or they are too large, nothing is kept and nothing said."""
        key, body = _key(of, question), _body(frames)
        if len(body) > _MOST_BYTES // 2 or not all(_DIGEST.fullmatch(digest) for digest in of.split("-")):
            return
        with suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.folder / of).mkdir(mode=0o700, exist_ok=True)
            _write(self.folder / of / f"{key}.sketch", _head(key, body) + b"\n" + body)
            if key.startswith(_LOOKED_AT):
                self._thin_out()

    def forget(self, file_sha256: str) -> None:
        """Remove what was computed of a file, alone or with others, and of any set of files: its values were erased."""
        if _DIGEST.fullmatch(file_sha256) and self.folder.is_dir():
            for folder in self.folder.iterdir():
                if file_sha256 in folder.name.split("-") or "-" not in folder.name:
                    shutil.rmtree(folder, ignore_errors=True)

    def clear(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

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
                with suppress(OSError):  # another sketch of the file may be there, or just come
                    path.parent.rmdir()


def _key(of: str, question: str) -> str:
    return hashlib.sha256(f"{_FORMAT}\n{of}\n{question}".encode("utf-8", "surrogatepass")).hexdigest()


def _head(key: str, body: bytes) -> bytes:
    return b" ".join((_FORMAT.encode(), key.encode(), hashlib.sha256(body).hexdigest().encode()))


def _body(frames: Mapping[str, pl.DataFrame]) -> bytes:
    parts = {}
    for name, frame in frames.items():
        target = io.BytesIO()
        frame.write_ipc(target)
        parts[name] = target.getvalue()
    sizes = json.dumps({name: len(part) for name, part in parts.items()}).encode()
    return b"\n".join((sizes, b"".join(parts.values())))


def _frames(body: bytes) -> dict[str, pl.DataFrame]:
    sizes, _, rest = body.partition(b"\n")
    found, place = {}, 0
    for name, size in json.loads(sizes).items():
        with reading("what was kept"):
            found[name] = pl.read_ipc(io.BytesIO(rest[place : place + size]))
        place += size
    return found


def _status(path: Path) -> os.stat_result | None:
    """Return the status of a file, and of no link's target; None where it is no file, or gone meanwhile."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return None if stat.S_ISDIR(status.st_mode) else status


def _read(path: Path) -> bytes:
    """Return the bytes of a file of ours; raise OSError for any other, and for one that is too old."""
    # No link is followed, and no pipe that somebody put there is waited for.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        about = os.fstat(file.fileno())
        mine = not hasattr(os, "geteuid") or (about.st_uid == os.geteuid() and not about.st_mode & 0o077)
        fresh = about.st_mtime >= time.time() - _KEPT_S
        if not (stat.S_ISREG(about.st_mode) and mine and fresh and about.st_size <= _MOST_BYTES):
            raise PermissionError(f"{path} is not a file that audit_lab kept")
        return file.read(_MOST_BYTES)


def _write(path: Path, content: bytes) -> None:
    """Write a file aside, readable by its owner alone, and rename it; a torn one is found by its digest."""
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=_ASIDE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
