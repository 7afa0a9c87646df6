"""Search rows by many ids at once: through the locator, each row compared with its file; by the column elsewhere.

The rows of a file are read in one go, by their numbers. polars then decodes only the pages that hold one of them, if
the filter also asks for a column of the file: a filter by row numbers alone makes it decode every page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import LogError
from audit_lab.log.files.reading import collect_each, reading
from audit_lab.log.index.index_file import keys_of
from audit_lab.log.index.locator import MOST_CANDIDATES
from audit_lab.log.segments import ROW, SEGMENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.log.index.shelf import Shelf
    from audit_lab.log.manifest import Segment

__all__ = ["search_many"]

#: So few runs of neighbouring rows of a file are read one by one, by their numbers: a filter reads the column of all.
_RUNS_ONE_BY_ONE = 24
_NUMBER = "number"

#: Files that are opened and read in one go.
_FILES_AT_A_TIME = 64

_KEY = "__key__"
_VALUE = "__value__"
_FILE = "__file__"
_STATED = "__stated__"


@dataclass
class _Asked:
    """What is searched for: values (each once, none null) with their keys, in order of their keys."""

    shelf: Shelf
    table: str
    column: str
    values: pl.Series
    keys: pl.Series
    columns: tuple[str, ...] | None

    def read(self, segment: Segment) -> pl.LazyFrame:
        """Return a file's rows in stored order, with the columns that are wanted and the one searched by."""
        frame = self.shelf.reader.scan(self.table, segment)
        if self.columns is None:
            return frame
        return frame.select(pl.selectors.by_name(self.column, *self.columns, SEGMENT, ROW, require_all=False))

    def shown(self, segment: Segment, rows: pl.DataFrame) -> pl.DataFrame:
        """Leave out rows of segments that an earlier snapshot does not have yet, though its file does."""
        return rows.filter(~pl.col(SEGMENT).is_in(segment.hidden)) if segment.hidden else rows


def search_many(
    shelf: Shelf,
    table: str,
    column: str,
    values: pl.Series,
    *,
    columns: Sequence[str] | None = None,
    confirm: bool = True,
) -> tuple[pl.DataFrame, bool]:
    """Return the rows of a table that have one of some values in an indexed column, and whether all of it was read.

    Parameters
    ----------
    shelf, table, column
        The table has an index of `column`; see `audit_lab.log.index.index_file.indexed_columns`.
    values
        Texts; each counts once, nulls do not.
    columns
        Which columns are wanted beside `column`, ``_segment`` and ``_row``; all when None.
    confirm
        Whether "there is none" is confirmed, for each value, by reading the column: an index may lack an id.

    Raises
    ------
    LogError
        A file of the table cannot be read.
    """
    wanted = values.cast(pl.String).drop_nulls().unique()
    pairs = pl.DataFrame({_VALUE: wanted, _KEY: keys_of(wanted)}).sort(_KEY, _VALUE)
    asked = _Asked(shelf, table, column, pairs[_VALUE], pairs[_KEY], None if columns is None else tuple(columns))
    try:
        return _search(asked, confirm=confirm)
    except LogError:
        # Compaction and erasure replace files: the rows may stand in others by now.
        if not shelf.renew():
            raise
    return _search(asked, confirm=confirm)


def _search(asked: _Asked, *, confirm: bool) -> tuple[pl.DataFrame, bool]:
    shelf, table, column = asked.shelf, asked.table, asked.column
    segments = shelf.segments(table)
    indexes, missing = shelf.locator.indexes(table, segments, column)
    by_row: list[tuple[Segment, pl.DataFrame]] = []
    by_column: list[tuple[Segment, pl.Series]] = []
    unlisted = {segment.path for segment in missing}
    keys = asked.keys.to_numpy()
    for segment, index in indexes:
        found = index.find_many(keys, MOST_CANDIDATES)
        if found is None:
            unlisted.add(segment.path)
            continue
        number, rows = found
        if not number.size:
            continue
        if _says_places(segment):
            by_column.append((segment, asked.values[number].unique()))
        else:
            by_row.append((segment, pl.DataFrame({ROW: rows, _STATED: asked.keys.gather(number)})))
    frames, wrong = _by_row(asked, by_row)
    for segment in wrong:
        shelf.locator.distrust(table, segment, column)
    unlisted |= {segment.path for segment in wrong}
    by_column = [(segment, some) for segment, some in by_column if segment.path not in unlisted]
    by_column += [(segment, asked.values) for segment in segments if segment.path in unlisted]
    frames += [frame for _, frame in _by_column(asked, by_column)]
    if confirm:
        frames += _confirmed(asked, frames, [segment for segment in segments if segment.path not in unlisted])
    shelf.locator.build(table, [*missing, *wrong], column)
    return _together(asked, frames), len(unlisted) == len(segments)


def _says_places(segment: Segment) -> bool:
    """Whether a file's rows have other numbers in their segments than in the file, so that a filter cannot use them."""
    return bool(segment.hidden) or len(segment.holds) > 1 or any(hold.first_row for hold in segment.holds)


def _by_row(
    asked: _Asked, candidates: Sequence[tuple[Segment, pl.DataFrame]]
) -> tuple[list[pl.DataFrame], list[Segment]]:
    """Return the rows that were named, and the files whose index named a row that has not its key."""
    frames: list[pl.DataFrame] = []
    wrong: list[Segment] = []
    for start in range(0, len(candidates), _FILES_AT_A_TIME):
        some = candidates[start : start + _FILES_AT_A_TIME]
        read = _read_rows(asked, some)
        stated = pl.concat([_numbered(number, rows) for number, (_, rows) in enumerate(some)])
        found = pl.concat([_numbered(number, rows.select(ROW, asked.column)) for number, rows in enumerate(read)])
        keyed = found.with_columns(keys_of(found[asked.column]).alias(_KEY))
        compared = stated.join(keyed, on=[_FILE, ROW], how="left")
        differing = set(compared.filter(pl.col(_STATED).ne_missing(pl.col(_KEY)))[_FILE])
        wrong += [segment for number, (segment, _) in enumerate(some) if number in differing]
        frames += [rows for number, rows in enumerate(read) if number not in differing]
    return frames, wrong


def _numbered(number: int, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.lit(number, dtype=pl.UInt32).alias(_FILE))


def _read_rows(asked: _Asked, candidates: Sequence[tuple[Segment, pl.DataFrame]]) -> list[pl.DataFrame]:
    """Read rows of some files by their numbers; one that a file does not have, or that has no id, is left out."""
    lazy: list[pl.LazyFrame] = []
    whose: list[int] = []
    for number, (segment, stated) in enumerate(candidates):
        frame, rows = asked.read(segment), stated[ROW].unique().sort()
        numbered = rows.to_frame().with_row_index(_NUMBER)
        runs = numbered.group_by(pl.col(ROW) - pl.col(_NUMBER)).agg(
            pl.first(ROW).alias("first"), pl.len().alias("count")
        )
        if runs.height <= _RUNS_ONE_BY_ONE:
            some = [frame.slice(first, count) for first, count in runs.select("first", "count").iter_rows()]
        else:
            some = [frame.filter(pl.col(ROW).is_in(rows.implode()) & pl.col(asked.column).is_not_null())]
        lazy += some
        whose += [number] * len(some)
    read = collect_each(lazy, f"the {asked.table} of {asked.shelf.folder}")
    by_file: list[list[pl.DataFrame]] = [[] for _ in candidates]
    for number, rows_read in zip(whose, read, strict=True):
        by_file[number].append(rows_read)
    return [pl.concat(frames) for frames in by_file]


def _by_column(asked: _Asked, wanted: Sequence[tuple[Segment, pl.Series]]) -> list[tuple[Segment, pl.DataFrame]]:
    """Return the rows that have one of the values by reading the column of some files."""
    frames: list[tuple[Segment, pl.DataFrame]] = []
    for start in range(0, len(wanted), _FILES_AT_A_TIME):
        some = wanted[start : start + _FILES_AT_A_TIME]
        lazy = [asked.read(segment).filter(pl.col(asked.column).is_in(values.implode())) for segment, values in some]
        with reading(f"the {asked.table} of {asked.shelf.folder}"):
            read = pl.collect_all(lazy)
        frames += [
            (segment, asked.shown(segment, rows)) for (segment, _), rows in zip(some, read, strict=True) if rows.height
        ]
    return frames


def _confirmed(asked: _Asked, frames: list[pl.DataFrame], listed: Sequence[Segment]) -> list[pl.DataFrame]:
    """Read the column of the files that were trusted to list what they hold, for the values that none had."""
    met = pl.concat([asked.values.clear().alias(asked.column), *(frame[asked.column] for frame in frames)])
    lacking = asked.values.filter(~asked.values.is_in(met.implode()))
    if lacking.is_empty() or not listed:
        return []
    found = _by_column(asked, [(segment, lacking) for segment in listed])
    for segment, rows in found:
        if rows.height:
            asked.shelf.locator.distrust(asked.table, segment, asked.column)
    return [rows for _, rows in found]


def _together(asked: _Asked, frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Return rows of several files under the columns and types of the whole table."""
    schema = asked.shelf.schema(asked.table)
    if asked.columns is not None:
        kept = {asked.column, *asked.columns, SEGMENT, ROW}
        schema = pl.Schema({name: dtype for name, dtype in schema.items() if name in kept})
    with reading(f"the {asked.table} of {asked.shelf.folder}"):
        rows = pl.concat([schema.to_frame(), *frames], how="diagonal_relaxed")
    # Two texts may have one key: then an index names rows that nobody asked for.
    return rows.filter(pl.col(asked.column).is_in(asked.values.implode()))
