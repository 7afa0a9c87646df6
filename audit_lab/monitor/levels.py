"""Where the values of a numeric column lie, interval by interval, computed from how many rows have each value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
import polars as pl

from audit_lab.log.engines.answers import collected_all
from audit_lab.log.schema import TIME
from audit_lab.monitor.counts import MEASURED, TIME_COLUMN
from audit_lab.monitor.window_counts import value_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from audit_lab.monitor.counts import Rows
    from audit_lab.monitor.windows import WindowLength

__all__ = ["levels", "median_within", "values_between"]

_INTERVAL = "__interval__"
_ROWS = "__rows__"
_LEVELS = pl.Schema([("start", TIME), ("end", TIME), ("rows", pl.Int64()), ("level", pl.Float64())])


def levels(rows: Rows, columns: Sequence[str], length: WindowLength, fewest_rows: int) -> dict[str, pl.DataFrame]:
    """Return ``start``, ``end``, ``rows`` and ``level`` of numeric columns by interval, ascending.

    The level is the natural logarithm of the interquartile mean: it shifts by the logarithm of a factor that all values
    are multiplied by, and neither outliers nor a few values below zero move it. Intervals with fewer than `fewest_rows`
    values are left out, and those whose interquartile mean is not positive.
    """
    every = rows.every()
    number = length.number(TIME_COLUMN, by_polars=every.implementation.is_polars()).alias(_INTERVAL)
    counted = [
        every.filter(~nw.col(name).is_null()).select(number, name).group_by(_INTERVAL, name).agg(nw.len().alias(_ROWS))
        for name in columns
    ]
    answers = collected_all(counted, MEASURED)
    return {
        name: _levels(name, answer.sort(_INTERVAL, name), length, fewest_rows)
        for name, answer in zip(columns, answers, strict=True)
    }


def median_within(rows: Rows, spans: Sequence[tuple[str, datetime, datetime]]) -> list[float | None]:
    """Return the median of a numeric column over each span, ``start <= time < end``."""
    return [_median(*value_rows(rows, column, start, end)) for column, start, end in spans]


def values_between(rows: Rows, column: str, start: datetime, end: datetime) -> NDArray[np.float64]:
    """Return the values of one numeric column, ``start <= time < end``, ascending, without the missing ones."""
    return np.repeat(*value_rows(rows, column, start, end))


def _levels(name: str, counted: pl.DataFrame, length: WindowLength, fewest_rows: int) -> pl.DataFrame:
    found = []
    for (number,), held in counted.group_by(_INTERVAL, maintain_order=True):
        values, rows = held[name].to_numpy(), held[_ROWS].cast(pl.Int64).to_numpy()
        total = int(rows.sum())
        middle = _interquartile_mean(values, rows)
        if total >= fewest_rows and np.isfinite(middle) and middle > 0:
            start = length.start(int(number))
            found.append((start, length.after(start), total, float(np.log(middle))))
    return pl.DataFrame(found, schema=_LEVELS, orient="row")


def _interquartile_mean(values: NDArray[np.float64], rows: NDArray[np.int64]) -> float:
    """Return the mean of the values from the lower to the upper quartile, each the value nearest to that rank."""
    cumulated = np.cumsum(rows)
    ranks = np.floor((cumulated[-1] - 1) * np.array([0.25, 0.75]) + 0.5)
    low, high = np.searchsorted(cumulated, ranks, side="right")
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.average(values[low : high + 1], weights=rows[low : high + 1]))


def _median(values: NDArray[np.float64], rows: NDArray[np.int64]) -> float | None:
    if not values.size:
        return None
    cumulated = np.cumsum(rows)
    last = int(cumulated[-1]) - 1
    lower, upper = (
        float(values[np.searchsorted(cumulated, rank, side="right")]) for rank in (last // 2, (last + 1) // 2)
    )
    return (lower + upper) / 2
