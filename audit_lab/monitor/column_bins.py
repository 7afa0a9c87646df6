"""The bins of a reference whose column is at hand: what the counts of its values give, without counting each value.

A column with few values is counted value by value. One with very many is not: only its percentiles are kept of it, and
these are found exactly, in a few passes over the values as they stand.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.monitor import bins as limits
from audit_lab.monitor.bins import CategoryBins, NumericBins, marked_ranks
from audit_lab.monitor.grid import values_of_ranks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from audit_lab.monitor.bins import Bins

__all__ = ["bins_of_column", "exact_sum"]

#: If so many rows at the beginning have more values than may be counted one by one, the others need no look.
_FIRST_ROWS = 65_536


def bins_of_column(column: pl.Series, kind: str) -> Bins:
    """Return the bins of a reference's column, as prepared: float64 without NaN, or text."""
    if kind != "numeric":
        held = _counted(column).sort("rows", "value", descending=[True, False])
        return CategoryBins(column.name, tuple(held["value"]), held["rows"].to_numpy(), column.null_count())
    if column.head(_FIRST_ROWS).n_unique() > limits.MOST_VALUES + 1:
        return _of_many(column)
    held = _counted(column).sort("value")
    return NumericBins.of_counts(column.name, held["value"].to_numpy(), held["rows"].to_numpy(), column.null_count())


def exact_sum(parts: Sequence[float]) -> float:
    """Return the sum of numbers, rounded once, whatever their order; infinite, or not a number, where it overflows."""
    try:
        return math.fsum(parts)
    except OverflowError:
        return sum(parts)
    except ValueError:  # of infinities of both signs
        return math.nan


def _counted(column: pl.Series) -> pl.DataFrame:
    """Return each value, not null, and its rows."""
    counted = column.drop_nulls().alias("value").value_counts(name="rows")
    return counted.with_columns(pl.col("rows").cast(pl.Int64))


def _of_many(column: pl.Series) -> NumericBins:
    missing = column.null_count()
    held = column.drop_nulls() if missing else column
    parts = [chunk.to_numpy() for chunk in held.get_chunks()]
    values, upto = values_of_ranks(parts, marked_ranks(held.len()))
    return NumericBins.of_marks(column.name, values, upto, missing, _usual(held))


def _usual(held: pl.Series) -> tuple[float | None, float | None, bool]:
    """Return mean and standard deviation of the finite values, and whether all of them are whole numbers."""
    count, whole, sums = 0, True, []
    with np.errstate(over="ignore", invalid="ignore"):
        for some in _finite(held):
            count += some.size
            whole = whole and bool((some == np.rint(some)).all())
            sums.append(float(some.sum()))
        mean = exact_sum(sums) / count if count else math.nan
        squares = [float(np.square(some - mean).sum()) for some in _finite(held)] if math.isfinite(mean) else []
        deviation = math.sqrt(exact_sum(squares) / count) if squares else math.nan
    if not (math.isfinite(mean) and math.isfinite(deviation)):
        return None, None, whole and count > 0
    return mean, deviation, whole


def _finite(held: pl.Series) -> Iterator[NDArray[np.float64]]:
    """Yield the finite values, always the same ones together: sums of floats depend on what is added to what."""
    for first in range(0, held.len(), _FIRST_ROWS):
        some = held.slice(first, _FIRST_ROWS).to_numpy()
        usual = np.isfinite(some)
        yield some if usual.all() else some[usual]
