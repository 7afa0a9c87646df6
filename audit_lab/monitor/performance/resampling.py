"""Intervals by bootstrap, over rows that are counted: rows that are alike in all that a measure reads are one cell.

Drawing rows with replacement is drawing the cells' counts from a multinomial distribution, so no row is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.performance.intervals import LEVEL, NO_INTERVAL, Interval, normal_quantile

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["BOOTSTRAP", "MOST_CELLS", "NORMAL", "REPLICATES", "SEED", "mean_intervals", "resampled", "weighted_sums"]

REPLICATES = 1_000
SEED = 20_150_701
#: Beyond so many cells a mean's interval comes from the exact variance, which is what so many rows converge to.
MOST_CELLS = 2_000

BOOTSTRAP = f"bootstrap, {REPLICATES:,} draws, percentiles"
NORMAL = "normal, from the exact variance"

_DRAWN_AT_ONCE = 2_000_000


def resampled(
    counts: NDArray[np.int64], statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]], level: float = LEVEL
) -> list[Interval]:
    """Return the percentile interval of each of some statistics over draws with replacement.

    Parameters
    ----------
    counts
        Rows of each cell, int64.
    statistic
        Takes draws, one a row and a column for each cell, and returns a row for each draw and a column for each
        statistic; NaN where a draw leaves it undefined, which is left out.
    level
        The confidence level, between 0 and 1.

    Notes
    -----
    Source: Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), chapter 13. Draws are seeded, so that the
    same counts give the same intervals.
    """
    rows = int(counts.sum())
    held = counts > 0
    shares = counts[held] / max(rows, 1)
    generator = np.random.default_rng(SEED)
    found = []
    step = max(1, _DRAWN_AT_ONCE // max(counts.size, 1))
    for begin in range(0, REPLICATES, step):
        size = min(step, REPLICATES - begin)
        draws = np.zeros((size, counts.size))
        draws[:, held] = generator.multinomial(rows, shares, size=size)
        found.append(statistic(draws))
    return [_percentiles(values, level) for values in np.concatenate(found).T]


def mean_intervals(values: NDArray[np.float64], counts: NDArray[np.int64]) -> tuple[list[Interval], str]:
    """Return the interval of the mean of each of some values that occur so often, and how they were found.

    Parameters
    ----------
    values
        What each cell contributes, float64, a row for each cell and a column for each mean.
    counts
        Rows of each cell, int64.
    """
    rows = int(counts.sum())
    if counts.size <= MOST_CELLS:
        return resampled(counts, lambda draws: weighted_sums(draws, values) / rows), BOOTSTRAP
    (means,) = weighted_sums(counts[None].astype(np.float64), values) / rows
    (variances,) = weighted_sums(counts[None].astype(np.float64), (values - means) ** 2) / (rows - 1)
    halves = normal_quantile() * np.sqrt(variances / rows)
    return [Interval(float(m - h), float(m + h)) for m, h in zip(means, halves, strict=True)], NORMAL


def weighted_sums(weights: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums of values by each of some weights, the same to the last bit on every machine.

    A product of matrices is summed by the library of linear algebra, in an order that suits the processor.

    Parameters
    ----------
    weights
        float64, shape (sums, cells).
    values
        float64, shape (cells, columns).

    Returns
    -------
    NDArray[np.float64]
        Shape (sums, columns).
    """
    found: NDArray[np.float64] = np.einsum("sc,vc->sv", weights, np.ascontiguousarray(values.T), optimize=False)
    return found


def _percentiles(values: NDArray[np.float64], level: float) -> Interval:
    there = values[~np.isnan(values)]
    if not there.size:
        return NO_INTERVAL
    low, high = np.quantile(there, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
