"""The chi-square distribution, and the test whether two sets of counts come from one distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.measures.shares import checked_counts

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "FEWEST_EXPECTED",
    "ChiSquare",
    "binomial_tails",
    "chi_square_quantile",
    "chi_square_survival",
    "chi_square_survivals",
    "chi_square_test",
    "pooled_chi_squares",
]

#: A bin that expects fewer rows than this on either side is pooled with the others like it: Cochran, *The Chi-square
#: Test of Goodness of Fit* (1952), section 6.
FEWEST_EXPECTED = 5.0
#: Ten equal bins of 3,061 rows expect 4.998 of fifty: that is five.
_ROUNDED = 0.5
#: Terms of a binomial tail that are added up; beyond the mean each is smaller than the one before.
_TAIL_TERMS = 400


@dataclass(frozen=True)
class ChiSquare:
    """A chi-square test: its `statistic` in [0, inf), its `degrees` of freedom, and its upper-tail `p_value`."""

    statistic: float
    degrees: int
    p_value: float


def chi_square_survival(value: float, degrees: int) -> float:
    """Return the probability that a chi-square variable with `degrees` of freedom exceeds `value`.

    The closed form for whole degrees: Abramowitz and Stegun, *Handbook of Mathematical Functions*, 26.4.4 and 26.4.5.
    """
    half = value / 2
    if half <= 0:
        return 1.0
    odd = degrees % 2
    total = math.erfc(math.sqrt(half)) if odd else 0.0
    steps = (degrees - odd) // 2
    offset = 0.5 if odd else 0.0
    total += math.fsum(
        math.exp(-half + (step + offset) * math.log(half) - math.lgamma(step + offset + 1)) for step in range(steps)
    )
    return min(total, 1.0)


@lru_cache(maxsize=512)
def chi_square_quantile(level: float, degrees: int) -> float:
    """Return the value that a chi-square variable with `degrees` of freedom stays below with probability `level`."""
    low, high = 0.0, float(degrees + 10)
    while chi_square_survival(high, degrees) > 1 - level:
        high *= 2
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if chi_square_survival(middle, degrees) > 1 - level:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def chi_square_survivals(values: NDArray[np.float64], degrees: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return :func:`chi_square_survival` of each value with each number of degrees, of one shape; 1 for none."""
    survivals = np.ones(values.shape)
    half = np.maximum(values, 0.0) / 2
    for count in np.unique(degrees):
        if count < 1:
            continue
        here = (degrees == count) & (half > 0)
        some = half[here]
        odd = int(count) % 2
        logs, offset = np.log(some), 0.5 * odd
        roots, where = np.unique(some, return_inverse=True) if odd else (some, None)
        total = np.zeros(some.shape)
        if where is not None:
            total += np.array([math.erfc(math.sqrt(one)) for one in roots])[where]
        for step in range((int(count) - odd) // 2):
            total += np.exp(-some + (step + offset) * logs - math.lgamma(step + offset + 1))
        survivals[here] = np.minimum(total, 1.0)
    return survivals


def chi_square_test(reference: ArrayLike, window: ArrayLike) -> ChiSquare:
    """Return Pearson's chi-square test of two sets of counts over the same bins for being of one distribution.

    ``sum((observed - expected)^2 / expected)`` over both sides and all bins that have rows, expected being the bin's
    share of all rows times the side's rows. Range [0, inf), without a unit, and it grows with the rows: it says how
    sure a difference is, not how large. Degrees of freedom: the bins that have rows, less one.

    Parameters
    ----------
    reference, window
        Counts by bin, shape (bins,), in the same order, not negative, each with a positive sum.

    Notes
    -----
    Pearson (1900); for two samples Agresti, *Categorical Data Analysis* (2013), section 3.2. Without Yates's
    correction.
    """
    expected, actual = checked_counts(reference, window)
    seen = expected + actual > 0
    rows = np.stack([expected[seen], actual[seen]])
    fitted = rows.sum(axis=1, keepdims=True) * rows.sum(axis=0) / rows.sum()
    statistic, degrees = float(np.sum((rows - fitted) ** 2 / fitted)), int(seen.sum()) - 1
    return ChiSquare(statistic, degrees, chi_square_survival(statistic, degrees) if degrees else 1.0)


def pooled_chi_squares(
    reference: NDArray[np.float64], windows: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Return statistic and degrees of freedom of many chi-square tests without thin bins, and the thin bins' p-values.

    As :func:`chi_square_test`, after the bins that expect fewer than five rows (rounded) on the side with fewer rows
    are made one bin. Where that bin still expects fewer than five it is left out, as the statistic would not follow
    its distribution, and is tested exactly: given its rows on both sides, those on the side with fewer rows are
    binomial; the p-value is the chance of so many or more. It is 1 where no bin is left out.

    What a bin expects is its share of the side with more rows. By its share of both, a bin of a small window would be
    thin or not by the very rows that are tested: of ten bins that hold a tenth of the reference each, those would be
    pooled in which a window of fifty rows has fewer than five, and p-values of 0.0001 came 23 times too often.

    Parameters
    ----------
    reference, windows
        Counts by bin, shapes (..., bins), which go together by numpy's broadcasting. Sides without rows give 0.

    Returns
    -------
    statistics, degrees, thin
        float64, int64 and float64, of the shape without bins. Where no two bins are left: 0, no degrees.
    """
    first, second = np.broadcast_arrays(reference, windows)
    totals = [side.sum(axis=-1) for side in (first, second)]
    every = np.maximum(totals[0] + totals[1], 1.0)
    both, smaller = first + second, np.minimum(*totals)
    share = smaller / every
    larger = np.where((totals[0] >= totals[1])[..., None], first, second)
    expected = larger * (smaller / np.maximum(np.maximum(*totals), 1.0))[..., None]
    thin = expected < FEWEST_EXPECTED - _ROUNDED
    few = [np.where(thin, side, 0.0).sum(axis=-1) for side in (first, second)]
    pooled = few[0] + few[1]
    left_out = np.where(thin, expected, 0.0).sum(axis=-1) < FEWEST_EXPECTED - _ROUNDED
    rows = [total - np.where(left_out, part, 0.0) for total, part in zip(totals, few, strict=True)]
    # With both margins fixed, both sides' parts of a bin add up to this: (a n - b m)^2 / (m n (a + b)).
    apart = (first * rows[1][..., None] - second * rows[0][..., None]) ** 2
    parts = np.where(thin, 0.0, apart / np.maximum(both, 1.0)).sum(axis=-1)
    gap = np.where(left_out, 0.0, (few[0] * rows[1] - few[1] * rows[0]) ** 2 / np.maximum(pooled, 1.0))
    statistics = (parts + gap) / np.maximum(rows[0] * rows[1], 1.0)
    degrees = (~thin).sum(axis=-1) + ((pooled > 0) & ~left_out) - 1
    empty = (degrees < 1) | (smaller <= 0)
    seen = np.where(totals[0] <= totals[1], few[0], few[1])
    tails = binomial_tails(np.where(left_out, seen, 0.0), np.where(left_out, pooled, 0.0), share)
    return np.where(empty, 0.0, statistics), np.where(empty, 0, degrees).astype(np.int64), tails


def binomial_tails(
    seen: NDArray[np.float64], trials: NDArray[np.float64], share: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the chance of `seen` or more of `trials` that each succeed with probability `share`, where that is small.

    Where no more are seen than expected the answer is 1: such a tail says nothing.

    Parameters
    ----------
    seen, trials, share
        Whole counts, and probabilities below 1, of one shape.

    Notes
    -----
    The sum of binomial probabilities from `seen` on, term by term; beyond the mean they fall at least geometrically.
    """
    tails = np.ones(seen.shape)
    here = (seen > trials * share) & (share > 0) & (share < 1)
    some, of, chance = seen[here], trials[here], share[here]
    if not some.size:
        return tails
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, int(of.max()) + 1)))])
    k, n = some.astype(np.int64), of.astype(np.int64)
    term = np.exp(logs[n] - logs[k] - logs[n - k] + some * np.log(chance) + (of - some) * np.log1p(-chance))
    total, odds = term.copy(), chance / (1 - chance)
    for step in range(_TAIL_TERMS):
        term = term * np.maximum(of - some - step, 0.0) / (some + step + 1) * odds
        total += term
    tails[here] = np.minimum(total, 1.0)
    return tails
