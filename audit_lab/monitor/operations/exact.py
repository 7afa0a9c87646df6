"""Exact intervals: of a rate from counts, and of a quantile from ordered values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Interval", "adjusted", "more_than_the_rest", "order_statistic", "quantile_ranks", "rate_interval"]

Interval = tuple[float, float]
CONFIDENCE = 0.95


def rate_interval(count: float, rows: float, confidence: float = CONFIDENCE) -> Interval:
    """Return the exact interval of a rate: of `rows` trials `count` came out so.

    Range [0, 1]; of no trials, all of it.

    Notes
    -----
    Clopper and Pearson, *The use of confidence or fiducial limits illustrated in the case of the binomial* (1934):
    quantiles of beta distributions.
    """
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    low = float(betaincinv(count, rows - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, rows - count, 1 - tail)) if count < rows else 1.0
    return low, high


def quantile_ranks(size: int, at: float, confidence: float = CONFIDENCE) -> tuple[int | None, int | None]:
    """Return the ranks, from 1, of the two ordered values that hold a quantile between them; None where none does.

    The number of values below the quantile is binomial whatever their distribution, so that the interval from the
    value of rank l to that of rank u holds it with probability ``P(l <= B < u)``: David and Nagaraja, *Order
    Statistics* (2003), section 7.1. Each tail has at most half of what the confidence leaves.
    """
    from scipy.special import bdtr

    tail = (1 - confidence) / 2
    ranks = np.arange(0, size + 1)
    below = bdtr(ranks, size, at)
    lows = np.flatnonzero(below[:-1] <= tail) + 1
    highs = np.flatnonzero(below[:-1] >= 1 - tail) + 1
    return (int(lows[-1]) if lows.size else None), (int(highs[0]) if highs.size else None)


def order_statistic(ordered: NDArray[np.float64], rank: int | None) -> float | None:
    """Return the value of a rank, from 1, or None."""
    return None if rank is None else float(ordered[rank - 1])


def more_than_the_rest(counts: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return, for each window, how often it would have as many by chance, given all: Fisher's exact test, one-sided."""
    from scipy.stats import hypergeom

    total, whole = int(counts.sum()), int(rows.sum())
    found: NDArray[np.float64] = np.asarray(hypergeom.sf(counts - 1, whole, total, rows), dtype=np.float64)
    return np.clip(found, 0.0, 1.0)


def adjusted(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values adjusted for the false discovery rate: Benjamini and Hochberg (1995)."""
    size = p_values.size
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * size / np.arange(1, size + 1)
    raised = np.minimum.accumulate(scaled[::-1])[::-1]
    found = np.empty(size)
    found[order] = np.minimum(raised, 1.0)
    return found
