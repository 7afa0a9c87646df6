"""Indexes that this user's audit_lab built itself, kept in the user's cache folder, never in a log."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.log.write import write_bytes

if TYPE_CHECKING:
    from audit_lab.log.row_reader import Stamp

__all__ = ["IndexCache"]

_DIGEST = re.compile(r"[0-9a-f]{64}")
_LARGEST_CACHE_BYTES = 16_000_000_000


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
        self._largest_bytes = largest_bytes

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
        found = []
        for path in self.folder.glob("*/*.index"):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # another process pruned too
            found.append((max(status.st_atime_ns, status.st_mtime_ns), status.st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._largest_bytes:
                return
            if path != newest:
                path.unlink(missing_ok=True)
                total -= size
