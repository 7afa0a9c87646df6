"""Rows of a table by their number in stored order: where a row stands, and reading just those of a page."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.file_times import stated_times
from audit_lab.log.files.reading import collect, collect_each, schema_of
from audit_lab.log.schema import TABLES, TIME
from audit_lab.log.segments import ROW, SEGMENT, SegmentSource

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audit_lab.log.manifest import Segment
    from audit_lab.log.store import LogStore

__all__ = ["StoredRows"]

_NUMBER, _AT = "number", "at"


class StoredRows:
    """The rows of a table, numbered from 0 on in the order in which ``store.placed`` gives them.

    Parameters
    ----------
    store, table
        The log and its table.
    """

    def __init__(self, store: LogStore, table: str) -> None:
        self._store = store
        self._table = table
        self._what = f"the {table} of {store.location}"
        self._looked_at: tuple[list[int], pl.DataFrame] = ([], pl.DataFrame())

    @property
    def by_number(self) -> bool:
        """Whether rows are found by counting them in files."""
        return self._files is not None

    @cached_property
    def count(self) -> int:
        """How many rows the table has, counted in its files."""
        if self._files is not None:
            return sum(file.rows for file, _ in self._files)
        return int(collect(self._store.placed(self._table).select(pl.len()), self._what).item())

    def numbers(self, places: pl.DataFrame) -> NDArray[np.int64]:
        """Return the number of each row by where it stands, in the order given.

        Parameters
        ----------
        places
            ``_segment`` and ``_row`` of rows that the table has.
        """
        row, wanted = pl.col(ROW).cast(pl.Int64), places.lazy().select(SEGMENT, ROW).with_row_index("asked")
        runs = self._runs
        if runs is None:
            known = self._store.placed(self._table).select(SEGMENT, ROW).with_row_index(_NUMBER)
            joined = wanted.join(known, on=[SEGMENT, ROW], how="inner")
        else:
            within = (row >= pl.col("first")) & (row < pl.col("stop"))
            joined = wanted.join(runs.lazy(), on=SEGMENT, how="inner").filter(within)
            joined = joined.with_columns((row + pl.col("shift")).alias(_NUMBER))
        found: NDArray[np.int64] = (
            collect(joined.select("asked", pl.col(_NUMBER).cast(pl.Int64)), self._what)
            .sort("asked")[_NUMBER]
            .to_numpy()
        )
        return found

    def read(self, numbers: NDArray[np.int64], columns: list[pl.Expr]) -> pl.DataFrame:
        """Return rows by their numbers, in the order given, with `columns`; only their pages of the files are decoded.

        Raises
        ------
        LogError
            A file is missing or cannot be read.
        """
        import numpy as np

        if not numbers.size:
            return collect(self._store.placed(self._table).head(0).select(columns), self._what)
        ascending, back = np.unique(numbers, return_inverse=True)
        if self._files is None:
            indexed = self._store.placed(self._table).with_row_index("__at__")
            wanted = pl.Series(ascending.astype(np.uint32))
            read = collect(indexed.filter(pl.col("__at__").is_in(wanted.implode())).select(columns), self._what)
        else:
            pieces = [frame.select(columns) for frame in self._slices(ascending)]
            read = pl.concat(collect_each(pieces, self._what))
        return read[back]

    def first_by_time(self, count: int, *, descending: bool) -> NDArray[np.int64] | None:
        """Return the first `count` rows by time, equal ones in stored order, by looking at a few files only.

        The times between which a file lies are those that the manifest states; `log.verify()` looks whether they are
        true. None where they are not stated, or do not say enough.

        Parameters
        ----------
        count
            How many rows are wanted.
        descending
            Whether the last ones are.
        """
        stated = [(place, stated_times(file)) for place, (file, _) in enumerate(self._files or ())]
        nearest = [(place, times[1 if descending else 0]) for place, times in stated if times is not None]
        if not nearest or len(nearest) < len(stated):
            return None
        nearest.sort(key=lambda each: each[1], reverse=descending)
        taken: list[int] = []
        for number, (place, _) in enumerate(nearest, 1):
            taken.append(place)
            found = _foremost(self._known_times(sorted(taken)), count, descending=descending)
            beyond = nearest[number][1] if number < len(nearest) else None
            if found.height < count:
                continue
            last = found[_AT][-1]
            if beyond is None or (last > beyond if descending else last < beyond):
                numbers: NDArray[np.int64] = found[_NUMBER].to_numpy()
                return numbers
        return None

    def _known_times(self, places: list[int]) -> pl.DataFrame:
        """Return what `_times` does; that of the files that were looked at last is kept."""
        if self._looked_at[0] != places:
            self._looked_at = (places, self._times(places))
        return self._looked_at[1]

    def _times(self, places: list[int]) -> pl.DataFrame:
        """Return ``at`` and ``number`` of the rows of some files that have a time."""
        shelf = self._store.shelf
        if self._files is None or shelf is None:
            return pl.DataFrame(schema={_AT: TIME, _NUMBER: pl.Int64})
        frames = []
        for place in places:
            file, start = self._files[place]
            at = shelf.reader.scan(self._table, file).select(pl.col(TABLES[self._table].time).alias(_AT))
            frames.append(
                at.with_row_index(_NUMBER, start).with_columns(pl.col(_NUMBER).cast(pl.Int64)).drop_nulls(_AT)
            )
        return collect(pl.concat(frames), self._what)

    def _slices(self, ascending: NDArray[np.int64]) -> list[pl.LazyFrame]:
        """Return a frame for each run of neighbouring rows of one file."""
        import numpy as np

        shelf = self._store.shelf
        if self._files is None or shelf is None:
            return []
        starts = np.array([start for _, start in self._files])
        of_file = np.searchsorted(starts, ascending, side="right") - 1
        breaks = np.flatnonzero((np.diff(ascending) != 1) | (np.diff(of_file) != 0)) + 1
        slices = []
        for run in np.split(np.arange(ascending.size), breaks):
            file, start = self._files[int(of_file[run[0]])]
            rows = shelf.reader.scan(self._table, file).slice(int(ascending[run[0]]) - start, run.size)
            slices.append(self._brought(rows))
        return slices

    def _brought(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Give the rows of a file the columns of the table: others of its files may have more, or wider types."""
        found = schema_of(rows, self._what)
        wanted = self._wanted
        if found == wanted:
            return rows
        columns = [
            pl.col(name).cast(dtype) if name in found else pl.lit(None, dtype=dtype).alias(name)
            for name, dtype in wanted.items()
        ]
        return rows.select(columns)

    @cached_property
    def _wanted(self) -> pl.Schema:
        return schema_of(self._store.placed(self._table), self._what)

    @cached_property
    def _files(self) -> list[tuple[Segment, int]] | None:
        """The files with the number of the first row of each; None where rows cannot be found by counting."""
        source = self._store.source
        if self._store.shelf is None or not isinstance(source, SegmentSource):
            return None
        files = source.files(self._table)
        # A file may hold rows of segments that the snapshot does not show, or others than the manifest states.
        if any(file.hidden for file in files) or not source.states_rows(self._table):
            return None
        found, start = [], 0
        for file in files:
            found.append((file, start))
            start += file.rows
        return found

    @cached_property
    def _runs(self) -> pl.DataFrame | None:
        """Runs of rows of one segment: ``_segment``, its rows ``first`` to ``stop``, what to add to their numbers."""
        if self._files is None:
            return None
        runs = []
        for file, start in self._files:
            if not file.holds:
                runs.append((file.name, 0, file.rows, start))
            for hold in file.holds:
                runs.append((hold.segment, hold.first_row, hold.first_row + hold.rows, start - hold.first_row))
                start += hold.rows  # noqa: PLW2901 - the next run follows in the file
        schema = {SEGMENT: pl.String, "first": pl.Int64, "stop": pl.Int64, "shift": pl.Int64}
        return pl.DataFrame(runs, schema=schema, orient="row")


def _foremost(times: pl.DataFrame, count: int, *, descending: bool) -> pl.DataFrame:
    """Return the first `count` of some rows by time, equal ones in the order given; no more than these are sorted."""
    at = times[_AT]
    if 0 < count < times.height:
        last = at.top_k(count).min() if descending else at.bottom_k(count).max()
        times = times.filter(pl.col(_AT) >= last if descending else pl.col(_AT) <= last)
    return times.sort(_AT, descending=descending, maintain_order=True).head(count)
