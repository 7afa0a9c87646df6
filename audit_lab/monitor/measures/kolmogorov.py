"""The two-sample Kolmogorov-Smirnov test, of values and of counts over ordered cells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["KolmogorovSmirnov", "kolmogorov_smirnov", "kolmogorov_smirnov_of_cells"]

#: Below this argument the theta form of the Kolmogorov distribution converges faster than the alternating series.
_KOLMOGOROV_SWITCH = 1.18


@dataclass(frozen=True)
class KolmogorovSmirnov:
    """A two-sample Kolmogorov-Smirnov result: `statistic` in [0, 1] and its asymptotic two-sided `p_value`."""

    statistic: float
    p_value: float


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
