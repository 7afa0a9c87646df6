"""What could not be taken over, with its own bytes: one Parquet file for each part that had any."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.capture.adapters.lines import KEPT_BYTES
from audit_lab.log.files.durable import sync_folder
from audit_lab.log.files.private_file import make_private_folder, write_private_file
from audit_lab.log.files.storage import disk_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from audit_lab.capture.adapters.block import Place
    from audit_lab.capture.adapters.exchange import Refusal
    from audit_lab.capture.adapters.source import SourceFile

__all__ = ["QUARANTINE_SCHEMA", "drop_unnamed", "keep_quarantine", "prefix_of", "read_quarantine"]

#: The file and its digest, the record's number in it from 1, how many records from there on (more than one where a
#: container says so and they cannot be decoded; as many as are stated, or 0, where nobody can count them), why, and its
#: bytes (the first MiB; size and digest are of the whole record). From and to before which byte of the (unpacked) file
#: there are records that nobody can count; null otherwise, and where that is not known.
QUARANTINE_SCHEMA = {
    "file": pl.String,
    "file_sha256": pl.String,
    "row": pl.Int64,
    "rows": pl.Int64,
    "code": pl.String,
    "reason": pl.String,
    "raw": pl.Binary,
    "raw_size": pl.Int64,
    "raw_sha256": pl.String,
    "first_byte": pl.Int64,
    "stop_byte": pl.Int64,
}
#: What files of before a column was there hold in it.
_BEFORE = {"rows": 1, "first_byte": None, "stop_byte": None}


def keep_quarantine(
    folder: Path, name: str, refused: Sequence[tuple[Place, Refusal]], files: Sequence[SourceFile]
) -> str | None:
    """Write what a part refused, and return the file's digest once it is on the disk; None where there is nothing.

    Raises
    ------
    StorageError
        The disk refused.
    """
    if not refused:
        return None
    rows = [
        (
            files[place.file].name,
            files[place.file].sha256,
            place.number,
            refusal.rows,
            refusal.code,
            refusal.reason[:1_000],
            place.raw[:KEPT_BYTES],
            len(place.raw) if refusal.size is None else refusal.size,
            hashlib.sha256(place.raw).hexdigest() if refusal.sha256 is None else refusal.sha256,
            refusal.first_byte,
            refusal.stop_byte,
        )
        for place, refusal in refused
    ]
    frame = pl.DataFrame(rows, schema=QUARANTINE_SCHEMA, orient="row").sort("file", "row", maintain_order=True)
    buffer = BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    content = buffer.getvalue()
    try:
        make_private_folder(folder)
        write_private_file(folder / name, content)
    except OSError as error:
        raise disk_error(error, f"the quarantine {folder} cannot be written") from error
    return hashlib.sha256(content).hexdigest()


def read_quarantine(folder: Path, names: Iterable[str]) -> pl.DataFrame:
    """Return the rows of some files of a quarantine, in order of files and rows."""
    frames = [pl.read_parquet(folder / name, glob=False) for name in names if (folder / name).is_file()]
    said = [
        each.with_columns(
            pl.lit(value, QUARANTINE_SCHEMA[name]).alias(name)
            for name, value in _BEFORE.items()
            if name not in each.columns
        ).select(*QUARANTINE_SCHEMA)
        for each in frames
    ]
    return pl.concat([pl.DataFrame(schema=QUARANTINE_SCHEMA), *said]).sort("file", "row", maintain_order=True)


def prefix_of(origin: str) -> str:
    """Return what the names of a log's files begin with: a folder may serve several logs, and other files."""
    return f"quarantine-{hashlib.sha256(origin.encode()).hexdigest()[:12]}-"


def drop_unnamed(folder: Path, origin: str, named: Iterable[str]) -> None:
    """Remove files of a log that a run left which was stopped before it appended: their records are read again."""
    if not folder.is_dir():
        return
    known, dropped = set(named), False
    for path in folder.glob(f"{prefix_of(origin)}*.parquet"):
        if path.name not in known:
            path.unlink()
            dropped = True
    if dropped:
        sync_folder(folder)
