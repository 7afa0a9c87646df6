"""How sure it is that a window's bins are of another distribution: one p-value for each column and window.

Several tests share it by Bonferroni's weights: Pearson's chi-squared test over the bins, exact ones of the bins too
thin for it and of missing values that are few, and for numbers one of values outside the reference's range. Bins are
made from the reference, so that it has no value outside and no new category by construction; counted as bins like
others these would look surprising where they are not. Values outside therefore count in the bin next to them, new
categories among the rare ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.bins import NumericBins
from audit_lab.monitor.measures import binomial_tails, chi_square_survivals, pooled_chi_squares
from audit_lab.monitor.measures.chi_square import FEWEST_EXPECTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from audit_lab.monitor.bins import Bins

__all__ = ["alike", "significance"]

#: Weights of Bonferroni's inequality: of the bins, of thin bins and of few missing values each, of values outside.
_BINS, _THIN, _OUTSIDE = 0.75, 0.1, 0.05
#: Counts tested at once, half a megabyte: beginning a step over few takes longer than the step.
_AT_ONCE = 65_536


def significance(
    bins: Bins, reference: NDArray[np.float64], windows: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the chi-squared statistic and the p-value of many windows of one column.

    Parameters
    ----------
    bins
        The column's bins.
    reference, windows
        Counts by bin, shapes (..., bins), which go together by numpy's broadcasting.

    Returns
    -------
    statistics, p_values
        float64, of the shape without bins; 1 where there is nothing to test.

    Notes
    -----
    That the j most extreme values of both on one side are all the window's has the probability ``q^j``, q being its
    share of the rows of both; that j lie beyond the reference's on either side has at most ``(j + 1) q^j``.
    """
    groups = _groups(bins)
    first, second = np.broadcast_arrays(*(_summed(side, groups) for side in (reference, windows)))
    first, second, gone = _without_few_missing(first, second)
    statistics, degrees, thin = pooled_chi_squares(first, second)
    p_values = np.minimum(chi_square_survivals(statistics, degrees) / _BINS, np.minimum(thin, gone) / _THIN)
    if isinstance(bins, NumericBins) and bins.values.size:
        outside = windows[..., 0] + windows[..., -2]
        known = reference[..., 0] + reference[..., -2]
        share = second.sum(axis=-1) / np.maximum(first.sum(axis=-1) + second.sum(axis=-1), 1.0)
        chance = np.where(known > 0, 1.0, (outside + 1) * share**outside)
        p_values = np.minimum(p_values, chance / _OUTSIDE)
    return statistics, np.minimum(p_values, 1.0)


def alike(bins: Sequence[Bins], numbers: int) -> Iterator[list[int]]:
    """Yield the positions of columns whose counts can be stacked, first axis, and tested at once by the bins of any.

    Parameters
    ----------
    bins
        The bins of each column.
    numbers
        How many counts each bin has; no more columns are taken together than a core's cache holds the counts of.
    """
    kinds: dict[tuple[bool, int, int], list[int]] = {}
    for place, one in enumerate(bins):
        ranged = isinstance(one, NumericBins) and one.values.size > 0
        kinds.setdefault((ranged, len(one.labels), len(_groups(one))), []).append(place)
    for places in kinds.values():
        width = max(_AT_ONCE // max(numbers * len(bins[places[0]].labels), 1), 1)
        for first in range(0, len(places), width):
            yield places[first : first + width]


def _without_few_missing(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Take missing values out where they are few, and test them exactly: among other thin bins they would be lost."""
    totals = [side.sum(axis=-1) for side in (first, second)]
    share = np.minimum(*totals) / np.maximum(totals[0] + totals[1], 1.0)
    both = first[..., -1] + second[..., -1]
    few = both * share < FEWEST_EXPECTED
    seen = np.where(totals[0] <= totals[1], first[..., -1], second[..., -1])
    tails = binomial_tails(np.where(few, seen, 0.0), np.where(few, both, 0.0), share)
    sides = [
        np.concatenate([side[..., :-1], np.where(few, 0.0, side[..., -1])[..., None]], -1) for side in (first, second)
    ]
    return sides[0], sides[1], tails


def _groups(bins: Bins) -> NDArray[np.int64]:
    """Return which bins start a group that is tested as one; the others belong to the group before them."""
    width = len(bins.labels)
    if isinstance(bins, NumericBins):
        if not bins.values.size:
            return np.arange(width)
        # Below, the lowest quantile bin, ..., the highest, above, missing.
        return np.array([0, *range(2, width - 2), width - 1])
    return np.array([*range(bins.named + 1), width - 1])


def _summed(counts: NDArray[np.float64], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    summed: NDArray[np.float64] = np.add.reduceat(counts, groups, axis=-1)
    return summed
