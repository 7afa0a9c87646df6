"""What a counterfactual may change, and how far: stated by whoever asks, checked before anything runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from audit_lab.replay.signature import Feature, Signature

__all__ = ["Constraints"]

_NUMBERS = ("int", "float")
_SHOWN = 12
_FEWEST_IN_GROUP = 2


@dataclass(frozen=True)
class Constraints:
    """Which changes are allowed; what is not named here may take any value that was seen in the declared data.

    Parameters
    ----------
    immutable
        Features that stay as they are.
    only_up, only_down
        Numbers that may only grow, or only shrink.
    ranges
        Number to the lowest and highest value that it may be changed to, both included; None leaves a side open.
    categories
        Text, truth value or number that names a category, to the values that it may be changed to.
    one_of
        Groups of columns of which exactly one is 1 (or true) and the others 0, as a one-hot encoding has them: the 1
        moves within its group, and no column changes alone.
    """

    immutable: tuple[str, ...] = ()
    only_up: tuple[str, ...] = ()
    only_down: tuple[str, ...] = ()
    ranges: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    categories: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    one_of: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def read(cls, path: str | Path) -> Constraints:
        """Read constraints from a JSON file, as `parse` does.

        Raises
        ------
        MisuseError
            The file cannot be read, or is no constraints.
        """
        from audit_lab.explain.counterfactual.constraints_json import read_constraints

        return cls(**read_constraints(path))

    @classmethod
    def parse(cls, content: bytes, name: str = "the document of constraints") -> Constraints:
        """Read constraints from a JSON object whose members are the parameters here; each may be left out.

        Raises
        ------
        MisuseError
            The bytes are no JSON, have an unknown member, or one of another kind.
        """
        from audit_lab.explain.counterfactual.constraints_json import parse_constraints

        return cls(**parse_constraints(content, name))

    def check(self, signature: Signature) -> None:
        """See that the constraints can be meant for a model.

        Raises
        ------
        MisuseError
            They name an unknown feature or category, do not fit a feature's type, contradict each other, or leave
            nothing to change.
        """
        known = {feature.name: feature for feature in signature.features}
        grouped = [name for group in self.one_of for name in group]
        named = (*self.immutable, *self.only_up, *self.only_down, *self.ranges, *self.categories, *grouped)
        unknown = next((name for name in named if name not in known), None)
        if unknown is not None:
            raise MisuseError(
                f"{unknown!r} is no input of this decision's model", f"Its inputs are {', '.join(known)}."
            )
        self._check_agreement()
        for name in (*self.only_up, *self.only_down, *self.ranges):
            if not _is_number(known[name]):
                raise MisuseError(
                    f"{name!r} is no number, so it has no direction and no range", "State its categories instead."
                )
        for name, bounds in self.ranges.items():
            _check_range(name, bounds)
        for name, values in self.categories.items():
            _check_categories(known[name], values)
        for group in self.one_of:
            _check_group(group, grouped, known)
        if all(name in self.immutable for name in known):
            raise MisuseError("every input is immutable, so nothing can be changed", "Leave at least one free.")

    def _check_agreement(self) -> None:
        moved = (*self.only_up, *self.only_down, *self.ranges, *self.categories)
        for name in self.immutable:
            if name in moved:
                raise MisuseError(f"{name!r} is immutable and may change", "State one of the two.")
        for name in self.only_up:
            if name in self.only_down:
                raise MisuseError(f"{name!r} may only go up and only go down", "State one, or make it immutable.")

    def allows(self, name: str, before: Any, after: Any) -> bool:
        """Return whether a feature may be changed from one value to another.

        A direction says nothing about a value that was missing: what is above or below it cannot be told.
        """
        if name in self.immutable or (name in self.categories and after not in self.categories[name]):
            return False
        if name in self.only_up and before is not None and not after > before:
            return False
        if name in self.only_down and before is not None and not after < before:
            return False
        low, high = self.ranges.get(name, (None, None))
        return (low is None or after >= low) and (high is None or after <= high)

    def to_dict(self) -> dict[str, Any]:
        """Return the constraints as JSON-safe values, names in order."""
        return {
            "immutable": sorted(self.immutable),
            "only_up": sorted(self.only_up),
            "only_down": sorted(self.only_down),
            "ranges": {name: list(self.ranges[name]) for name in sorted(self.ranges)},
            "categories": {name: sorted(self.categories[name], key=str) for name in sorted(self.categories)},
            "one_of": sorted(sorted(group) for group in self.one_of),
        }

    def words(self) -> str:
        """Return the constraints in a sentence."""
        said = [
            f"{word} {', '.join(sorted(names))}"
            for word, names in (
                ("unchanged:", self.immutable),
                ("only upwards:", self.only_up),
                ("only downwards:", self.only_down),
            )
            if names
        ]
        said += [f"{name} {_span(*self.ranges[name])}" for name in sorted(self.ranges)]
        said += [
            f"{name} only to {' or '.join(repr(each) for each in sorted(self.categories[name], key=str))}"
            for name in sorted(self.categories)
        ]
        said += [f"exactly one of {', '.join(group)} is 1" for group in sorted(sorted(each) for each in self.one_of)]
        if not said:
            return "No constraint was stated: a change may be one that nobody can make, like another age."
        return f"Constraints: {'; '.join(said)}."


def _is_number(feature: Feature) -> bool:
    return feature.dtype in _NUMBERS and feature.categories is None


def _check_range(name: str, bounds: tuple[float | None, float | None]) -> None:
    low, high = bounds
    stated = [each for each in bounds if each is not None]
    if not stated or any(isinstance(each, str | bool) or math.isnan(each) for each in stated):
        raise MisuseError(f"the range of {name!r} is {list(bounds)!r}", "Give a lowest and a highest number, or one.")
    if low is not None and high is not None and low > high:
        raise MisuseError(f"the range of {name!r} begins at {low} and ends at {high}", "Give the lower one first.")


def _check_categories(feature: Feature, values: tuple[Any, ...]) -> None:
    name = feature.name
    if _is_number(feature):
        raise MisuseError(f"{name!r} is a number and has no categories", "State its range instead.")
    if not values:
        raise MisuseError(f"no category of {name!r} is allowed", "Name some, or make it immutable.")
    if feature.dtype == "bool" and any(not isinstance(each, bool) for each in values):
        raise MisuseError(f"{name!r} is true or false", "Name one of the two.")
    known = feature.categories
    strange = [each for each in values if known is not None and str(each) not in known]
    if strange and known is not None:
        more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
        raise MisuseError(
            f"{strange[0]!r} is no category of {name!r} that the model knows",
            f"It knows {', '.join(repr(each) for each in known[:_SHOWN])}{more}.",
        )


def _check_group(group: tuple[str, ...], grouped: list[str], known: Mapping[str, Feature]) -> None:
    if len(group) < _FEWEST_IN_GROUP or any(grouped.count(name) > 1 for name in group):
        raise MisuseError(
            f"the group {', '.join(map(repr, group))} has fewer than two columns, or one that stands twice",
            "Name each column of a one-hot encoding once, in one group.",
        )
    strange = [name for name in group if known[name].dtype == "str" or known[name].categories is not None]
    if strange:
        raise MisuseError(
            f"{strange[0]!r} is a text or names a category, so it is not 0 or 1", "Leave it out of the group."
        )


def _span(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"from {low} to {high}"
