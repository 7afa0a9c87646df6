"""Changes of unit: a numeric column that jumps, from one day to the next, by a factor that people know.

A change of unit is sharp: the level of the days jumps by the factor, and jumps back when it ends. Both are looked for
in the column's own days, not against the reference, so that a column that wanders with the season can be judged too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.monitor.measures import kolmogorov_smirnov

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

__all__ = ["KNOWN_FACTORS", "UnitChange", "find_unit_changes"]

#: Factor from one unit to another, and the conversion it stands for.
KNOWN_FACTORS: dict[float, str] = {
    1.609344: "mile -> km",
    1 / 1.609344: "km -> mile",
    1609.344: "mile -> metre",
    1 / 1609.344: "metre -> mile",
    1.852: "nautical mile -> km",
    1 / 1.852: "km -> nautical mile",
    0.3048: "foot -> metre",
    1 / 0.3048: "metre -> foot",
    2.54: "inch -> cm",
    1 / 2.54: "cm -> inch",
    0.45359237: "pound -> kg",
    1 / 0.45359237: "kg -> pound",
    24.0: "days -> hours",
    1 / 24: "hours -> days",
    60.0: "hours -> minutes, or minutes -> seconds",
    1 / 60: "minutes -> hours, or seconds -> minutes",
    3600.0: "hours -> seconds",
    1 / 3600: "seconds -> hours",
    100.0: "a share -> per cent, or an amount -> hundredths",
    0.01: "per cent -> a share, or hundredths -> an amount",
    1000.0: "a unit -> thousandths",
    0.001: "a unit -> thousands",
}

#: The ratio must be this near to a known factor, beyond three times the error that the column's own steps show.
TOLERANCE = 0.03
#: A jump stands out if it exceeds this many robust standard deviations of the column's steps, and this ratio ...
_JUMP_DEVIATIONS = 3.0
_JUMP_RATIO = 1.25
#: ... and can be read only in a column where jumps are rare: at most this part of the steps, or so few.
_JUMP_PART = 0.05
_FEW_JUMPS = 4
#: With the factor undone the Kolmogorov-Smirnov distance to the neighbouring steps must fall to this part.
_RESTORED_PART = 1 / 3
#: Two factors are told apart if these distances differ by half the 5 % critical value of the test (Smirnov 1948).
_TOLD_APART = 1.358 / 2
#: Steps compared on each side of a jump: seven where they scatter about a level, one where the level itself wanders.
_SIDE_STEPS = 7
_JUMP_STEPS = 3
_WANDERING = 3.0
_FEWEST_STEPS = 4
#: From the median absolute deviation to the standard deviation of a normal distribution.
_MAD_SCALE = 1.4826


@dataclass(frozen=True)
class UnitChange:
    """A run of days in which a numeric column arrived multiplied by a known factor.

    `ratio` is the median of the days inside the change divided by that of the days just outside, `factor` the known
    factor it is near to and `conversion` what that stands for; `ks_before` and `ks_after` are the Kolmogorov-Smirnov
    distances between the two as recorded and with the factor undone. `end` is excluded; `ongoing` says that the
    change lasts to the end of the log. `rows` were compared inside. `alternatives` are other conversions that so few
    rows cannot tell from it.
    """

    column: str
    ratio: float
    factor: float
    conversion: str
    start: datetime
    end: datetime
    ongoing: bool
    rows: int
    ks_before: float
    ks_after: float
    alternatives: tuple[str, ...]


@dataclass(frozen=True)
class _Run:
    """Steps ``first`` to ``last`` (excluded) between two jumps."""

    first: int
    last: int


def find_unit_changes(
    column: str,
    steps: pl.DataFrame,
    reference: tuple[datetime, datetime],
    values: Callable[[datetime, datetime], NDArray[np.float64]],
) -> list[UnitChange]:
    """Return the changes of unit of one column, in order.

    Parameters
    ----------
    column
        The column.
    steps
        The column by step, a day or a window, ascending, only steps with rows enough: ``start``, ``end``, ``level``,
        the logarithm of the values' interquartile mean, which a change of unit shifts by the factor's logarithm.
    reference
        Start and end of the reference: what most of it arrived in is the unit that others are compared with.
    values
        Reads the column's values between two times, without missing ones.
    """
    if steps.height < _FEWEST_STEPS:
        return []
    compared = _Comparison(column, steps, steps["level"].to_numpy(), values)
    runs = compared.runs()
    if len(runs) - 1 > max(_FEW_JUMPS, _JUMP_PART * steps.height):
        return []
    within = steps.select(pl.col("start").is_between(*reference, closed="left")).to_series().to_numpy()
    base = max(range(len(runs)), key=lambda place: (within[runs[place].first : runs[place].last].sum(), -place))
    return sorted(
        [*_walk(runs[base:], compared), *_walk(runs[base::-1], compared)],
        key=lambda change: change.start,
    )


@dataclass(frozen=True)
class _Comparison:
    """One column's steps, and how a run of them compares with its neighbours."""

    column: str
    steps: pl.DataFrame
    levels: NDArray[np.float64]
    values: Callable[[datetime, datetime], NDArray[np.float64]]

    @cached_property
    def deviation(self) -> float:
        """Robust standard deviation of the level's change from one step to the next."""
        return _robust_deviation(np.diff(self.levels))

    @cached_property
    def side(self) -> int:
        """How many steps on each side of a jump are alike enough to compare: one where the level wanders."""
        apart = self.levels[_SIDE_STEPS:] - self.levels[:-_SIDE_STEPS]
        wanders = apart.size > _SIDE_STEPS and _robust_deviation(apart) ** 2 > _WANDERING * self.deviation**2
        return 1 if wanders else _SIDE_STEPS

    def runs(self) -> list[_Run]:
        """Cut the steps where the level jumps: from one step to the next where it wanders, else from a few to a few."""
        width = 1 if self.side == 1 else _JUMP_STEPS
        around = range(1, self.levels.size)
        jumps = np.array([self._jump(place, width) for place in around])
        threshold = max(_JUMP_DEVIATIONS * _robust_deviation(jumps), math.log(_JUMP_RATIO))
        marks = np.sign(jumps) * (np.abs(jumps) > threshold)
        edges = [0, *(np.flatnonzero(np.diff(marks)) + 1).tolist(), marks.size]
        found = [(first + 1, last + 1) for first, last in pairwise(edges) if marks[first]]
        middles = [0, *((first + last) // 2 for first, last in found), self.levels.size]
        cuts = [
            max(range(first, last), key=lambda place: self._gain(place, middles[order], middles[order + 2]))
            for order, (first, last) in enumerate(found)
        ]
        return [_Run(first, last) for first, last in pairwise([0, *cuts, self.levels.size])]

    def _jump(self, place: int, width: int) -> float:
        """Return how far the mean level of `width` steps from `place` on lies above that of the steps before."""
        before, after = self.levels[max(place - width, 0) : place], self.levels[place : place + width]
        return float(after.mean() - before.mean())

    def _gain(self, place: int, low: int, high: int) -> float:
        """Return how much better two levels, before and from `place` on, fit the steps around than one does."""
        before = self.levels[max(place - _SIDE_STEPS, low) : place]
        after = self.levels[place : min(place + _SIDE_STEPS, high)]
        if not before.size or not after.size:
            return 0.0
        return float((after.mean() - before.mean()) ** 2) * before.size * after.size / (before.size + after.size)

    def level(self, run: _Run) -> float:
        """Return the median level of a run."""
        return float(np.median(self.levels[run.first : run.last]))

    def _mean(self, steps: set[int]) -> float:
        return float(np.mean(self.levels[sorted(steps)]))

    def change(self, here: _Run, run: _Run, following: _Run | None) -> UnitChange | None:
        """Return the change of unit that `run` is beside `here`, if it is one; `following` is the next run."""
        inside, outside = set(_near(run, here, self.side)), set(_near(here, run, self.side))
        if following and abs(self.level(following) - self.level(here)) < abs(self.level(run) - self.level(here)) / 2:
            inside |= set(_near(run, following, self.side))
            outside |= set(_near(following, run, self.side))
        if self.side > 1 and abs(self._mean(outside) - self.level(here)) > abs(self.level(run) - self.level(here)) / 2:
            return None
        step = self._mean(inside) - self._mean(outside)
        allowed = math.log1p(TOLERANCE) + 3 * self.deviation / math.sqrt(len(inside))
        possible = [factor for factor in KNOWN_FACTORS if abs(step - math.log(factor)) <= allowed]
        if not possible:
            return None
        changed, usual = self._gathered(inside), self._gathered(outside)
        before = kolmogorov_smirnov(usual, changed).statistic
        undone = {factor: kolmogorov_smirnov(usual, changed / factor).statistic for factor in possible}
        factor = min(undone, key=lambda one: undone[one])
        after, margin = undone[factor], _TOLD_APART * math.sqrt(1 / usual.size + 1 / changed.size)
        if after > before * _RESTORED_PART:
            return None
        return UnitChange(
            column=self.column,
            ratio=float(np.median(changed) / np.median(usual)),
            factor=factor,
            conversion=KNOWN_FACTORS[factor],
            start=self.steps["start"][run.first],
            end=self.steps["end"][run.last - 1],
            ongoing=run.last == self.levels.size,
            rows=int(changed.size),
            ks_before=before,
            ks_after=after,
            alternatives=tuple(
                KNOWN_FACTORS[one] for one, distance in undone.items() if one != factor and distance - after < margin
            ),
        )

    def extended(self, change: UnitChange, run: _Run) -> UnitChange:
        """Return the change with the bounds of a longer run."""
        ongoing = run.last == self.levels.size
        return replace(
            change, start=self.steps["start"][run.first], end=self.steps["end"][run.last - 1], ongoing=ongoing
        )

    def _gathered(self, steps: set[int]) -> NDArray[np.float64]:
        """Read the values of some steps, adjoining steps together."""
        ordered = sorted(steps)
        breaks = [place for place in range(1, len(ordered)) if ordered[place] != ordered[place - 1] + 1]
        spans = [(ordered[first], ordered[last - 1]) for first, last in pairwise([0, *breaks, len(ordered)])]
        return np.concatenate([self.values(self.steps["start"][one], self.steps["end"][two]) for one, two in spans])


def _walk(runs: Sequence[_Run], compared: _Comparison) -> list[UnitChange]:
    """Go from the base run outwards; a run that is no change of unit becomes what the next is compared with."""
    here, changed = runs[0], None
    found: list[UnitChange] = []
    for place, run in enumerate(runs[1:], start=1):
        level = compared.level(run)
        if changed and abs(level - compared.level(changed)) < abs(level - compared.level(here)):
            changed = _joined(changed, run)
            found[-1] = compared.extended(found[-1], changed)
            continue
        change = compared.change(here, run, runs[place + 1] if place + 1 < len(runs) else None)
        if change is None:
            here = _joined(here, run) if abs(compared.level(here) - level) < math.log(_JUMP_RATIO) else run
            changed = None
        else:
            changed = run
            found.append(change)
    return found


def _joined(here: _Run, run: _Run) -> _Run:
    """Join two runs where they adjoin; otherwise the second stands for both."""
    if here.last == run.first or run.last == here.first:
        return _Run(min(here.first, run.first), max(here.last, run.last))
    return run


def _near(run: _Run, other: _Run, side: int) -> range:
    """Return the `side` steps of a run that are nearest to another run."""
    if other.first >= run.last:
        return range(max(run.last - side, run.first), run.last)
    return range(run.first, min(run.first + side, run.last))


def _robust_deviation(changes: NDArray[np.float64]) -> float:
    """Return a robust standard deviation: the median absolute deviation, scaled to agree with the normal one."""
    return float(_MAD_SCALE * np.median(np.abs(changes - np.median(changes))))
