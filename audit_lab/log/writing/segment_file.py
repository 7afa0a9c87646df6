"""One segment as files: its rows as Parquet, the hashes of its rows, its indexes, and the entries that seal them."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC
from io import BytesIO
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.commitment.column_types import schema_document, schema_sha256
from audit_lab.log.commitment.leaves import row_leaves
from audit_lab.log.commitment.levels import levels_bytes, levels_root
from audit_lab.log.files.reading import reading
from audit_lab.log.index.index_file import index_digest, index_files, index_path
from audit_lab.log.index.row_reader import PAGE_BYTES, ROWS_PER_GROUP
from audit_lab.log.schema import INPUTS_PREFIX, TABLES
from audit_lab.seal.custody import time_text
from audit_lab.seal.entry_forms import PlacedRows
from audit_lab.seal.entry_kinds import PlacementEntry, SegmentEntry

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["PERSONAL_TABLES", "NewSegment", "is_personal", "new_segment", "parquet_bytes", "segment_name"]

#: Tables whose rows are committed field by field, so that a field can be withheld or erased; inputs are too.
PERSONAL_TABLES = frozenset({"predictions", "overrides", "explanations", "outcomes"})

_COMPRESSION_LEVEL = 3
_NAME_TIME = "%Y%m%dT%H%M%S%f"


@dataclass(frozen=True)
class NewSegment:
    """A segment that is ready to be written and sealed.

    Attributes
    ----------
    files
        Path to content of what must be on the disk before the segment is sealed: rows, row hashes, indexes.
    statement, placement
        The entries that seal it, to be dated when they are.
    """

    files: dict[str, bytes]
    statement: SegmentEntry
    placement: PlacementEntry

    @property
    def schema(self) -> tuple[tuple[str, str], ...]:
        """The segment's columns, as its statement has them."""
        return self.statement.schema


def is_personal(table: str) -> bool:
    """Whether rows of a table are committed field by field."""
    return table in PERSONAL_TABLES or table.startswith(INPUTS_PREFIX)


def segment_name(now: datetime) -> str:
    """Return a name for a new segment or file: unique, and sorted by time as far as the clock is right."""
    return f"{now.astimezone(UTC).strftime(_NAME_TIME)}-{secrets.token_hex(4)}"


def new_segment(
    table: str, name: str, frame: pl.DataFrame, row_keys: bytes | None, *, origin: str, writer_id: str, now: datetime
) -> NewSegment:
    """Make a segment of rows in canonical form.

    Parameters
    ----------
    table, name
        The table, and the segment's name (`segment_name`).
    frame
        The rows in the order in which they are stored.
    row_keys
        32 secret bytes for each row of a personal table; None for other tables.
    origin
        The log's name.
    writer_id
        Who writes, where the rows do not say it themselves.
    now
        The time that the entries are dated for now.

    Raises
    ------
    LogError
        A column has a type without canonical bytes.
    MisuseError
        A column cannot be stored as Parquet, or there are too many columns for one statement.
    """
    content = parquet_bytes(table, frame)
    with reading(f"the new segment of {table}"):
        stored = pl.read_parquet(BytesIO(content))
    if schema_document(stored.schema) != schema_document(frame.schema):
        raise LogError(f"the rows of {table} read back from Parquet with other types", "Report this with the schema.")
    # What is committed is what a reader will read, not what was handed in.
    leaves = row_leaves(stored, row_keys)
    levels = levels_bytes(leaves)
    path, digest = f"{table}/{name}.parquet", hashlib.sha256(content).hexdigest()
    indexes = index_files(table, stored, digest)
    first_time, last_time = _times(table, stored)
    writer, first_sequence, last_sequence = _sequence(table, stored, writer_id)
    about = {"origin": origin, "sealed_at": time_text(now)}
    statement = SegmentEntry(
        **about,
        table=table,
        segment=name,
        schema=tuple((column, dtype) for column, dtype in schema_document(stored.schema)),
        schema_sha256=schema_sha256(stored.schema),
        commitment="plain" if row_keys is None else "fields",
        rows=stored.height,
        rows_root=levels_root(lambda start, length: levels[start : start + length], stored.height).hex(),
        leaves_sha256=hashlib.sha256(levels).hexdigest(),
        first_time=first_time,
        last_time=last_time,
        writer_id=writer,
        first_sequence=first_sequence,
        last_sequence=last_sequence,
    )
    placement = PlacementEntry(
        **about,
        table=table,
        file=path,
        sha256=digest,
        size_bytes=len(content),
        rows=stored.height,
        holds=(PlacedRows(name, 0, stored.height),),
        reason="append",
        replaces=(),
        index_sha256=index_digest(indexes),
    )
    statement.to_bytes()  # refuses what no statement can say before anything is written
    return NewSegment(
        {
            path: content,
            f"{table}/{name}.leaves": levels,
            **{index_path(table, name, column): index for column, index in indexes.items()},
        },
        statement,
        placement,
    )


def parquet_bytes(table: str, frame: pl.DataFrame) -> bytes:
    """Return rows as a Parquet file: zstd, statistics, small pages with checksums, small row groups.

    Raises
    ------
    MisuseError
        A column has a type that Parquet does not have.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = BytesIO()
    try:
        pq.write_table(
            frame.to_arrow(),
            buffer,
            compression="zstd",
            compression_level=_COMPRESSION_LEVEL,
            row_group_size=ROWS_PER_GROUP,
            data_page_size=PAGE_BYTES,
            dictionary_pagesize_limit=PAGE_BYTES,
            write_statistics=True,
            write_page_checksum=True,
        )
    except (pa.ArrowException, pl.exceptions.PolarsError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise MisuseError(
            f"the rows of {table} cannot be stored as Parquet ({reason[:200]})",
            "Cast the column to another type, for example to text, and append again.",
        ) from error
    return buffer.getvalue()


def _times(table: str, frame: pl.DataFrame) -> tuple[str | None, str | None]:
    time = TABLES[table].time if table in TABLES else None
    if time is None or frame[time].null_count() == frame.height:
        return None, None
    return time_text(frame[time].min()), time_text(frame[time].max())  # type: ignore[arg-type]


def _sequence(table: str, frame: pl.DataFrame, writer_id: str) -> tuple[str, int | None, int | None]:
    """Return who wrote the rows and the first and last sequence number, where all rows name one writer."""
    if table != "predictions":
        return writer_id, None, None
    writers = frame["writer_id"].unique()
    if writers.len() != 1 or writers[0] is None or frame["sequence"].null_count() == frame.height:
        return writer_id, None, None
    return writers[0], int(frame["sequence"].min()), int(frame["sequence"].max())  # type: ignore[arg-type]
