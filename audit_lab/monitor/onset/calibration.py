"""The penalty of a change, set by resampling so that a log without changes shows one in the stated share of cases.

A penalty is what each further change must gain in squared deviations. The highest penalty at which a series still shows
a change is its critical penalty; of the highest over all series, chance alone stays below the penalty in 95 % of cases.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.onset.season import standardised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["FALSE_ALARM_RATE", "RESAMPLES", "Null", "critical_penalties", "resampled_penalties"]

#: The share of logs without any change in which one is found, over all series of a question together.
FALSE_ALARM_RATE = 0.05
#: Resamples of each question: with 99 of them, the fifth highest is the limit, and the test is exact.
RESAMPLES = 99

#: So many series are looked at together: what they need stays near the processor.
_TOGETHER = 400
_ROUNDING = 1 + 1e-5
#: What a series is measured by: the critical penalty of this rank, which it exceeds in a tenth of the resamples; or the
#: least one, where it never moves.
_MEASURED_BY = 90
_LEAST = 4.0
#: A correlation up to this may be chance, and is estimated in each resample as in the series. A higher one is kept: now
#: and then it would be estimated far too low, and a series that wanders would set the penalty of all.
_CORRELATED = 0.3


@dataclass(frozen=True, eq=False)
class Null:
    """What the series of one set of windows are without their changes, from which resamples are drawn.

    Attributes
    ----------
    windows
        Which windows of the grid the series have, bool, shape (grid,).
    residuals
        Scaled series less the levels between their plain changes, shape (windows, series).
    correlation, floor
        Of each series, as for `standardised`.
    cells, reference
        Of the windows that the series have.
    pattern
        What recurs in each series, shape (windows, series), on the scale of the residuals: taken from few rounds, it is
        as unsure in a resample as in the series. None where rounds are many.
    """

    windows: NDArray[np.bool_]
    residuals: NDArray[np.float64]
    correlation: NDArray[np.float64]
    floor: NDArray[np.float64]
    cells: Sequence[NDArray[np.int64]]
    reference: NDArray[np.bool_]
    pattern: NDArray[np.float64] | None = None

    def only(self, chosen: Sequence[int]) -> Null:
        """Return the same of some of the series."""
        places = list(chosen)
        residuals, correlation, floor = self.residuals[:, places], self.correlation[places], self.floor[places]
        pattern = None if self.pattern is None else self.pattern[:, places]
        return replace(self, residuals=residuals, correlation=correlation, floor=floor, pattern=pattern)


def resampled_penalties(nulls: Sequence[Null], seed: int) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """Return the highest relative penalty over all series for each resample, and each series' own measure.

    In each resample the windows' innovations change places, the same way for all series, so that series that move
    together still do; each series gets its correlation of neighbours back and is treated like the real one, its pattern
    and scale estimated again. Where neighbours are plainly correlated the penalty is as good as that model of them.
    Without changes and with independent windows the test is one of permutations: Phipson and Smyth, *Permutation
    p-values should never be zero* (2010).

    Returns
    -------
    highest, measures
        `highest`, ascending, shape (RESAMPLES,): critical penalties divided by the series' measure, the highest over
        all series. `measures` has for each group the penalty that its series exceed in a tenth of the resamples, so
        that a series with rare far values does not set the penalty of all: Westfall and Young, *Resampling-Based
        Multiple Testing* (1993), chapter 2, on balancing.
    """
    draws = np.random.default_rng(seed)
    keys = draws.random((nulls[0].windows.size, RESAMPLES))
    highest, measures = np.zeros(RESAMPLES), []
    for null in nulls:
        order = np.argsort(keys[null.windows], axis=0)
        width = null.residuals.shape[1]
        step = max(_TOGETHER // width, 1)
        critical = np.vstack(
            [
                critical_penalties(_drawn(null, order[:, first : first + step])).reshape(-1, width)
                for first in range(0, RESAMPLES, step)
            ]
        )
        ordered = np.sort(critical, axis=0)
        measure, without = (np.maximum(ordered[_MEASURED_BY - step], _LEAST) for step in (1, 2))
        # A resample is measured by the others, as the series themselves are.
        own = np.where(critical >= ordered[_MEASURED_BY - 1], without, measure)
        highest = np.maximum(highest, (critical / own).max(axis=1))
        measures.append(measure)
    return np.sort(highest), measures


def critical_penalties(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the highest penalty at which each series still has a change, shape (series,).

    It is the largest gain per change over all ways of cutting the series, found as in Dinkelbach, *On Nonlinear
    Fractional Programming* (1967): cut optimally at a penalty, take the gain per change as the next, until none is
    left.

    Parameters
    ----------
    values
        Series, shape (windows, series).
    """
    flat = values.astype(np.float32)
    flat -= flat.mean(axis=0)
    highest = _best_split(flat).astype(np.float64)
    active = np.arange(flat.shape[1])
    while active.size:
        penalty = np.maximum(highest[active] * _ROUNDING, np.finfo(np.float32).tiny)
        gain, changes = _cut(flat[:, active], penalty.astype(np.float32))
        more = (changes > 0) & (gain > penalty * changes)
        active = active[more]
        highest[active] = gain[more] / changes[more]
    return highest


def _drawn(null: Null, order: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return resampled, standardised series, shape (windows, resamples * series)."""
    rho = null.correlation
    innovations = null.residuals.copy()
    innovations[0] *= np.sqrt(1 - rho**2)
    innovations[1:] -= rho * null.residuals[:-1]
    drawn = innovations[order]
    drawn[0] /= np.sqrt(1 - rho**2)
    if rho.any():
        for place in range(1, drawn.shape[0]):
            drawn[place] += rho * drawn[place - 1]
    if null.pattern is not None:
        drawn += null.pattern[:, None, :]
    flat = drawn.reshape(drawn.shape[0], -1)
    known = np.tile(np.where(rho > _CORRELATED, rho, np.nan), order.shape[1])
    floor, places = np.tile(null.floor, order.shape[1]), np.flatnonzero(null.windows)
    return standardised(flat, null.cells, null.reference, floor, known, places=places).values


def _best_split(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what one change at the best place gains, of series with mean 0."""
    size = values.shape[0]
    before = np.arange(1, size, dtype=np.float32)[:, None]
    sums = np.cumsum(values, axis=0)[:-1]
    gains: NDArray[np.float32] = (sums**2 * (1 / before + 1 / (size - before))).max(axis=0)
    return gains


def _cut(values: NDArray[np.float32], penalty: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Cut each series optimally at its penalty; return the gain over not cutting it, and the number of changes.

    Optimal partitioning: Jackson et al., *An algorithm for optimal partitioning of data on an interval* (2005); PELT,
    which cuts the series themselves, finds the same optimum.
    """
    size, width = values.shape
    sums = np.vstack([np.zeros((1, width), np.float32), np.cumsum(values, axis=0)])
    score = np.zeros((size + 1, width), np.float32)
    changes = np.zeros((size + 1, width), np.int64)
    every = np.arange(width)
    lengths = np.arange(size, 0, -1, dtype=np.float32)[:, None]
    for end in range(1, size + 1):
        tried = sums[end] - sums[:end]
        tried *= tried
        tried /= lengths[size - end :]
        tried += score[:end]
        best = tried.argmax(axis=0)
        score[end] = tried[best, every] - penalty
        changes[end] = changes[best, every] + (best > 0)
    total = score[size].astype(np.float64) + penalty.astype(np.float64) * (changes[size] + 1)
    return total - (sums[size].astype(np.float64) ** 2) / size, changes[size]
