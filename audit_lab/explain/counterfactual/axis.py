"""The values that one feature may be changed to, ordered, and what each change adds to the distance."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from audit_lab.explain.counterfactual.change import Change
from audit_lab.replay.gower import scale_of

if TYPE_CHECKING:
    import polars as pl

    from audit_lab.explain.counterfactual.constraints import Constraints
    from audit_lab.replay.gower import Scale
    from audit_lab.replay.signature import Feature

__all__ = ["Axis", "axis_of"]

#: Numbers with more decimals have no step of their own: between two that were seen nothing is tried.
_MOST_DECIMALS = 6
_MOST_STEPS = 2**40


@dataclass(frozen=True)
class Axis:
    """A feature that may change.

    Parameters
    ----------
    name, unit
        The feature.
    before
        Its recorded value; None where it is missing.
    values
        What it may be changed to: numbers in order, others in the order of their text. The recorded value is not among
        them.
    scale
        How changes are measured.
    origin
        How many of the numbers are below the recorded one; 0 for others.
    """

    name: str
    unit: str | None
    before: Any
    values: Sequence[Any]
    scale: Scale
    origin: int

    @property
    def is_ordered(self) -> bool:
        """Whether a value can be nearer to the recorded one than another."""
        return self.scale.is_number and self.before is not None

    def part(self, place: int) -> float:
        """Return what a change adds before the mean is taken: over 0 and up to 1; 1 for what has no size."""
        if not self.is_ordered:
            return 1.0
        low, high = self.scale.low or 0.0, self.scale.high or 0.0
        return float(abs(float(self.values[place]) - float(self.before)) / (high - low))

    def written(self, place: int) -> dict[str, Any]:
        """Return which recorded features take which values when this one is changed."""
        return {self.name: self.values[place]}

    def changes(self, place: int) -> tuple[Change, ...]:
        """Return what that changes, as whoever reads the answer sees it."""
        return (Change(self.name, self.unit, self.before, self.values[place], self.part(place)),)

    def side(self, place: int) -> range:
        """Return the places on a value's side of the recorded one, from the nearest outwards."""
        return range(self.origin, len(self.values)) if place >= self.origin else range(self.origin - 1, -1, -1)

    def spread(self, most: int) -> list[int]:
        """Return at most so many places, spread evenly over the ranks, the nearest on both sides included."""
        size = len(self.values)
        if size <= most:
            return list(range(size))
        chosen = {step * (size - 1) // (most - 3) for step in range(most - 2)}
        return sorted(chosen | {place for place in (self.origin - 1, self.origin) if 0 <= place < size})


def axis_of(
    feature: Feature,
    before: Any,
    seen: pl.Series,
    dtype: pl.DataType,
    constraints: Constraints,
    *,
    between: bool,
) -> Axis | str:
    """Return what a feature may be changed to, or why it stays as it is.

    Parameters
    ----------
    feature, before
        The feature, and its recorded value.
    seen
        Its distinct values in the declared data, in order.
    dtype
        Its type on record.
    constraints
        What may change.
    between
        Whether a number may also take values between those seen, in steps of the finest decimal that was recorded.
    """
    if feature.name in constraints.immutable:
        return "immutable"
    is_category = feature.categories is not None
    scale = scale_of(feature.name, before, dtype, unit=feature.unit, is_category=is_category)
    if scale is None:
        return "of a type that cannot be compared"
    scale = scale.over(seen)
    if scale.is_number and scale.value is None:
        before = None
    values: Sequence[Any] = [
        each
        for each in seen.to_list()
        if each != before
        and (feature.categories is None or str(each) in feature.categories)
        and constraints.allows(feature.name, before, each)
    ]
    if between and scale.is_number and before is not None and not seen.is_empty():
        values = _steps(seen, before, feature.name, constraints) or values
    if not len(values):
        return "without another value that was seen and is allowed"
    ordered = scale.is_number and before is not None
    return Axis(feature.name, feature.unit, before, values, scale, bisect_left(values, before) if ordered else 0)


class _Steps(Sequence[Any]):
    """Numbers in equal decimal steps, below and above the recorded one; too many to be listed."""

    def __init__(self, below: range, above: range, decimals: int, *, whole: bool) -> None:
        self._below, self._above = below, above
        self._decimals = decimals
        self._whole = whole

    def __len__(self) -> int:
        return len(self._below) + len(self._above)

    def __getitem__(self, place: Any) -> Any:
        first = len(self._below)
        step = self._below[place] if place < first else self._above[place - first]
        return step if self._whole else float(Decimal(step).scaleb(-self._decimals))


def _steps(seen: pl.Series, before: float, name: str, constraints: Constraints) -> _Steps | None:
    """Return every step between the lowest and the highest value seen that is allowed; None where there is no step."""
    decimals = max(_decimals(each) for each in (before, *seen.to_list()))
    if decimals > _MOST_DECIMALS:
        return None
    low, high = constraints.ranges.get(name, (None, None))
    lowest = max(seen[0], seen[0] if low is None else low)
    highest = min(seen[-1], seen[-1] if high is None else high)
    if math.isinf(lowest) or math.isinf(highest):
        return None
    first = math.ceil(Decimal(repr(lowest)).scaleb(decimals))
    last = math.floor(Decimal(repr(highest)).scaleb(decimals))
    own = int(Decimal(repr(before)).scaleb(decimals))
    if last - first > _MOST_STEPS:
        return None
    below = range(first, min(last, own - 1) + 1) if name not in constraints.only_up else range(0)
    above = range(max(first, own + 1), last + 1) if name not in constraints.only_down else range(0)
    return _Steps(below, above, decimals, whole=seen.dtype.is_integer())


def _decimals(value: float) -> int:
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else _MOST_DECIMALS + 1
