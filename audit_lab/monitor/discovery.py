"""Many tests at once: p-values after Benjamini and Hochberg, and Simes's test of all of them together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["adjusted", "smallest_adjusted"]


def adjusted(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values adjusted for the false discovery rate.

    The i-th smallest of m becomes ``min over j >= i of p_(j) m / j``, at most 1: rejecting all that are at most q keeps
    the expected share of false rejections at q or below, where the tests are independent or positively dependent.

    Parameters
    ----------
    p_values
        Shape (m,), each in [0, 1].

    Notes
    -----
    Benjamini and Hochberg, *Controlling the False Discovery Rate* (1995); Benjamini and Yekutieli (2001) for positive
    dependence.
    """
    count = p_values.size
    order = np.argsort(p_values, kind="stable")
    raised = p_values[order] * count / np.arange(1, count + 1)
    running = np.minimum.accumulate(raised[::-1])[::-1]
    result = np.empty(count)
    result[order] = np.minimum(running, 1.0)
    return result


def smallest_adjusted(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the smallest adjusted p-value of each row of p-values, shape (questions, m): Simes's statistic.

    Notes
    -----
    Simes, *An Improved Bonferroni Procedure for Multiple Tests of Significance* (1986).
    """
    ranked = np.sort(p_values, axis=1)
    smallest: NDArray[np.float64] = np.minimum(
        (ranked * p_values.shape[1] / np.arange(1, p_values.shape[1] + 1)).min(axis=1), 1.0
    )
    return smallest
