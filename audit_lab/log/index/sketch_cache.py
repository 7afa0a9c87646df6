"""What was computed of the files of logs, kept in the user's cache folder, so that a file need not be read again.

What is kept may speak of persons (texts that occur, and when). Frames are kept in polars' IPC format, in which nothing
is ever executed; how files are kept, and when one is believed, stands in :mod:`audit_lab.log.files.kept_files`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import LogError
from audit_lab.log.files.kept_files import KeptFiles
from audit_lab.log.files.reading import reading

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SketchCache"]

#: Another format, or another polars, whose hashes of ids may differ, starts anew.
_FORMAT = f"audit_lab.sketch-cache/1 polars/{pl.__version__}"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES = 512 * 1024 * 1024
_LARGEST_CACHE_BYTES = 4_000_000_000


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
        self._files = KeptFiles(self.folder, _FORMAT, _MOST_BYTES, largest_bytes)

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
        body = self._files.read(of, f"{key}.sketch", key)
        if body is None:
            return None
        try:
            found = _frames(body)
        except (LogError, ValueError, AttributeError):
            return None
        if {name: dict(frame.schema) for name, frame in found.items()} != {k: dict(v) for k, v in schemas.items()}:
            return None
        self._files.used(of, f"{key}.sketch")
        return found

    def keep(self, of: str, question: str, frames: Mapping[str, pl.DataFrame]) -> None:
        """Keep frames; where the folder cannot be written, or they are too large, nothing is kept and nothing said."""
        key, body = _key(of, question), _body(frames)
        if sum(map(len, body)) > _MOST_BYTES // 2 or not all(_DIGEST.fullmatch(digest) for digest in of.split("-")):
            return
        self._files.write(of, f"{key}.sketch", key, *body)

    def forget(self, file_sha256: str) -> None:
        """Remove what was computed of a file, alone or with others, and of any set of files: its values were erased."""
        if _DIGEST.fullmatch(file_sha256) and self.folder.is_dir():
            for folder in self.folder.iterdir():
                if file_sha256 in folder.name.split("-") or "-" not in folder.name:
                    shutil.rmtree(folder, ignore_errors=True)

    def clear(self) -> None:
        """Remove everything."""
        self._files.clear()


def _key(of: str, question: str) -> str:
    return hashlib.sha256(f"{_FORMAT}\n{of}\n{question}".encode("utf-8", "surrogatepass")).hexdigest()


def _body(frames: Mapping[str, pl.DataFrame]) -> list[bytes]:
    parts = {}
    for name, frame in frames.items():
        target = io.BytesIO()
        frame.write_ipc(target)
        parts[name] = target.getvalue()
    sizes = json.dumps({name: len(part) for name, part in parts.items()}).encode()
    return [sizes, b"\n", *parts.values()]


def _frames(body: bytes) -> dict[str, pl.DataFrame]:
    sizes, _, rest = body.partition(b"\n")
    found, place = {}, 0
    for name, size in json.loads(sizes).items():
        with reading("what was kept"):
            found[name] = pl.read_ipc(io.BytesIO(rest[place : place + size]))
        place += size
    return found
