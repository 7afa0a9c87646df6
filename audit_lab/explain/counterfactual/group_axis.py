"""A group of one-hot columns as one axis: exactly one of them is 1, and a change moves the 1 to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.explain.counterfactual.axis import Axis
from audit_lab.explain.counterfactual.change import Change
from audit_lab.replay.gower import Scale

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

    from audit_lab.explain.counterfactual.constraints import Constraints

__all__ = ["GroupAxis", "group_axis"]


@dataclass(frozen=True)
class GroupAxis(Axis):
    """A group whose 1 may move: `before` is the column that has it, `values` are those that may get it.

    Parameters
    ----------
    recorded
        Column to its recorded value, in the model's order.
    """

    recorded: Mapping[str, Any]

    def part(self, place: int) -> float:
        """Return what a change adds before the mean is taken: 1 for each of the two columns."""
        return float(len(self.changes(place)))

    def written(self, place: int) -> dict[str, Any]:
        """Return the two columns that change, each with a value of its own type."""
        to = self.values[place]
        return {self.before: type(self.recorded[self.before])(0), to: type(self.recorded[to])(1)}

    def changes(self, place: int) -> tuple[Change, ...]:
        """Return a change for each of the two columns, in the model's order."""
        after = self.written(place)
        return tuple(
            Change(name, None, value, after[name], 1.0) for name, value in self.recorded.items() if name in after
        )


def group_axis(
    members: Sequence[str], own: Mapping[str, Any], seen: Mapping[str, pl.Series], constraints: Constraints
) -> GroupAxis | str:
    """Return where the 1 of a group may move to, or why it stays where it is.

    Parameters
    ----------
    members
        The columns, in the model's order.
    own
        Feature to its recorded value.
    seen
        Feature to its distinct values in the declared data.
    constraints
        What may change; it holds for each of the two columns that a move changes.

    Raises
    ------
    MisuseError
        In the recorded row not exactly one of them is 1 and the others 0.
    """
    recorded = {name: own[name] for name in members}
    at = [name for name, value in recorded.items() if value is not None and value == 1]
    if len(at) != 1 or any(value is None or value not in (0, 1) for value in recorded.values()):
        told = ", ".join(f"{name} = {_text(value)}" for name, value in recorded.items())
        raise MisuseError(
            f"in the recorded row not exactly one of {', '.join(members)} is 1 and the others 0 ({told})",
            "Leave that group out: the row does not keep to it itself.",
        )
    (before,) = at
    if not constraints.allows(before, 1, 0):
        return "in a group whose 1 may not move"
    to = tuple(
        name for name in members if name != before and constraints.allows(name, 0, 1) and 1 in seen[name].to_list()
    )
    if not to:
        return "in a group whose 1 was seen in no other column that may have it"
    name = f"one of {', '.join(members)}"
    return GroupAxis(name, None, before, to, Scale(name, None, is_number=False, value=before), 0, recorded)


def _text(value: Any) -> str:
    return "missing" if value is None else str(value)
