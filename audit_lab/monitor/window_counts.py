"""Counts by window: for each window the rows of each column by cell or category, and what follows from such counts.

The first pass reads the reference's rows only and gives the bins; the second reads every row once. Neither brings the
rows back, only how many have each value; a column with very many values is counted between its percentiles instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import polars as pl

from audit_lab.log.engines.answers import collected, collected_all
from audit_lab.log.schema import TIME
from audit_lab.monitor.bins import CategoryBins, NumericBins
from audit_lab.monitor.counts import MEASURED, TIME_COLUMN, how_many
from audit_lab.monitor.cuts import calendar_cut
from audit_lab.monitor.moments import MOMENTS, SUM, moments_of_sums, moments_of_values, sums_by_name, sums_of
from audit_lab.monitor.ordered import ascends

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from audit_lab.monitor.bins import Bins
    from audit_lab.monitor.counts import Rows
    from audit_lab.monitor.cuts import Cut
    from audit_lab.monitor.sketch import Sketch
    from audit_lab.monitor.windows import WindowLength

__all__ = [
    "WindowCounts",
    "binned_counts",
    "bins_of",
    "count_cut",
    "count_windows",
    "counts_of",
    "value_rows",
]

_WINDOW = "__window__"
_ROWS = "__rows__"
_FIRST = "__first__"
_LAST = "__last__"

#: Windows are counted together while they have no more rows than this: a column that suddenly has a value of its own
#: for each row takes that much memory at most.
_ROWS_AT_ONCE = 20_000_000
#: So many columns are counted together; where two tables are read side by side, each takes about 0.1 GB.
_COLUMNS_AT_ONCE = 5
_LONG = pl.Schema({"window": pl.Int64, "rows": pl.Int64})
_KEYED = pl.Schema({"window": pl.Int64, "key": pl.Int64, "rows": pl.Int64})


@dataclass(frozen=True, eq=False)
class WindowCounts:
    """Counts of one column: by window and bin, and by window and cell (numeric) or category (text), with moments.

    `binned` has the shape (windows, bins). `long` has one row for each window and cell or category that occurs:
    ``window`` (its position), ``key`` (cell number or category), ``rows``, and for categories ``first`` and ``last``,
    the times of the first and last such row. `moments`, of numeric columns, has one row for each window with values:
    see :mod:`audit_lab.monitor.moments`.
    """

    bins: Bins
    binned: NDArray[np.int64]
    long: pl.DataFrame
    moments: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MOMENTS))

    @cached_property
    def _by_window(self) -> dict[int, pl.DataFrame]:
        held = self.long.drop_nulls("key") if self.long["key"].null_count() else self.long
        held = held if ascends(held, ("window", "key")) else held.sort("window", "key")
        windows, starts = np.unique(held["window"].to_numpy(), return_index=True)
        ends = [*starts[1:].tolist(), held.height]
        return {
            window: held.slice(start, end - start)
            for window, start, end in zip(windows.tolist(), starts.tolist(), ends, strict=False)
        }

    def occurring(self, window: int) -> pl.DataFrame:
        """Return ``key`` and ``rows`` of the cells or categories that occur in one window, ascending, none missing."""
        return self._by_window.get(window, self.long.clear())

    @cached_property
    def _moments(self) -> dict[int, dict[str, Any]]:
        return {row["window"]: row for row in self.moments.iter_rows(named=True)}

    def moments_of(self, window: int) -> dict[str, Any] | None:
        """Return the moments of a numeric column in one window; None where it has no value there."""
        return self._moments.get(window)


def bins_of(held: nw.LazyFrame[Any], kinds: Mapping[str, str]) -> tuple[int, tuple[Bins, ...]]:
    """Read prepared rows; return how many they are and the bins of each column of `kinds`."""
    count = int(collected(held.select(nw.len()), MEASURED).item())
    # Each value of a continuous column is a row of the answer: of a long reference, one answer at a time is held.
    width = _COLUMNS_AT_ONCE if count * len(kinds) <= _ROWS_AT_ONCE else 1
    names = list(kinds)
    bins: list[Bins] = []
    for some in (names[place : place + width] for place in range(0, len(names), width)):
        answers = collected_all([_tally(held, name) for name in some], MEASURED)
        bins += [_bins(name, kinds[name], answer) for name, answer in zip(some, answers, strict=True)]
    return count, tuple(bins)


def count_windows(
    rows: Rows, bins: Sequence[Bins], length: WindowLength, starts: Sequence[datetime]
) -> tuple[NDArray[np.int64], tuple[WindowCounts, ...]]:
    """Count the windows of a calendar that begin at `starts`, as :func:`count_cut` does."""
    return count_cut(rows, bins, calendar_cut(length, starts))


def count_cut(rows: Rows, bins: Sequence[Bins], cut: Cut) -> tuple[NDArray[np.int64], tuple[WindowCounts, ...]]:
    """Read every row once; return the rows by window, and for each column its counts by window."""
    if rows.every().implementation.is_polars():
        return counts_of(rows.sketch(bins, cut), bins, cut)
    windowed = cut.numbered(rows.every(), _WINDOW)
    volume = np.zeros(len(cut.starts), dtype=np.int64)
    counted = collected(windowed.group_by(_WINDOW).agg(nw.len().alias(_ROWS)), MEASURED)
    volume[counted[_WINDOW].to_numpy()] = counted[_ROWS].to_numpy()
    by_value = [one for one in bins if not (isinstance(one, NumericBins) and one.marked)]
    parts: dict[str, list[tuple[pl.DataFrame, pl.DataFrame]]] = {one.column: [] for one in by_value}
    for first, last in _batches(volume):
        some = windowed if (first, last) == (0, volume.size) else _batch(rows, cut, first, last)
        for place in range(0, len(by_value), _COLUMNS_AT_ONCE):
            chosen = by_value[place : place + _COLUMNS_AT_ONCE]
            answers = collected_all([_by_value(some, one) for one in chosen], MEASURED)
            for one, answer in zip(chosen, answers, strict=True):
                parts[one.column].append(_keyed(one, answer))
    marked = [one for one in bins if isinstance(one, NumericBins) and one.marked]
    every = {
        name: (pl.concat([long for long, _ in each]), pl.concat([moments for _, moments in each]))
        for name, each in parts.items()
    } | _by_marks(windowed, marked)
    return volume, tuple(_counted(one, *every[one.column], volume.size) for one in bins)


def counts_of(sketch: Sketch, bins: Sequence[Bins], cut: Cut) -> tuple[NDArray[np.int64], tuple[WindowCounts, ...]]:
    """Return the rows by window, and for each column its counts by window, from the rows' sketch."""
    volume = np.zeros(len(cut.starts), dtype=np.int64)
    volume[sketch.frames["volume"]["window"].to_numpy()] = sketch.frames["volume"]["rows"].to_numpy()
    return volume, tuple(_counted(one, *_of_sketch(sketch, one), volume.size) for one in bins)


def binned_counts(
    rows: Rows, bins: Sequence[NumericBins], length: WindowLength, starts: Sequence[datetime]
) -> list[NDArray[np.int64]]:
    """Count numeric columns by window and bin only, in one pass whose answer is one row for each window.

    Parameters
    ----------
    rows
        The rows, without NaN.
    bins
        The bins of each column.
    length, starts
        The windows.

    Returns
    -------
    list of ndarray
        For each column, counts of the shape (windows, bins), missing last.
    """
    found = []
    answer = _below(
        calendar_cut(length, starts).numbered(rows.every(), _WINDOW),
        {one.column: (one.values[:1], _uppers(one)) for one in bins},
    )
    windows = answer[_WINDOW].to_numpy()
    for one in bins:
        below, upto, count, missing = _sums(answer, one.column, _uppers(one).size)
        counts = np.zeros((len(starts), len(one.labels)), dtype=np.int64)
        counts[windows] = np.column_stack([np.diff(np.column_stack([0 * count, below, upto, count]), axis=1), missing])
        found.append(counts)
    return found


def _of_sketch(sketch: Sketch, bins: Bins) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows of each window by cell or category, and the moments of numbers."""
    if isinstance(bins, CategoryBins):
        return sketch.of("texts", bins.column), pl.DataFrame(schema=MOMENTS)
    gone = _missing(sketch.of("missing", bins.column))
    if bins.marked:
        held = sketch.of("marked", bins.column)
        windows, count, below = (held[name].to_numpy() for name in ("window", "values", "below"))
        counts = held["upto"].explode().to_numpy().reshape(windows.size, bins.values.size)
        upto = np.cumsum(counts, axis=1)
        return pl.concat([_at_marks(bins, windows, below, upto, count), gone]), moments_of_sums(
            bins, windows, held, upto, count
        )
    held = sketch.of("numbers", bins.column)
    windows, rows = held["window"].to_numpy(), held["rows"].to_numpy()
    cells = bins.cells_of(held["key"].to_numpy())
    # Values ascend by window, and so do their cells: those of one cell follow one another.
    starts = np.flatnonzero(np.diff(windows * (2 * bins.values.size + 1) + cells, prepend=-1))
    summed = np.add.reduceat(rows, starts) if starts.size else rows
    kept = pl.DataFrame({"window": windows[starts], "key": cells[starts], "rows": summed}, schema=_KEYED)
    return pl.concat([kept, gone]), moments_of_values(bins, held)


def _missing(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the missing values of each window as rows of no cell."""
    # Series by series: to begin a query for each of a thousand columns takes longer than to count them.
    none = pl.Series("key", [None] * rows.height, dtype=pl.Int64)
    return pl.DataFrame([rows["window"], none, rows["rows"]])


def _at_marks(
    bins: NumericBins,
    windows: NDArray[np.int64],
    below: NDArray[np.int64],
    upto: NDArray[np.int64],
    count: NDArray[np.int64],
) -> pl.DataFrame:
    """Return the rows of each window by cell, of a column that was counted at its marks."""
    # Cell 0 lies below all marks, the odd cells end at a mark, and the last cell lies above all.
    rows = np.diff(np.column_stack([0 * count, below, upto, count]), axis=1)
    cells = np.concatenate([[0], np.arange(1, 2 * bins.values.size, 2), [2 * bins.values.size]])
    keys = np.tile(cells, windows.size)
    long = pl.DataFrame({"window": np.repeat(windows, cells.size), "key": keys, "rows": rows.ravel()})
    return long.cast(_KEYED).filter(pl.col("rows") > 0)


def value_rows(
    rows: Rows, column: str, start: datetime, end: datetime
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the distinct values of a numeric column, ``start <= time < end``, ascending, and the rows of each."""
    held = collected(_tally(rows.between(start, end), column), MEASURED).drop_nulls(column).sort(column)
    return held[column].to_numpy(), held[_ROWS].cast(pl.Int64).to_numpy()


def _tally(rows: nw.LazyFrame[Any], column: str) -> nw.LazyFrame[Any]:
    return rows.group_by(column).agg(nw.len().alias(_ROWS))


def _batch(rows: Rows, cut: Cut, first: int, last: int) -> nw.LazyFrame[Any]:
    """Return the rows of some windows, read only where they can lie."""
    within = rows.between(min(cut.starts[first:last]), max(cut.ends[first:last]))
    return cut.numbered(within, _WINDOW).filter((nw.col(_WINDOW) >= first) & (nw.col(_WINDOW) < last))


def _by_value(windowed: nw.LazyFrame[Any], bins: Bins) -> nw.LazyFrame[Any]:
    counted = [nw.len().alias(_ROWS)]
    if isinstance(bins, CategoryBins):
        counted += [nw.col(TIME_COLUMN).min().alias(_FIRST), nw.col(TIME_COLUMN).max().alias(_LAST)]
    return windowed.select(_WINDOW, TIME_COLUMN, bins.column).group_by(bins.column, _WINDOW).agg(*counted)


def _keyed(bins: Bins, answer: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows of each window by cell or category, from those by value, and the moments of numbers."""
    plain = answer.rename({_WINDOW: "window", _ROWS: "rows", bins.column: "key"}).cast(_LONG)
    if isinstance(bins, CategoryBins):
        first, last = pl.col(_FIRST).alias("first").cast(TIME), pl.col(_LAST).alias("last").cast(TIME)
        return plain.select("window", "key", "rows", first, last), pl.DataFrame(schema=MOMENTS)
    plain = plain.sort("window", "key", nulls_last=True)
    gone = plain["key"].is_null()
    cells = pl.Series("key", bins.cells_of(plain["key"].fill_null(0.0).to_numpy()), dtype=pl.Int64)
    kept = plain.with_columns(cells.set(gone, None))
    return kept.group_by("window", "key").agg(pl.col("rows").sum()), moments_of_values(bins, plain.filter(~gone))


def _by_marks(windowed: nw.LazyFrame[Any], bins: Sequence[NumericBins]) -> dict[str, tuple[pl.DataFrame, pl.DataFrame]]:
    """Count columns with very many values at their marks, all of them in one pass."""
    if not bins:
        return {}
    edges = {one.column: (one.values[:1], one.values) for one in bins}
    answer = _below(windowed, edges, [sums for one in bins for sums in sums_of(one, windowed)])
    windows = answer[_WINDOW].to_numpy()
    found = {}
    for one in bins:
        below, upto, count, missing = _sums(answer, one.column, one.values.size)
        gone = pl.DataFrame({"window": windows, "rows": missing}).with_columns(key=pl.lit(None, dtype=pl.Int64))
        away = gone.select("window", "key", "rows").cast(_KEYED).filter(pl.col("rows") > 0)
        held = pl.concat([_at_marks(one, windows, below, upto, count), away])
        found[one.column] = held, moments_of_sums(one, windows, sums_by_name(one, answer), upto, count)
    return found


def _below(
    windowed: nw.LazyFrame[Any],
    edges: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
    others: Sequence[nw.Expr] = (),
) -> pl.DataFrame:
    """Return, for each window, how many values lie below the lowest edge, not above each edge, and how many exist.

    And whatever `others` add up.
    """
    sums = [nw.len().alias(_ROWS), *others]
    for column, (lowest, uppers) in edges.items():
        value = nw.col(column)
        sums.append(value.count().alias(f"{column}/count"))
        sums += [how_many(value < float(edge), windowed).alias(f"{column}/below") for edge in lowest]
        sums += [
            how_many(value <= float(edge), windowed).alias(f"{column}/{place}") for place, edge in enumerate(uppers)
        ]
    answer = collected(windowed.group_by(_WINDOW).agg(*sums), MEASURED).sort(_WINDOW)
    counts = [name for name in answer.columns if not name.startswith(SUM)]
    return answer.with_columns(pl.col(counts).cast(pl.Int64))


def _sums(
    answer: pl.DataFrame, column: str, edges: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the counts of one column: below the lowest edge, up to each edge, of all values, and of missing ones."""
    count = answer[f"{column}/count"].to_numpy()
    below = answer[f"{column}/below"].to_numpy() if f"{column}/below" in answer.columns else count[:, None][:, :0]
    upto = answer.select(f"{column}/{place}" for place in range(edges)).to_numpy().reshape(count.size, edges)
    return below, upto, count, answer[_ROWS].to_numpy() - count


def _uppers(bins: NumericBins) -> NDArray[np.float64]:
    return np.append(bins.edges, bins.values[-1:])


def _batches(volume: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Cut the windows into runs that have few enough rows, or are one window."""
    edges = [0]
    for window in range(1, volume.size):
        if volume[edges[-1] : window + 1].sum() > _ROWS_AT_ONCE:
            edges.append(window)
    return pairwise([*edges, volume.size])


def _bins(name: str, kind: str, counts: pl.DataFrame) -> Bins:
    missing = int(counts.filter(pl.col(name).is_null())[_ROWS].sum())
    held = counts.drop_nulls(name)
    rows = pl.col(_ROWS).cast(pl.Int64)
    if kind == "numeric":
        held = held.select(name, rows).sort(name)
        return NumericBins.of_counts(name, held[name].to_numpy(), held[_ROWS].to_numpy(), missing)
    held = held.select(name, rows).sort(_ROWS, name, descending=[True, False])
    return CategoryBins(name, tuple(held[name]), held[_ROWS].to_numpy(), missing)


def _counted(bins: Bins, long: pl.DataFrame, moments: pl.DataFrame, windows: int) -> WindowCounts:
    """Sum one column's rows by window and cell or category into its bins."""
    some = long["key"].null_count()
    held, gone = (long.drop_nulls("key"), long.filter(pl.col("key").is_null())) if some else (long, long.clear())
    keys = held["key"]
    places = bins.bin_of_cell[keys.to_numpy()] if isinstance(bins, NumericBins) else bins.bin_of(keys.to_list())
    width = len(bins.labels)
    flat = held["window"].to_numpy() * width + places
    rows = held["rows"].to_numpy().astype(np.float64)
    binned = np.bincount(flat, weights=rows, minlength=windows * width).astype(np.int64).reshape(windows, width)
    binned[gone["window"].to_numpy(), -1] = gone["rows"].to_numpy()
    return WindowCounts(bins, binned, long, moments)
