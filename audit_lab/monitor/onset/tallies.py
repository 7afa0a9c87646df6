"""What each window holds: counts, sums and quantiles of each column, read in batches of whole windows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import polars as pl

from audit_lab.monitor.measures import are_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from audit_lab.monitor.onset.grid import Grid

__all__ = ["MOMENT", "CategoryTally", "NumberTally", "Reader", "Tally", "batches", "rows_by_window", "tallied"]

#: The column of a batch that says when a row happened.
MOMENT = "occurred_at"
#: The quantiles that a number is followed by.
QUANTILES = (0.1, 0.5, 0.9)
#: A text column with more different texts than this in the reference is an id rather than a category.
MOST_CATEGORIES = 200

#: Of such a text, one is followed that has this share of some window's values, and so many rows.
_LEAST_PEAK, _LEAST_PEAK_ROWS = 0.1, 10

_WINDOW = "__window__"
_BINS = 10
#: A batch has no more rows than this, unless one window has.
_ROWS_AT_ONCE = 2_000_000
#: Bins are cut from so many of the reference's rows at most, the earliest.
_REFERENCE_ROWS = 2_000_000

Reader: TypeAlias = "Callable[[datetime, datetime], pl.DataFrame]"


@dataclass(eq=False)
class NumberTally:
    """A numeric column by window: values that are finite, their sum, quantiles (0.1, 0.5, 0.9) and bins.

    The shapes are (windows,), (windows, 3) and (windows, bins); bins are cut at the reference's deciles.
    """

    name: str
    edges: NDArray[np.float64]
    rows: NDArray[np.int64]
    values: NDArray[np.int64]
    total: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    binned: NDArray[np.int64]
    not_finite: int = 0

    def add(self, frame: pl.DataFrame, windows: NDArray[np.int64]) -> None:
        """Count the rows of a batch; what is not finite counts as missing."""
        held = frame.select(_WINDOW, pl.col(self.name).alias("value")).drop_nulls("value")
        finite = held.filter(pl.col("value").is_finite())
        self.not_finite += held.height - finite.height
        _add_rows(self.rows, windows)
        value = pl.col("value")
        quantiles = [value.quantile(at, "linear").alias(f"{at}") for at in QUANTILES]
        found = finite.group_by(_WINDOW).agg(pl.len().alias("n"), value.sum().alias("total"), *quantiles)
        place = found[_WINDOW].to_numpy()
        self.values[place] = found["n"].to_numpy()
        self.total[place] = found["total"].to_numpy()
        self.quantiles[place] = found.select(f"{at}" for at in QUANTILES).to_numpy()
        bins = np.searchsorted(self.edges, finite["value"].to_numpy(), side="left")
        flat = finite[_WINDOW].to_numpy() * self.binned.shape[1] + bins
        self.binned += np.bincount(flat, minlength=self.binned.size).reshape(self.binned.shape)


@dataclass(eq=False)
class CategoryTally:
    """A column of categories by window: rows, missing ones, and rows of each category.

    Of a text that has too many (`is_scattered`), an id or a free text, those alone are counted that some window has a
    tenth of (`peaks`), in a second reading; and of how many rows the text is a number, by window.
    """

    name: str
    is_scattered: bool
    rows: NDArray[np.int64]
    missing: NDArray[np.int64]
    numbers: NDArray[np.int64]
    parts: list[pl.DataFrame] = field(default_factory=list)
    peaks: set[str] = field(default_factory=set)

    def add(self, frame: pl.DataFrame, windows: NDArray[np.int64]) -> None:
        """Count the rows of a batch."""
        _add_rows(self.rows, windows)
        gone = frame.filter(pl.col(self.name).is_null())[_WINDOW].to_numpy()
        _add_rows(self.missing, gone)
        held = frame.select(_WINDOW, pl.col(self.name).alias("category")).drop_nulls("category")
        counted = held.group_by(_WINDOW, "category").len("n")
        if not self.is_scattered:
            self.parts.append(counted)
            return
        _add_rows(self.numbers, held.filter(are_numbers(held["category"]))[_WINDOW].to_numpy())
        most = (pl.col("n") >= _LEAST_PEAK_ROWS) & (pl.col("n") >= _LEAST_PEAK * pl.col("n").sum().over(_WINDOW))
        self.peaks |= set(counted.filter(most)["category"])

    def add_peaks(self, frame: pl.DataFrame) -> None:
        """Count the rows of the texts that stood out, of a batch that is read once more."""
        held = frame.select(_WINDOW, pl.col(self.name).alias("category"))
        mine = held.filter(pl.col("category").is_in(sorted(self.peaks)))
        self.parts.append(mine.group_by(_WINDOW, "category").len("n"))

    def counts(self) -> tuple[list[str], NDArray[np.int64]]:
        """Return the categories, in order of their names, and the rows of each by window, (windows, categories)."""
        if not self.parts:
            return [], np.zeros((self.rows.size, 0), np.int64)
        every = pl.concat(self.parts)
        names = every["category"].unique().sort()
        counts = np.zeros((self.rows.size, names.len()), np.int64)
        place = np.searchsorted(names.to_numpy(), every["category"].to_numpy())
        np.add.at(counts, (every[_WINDOW].to_numpy(), place), every["n"].to_numpy())
        return names.to_list(), counts


Tally: TypeAlias = "NumberTally | CategoryTally"


def tallied(
    read: Reader, grid: Grid, volume: NDArray[np.int64], columns: Sequence[str], reference: range
) -> list[Tally]:
    """Count columns by window: the reference's rows are read once for their bins, then every row once.

    Parameters
    ----------
    read
        Returns the rows of ``start <= occurred_at < end`` with their time and the columns, as float64 or text.
    grid, volume
        The windows, and about how many rows each has.
    reference
        The windows that give the bins.
    """
    first = _reference_rows(read, grid, volume, reference)
    tallies = [_empty(name, first, grid.size) for name in columns]
    for start, end in batches(volume):
        frame = read(grid.bounds[start], grid.bounds[end])
        windows = grid.windows_of(frame[MOMENT])
        counted = frame.with_columns(pl.Series(_WINDOW, windows))
        for one in tallies:
            one.add(counted, windows)
    again = [one for one in tallies if isinstance(one, CategoryTally) and one.peaks]
    for start, end in batches(volume) if again else ():
        frame = read(grid.bounds[start], grid.bounds[end])
        counted = frame.with_columns(pl.Series(_WINDOW, grid.windows_of(frame[MOMENT])))
        for one in again:
            one.add_peaks(counted)
    return tallies


def batches(volume: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Cut the windows into runs, first and last excluded, that have few enough rows or are one window."""
    start, held = 0, 0
    for window, rows in enumerate(volume.tolist()):
        if window > start and held + rows > _ROWS_AT_ONCE:
            yield start, window
            start, held = window, 0
        held += rows
    if volume.size:
        yield start, volume.size


def rows_by_window(grid: Grid, hours: pl.DataFrame) -> NDArray[np.int64]:
    """Return about how many rows each window has, from ``hour`` and ``rows`` in UTC; zones may be off by half hours."""
    volume = np.zeros(grid.size, np.int64)
    windows = np.clip(grid.windows_of(hours["hour"]), 0, grid.size - 1)
    np.add.at(volume, windows, hours["rows"].to_numpy())
    return volume


def _reference_rows(read: Reader, grid: Grid, volume: NDArray[np.int64], reference: range) -> pl.DataFrame:
    parts, held = [], 0
    for start, end in batches(volume[reference.start : reference.stop]):
        parts.append(read(grid.bounds[reference.start + start], grid.bounds[reference.start + end]))
        held += parts[-1].height
        if held >= _REFERENCE_ROWS:
            break
    return pl.concat(parts).head(_REFERENCE_ROWS)


def _empty(name: str, reference: pl.DataFrame, size: int) -> Tally:
    column = reference[name]
    if column.dtype != pl.Float64:
        scattered = column.n_unique() > MOST_CATEGORIES
        return CategoryTally(
            name, scattered, np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64)
        )
    finite = column.filter(column.is_finite().fill_null(value=False)).to_numpy()
    edges = np.unique(np.quantile(finite, np.arange(1, _BINS) / _BINS)) if finite.size else np.zeros(0)
    return NumberTally(
        name,
        edges,
        np.zeros(size, np.int64),
        np.zeros(size, np.int64),
        np.zeros(size),
        np.full((size, len(QUANTILES)), np.nan),
        np.zeros((size, edges.size + 1), np.int64),
    )


def _add_rows(rows: NDArray[np.int64], windows: NDArray[np.int64]) -> None:
    rows += np.bincount(windows, minlength=rows.size)
