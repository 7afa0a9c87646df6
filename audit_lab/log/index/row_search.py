"""Search rows by an id: through the locator, each candidate compared with its file; by reading the column elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import LogError
from audit_lab.log.files.reading import collect, reading
from audit_lab.log.index.index_file import key_of
from audit_lab.log.segments import SEGMENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from audit_lab.log.index.shelf import Shelf
    from audit_lab.log.manifest import Segment

__all__ = ["search_rows"]

#: Rows read by number in one go, and the most that are read so from one file rather than by filtering it.
_ROWS_AT_A_TIME = 64

#: Files whose column is read in one go: each is opened for it.
_FILES_AT_A_TIME = 64


def search_rows(shelf: Shelf, table: str, column: str, value: str, *, confirm: bool) -> tuple[pl.DataFrame, bool]:
    """Return the rows of a table that have a value in an indexed column, and whether the whole column was read.

    Parameters
    ----------
    shelf, table, column, value
        The table has an index of `column`; see `audit_lab.log.index.index_file.indexed_columns`.
    confirm
        Whether "there is none" is confirmed by reading the column, since an index may lack an id.

    Raises
    ------
    LogError
        A file of the table cannot be read.
    """
    try:
        return _search(shelf, table, column, value, confirm=confirm)
    except LogError:
        # Compaction and erasure replace files: the rows may stand in others by now.
        if not shelf.renew():
            raise
    return _search(shelf, table, column, value, confirm=confirm)


def _search(shelf: Shelf, table: str, column: str, value: str, *, confirm: bool) -> tuple[pl.DataFrame, bool]:
    segments, locator = shelf.segments(table), shelf.locator
    candidates = locator.candidates(table, segments, column, value)
    rows, wrong = _compared(shelf, table, candidates.rows, column, value)
    for segment in wrong:
        locator.distrust(table, segment, column)
    unlisted = {segment.path for segment in (*candidates.to_read, *wrong)}
    to_read = [segment for segment in segments if segment.path in unlisted]
    rows += _by_column(shelf, table, to_read, column, value)
    if not rows and confirm:
        listed = [segment for segment in segments if segment.path not in unlisted]
        unlisted.update(segment.path for segment in listed)
        lacking = _by_column(shelf, table, listed, column, value)
        for segment, _ in lacking:
            locator.distrust(table, segment, column)
        rows += lacking
    locator.build(table, [*candidates.missing, *wrong], column)
    return _together(shelf, table, [row for _, row in rows]), len(unlisted) == len(segments)


def _compared(
    shelf: Shelf, table: str, candidates: Sequence[tuple[Segment, int]], column: str, value: str
) -> tuple[list[tuple[Segment, pl.DataFrame]], list[Segment]]:
    """Return the candidates that have the value, and the files whose index named a row that has not its key."""
    rows: list[tuple[Segment, pl.DataFrame]] = []
    wrong: dict[str, Segment] = {}
    for start in range(0, len(candidates), _ROWS_AT_A_TIME):
        some = [one for one in candidates[start : start + _ROWS_AT_A_TIME] if one[0].path not in wrong]
        for (segment, _), row in zip(some, shelf.reader.rows(table, some), strict=True):
            found = row[column][0] if row.height else None
            if found == value:
                rows += _shown(segment, row)
            elif found is None or key_of(found) != key_of(value):
                wrong[segment.path] = segment
    return [(segment, row) for segment, row in rows if segment.path not in wrong], list(wrong.values())


def _by_column(
    shelf: Shelf, table: str, segments: Sequence[Segment], column: str, value: str
) -> list[tuple[Segment, pl.DataFrame]]:
    """Return the rows that have the value by reading the column of some files, then no more than those rows."""
    same = pl.col(column) == value
    rows: list[tuple[Segment, pl.DataFrame]] = []
    for segment, numbers in _numbers(shelf, table, segments, column, value):
        if len(numbers) <= _ROWS_AT_A_TIME:
            read = shelf.reader.rows(table, [(segment, number) for number in numbers])
        else:
            read = [collect(shelf.reader.scan(table, segment).filter(same), segment.path)]
        rows += [one for frame in read for one in _shown(segment, frame)]
    return rows


def _numbers(
    shelf: Shelf, table: str, segments: Sequence[Segment], column: str, value: str
) -> Iterator[tuple[Segment, list[int]]]:
    """Yield each file that has the value in the column, and the numbers of its rows."""
    for start in range(0, len(segments), _FILES_AT_A_TIME):
        some = segments[start : start + _FILES_AT_A_TIME]
        numbered = [
            shelf.reader.scan(table, segment)
            .select(column)
            .with_row_index("row")
            .filter(pl.col(column) == value)
            .select("row", file=pl.lit(number, dtype=pl.UInt32))
            for number, segment in enumerate(some)
        ]
        places = collect(pl.concat(numbered), f"the {table} of {shelf.folder}")
        for (number,), of_file in places.group_by("file", maintain_order=True):
            yield some[number], of_file["row"].to_list()


def _shown(segment: Segment, rows: pl.DataFrame) -> list[tuple[Segment, pl.DataFrame]]:
    """Leave out rows of segments that an earlier snapshot does not have yet, though its file does."""
    if segment.hidden:
        rows = rows.filter(~pl.col(SEGMENT).is_in(segment.hidden))
    return [(segment, rows)] if rows.height else []


def _together(shelf: Shelf, table: str, frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Return rows of several files under the columns and types of the whole table."""
    schema = shelf.schema(table)
    if len(frames) == 1 and frames[0].schema == schema:
        return frames[0]
    with reading(f"the {table} of {shelf.folder}"):
        return pl.concat([schema.to_frame(), *frames], how="diagonal_relaxed")
