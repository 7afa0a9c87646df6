"""Changes of unit: a numeric column that arrives, from one day to the next, put through a conversion people know.

The days of a run between two jumps of the level are compared with the days beside it, as they arrived and with each
known conversion undone. One is recognised if it brings the deciles so near to the days beside as days without a change
are to each other, and to a third of what they were apart. No conversion is fitted: only those of a list are tried.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.recognised.change import UNIT, DataChange
from audit_lab.monitor.recognised.conversions import CONVERSIONS, Conversion, plain_multiples
from audit_lab.monitor.recognised.jumps import Levels, Run, levels_of, usual_distance
from audit_lab.monitor.recognised.samples import decile_distance, distribution_distance, middle_half

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from audit_lab.monitor.recognised.samples import Sample
    from audit_lab.monitor.recognised.steps import ColumnSteps

__all__ = ["find_converted"]

#: With the conversion undone the distance to the days beside must fall to this part.
_RESTORED_PART = 1 / 3
#: ... and what days without a change differ by must be below the distance, well below where its level wanders.
_MOST_CHANCE = 2 / 5
_CHANCE_PART = 1 / 5
#: Another conversion is an alternative if it fits, and is worse by no more than this part of what chance gives.
_TOLD_APART = 0.5
#: The level must be known well enough: its error is at most this part of the shift that a factor makes.
_ERROR_PART = 1 / 3
_ERRORS = 3.0
#: A factor is only told from one that has no name if the ratio lies within so much of three errors of it ...
_NEAR_ERROR = 2 / 3
#: ... and the ratio's 99 % interval, of 2.58 errors, within a tenth of it, or this part of its logarithm: values that
#: were multiplied by 1.45 are not said to be kilometres.
_INTERVAL = 2.5758 / 3
_TENTH = math.log(1.1)
_SURE_PART = 1 / 20
#: ... and is not sure while a plain multiple, of quarters, lies within so many errors, of which the level tells few.
_PLAIN_ERRORS = 2.6
#: A shift of the logarithm by a factor of ten, ten times its error, is beyond what a column that moves does by itself.
_FAR = math.log(10)
_FAR_ERRORS = 10.0
_SAME_LEVEL = 0.5
#: The level must shift by the conversion's own amount, beyond its error to this part.
_PRECISION = 0.01
#: Where the usual values have a grain, as whole numbers, and those that arrived do not, the undone ones must have it.
_ENDS = np.array([0.05, 0.95])
_GRAINED = 0.95
_GRAINS = tuple(10.0**power for power in range(3, -5, -1))
_NEAR_GRAIN = 1e-6


def find_converted(
    steps: ColumnSteps, reference: tuple[datetime, datetime], *, restless: bool = False
) -> list[DataChange]:
    """Return the conversions of one numeric column, in order.

    Parameters
    ----------
    steps
        The column by step.
    reference
        Start and end of the reference: what most of it arrived in is the unit that others are compared with.
    restless
        Whether the column moves all the time, so that only a factor of ten or more stands out of that.
    """
    found: list[DataChange] = []
    for logarithmic in (True, False):
        known, levels = levels_of(steps, logarithmic=logarithmic)
        if levels.readable and len(levels.runs) > 1:
            found += _of_levels(_Comparison(known, levels, restless), known.within(*reference))
    kept: list[DataChange] = []
    for one in sorted(
        found, key=lambda change: (-change.evidence.get("on_grain_undone", 0.0), change.evidence["distance_undone"])
    ):
        beside = [place for place, other in enumerate(kept) if one.start < other.end and one.end > other.start]
        if not beside:
            kept.append(one)
        for place in beside:
            kept[place] = _with_alternative(kept[place], one)
    return sorted(kept, key=lambda change: change.start)


def _with_alternative(change: DataChange, other: DataChange) -> DataChange:
    """Name another conversion of the same days as one that cannot be told from it, unless the grain of values does."""
    sure = change.evidence.get("on_grain_undone", 0.0) >= _GRAINED > other.evidence.get("on_grain_undone", 0.0)
    if sure or other.conversion is None or other.conversion in {change.conversion, *change.alternatives}:
        return change
    return replace(change, alternatives=(*change.alternatives, other.conversion))


def _of_levels(compared: _Comparison, within: NDArray[np.bool_]) -> list[DataChange]:
    runs = compared.levels.runs
    base = max(range(len(runs)), key=lambda place: (within[runs[place].first : runs[place].last].sum(), -place))
    return [*_walk(runs[base:], compared), *_walk(runs[base::-1], compared)]


def _walk(runs: Sequence[Run], compared: _Comparison) -> list[DataChange]:
    """Go from the base run outwards; a run that is no conversion becomes what the next is compared with.

    Unless the next lies where the runs before it were: what ended then has not been recognised, and nor has its end.
    """
    here, changed, unknown, levels = runs[0], None, None, compared.levels
    found: list[DataChange] = []
    for place, run in enumerate(runs[1:], start=1):
        level = levels.level(run)
        if changed and abs(level - levels.level(changed)) < abs(level - levels.level(here)):
            changed = changed.joined(run)
            found[-1] = compared.dated(found[-1], changed)
            continue
        if unknown and abs(level - levels.level(here)) < abs(level - levels.level(unknown)):
            here, changed, unknown = run, None, None
            continue
        beside = unknown or here
        change = compared.change(beside, run, runs[place + 1] if place + 1 < len(runs) else None)
        if change is None:
            alike = abs(levels.level(beside) - level) < levels.least_jump
            here, unknown = (here.joined(run), None) if alike and not unknown else (here, run)
            changed = None
        else:
            here, changed, unknown = beside, run, None
            found.append(change)
    return found


@dataclass(frozen=True)
class _Shift:
    """By how much a level was shifted, three standard errors of that, and how far days without a change lie apart.

    `side` is how many steps on each side were compared, 1 where the level wanders.
    """

    step: float
    error: float
    limit: float
    side: int


@dataclass(frozen=True, eq=False)
class _Comparison:
    """One column's steps and levels, and how a run of them compares with its neighbours."""

    steps: ColumnSteps
    levels: Levels
    restless: bool

    def change(self, here: Run, run: Run, following: Run | None) -> DataChange | None:
        """Return the conversion that `run` is beside `here`, if it is one; `following` is the next run.

        A change that came in the middle of a step made a mixture of it: then the steps at the edges are left out.
        """
        found = (self._change(here, run, following, gap) for gap in (0, 1))
        return next((one for one in found if one is not None), None)

    def _change(self, here: Run, run: Run, following: Run | None, gap: int) -> DataChange | None:
        levels, side = self.levels, self.levels.side_of(here)
        inside, outside = set(run.near(here, side, gap)), set(here.near(run, side, gap))
        size = abs(levels.level(run) - levels.level(here))
        if following and abs(levels.level(following) - levels.level(here)) < _SAME_LEVEL * size:
            inside |= set(run.near(following, side, gap))
            outside |= set(following.near(run, side, gap))
        if gap:
            inside -= {*run.near(here, gap), *(run.near(following, gap) if following else ())}
        if not inside or not outside:
            return None
        if side > 1 and abs(levels.mean(outside) - levels.level(here)) > _SAME_LEVEL * size:
            return None
        step = levels.mean(inside) - levels.mean(outside)
        if not levels.stands_out(step):
            return None
        changed, usual = self.steps.gathered(inside), self.steps.gathered(outside)
        error = _ERRORS * self._error(len(inside), len(outside), side, gap)
        possible = [one for one in CONVERSIONS if self._possible(one, step, levels.mean(outside), error, usual)]
        limit = usual_distance(self.steps, here, side, (usual.size, changed.size), 2 * gap) if possible else None
        if limit is None:
            return None
        return self._best(possible, usual, changed, _Shift(step, error, limit, side), run)

    def _error(self, inside: int, outside: int, side: int, gap: int) -> float:
        """Return the standard error of the shift: of means about two levels, or of changes where the level wanders."""
        if side == 1:
            return self.levels.deviation * math.sqrt((1 + 2 * gap) / inside)
        return self.levels.deviation * math.sqrt((1 / inside + 1 / outside) / 2)

    def _possible(self, one: Conversion, step: float, level: float, error: float, usual: Sample) -> bool:
        """Say whether a conversion shifts the level as far as it was shifted."""
        if self.levels.logarithmic:
            if one.offset or one.factor <= 0:
                return False
            expected = math.log(one.factor)
            return error <= _ERROR_PART * abs(expected) and abs(step - expected) <= _PRECISION + error
        if not one.offset and one.factor > 0:
            return False
        if not one.plausible(*usual.quantiles(_ENDS)):
            return False
        expected = one.done(level) - level
        allowed = max(1.0, abs(one.factor)) * (error + _PRECISION * middle_half(usual)) + _PRECISION * abs(expected)
        return error <= _ERROR_PART * abs(expected) and abs(step - expected) <= allowed

    def _best(
        self,
        possible: Sequence[Conversion],
        usual: Sample,
        changed: Sample,
        shift: _Shift,
        run: Run,
    ) -> DataChange | None:
        limit, error, step = shift.limit, shift.error, shift.step
        before = decile_distance(usual, changed)
        undone = {one: decile_distance(usual, changed.undone(one)) for one in possible}
        best = min(undone, key=lambda one: undone[one])
        after = undone[best]
        far = self.levels.logarithmic and abs(step) >= max(_FAR, _FAR_ERRORS * error)
        if after > before * _RESTORED_PART or after > limit or (not far and self._drowned(shift, before)):
            return None
        near = [one for one, distance in undone.items() if distance <= min(limit, after + _TOLD_APART * limit)]
        grain = _grain(usual)
        if grain is not None and _share_on(changed, grain) < _GRAINED:
            sure = [one for one in near if _share_on(changed.undone(one), grain) >= _GRAINED]
            if not sure and not far:  # values that were rounded once more have lost their grain
                return None
            best, near = (min(sure, key=lambda one: undone[one]), sure) if sure else (best, near)
        elif best.kind == UNIT and not far and not _sure(best.factor, step, error):
            return None
        on_grain = grain is not None and _share_on(changed.undone(best), grain) >= _GRAINED > _share_on(changed, grain)
        plain = _plain_multiples(best, shift) if self.levels.logarithmic and not far and not on_grain else ()
        median = np.array([0.5])
        middle = float(usual.quantiles(median)[0])
        evidence = {
            "ratio": math.exp(step) if self.levels.logarithmic else math.nan,
            "distance": before,
            "distance_undone": undone[best],
            "distance_by_chance": limit,
            "ks": distribution_distance(usual, changed),
            "ks_undone": distribution_distance(usual, changed.undone(best)),
            "median_ratio": float(changed.quantiles(median)[0]) / middle if middle else math.nan,
            "grain": math.nan if grain is None else grain,
            "on_grain": math.nan if grain is None else _share_on(changed, grain),
            "on_grain_undone": math.nan if grain is None else _share_on(changed.undone(best), grain),
            "compared_rows": changed.size,
        }
        draft = DataChange(
            kind=best.kind,
            columns=(self.steps.column,),
            start=self.steps.start(run.first),
            end=self.steps.end(run.last - 1),
            ongoing=False,
            rows=0,
            factor=best.factor,
            offset=best.offset,
            conversion=best.name,
            alternatives=(*(one.name for one in near if one != best), *plain),
            evidence={name: value for name, value in evidence.items() if math.isfinite(value)},
        )
        return self.dated(draft, run)

    def _drowned(self, shift: _Shift, before: float) -> bool:
        """Say whether the column differs from day to day by nearly as much as it was shifted, or always moves."""
        return self.restless or shift.limit > before * (_CHANCE_PART if shift.side == 1 else _MOST_CHANCE)

    def dated(self, change: DataChange, run: Run) -> DataChange:
        """Return the change with the bounds and the rows of a run."""
        steps = self.steps
        rows = steps.summed(steps.days.values)[run.first : run.last].sum()
        return replace(
            change,
            start=steps.start(run.first),
            end=steps.end(run.last - 1),
            ongoing=steps.ongoing(run.last),
            rows=int(rows),
        )


def _sure(factor: float, step: float, error: float) -> bool:
    """Say whether the interval of a shift of logarithms holds a factor, and nothing that is far from it.

    Parameters
    ----------
    factor
        The known factor.
    step, error
        The shift, and three times its standard error.
    """
    expected = math.log(factor)
    apart = abs(step - expected)
    holds = apart <= _PRECISION + _NEAR_ERROR * error
    return holds and apart + _INTERVAL * error <= max(_TENTH, _SURE_PART * abs(expected))


def _plain_multiples(one: Conversion, shift: _Shift) -> tuple[str, ...]:
    """Return the multiples beside a factor that stand for no unit, as 1.75 times, and that a shift cannot exclude."""
    sign = math.copysign(1.0, math.log(one.factor))
    beside = plain_multiples(max(one.factor, 1 / one.factor))
    margin = _PLAIN_ERRORS * shift.error / _ERRORS
    return tuple(
        f"no unit, {'times' if sign > 0 else 'divided by'} {multiple:g}"
        for multiple in beside
        if abs(shift.step - sign * math.log(multiple)) <= margin
    )


def _grain(usual: Sample) -> float | None:
    """Return the coarsest power of ten that all values are multiples of, or None."""
    return next((grain for grain in _GRAINS if _share_on(usual, grain) == 1.0), None)


def _share_on(sample: Sample, grain: float) -> float:
    """Return which share of the rows has a multiple of a grain."""
    parts = sample.values / grain
    with np.errstate(invalid="ignore"):
        on_it = np.abs(parts - np.round(parts)) <= _NEAR_GRAIN * np.maximum(1.0, np.abs(parts) * _NEAR_GRAIN)
    return float(sample.rows[on_it].sum() / sample.size)
