"""Columns that are another one at each step, as a mean of the week before: what they do by themselves is no change.

This is asked of the column's own days, whatever the windows of the question are, so that a month's question names what
a week's does.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.recognised.samples import Sample, distribution_distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audit_lab.monitor.recognised.steps import ColumnSteps

__all__ = ["is_unsteady"]

#: Neighbouring steps of a column that is at rest lie no farther apart than this beyond chance, half of them.
_FAR = 0.125
#: So few pairs of steps do not show how a column moves.
_FEWEST_PAIRS = 3
#: Expected Kolmogorov-Smirnov distance of two samples of one continuous distribution, times the root of their size:
#: sqrt(pi / 2) * ln 2, the mean of Kolmogorov's distribution.
_BY_CHANCE = 0.8687


def is_unsteady(steps: ColumnSteps) -> bool:
    """Say whether half of the neighbouring steps lie farther apart than chance takes them, by an eighth of the rows.

    The distance is the Kolmogorov-Smirnov one, or the total variation of text, less what chance gives. A level that
    jumps now and then, or wanders over weeks, makes no column unsteady; one that is computed anew each day is.
    """
    samples = steps.samples
    if len(samples) <= _FEWEST_PAIRS:
        return False
    ordered = steps.days.ordered
    scatter = _BY_CHANCE if ordered else _scatter(Sample.merged(samples))
    sizes: NDArray[np.float64] = np.array([one.size for one in samples])
    by_chance = scatter * np.sqrt(1 / sizes[:-1] + 1 / sizes[1:])
    apart = [distribution_distance(one, two, ordered=ordered) for one, two in pairwise(samples)]
    return bool(np.median(np.array(apart) - by_chance) >= _FAR)


def _scatter(pooled: Sample) -> float:
    """Return the expected total variation of two samples of one distribution, times the root of their size.

    Each share's absolute error is that of a normal value: half of the sum of ``sqrt(2 p (1 - p) / pi)``.
    """
    shares = pooled.rows / pooled.size
    return float(np.sqrt(shares * (1 - shares) / (2 * np.pi)).sum())
