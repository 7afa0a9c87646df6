"""Distances between two sets of counts over the same bins, by their shares."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["checked_counts", "hellinger_distance", "jensen_shannon_distance", "total_variation_distance"]


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
    expected, actual = checked_counts(reference, window)
    p = expected / expected.sum()
    q = actual / actual.sum()
    middle = (p + q) / 2
    divergence = (_divergence_bits(p, middle) + _divergence_bits(q, middle)) / 2
    return math.sqrt(min(max(divergence, 0.0), 1.0))


def hellinger_distance(reference: ArrayLike, window: ArrayLike) -> float:
    """Return the Hellinger distance of two sets of counts over the same bins.

    ``sqrt(sum((sqrt(p) - sqrt(q))^2) / 2)``, p and q the shares. Range [0, 1], without a unit: 0 for equal shares, 1
    for shares that do not overlap. A metric; empty bins need no correction.

    Parameters
    ----------
    reference, window
        Counts by bin, shape (bins,), in the same order, not negative, each with a positive sum.

    Notes
    -----
    Hellinger (1909); Le Cam and Yang, *Asymptotics in Statistics* (2000), section 3.2, for ``TV <= sqrt(2) H`` and
    ``H^2 <= TV``.
    """
    expected, actual = checked_counts(reference, window)
    roots = np.sqrt(expected / expected.sum()) - np.sqrt(actual / actual.sum())
    return min(math.sqrt(float(np.sum(roots**2)) / 2), 1.0)


def total_variation_distance(reference: ArrayLike, window: ArrayLike) -> float:
    """Return the total variation distance of two sets of counts over the same bins.

    ``sum(|p - q|) / 2``, p and q the shares: the share of rows that would have to change bins. Range [0, 1], without a
    unit. A metric; empty bins need no correction.

    Parameters
    ----------
    reference, window
        Counts by bin, shape (bins,), in the same order, not negative, each with a positive sum.

    Notes
    -----
    Levin, Peres and Wilmer, *Markov Chains and Mixing Times* (2009), proposition 4.2.
    """
    expected, actual = checked_counts(reference, window)
    return min(float(np.sum(np.abs(expected / expected.sum() - actual / actual.sum()))) / 2, 1.0)


def checked_counts(reference: ArrayLike, window: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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
