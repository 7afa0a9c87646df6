"""Compaction: many small files of a table become one, and nothing that was proven before changes.

The new file holds the rows of several segments in their order, each row with its place (``_segment``, ``_row``). The
segments' statements and roots stay as they were sealed; one placement entry says where their rows stand from now on.
The old files stay on the disk, for whoever is reading them, until `remove_replaced`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from io import BytesIO
from itertools import groupby
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import LogError, StorageError
from audit_lab.log.commitment.column_types import schema_of_document
from audit_lab.log.files.reading import reading
from audit_lab.log.index.index_file import index_digest, index_files, index_path, indexed_columns
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.log.tree.state import files_in_order
from audit_lab.log.writing.segment_file import parquet_bytes, segment_name
from audit_lab.seal.custody import time_text
from audit_lab.seal.entry_forms import PlacedRows
from audit_lab.seal.entry_kinds import DisposalEntry, PlacementEntry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.log.files.storage import Storage
    from audit_lab.log.manifest import Segment
    from audit_lab.log.tree.state import LogState
    from audit_lab.log.writing.writer import LogWriter

__all__ = ["Compaction", "compact", "remove_replaced"]

#: A file with fewer rows is small.
_SMALL_ROWS = 131_072
#: Files are not merged beyond this: footers grow with the rows, and every lookup reads one.
_MOST_ROWS = 1_048_576
#: A placement entry names every segment and every replaced file, and has at most 65,535 bytes.
_MOST_SEGMENTS = 384
#: What a float's bits are compared as.
_BITS: dict[type[pl.DataType], pl.DataType] = {
    pl.Float16: pl.UInt16(),
    pl.Float32: pl.UInt32(),
    pl.Float64: pl.UInt64(),
}
_CHANGED = "Restore it from a backup, and find out who had write access; nothing was compacted."


@dataclass(frozen=True)
class Compaction:
    """One file that took the place of several: its table and path, theirs, and its rows."""

    table: str
    file: str
    replaces: tuple[str, ...]
    rows: int


def compact(writer: LogWriter, *, small_rows: int = _SMALL_ROWS, most_rows: int = _MOST_ROWS) -> tuple[Compaction, ...]:
    """Merge runs of small files, table by table; other writers go on meanwhile.

    Parameters
    ----------
    writer
        A writer of the log.
    small_rows
        Files with fewer rows are merged with their neighbours of the same schema.
    most_rows
        No file is made with more rows than this.

    Returns
    -------
    tuple of Compaction
        What was merged; empty where nothing was small. A run that another writer changed meanwhile is left alone.

    Raises
    ------
    LogError
        A file that was to be merged is not what was sealed.
    StorageError
        The disk refused; what was merged before that stays merged.
    """
    with writer.turn() as turn:
        runs = [
            (table, run)
            for table in sorted(turn.state.files)
            for run in _runs(turn.state, table, small_rows, most_rows)
        ]
        storage, state, now = turn.storage, turn.state, turn.now
    done = []
    for table, run in runs:
        try:
            placement, files = _merge(storage, state, table, run, now)
        except StorageError as error:
            with writer.turn() as turn:
                if error.reason != "missing" or _is_current(turn.state, table, run):
                    raise
            continue
        with writer.turn() as turn:
            if _is_current(turn.state, table, run):
                turn.seal([replace(placement, sealed_at=turn.sealed_at)], files)
                done.append(Compaction(table, placement.file, placement.replaces, placement.rows))
    return tuple(done)


def remove_replaced(
    writer: LogWriter, *, older_than: timedelta, actor: str, reason: str = "replaced by compaction"
) -> tuple[str, ...]:
    """Remove files that were replaced a while ago; a disposal entry that names them is sealed first.

    Files that an earlier call named and could not remove are removed too.

    Parameters
    ----------
    writer
        A writer of the log.
    older_than
        How long ago a file must have been replaced: whoever opened the log before may still be reading it.
    actor, reason
        Who removes them, and why.

    Returns
    -------
    tuple of str
        The removed files.

    Raises
    ------
    StorageError
        The disk refused.
    """
    with writer.turn() as turn:
        state = turn.state
        paths = sorted(
            path for path, since in state.replaced_at.items() if datetime.fromisoformat(since) + older_than <= turn.now
        )
        tables = {path: state.replaced[path] for path in paths}
        if paths:
            entry = DisposalEntry(
                origin=turn.origin, sealed_at=turn.sealed_at, files=tuple(paths), reason=reason, actor=actor
            )
            turn.seal([entry])
        left = [path for path in sorted(state.disposed) if path not in tables and turn.storage.exists(path)]
        for path in (*paths, *left):
            _remove(turn.storage, path)
        return (*paths, *left)


def _runs(state: LogState, table: str, small_rows: int, most_rows: int) -> Iterator[tuple[Segment, ...]]:
    """Yield neighbouring small files of equal schema that fit into one file, two of them at least."""
    segments = state.segments[table]

    def alike(file: Segment) -> tuple[bool, tuple[str, ...]]:
        schemas = {segments[hold.segment].statement.schema_sha256 for hold in file.holds}
        return file.rows < small_rows and len(schemas) == 1, tuple(sorted(schemas))

    for (is_small, _), files in groupby(files_in_order(state, table), key=alike):
        run: list[Segment] = []
        for file in files if is_small else ():
            rows = sum(each.rows for each in run) + file.rows
            holds = sum(len(each.holds) for each in run) + len(file.holds)
            if run and (rows > most_rows or holds > _MOST_SEGMENTS):
                if len(run) > 1:
                    yield tuple(run)
                run = []
            run.append(file)
        if len(run) > 1:
            yield tuple(run)


def _is_current(state: LogState, table: str, run: tuple[Segment, ...]) -> bool:
    files = state.files.get(table, {})
    return all(files.get(file.path) == file for file in run)


def _merge(
    storage: Storage, state: LogState, table: str, run: tuple[Segment, ...], now: datetime
) -> tuple[PlacementEntry, dict[str, bytes]]:
    """Return the entry that places the rows of a run in one file, to be dated when it is sealed, and the files."""
    statement = state.segments[table][run[0].holds[0].segment].statement
    schema = schema_of_document(statement.schema)
    rows = pl.concat([_placed_rows(storage, file, schema) for file in run], rechunk=True)
    content = parquet_bytes(table, rows)
    name = segment_name(now)
    path, digest = f"{table}/{name}.parquet", hashlib.sha256(content).hexdigest()
    with reading(path):
        stored = pl.read_parquet(BytesIO(content))
    if stored.schema != rows.schema or not all(map(_is_same, stored.get_columns(), rows.get_columns())):
        raise LogError(f"rows of {table} read back from Parquet as other rows", "Report this with the schema.")
    indexes = index_files(table, stored, digest)
    placement = PlacementEntry(
        origin=statement.origin,
        sealed_at=time_text(now),
        table=table,
        file=path,
        sha256=digest,
        size_bytes=len(content),
        rows=rows.height,
        holds=tuple(PlacedRows(hold.segment, hold.first_row, hold.rows) for file in run for hold in file.holds),
        reason="compact",
        replaces=tuple(sorted(file.path for file in run)),
        index_sha256=index_digest(indexes),
    )
    named = {index_path(table, name, column): index for column, index in indexes.items()}
    return placement, {path: content, **named}


def _placed_rows(storage: Storage, file: Segment, schema: pl.Schema) -> pl.DataFrame:
    """Return the rows of a file with the place of each, after comparing the file with its digest."""
    content = storage.read(file.path)
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise LogError(f"{file.path} is not the file that was sealed", _CHANGED)
    with reading(file.path):
        rows = pl.read_parquet(BytesIO(content))
    names = [pl.Series(SEGMENT, [hold.segment]).new_from_index(0, hold.rows) for hold in file.holds]
    ranges = [range(hold.first_row, hold.first_row + hold.rows) for hold in file.holds]
    numbers = [pl.int_range(each.start, each.stop, dtype=pl.UInt32, eager=True).alias(ROW) for each in ranges]
    plain = rows.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
    return plain.with_columns(pl.concat(names), pl.concat(numbers))


def _is_same(one: pl.Series, other: pl.Series) -> bool:
    """Whether two columns of one type hold the same values to the bit."""
    dtype = one.dtype
    if one.len() != other.len() or not (one.is_null() == other.is_null()).all():
        return False
    if isinstance(dtype, pl.Struct):
        return all(_is_same(one.struct.field(field.name), other.struct.field(field.name)) for field in dtype.fields)
    if isinstance(dtype, pl.Array):
        one, other = one.arr.to_list(), other.arr.to_list()
    if isinstance(dtype, pl.List | pl.Array):
        same_lengths = one.list.len().equals(other.list.len())
        return same_lengths and _is_same(one.list.explode(), other.list.explode())
    bits = _BITS.get(type(dtype))
    if bits is not None:
        one, other = one.reinterpret(dtype=bits), other.reinterpret(dtype=bits)
    return one.equals(other)


def _remove(storage: Storage, path: str) -> None:
    """Remove a file and its indexes, as far as they are there."""
    table, _, name = path.rpartition("/")
    indexes = [index_path(table, name.removesuffix(".parquet"), column) for column in indexed_columns(table)]
    for each in (path, *indexes):
        if storage.exists(each):
            storage.remove(each)
