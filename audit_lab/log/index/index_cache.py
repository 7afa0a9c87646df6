"""Indexes that this user's audit_lab built itself, kept in the user's cache folder, never in a log."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.log.files.durable import write_bytes

if TYPE_CHECKING:
    from audit_lab.log.index.row_reader import Stamp

__all__ = ["IndexCache"]

_DIGEST = re.compile(r"[0-9a-f]{64}")
_LARGEST_CACHE_BYTES = 16_000_000_000

#: A file that was written aside and never renamed is removed after this time.
_ABANDONED_AFTER_S = 86_400


class IndexCache:
    """A folder of indexes, one sub-folder for each Parquet file, named by the digest that its log states.

    The digest is the log's word, so size and time of the file that was read stand in the name too: a file that was
    changed in place has no index here.

    Parameters
    ----------
    folder
        Where it is; ``audit_lab/index`` in the user's cache folder when omitted.
    largest_bytes
        How much it may hold; what was not used for longest goes first.
    """

    def __init__(self, folder: Path | None = None, largest_bytes: int = _LARGEST_CACHE_BYTES) -> None:
        stated = os.environ.get("XDG_CACHE_HOME") or ""
        home = Path(stated) if Path(stated).is_absolute() else Path.home() / ".cache"
        self.folder = folder if folder is not None else home / "audit_lab" / "index"
        self.largest_bytes = largest_bytes

    def path(self, file_sha256: str, stamp: Stamp, column: str) -> Path | None:
        """Return where an index stands, or would; None where the stated digest is no digest."""
        if not _DIGEST.fullmatch(file_sha256):
            return None
        return self.folder / file_sha256 / f"{stamp.size_bytes}-{stamp.modified_ns}.{column}.index"

    def keep(self, path: Path, content: bytes) -> None:
        """Write an index, then remove the oldest where there are too many.

        Raises
        ------
        OSError
            The folder cannot be written.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_bytes(path, content)
        self._prune(path)

    def forget(self, file_sha256: str) -> None:
        """Remove every index of a file: its values were erased."""
        if _DIGEST.fullmatch(file_sha256):
            shutil.rmtree(self.folder / file_sha256, ignore_errors=True)

    def _prune(self, newest: Path) -> None:
        found = [(status, path) for path in self.folder.glob("*/*.index") if (status := _status(path))]
        total = sum(status.st_size for status, _ in found)
        for status, path in sorted(found, key=lambda each: max(each[0].st_atime_ns, each[0].st_mtime_ns)):
            if total > self.largest_bytes and path != newest:
                path.unlink(missing_ok=True)
                total -= status.st_size
        long_ago = time.time() - _ABANDONED_AFTER_S
        for path in self.folder.glob("*/.*.tmp"):
            if (status := _status(path)) and status.st_mtime < long_ago:
                path.unlink(missing_ok=True)


def _status(path: Path) -> os.stat_result | None:
    """Return the status of a file; None where another process removed it meanwhile."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None
