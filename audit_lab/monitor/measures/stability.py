"""The population stability index, and what chance alone does to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.measures.chi_square import chi_square_quantile
from audit_lab.monitor.measures.shares import checked_counts

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["population_stability_index", "stability_index_noise"]

#: What stands for an empty bin in the population stability index, in rows: half of one.
EMPTY_BIN_ROWS = 0.5


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
    expected, actual = checked_counts(reference, window)
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
