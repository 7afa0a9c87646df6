"""The recorded row and changed ones, run through the real artifact, threshold and rules in one go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.explain.what_if.state import Refusal, Side
from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.runner import Tried

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from audit_lab.explain.attribution import Value
    from audit_lab.replay.runner import Prepared, Runner
    from audit_lab.replay.scored import Scored

__all__ = ["Ran", "run_beside"]

_NUMBER = "__state__"
_OUTCOME = ("score", "label", "decision_rule", "decision", "probabilities")


@dataclass(frozen=True)
class Ran:
    """What came of each row, in order, and the recorded row's run as a replay takes it; None where it was refused."""

    outcomes: tuple[Side | Refusal, ...]
    replay: Tried | None


def run_beside(runner: Runner, group: Prepared, states: Sequence[Mapping[str, Value]]) -> Ran:
    """Run a decision's row with the values of each state in it.

    Parameters
    ----------
    runner, group
        Runs the version; the decision's row, ready to run, is the only one of the group.
    states
        Feature to changed value; the first of them must be the recorded row, without a change.
    """
    tried = runner.tried(replace(group, rows=_rows(group.rows, states)))
    outcomes: list[Side | Refusal] = [Refusal("model-error", "the model gave no answer")] * len(states)
    for failed in tried.failed:
        for number, code, detail in failed.select(_NUMBER, "code", "detail").iter_rows():
            outcomes[number] = Refusal(code, detail)
    replay = None
    for scored in tried.scored:
        for row in scored.rows.select(*_OUTCOME, _NUMBER).iter_rows(named=True):
            outcomes[row[_NUMBER]] = _side(row)
        replay = replay or _first(scored)
    return Ran(tuple(outcomes), replay)


def _rows(own: pl.DataFrame, states: Sequence[Mapping[str, Value]]) -> pl.DataFrame:
    """Return the decision's own row for each state, with the state's values in it."""
    columns = {name: column.new_from_index(0, len(states)) for name, column in zip(own.columns, own, strict=True)}
    for name in dict.fromkeys(name for state in states for name in state):
        column = own[FEATURE + name]
        values = [state.get(name, column[0]) for state in states]
        columns[FEATURE + name] = pl.Series(FEATURE + name, values, dtype=_holding(column.dtype, values))
    columns[_NUMBER] = pl.Series(_NUMBER, range(len(states)), dtype=pl.Int64)
    return pl.DataFrame(columns)


def _holding(dtype: pl.DataType, values: Sequence[Any]) -> pl.DataType | None:
    """Return a type that holds the values: that of the record, unless it knows no such category, or no fraction."""
    if dtype == pl.Null:
        return None
    if isinstance(dtype, pl.Enum) and any(value not in dtype.categories for value in values if value is not None):
        return pl.String()
    return pl.Float64() if dtype.is_integer() and any(isinstance(value, float) for value in values) else dtype


def _side(row: Mapping[str, Any]) -> Side:
    several = row["probabilities"]
    return Side(
        row["score"],
        row["label"],
        row["decision_rule"],
        row["decision"],
        None if several is None else tuple(several),
    )


def _first(scored: Scored) -> Tried | None:
    numbers = scored.rows[_NUMBER].to_list()
    if 0 not in numbers:
        return None
    own = scored.rows[numbers.index(0) : numbers.index(0) + 1]
    return Tried((replace(scored, rows=own),), ())
