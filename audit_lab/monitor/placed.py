"""Which rows of a block lie in which windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
import polars as pl

from audit_lab.log.schema import TIME
from audit_lab.monitor.counts import TIME_COLUMN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audit_lab.monitor.cuts import Cut

__all__ = ["Placed", "placed_rows"]

_WINDOW, _ROW = "window", "row"


@dataclass(frozen=True, eq=False)
class Placed:
    """Which rows of a block are in windows, ordered by window: `rows` are their numbers, None for all of them in order.

    `windows` are the positions of the windows that occur, `codes` says for each row which of these it lies in.
    """

    rows: NDArray[np.int64] | None
    windows: NDArray[np.int64]
    codes: NDArray[np.int64]
    times: pl.Series

    def volume(self) -> pl.DataFrame:
        """Return how many rows each window has."""
        return pl.DataFrame({_WINDOW: self.windows, "rows": np.bincount(self.codes, minlength=self.windows.size)})


def placed_rows(times: pl.DataFrame, cut: Cut) -> Placed:
    """Return where the rows of a block lie, by their times, and their versions where windows go by these."""
    moments = times[TIME_COLUMN]
    if not cut.by_version and moments.len() and not moments.null_count() and moments.is_sorted():
        bounds = pl.Series(cut.bounds, dtype=TIME)
        if moments[0] >= bounds[0] and moments[-1] < bounds[-1]:
            return _in_order(moments, bounds)
    timed = times.with_row_index(_ROW).lazy().filter(pl.col(TIME_COLUMN).is_not_null())
    found = cut.numbered(nw.from_native(timed), _WINDOW).select(_ROW, _WINDOW, TIME_COLUMN).to_native().collect()
    number, moment = found[_WINDOW].to_numpy(), found[TIME_COLUMN]
    rows = None if found.height == times.height else found[_ROW].cast(pl.Int64).to_numpy()
    if number.size and (number[1:] < number[:-1]).any():
        order = np.argsort(number, kind="stable")
        number, moment = number[order], moment.gather(order)
        rows = order if rows is None else rows[order]
    starts = np.append(0, np.flatnonzero(number[1:] != number[:-1]) + 1)[: number.size]
    return _of(rows, number[starts].astype(np.int64), np.diff(np.append(starts, number.size)), moment)


def _in_order(moments: pl.Series, bounds: pl.Series) -> Placed:
    """Place rows in the order of their times, all in windows: looked up is where windows begin, not each row."""
    places = moments.search_sorted(bounds, side="left").to_numpy().astype(np.int64)
    rows = np.diff(places)
    windows = np.flatnonzero(rows)
    return _of(None, windows, rows[windows], moments.set_sorted())


def _of(
    rows: NDArray[np.int64] | None, windows: NDArray[np.int64], sizes: NDArray[np.int64], times: pl.Series
) -> Placed:
    return Placed(rows, windows, np.repeat(np.arange(windows.size), sizes), times)
