"""New defaults, frozen columns and rounding: one value, or one grain, that takes the place of others from a day on."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.bins import MISSING, number
from audit_lab.monitor.recognised.change import DEFAULT, FROZEN, GONE_MISSING, ROUNDED, TRUNCATED, DataChange
from audit_lab.monitor.recognised.intervals import ShareShift, others_alike, share_shift
from audit_lab.monitor.recognised.jumps import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from audit_lab.monitor.recognised.samples import Sample
    from audit_lab.monitor.recognised.steps import ColumnSteps, Days

__all__ = ["EMPTY", "find_defaults", "find_frozen", "find_rounded", "value_name"]

#: Numbers and texts that stand for no value.
_NUMBERS = {0.0, -1.0, 9.0, 99.0, 999.0, 9999.0, 99999.0, 999999.0, -9.0, -99.0, -999.0, -9999.0}
_TEXTS = {"", "-", "?", "0", "-1", "999", "n/a", "na", "nan", "none", "null", "unknown", "undefined", "missing"}
_TEXTS |= {"default", "not available", "unspecified", "no value", "(none)", "empty"}
#: In a column whose most frequent value has less than this share, one value that repeats is no measurement.
_CONTINUOUS = 0.02
#: Of what was there before, no more than this part is left ...
_LEFT = 0.1
#: ... and what takes its place rises by as much, within this part.
_AS_MUCH = 0.25
#: A run of so many steps has steps between its edges, in which so many rows of a value must be missed.
_FEWEST_INNER = 4
_EXPECTED_ROWS = 15
#: No other value may become more frequent by this part of the rise.
_RISES = 0.2
_FROZEN_ROWS = 50
#: So many other steps show that a column has several values.
_FEWEST_OTHERS = 5
#: One value that repeats is no measurement where all but one in twenty of the other steps have no value as frequent as
#: this part of its share.
_UNLIKE_OTHERS = 0.5
_ALL_BUT_FEW = 0.95
#: A run of one value is as rare by chance as this.
_BY_CHANCE = 1e-9
#: ... and a column in which such steps are rare.
_OFTEN_ALONE = 0.02
_NEAR = 1e-9
#: Grains that values are rounded to, and how many are on a grain where they are rounded, and at most before.
_GRAINS = (1000.0, 100.0, 10.0, 1.0, 0.1, 0.01)
_ROUNDED = 0.999
_NOT_ROUNDED = 0.8
_MOST_VALUES = 60

#: What a text without a character is called.
EMPTY = "empty text"


def find_defaults(steps: ColumnSteps, reference: tuple[datetime, datetime]) -> list[DataChange]:
    """Return the runs of steps in which one value took the place of others, or of missing ones, or values went missing.

    A value that only became more frequent is a shift of the mixture, and not named: it must be one that stands for no
    value, or one that repeats in a column where none does, or replace missing values to the row.
    """
    totals, missing = steps.summed(steps.days.rows), steps.summed(steps.days.missing)
    values = sorted(steps.days.frequent, key=lambda value: -int(steps.days.frequent[value].max()))[:_MOST_VALUES]
    counts = {value: steps.summed(steps.days.frequent[value]) for value in values}
    found = []
    for value in values:
        if not missing.any() and not _stands_for_none(steps, value, counts, totals):
            continue
        shift = share_shift(counts[value], totals)
        if shift is None or not _usual_outside(steps, shift, reference):
            continue
        filled = _gives_way(missing, counts[value], totals, shift)
        if not filled and not (_stands_for_none(steps, value, counts, totals) and _unlike_others(steps, value, shift)):
            continue
        if any(_rises(one, totals, shift) for other, one in counts.items() if other != value):
            continue
        apart, limit = others_alike([one.without(value) for one in steps.samples], shift, ordered=steps.days.ordered)
        if apart <= limit:
            before = MISSING if filled else None
            change = _change(steps, DEFAULT, shift, counts[value], before=before, after=value_name(steps.days, value))
            found.append(_with(change, apart, limit))
    return [*found, *_gone(steps.days.row_steps or steps, values, reference)]


def _gone(steps: ColumnSteps, values: Sequence[float], reference: tuple[datetime, datetime]) -> list[DataChange]:
    """Return the run of steps in which values, or those of one of the frequent, went missing."""
    totals, missing = steps.summed(steps.days.rows), steps.summed(steps.days.missing)
    shift = share_shift(missing, totals)
    if shift is None or not _usual_outside(steps, shift, reference):
        return []
    gone = [value for value in values if _gives_way(steps.summed(steps.days.frequent[value]), missing, totals, shift)]
    kind, before = (DEFAULT, value_name(steps.days, gone[0])) if gone else (GONE_MISSING, None)
    change = _change(steps, kind, shift, missing, before=before, after=MISSING)
    if shift.inside >= _ROUNDED:  # no value is left to be compared
        return [change]
    left = [one if one is None or not gone else one.without(gone[0]) for one in steps.samples_if_any]
    apart, limit = others_alike(left, shift, ordered=steps.days.ordered)
    return [_with(change, apart, limit)] if apart <= limit else []


def find_frozen(steps: ColumnSteps, reference: tuple[datetime, datetime]) -> list[DataChange]:
    """Return the runs of steps with one value throughout, in a column whose other steps have several."""
    alone = np.array([sample.values.size == 1 for sample in steps.samples])
    values = np.array([sample.values[0] for sample in steps.samples])
    rows, within = steps.summed(steps.days.values), steps.within(*reference)
    breaks = np.flatnonzero((values[1:] != values[:-1]) | ~alone[1:] | ~alone[:-1]) + 1
    found = []
    for first, last in pairwise([0, *breaks.tolist(), steps.count]):
        others = np.ones(steps.count, dtype=bool)
        others[first:last] = False
        if not alone[first] or within[first:last].any() or others.sum() < _FEWEST_OTHERS:
            continue
        if alone[others].mean() > _OFTEN_ALONE:
            continue
        share = steps.gathered(np.flatnonzero(others).tolist()).share_of(values[first])
        held = int(rows[first:last].sum())
        if held >= _FROZEN_ROWS and held * np.log(max(share, _NEAR)) < np.log(_BY_CHANCE):
            shift = ShareShift(Run(first, last), 1.0, share, -held * float(np.log(max(share, _NEAR))))
            found.append(_change(steps, FROZEN, shift, rows, after=value_name(steps.days, values[first])))
    return found


def find_rounded(steps: ColumnSteps, reference: tuple[datetime, datetime]) -> list[DataChange]:
    """Return the run of steps in which values were rounded, or cut down, to a grain that they did not have."""
    totals = steps.summed(steps.days.values)
    for grain in _GRAINS:
        on_it = np.array([_on(sample, grain) for sample in steps.samples])
        if on_it.max() < _ROUNDED or np.median(on_it) >= _NOT_ROUNDED:
            continue
        # A step in which the rounding began or ended is none of those that are rounded.
        whole = np.where(on_it >= _ROUNDED, on_it, np.minimum(on_it, np.median(on_it)))
        shift = share_shift(np.round(whole * totals).astype(np.int64), totals)
        if shift is None or shift.inside < _ROUNDED or shift.outside > _NOT_ROUNDED:
            continue
        if not _usual_outside(steps, shift, reference):
            continue
        fits = {}
        for kind, function in ((ROUNDED, np.round), (TRUNCATED, np.floor)):
            brought = partial(_brought_to, grain=grain, function=function)
            apart, limit = others_alike(steps.samples, shift, ordered=True, changed=brought)
            if apart <= limit:
                fits[kind] = (apart, limit)
        if fits:
            kind = min(fits, key=lambda one: fits[one][0])
            change = _change(steps, kind, shift, totals, after=f"multiples of {grain:g}")
            others = tuple(one for one in fits if one != kind)
            return [_with(change, *fits[kind], alternatives=others)]
    return []


def _brought_to(sample: Sample, *, grain: float, function: np.ufunc | Callable[..., NDArray[np.float64]]) -> Sample:
    """Return a sample with its values brought to a grain."""
    return sample.mapped(lambda values: function(values / grain) * grain)


def _usual_outside(steps: ColumnSteps, shift: ShareShift, reference: tuple[datetime, datetime]) -> bool:
    """Say whether most of the reference lies outside a run: else what came after is the change."""
    within = steps.within(*reference)
    return bool(2 * within[shift.run.first : shift.run.last].sum() <= within.sum())


def _rises(counts: NDArray[np.int64], totals: NDArray[np.int64], shift: ShareShift) -> bool:
    """Say whether another value becomes more frequent in a run, by a fifth of what the one does."""
    inside, outside = _shares(counts, totals, shift)
    return inside - outside > _RISES * (shift.inside - shift.outside)


def _shares(counts: NDArray[np.int64], totals: NDArray[np.int64], shift: ShareShift) -> tuple[float, float]:
    """Return a share inside and outside a run."""
    marks = np.zeros(counts.size, dtype=bool)
    marks[shift.run.first : shift.run.last] = True
    inside, outside = (float(counts[some].sum() / max(totals[some].sum(), 1)) for some in (marks, ~marks))
    return inside, outside


def _gives_way(
    counts: NDArray[np.int64], risen: NDArray[np.int64], totals: NDArray[np.int64], shift: ShareShift
) -> bool:
    """Say whether a share falls to nearly nothing in a run by as much as another rises there.

    A run that begins and ends in the middle of a step has some of it left at its edges: then what lies between them
    must tell, if rows enough of it were to be expected there.
    """
    run = shift.run
    if _gave_way(counts, risen, totals, shift):
        return True
    inner = replace(shift, run=Run(run.first + 1, run.last - 1))
    expected = _shares(counts, totals, shift)[1] * totals[run.first + 1 : run.last - 1].sum()
    if run.last - run.first < _FEWEST_INNER or expected < _EXPECTED_ROWS:
        return False
    edges = np.ones(counts.size, dtype=bool)
    edges[[run.first, run.last - 1]] = False
    return _gave_way(counts * edges, risen * edges, totals * edges, inner)


def _gave_way(
    counts: NDArray[np.int64], risen: NDArray[np.int64], totals: NDArray[np.int64], shift: ShareShift
) -> bool:
    (inside, outside), (held, held_outside) = (_shares(one, totals, shift) for one in (counts, risen))
    rise = held - held_outside
    return bool(outside > 0 and inside <= _LEFT * outside and abs((outside - inside) - rise) <= _AS_MUCH * rise)


def _stands_for_none(
    steps: ColumnSteps, value: float, counts: dict[float, NDArray[np.int64]], totals: NDArray[np.int64]
) -> bool:
    """Say whether a value stands for none, or repeats in a column where no other does."""
    if not steps.days.ordered:
        return value >= 0 and steps.days.names[int(value)].strip().casefold() in _TEXTS
    least = _CONTINUOUS * max(int(totals.sum()), 1)
    return value in _NUMBERS or all(one.sum() < least for other, one in counts.items() if other != value)


def _unlike_others(steps: ColumnSteps, value: float, shift: ShareShift) -> bool:
    """Say whether a number's share stands out of what the most frequent value of any other step has.

    A feature that is computed once a day, as a mean of the week before, repeats each day another value, and so does a
    score of such features. Every value of a step counts: a year of such days has more than are followed to the row.
    """
    if not steps.days.ordered or value in _NUMBERS:
        return True
    outside = [*steps.samples[: shift.run.first], *steps.samples[shift.run.last :]]
    shares = [float(one.rows.max()) / one.size for one in outside if one.size]
    return bool(shares and np.quantile(shares, _ALL_BUT_FEW) < _UNLIKE_OTHERS * shift.inside)


def value_name(days: Days, value: float) -> str:
    """Return what a value of a column is called, where those of text are codes."""
    if days.ordered:
        return number(value)
    name = days.names[int(value)] if value >= 0 else "other texts"
    return name or EMPTY


def _change(
    steps: ColumnSteps,
    kind: str,
    shift: ShareShift,
    counts: NDArray[np.int64],
    *,
    before: str | None = None,
    after: str,
) -> DataChange:
    run = shift.run
    return DataChange(
        kind=kind,
        columns=(steps.column,),
        start=steps.start(run.first),
        end=steps.end(run.last - 1),
        ongoing=steps.ongoing(run.last),
        rows=int(counts[run.first : run.last].sum()),
        before=before,
        after=after,
        evidence={"share": shift.inside, "share_before": shift.outside, "log_likelihood_ratio": shift.evidence},
    )


def _with(change: DataChange, apart: float, limit: float, alternatives: tuple[str, ...] = ()) -> DataChange:
    evidence = {**change.evidence, "others_apart": apart, "others_by_chance": limit}
    return replace(change, evidence=evidence, alternatives=alternatives)


def _on(sample: Sample, grain: float) -> float:
    parts = sample.values / grain
    with np.errstate(invalid="ignore"):
        near = np.abs(parts - np.round(parts)) <= _NEAR * np.maximum(1.0, np.abs(parts))
    return float(sample.rows[near].sum() / sample.size)
