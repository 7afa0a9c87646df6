"""Where the level of a column jumps from one step to the next, and which runs of steps lie between the jumps.

A change of the data is sharp: the level jumps, and jumps back when it ends. Both are looked for in the column's own
steps, so that a column that wanders with the season can be judged too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.recognised.samples import Sample, decile_distance, middle_half

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audit_lab.monitor.recognised.steps import ColumnSteps

__all__ = ["Levels", "Run", "levels_of", "usual_distance"]

#: A jump stands out if it exceeds this many robust standard deviations of the column's steps ...
_JUMP_DEVIATIONS = 3.0
#: ... and can be read only in a column where jumps are rare: at most this part of the steps, or so few.
_JUMP_PART = 0.05
_FEW_JUMPS = 4
#: It must be this many times as large as all but one in twenty of the jumps elsewhere.
_STANDS_OUT = 2.0
_ORDINARY = 0.95
#: Steps compared on each side of a jump: seven where they scatter about a level, one where the level itself wanders,
#: more where it stays for longer; it does while its changes over so many steps vary so little more than over one.
_SIDE_STEPS = 7
_JUMP_STEPS = 3
_WANDERING = {28: 1.5, 14: 1.5, _SIDE_STEPS: 3.0}
_FEWEST_STEPS = 4
#: The least jump: of logarithms that of this ratio, of values this part of the middle half.
_JUMP_RATIO = 1.25
_JUMP_PART_OF_MIDDLE = 0.2
#: From the median absolute deviation to the standard deviation of a normal distribution.
_MAD_SCALE = 1.4826
#: Weekdays are evened out where each was seen so often.
_WEEKDAYS = 7
_WEEKS = 8
#: So many pairs of neighbouring blocks show how far such blocks lie apart without a change.
_PAIRS = 40
#: Blocks without a change may lie so much farther apart than those that were looked at ...
_BEYOND_SEEN = 1.25
#: ... and by so many times the root of the sum of one over the rows of each, whatever was seen.
_SAMPLING = 3.0


@dataclass(frozen=True)
class Run:
    """Steps ``first`` to ``last`` (excluded) between two jumps."""

    first: int
    last: int

    @property
    def steps(self) -> range:
        """The steps."""
        return range(self.first, self.last)

    def near(self, other: Run, side: int, gap: int = 0) -> range:
        """Return the `side` steps of this run that are nearest to another run, after a gap."""
        if other.first >= self.last:
            return range(max(self.last - gap - side, self.first), max(self.last - gap, self.first))
        return range(min(self.first + gap, self.last), min(self.first + gap + side, self.last))

    def joined(self, other: Run) -> Run:
        """Join two runs where they adjoin; otherwise the other stands for both."""
        if self.last == other.first or other.last == self.first:
            return Run(min(self.first, other.first), max(self.last, other.last))
        return other


@dataclass(frozen=True, eq=False)
class Levels:
    """One number for each step that a conversion shifts by a known amount, and how it behaves.

    `logarithmic` says that the numbers are natural logarithms of sizes, which a factor shifts by its own logarithm.
    """

    values: NDArray[np.float64]
    logarithmic: bool
    least_jump: float

    @cached_property
    def deviation(self) -> float:
        """Robust standard deviation of the change from one step to the next."""
        return robust_deviation(np.diff(self.values))

    @cached_property
    def side(self) -> int:
        """How many steps on each side of a jump are alike enough to compare."""
        return self._alike(self.values)

    def side_of(self, run: Run) -> int:
        """Return the same of one run, which the jumps between runs do not make look as if it wandered."""
        long = run.last - run.first > 2 * _SIDE_STEPS
        return max(self.side, self._alike(self.values[run.first : run.last])) if long else self.side

    def _alike(self, values: NDArray[np.float64]) -> int:
        for steps, limit in _WANDERING.items():
            apart = values[steps:] - values[:-steps]
            if apart.size > steps and robust_deviation(apart) ** 2 <= limit * self.deviation**2:
                return steps
        return 1 if values.size > 2 * _SIDE_STEPS else _SIDE_STEPS

    @property
    def _width(self) -> int:
        return 1 if self.side == 1 else _JUMP_STEPS

    @cached_property
    def _jumps(self) -> NDArray[np.float64]:
        """How far the level jumps at each step but the first."""
        return np.array([self._jump(place, self._width) for place in range(1, self.values.size)])

    @cached_property
    def runs(self) -> list[Run]:
        """Cut the steps where the level jumps: from one step to the next where it wanders, else from a few to a few."""
        jumps = self._jumps
        if not jumps.size:
            return [Run(0, self.values.size)]
        threshold = max(_JUMP_DEVIATIONS * robust_deviation(jumps), self.least_jump)
        marks = np.sign(jumps) * (np.abs(jumps) > threshold)
        edges = [0, *(np.flatnonzero(np.diff(marks)) + 1).tolist(), marks.size]
        found = [(first + 1, last + 1) for first, last in pairwise(edges) if marks[first]]
        middles = [0, *((first + last) // 2 for first, last in found), self.values.size]
        cuts = [
            max(range(first, last), key=lambda place: self._gain(place, middles[order], middles[order + 2]))
            for order, (first, last) in enumerate(found)
        ]
        return self._without_mixtures([Run(first, last) for first, last in pairwise([0, *cuts, self.values.size])])

    def _without_mixtures(self, runs: list[Run]) -> list[Run]:
        """Give a run of one step whose level lies between those beside it to the nearer: the change came within it."""
        kept = list(runs)
        for place in range(len(kept) - 2, 0, -1):
            before, run, after = kept[place - 1 : place + 2]
            low, level, high = (self.level(one) for one in (before, run, after))
            if run.last - run.first == 1 and min(low, high) < level < max(low, high):
                if abs(level - low) < abs(level - high):
                    kept[place - 1 : place + 1] = [before.joined(run)]
                else:
                    kept[place : place + 2] = [run.joined(after)]
        return kept

    @property
    def readable(self) -> bool:
        """Whether there are steps enough, and jumps are rare."""
        size = self.values.size
        return size >= _FEWEST_STEPS and len(self.runs) - 1 <= max(_FEW_JUMPS, _JUMP_PART * size)

    @cached_property
    def ordinary(self) -> float:
        """What all but one in twenty of the jumps stay below, those about the cuts left out."""
        about = {run.first - 1 + apart for run in self.runs[1:] for apart in range(1 - self._width, self._width)}
        elsewhere = [abs(jump) for place, jump in enumerate(self._jumps.tolist()) if place not in about]
        return float(np.quantile(elsewhere, _ORDINARY)) if elsewhere else 0.0

    def stands_out(self, step: float) -> bool:
        """Say whether a shift of the level is larger than what the level does by itself."""
        return abs(step) > _STANDS_OUT * self.ordinary

    def mean(self, steps: set[int]) -> float:
        """Return the mean level of some steps."""
        return float(self.values[sorted(steps)].mean())

    def level(self, run: Run) -> float:
        """Return the median level of a run."""
        return float(np.median(self.values[run.first : run.last]))

    def _jump(self, place: int, width: int) -> float:
        """Return how far the mean level of `width` steps from `place` on lies above that of the steps before."""
        before, after = self.values[max(place - width, 0) : place], self.values[place : place + width]
        return float(after.mean() - before.mean())

    def _gain(self, place: int, low: int, high: int) -> float:
        """Return how much better two levels, before and from `place` on, fit the steps around than one does."""
        before = self.values[max(place - _SIDE_STEPS, low) : place]
        after = self.values[place : min(place + _SIDE_STEPS, high)]
        if not before.size or not after.size:
            return 0.0
        return float((after.mean() - before.mean()) ** 2) * before.size * after.size / (before.size + after.size)


def levels_of(steps: ColumnSteps, *, logarithmic: bool) -> tuple[ColumnSteps, Levels]:
    """Return the steps of a numeric column that have a level, and their levels.

    Logarithmic levels are the logarithm of the interquartile mean of sizes that are not 0, the others the
    interquartile mean of the values: neither outliers nor a few values move them.
    """
    found, widths = [], []
    for sample in steps.samples:
        some = Sample.of(np.abs(sample.values), sample.rows).without(0.0) if logarithmic else sample
        middle = _interquartile_mean(some) if some.values.size else np.nan
        found.append(np.log(middle) if logarithmic else middle)
        widths.append(middle_half(sample))
    values, known = np.array(found, dtype=np.float64), np.isfinite(found)
    least = float(np.log(_JUMP_RATIO)) if logarithmic else _JUMP_PART_OF_MIDDLE * float(np.median(widths))
    kept = steps if known.all() else steps.only(known)
    return kept, Levels(_evened(kept, values[known]), logarithmic, least)


def usual_distance(steps: ColumnSteps, run: Run, size: int, rows: tuple[float, float], gap: int = 0) -> float | None:
    """Return how far two neighbouring blocks of a run lie apart at most by their deciles, without a change.

    Parameters
    ----------
    steps, run
        Where nothing changed.
    size
        How many steps a block has, or as many as the run has two of.
    rows
        The rows of the two sides that are to be judged by it, of which few differ by chance alone.
    gap
        So many steps lie between the two.
    """
    width = min(size, (run.last - run.first - gap) // 2)
    if width < 1:
        return None
    places = np.unique(np.linspace(run.first + width, run.last - width - gap, _PAIRS).astype(int))
    apart = [
        decile_distance(
            steps.gathered(range(place - width, place)), steps.gathered(range(place + gap, place + gap + width))
        )
        for place in places.tolist()
    ]
    return max(_BEYOND_SEEN * max(apart), _SAMPLING * float(np.sqrt(1 / rows[0] + 1 / rows[1])))


def robust_deviation(changes: NDArray[np.float64]) -> float:
    """Return a robust standard deviation: the median absolute deviation, scaled to agree with the normal one."""
    return float(_MAD_SCALE * np.median(np.abs(changes - np.median(changes)))) if changes.size else 0.0


def _evened(steps: ColumnSteps, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take away what each weekday differs by from the week about it, where steps are days."""
    if not steps.daily or values.size < _WEEKDAYS * _WEEKS:
        return values
    weekdays = steps.numbers % _WEEKDAYS
    around = np.lib.stride_tricks.sliding_window_view(np.pad(values, _WEEKDAYS // 2, mode="edge"), _WEEKDAYS)
    apart = values - np.median(around, axis=1)
    usual = np.array(
        [np.median(apart[weekdays == day]) if (weekdays == day).any() else 0.0 for day in range(_WEEKDAYS)]
    )
    evened: NDArray[np.float64] = values - usual[weekdays]
    return evened


def _interquartile_mean(sample: Sample) -> float:
    """Return the mean of the values from the lower to the upper quartile, each the value nearest to that rank."""
    cumulated = np.cumsum(sample.rows)
    ranks = np.floor((cumulated[-1] - 1) * np.array([0.25, 0.75]) + 0.5)
    low, high = np.minimum(np.searchsorted(cumulated, ranks, side="right"), cumulated.size - 1)
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.average(sample.values[low : high + 1], weights=sample.rows[low : high + 1]))
