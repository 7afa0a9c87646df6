"""Read the tables of a log that audit_lab wrote: Parquet segments unified into the canonical schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import LogError
from audit_lab.log.manifest import Manifest, Segment, inside
from audit_lab.log.reading import reading
from audit_lab.log.schema import INPUTS_PREFIX, TABLES, TIME, table_schema

if TYPE_CHECKING:
    from pathlib import Path

    from polars.datatypes import DataTypeClass

__all__ = ["ROW", "SEGMENT", "SegmentSource", "conform"]

#: Names of the two columns that say where a row stands.
SEGMENT = "_segment"
ROW = "_row"

_KEY_SCHEMA = pl.Schema([("prediction_id", pl.String()), ("recorded_at", TIME)])
_SMALL_INTEGERS = (pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32)

#: For each canonical type, the narrower ones whose every value it can hold.
_NARROWER: dict[pl.DataType | DataTypeClass, tuple[type[pl.DataType], ...]] = {
    pl.Float64(): (pl.Float32, *_SMALL_INTEGERS),
    pl.Int64(): _SMALL_INTEGERS,
    pl.String(): (pl.Categorical, pl.Enum),
}


class SegmentSource:
    """The tables of one log folder, read lazily; nothing is opened before it is asked for."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder = folder
        self._tables = manifest.tables

    def tables(self) -> dict[str, int]:
        """Return the name of each table present and its number of rows, from the manifest alone."""
        return {name: sum(segment.rows for segment in segments) for name, segments in self._tables.items()}

    def scan(self, name: str) -> pl.LazyFrame:
        """Return a table with its canonical columns first, then ``_segment`` and ``_row``; empty when it is absent.

        Raises
        ------
        LogError
            A segment is missing, is not readable Parquet, or holds a column of another type than the schema's.
        """
        expected = _expected(name)
        frames = [self._scan_segment(name, segment, expected) for segment in self._tables.get(name, ())]
        if not frames:
            return pl.LazyFrame(schema={**expected, SEGMENT: pl.String, ROW: pl.UInt32})
        return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed")

    def scan_file(self, table: str, segment: Segment) -> pl.LazyFrame:
        """Return the rows of one file in stored order, with the columns that `scan` gives.

        Raises
        ------
        LogError
            As `scan`.
        """
        return self._scan_segment(table, segment, _expected(table))

    def _scan_segment(self, table: str, segment: Segment, expected: pl.Schema) -> pl.LazyFrame:
        path = inside(self._folder, segment.path)
        if not path.is_file():
            raise LogError(
                f"the segment {segment.path} of table {table} is missing from {self._folder}",
                "Restore it from a backup; until then every answer from this table would be incomplete.",
            )
        with reading(str(path)):
            frame = pl.scan_parquet(path, row_index_name=ROW, glob=False)
            schema = frame.collect_schema()
        keys = ("prediction_id",) if table.startswith(INPUTS_PREFIX) else TABLES[table].key
        missing = [key for key in keys if key not in schema]
        if missing:
            raise LogError(
                f"the segment {segment.path} lacks {', '.join(missing)}, which names the rows of table {table}",
                "Restore it from a backup, or ask whoever wrote the log: without it no row can be found.",
            )
        return conform(frame, schema, expected, segment.path).with_columns(pl.lit(segment.name).alias(SEGMENT))


def _expected(table: str) -> pl.Schema:
    return _KEY_SCHEMA if table.startswith(INPUTS_PREFIX) else table_schema(table)


def conform(
    frame: pl.LazyFrame,
    schema: pl.Schema,
    expected: pl.Schema,
    where: str,
) -> pl.LazyFrame:
    """Put expected columns first, cast where nothing can be lost, add missing ones as nulls, keep the others.

    Raises
    ------
    LogError
        A column's type is neither the expected one nor a narrower one of its kind.
    """
    columns = []
    for name, dtype in expected.items():
        found = schema.get(name)
        if found is None:
            columns.append(pl.lit(None, dtype=dtype).alias(name))
        elif _widens(found, dtype):
            columns.append(pl.col(name).cast(dtype))
        else:
            raise LogError(
                f"column {name} of {where} is {found}, but the schema says {dtype}",
                "The file was not written for this table: correct it at its source, or read it through a mapping.",
            )
    others = [pl.col(name) for name in schema.names() if name not in expected]
    return frame.select(columns + others)


def _widens(found: pl.DataType | DataTypeClass, wanted: pl.DataType | DataTypeClass) -> bool:
    """Whether every value of one type has an equal value in the other."""
    if found in (pl.Null(), wanted):
        return True
    if isinstance(found, pl.Datetime):
        return wanted == TIME and found.time_zone == "UTC" and found.time_unit == "ms"
    if isinstance(wanted, pl.Struct) and isinstance(found, pl.Struct):
        fields = wanted.to_schema()
        return all(name in fields and _widens(dtype, fields[name]) for name, dtype in found.to_schema().items())
    return any(found == dtype for dtype in _NARROWER.get(wanted, ()))
