"""Measures of how far one distribution has moved from another: pure functions over counts and arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "KolmogorovSmirnov",
    "chi_square_quantile",
    "chi_square_survival",
    "jensen_shannon_distance",
    "kolmogorov_smirnov",
    "kolmogorov_smirnov_of_cells",
    "population_stability_index",
    "stability_index_noise",
]

#: What stands for an empty bin in the population stability index, in rows: half of one.
EMPTY_BIN_ROWS = 0.5

#: Below this argument the theta form of the Kolmogorov distribution converges faster than the alternating series.
_KOLMOGOROV_SWITCH = 1.18


@dataclass(frozen=True)
class KolmogorovSmirnov:
    """A two-sample Kolmogorov-Smirnov result: `statistic` in [0, 1] and its asymptotic two-sided `p_value`."""

    statistic: float
    p_value: float


def population_stability_index(reference: ArrayLike, window: ArrayLike) -> float:
    """Return the population stability index of two sets of counts over the same bins.

    ``sum((q - p) * ln(q / p))`` over the bins, p the shares of the reference and q those of the window: the sum of
    both Kullback-Leibler divergences. Range [0, inf); 0 when the shares are equal. An empty bin counts as half a
    row, so that a category that vanished has a large and finite part; a bin that is empty on both sides counts as
    none.

    Parameters
    ----------
    reference, window
        Counts by bin, shape (bins,), in the same order, not negative, each with a positive sum.

    Notes
    -----
    Siddiqi, *Credit Risk Scorecards* (2006), chapter 9 (also for the 0.1 and 0.25 rules of thumb); Kullback and
    Leibler, *On Information and Sufficiency* (1951), for the symmetric divergence J.
    """
    expected, actual = _counts(reference, window)
    seen = (expected > 0) | (actual > 0)
    expected, actual = expected[seen], actual[seen]
    p = np.where(expected > 0, expected, EMPTY_BIN_ROWS) / expected.sum()
    q = np.where(actual > 0, actual, EMPTY_BIN_ROWS) / actual.sum()
    return float(np.sum((q - p) * np.log(q / p)))


def stability_index_noise(bins: int, reference_rows: int, window_rows: int, level: float = 0.999) -> float:
    """Return the population stability index that chance alone stays below with probability `level`.

    Without drift the index is about ``(1/m + 1/n)`` times a chi-square variable with ``bins - 1`` degrees of
    freedom, m and n the rows on both sides; its mean is ``(bins - 1) * (1/m + 1/n)``.

    Notes
    -----
    Yurdakul, *Statistical Properties of Population Stability Index*, Western Michigan University (2018).
    """
    return chi_square_quantile(level, max(bins - 1, 1)) * (1 / reference_rows + 1 / window_rows)


def jensen_shannon_distance(reference: ArrayLike, window: ArrayLike) -> float:
    """Return the Jensen-Shannon distance, base 2, of two sets of counts over the same bins.

    ``sqrt((KL(p || m) + KL(q || m)) / 2)`` with ``m = (p + q) / 2`` and logarithms to base 2. Range [0, 1]: 0 for equal
    shares, 1 for shares that do not overlap. It is a metric, and empty bins need no correction.

    Parameters
    ----------
    reference, window
        Counts by bin, shape (bins,), in the same order, not negative, each with a positive sum.

    Notes
    -----
    Lin, *Divergence Measures Based on the Shannon Entropy* (1991); Endres and Schindelin, *A New Metric for
    Probability Distributions* (2003), for the square root being a metric.
    """
    expected, actual = _counts(reference, window)
    p = expected / expected.sum()
    q = actual / actual.sum()
    middle = (p + q) / 2
    divergence = (_divergence_bits(p, middle) + _divergence_bits(q, middle)) / 2
    return math.sqrt(min(max(divergence, 0.0), 1.0))


def kolmogorov_smirnov(reference: ArrayLike, window: ArrayLike) -> KolmogorovSmirnov:
    """Return the two-sample Kolmogorov-Smirnov test of two samples, exact from their values.

    The statistic is ``max |F_reference(x) - F_window(x)|`` over the empirical distribution functions, range [0, 1].

    Parameters
    ----------
    reference, window
        Values, shapes (m,) and (n,), without NaN, at least one each; infinities are allowed, they sort as themselves.

    Notes
    -----
    Smirnov, *Table for Estimating the Goodness of Fit of Empirical Distributions* (1948). The p-value is the
    asymptotic one: see :func:`kolmogorov_smirnov_of_cells`.
    """
    first = np.sort(np.asarray(reference, dtype=np.float64))
    second = np.sort(np.asarray(window, dtype=np.float64))
    pooled = np.concatenate([first, second])
    gaps = np.abs(
        np.searchsorted(first, pooled, side="right") / first.size
        - np.searchsorted(second, pooled, side="right") / second.size
    )
    return _tested(float(gaps.max()), first.size, second.size)


def kolmogorov_smirnov_of_cells(
    reference: NDArray[np.int64], cells: NDArray[np.int64], rows: NDArray[np.int64]
) -> KolmogorovSmirnov:
    """Return the two-sample Kolmogorov-Smirnov test from counts over ordered cells.

    Exact, and equal to the test on the values, when every distinct value of the reference is a cell of its own and
    every gap between two of them another: inside a gap the reference's distribution function is flat, so the largest
    distance lies just before or at the end of a cell that the window has rows in.

    Parameters
    ----------
    reference
        Cumulated counts of the reference by cell, in ascending order of value, shape (cells,).
    cells, rows
        The cells that occur in the window, ascending, and how many rows each has, both of shape (occurring,).

    Notes
    -----
    The p-value is ``Q(statistic * sqrt(m n / (m + n)))`` with Kolmogorov's limiting distribution,
    ``Q(x) = 2 sum((-1)^(k-1) exp(-2 k^2 x^2))``: Kolmogorov (1933), Smirnov (1948). With ties it is conservative.
    """
    if not cells.size or not reference.size or reference[-1] <= 0:
        message = "both sides need at least one row"
        raise ValueError(message)
    below = np.where(cells > 0, reference[cells - 1], 0) / reference[-1]
    upto = reference[cells] / reference[-1]
    cumulated = np.cumsum(rows) / rows.sum()
    gaps = np.maximum(np.abs(upto - cumulated), np.abs(below - np.append(0.0, cumulated[:-1])))
    return _tested(float(gaps.max()), float(reference[-1]), float(rows.sum()))


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


def _counts(reference: ArrayLike, window: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Check two sets of counts for being over the same bins and not empty."""
    expected = np.asarray(reference, dtype=np.float64)
    actual = np.asarray(window, dtype=np.float64)
    if expected.shape != actual.shape or expected.ndim != 1:
        message = f"counts must be over the same bins, not of shapes {expected.shape} and {actual.shape}"
        raise ValueError(message)
    if expected.sum() <= 0 or actual.sum() <= 0:
        message = "counts must have a positive sum on both sides"
        raise ValueError(message)
    return expected, actual


def _divergence_bits(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Kullback-Leibler divergence in bits; a bin without share in `p` adds nothing."""
    held = p > 0
    return float(np.sum(p[held] * np.log2(p[held] / q[held])))


def _tested(statistic: float, first_rows: float, second_rows: float) -> KolmogorovSmirnov:
    scaled = statistic * math.sqrt(first_rows * second_rows / (first_rows + second_rows))
    return KolmogorovSmirnov(statistic, _kolmogorov_survival(scaled))


def _kolmogorov_survival(value: float) -> float:
    """Return Kolmogorov's limiting distribution's upper tail, by whichever of its two series converges fast."""
    if value <= 0:
        return 1.0
    if value < _KOLMOGOROV_SWITCH:
        terms = (math.exp(-((2 * k - 1) ** 2) * math.pi**2 / (8 * value**2)) for k in range(1, 6))
        return 1.0 - math.sqrt(2 * math.pi) / value * math.fsum(terms)
    return min(1.0, 2 * math.fsum((-1) ** (k - 1) * math.exp(-2 * k**2 * value**2) for k in range(1, 8)))
