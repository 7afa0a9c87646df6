"""Run candidates through the real model, threshold and rules: in batches, each once, up to a limit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.replay.decision_rules import FEATURE, LABEL_RULE, THRESHOLD_RULE, decides_by_threshold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from audit_lab.explain.counterfactual.axis import Axis
    from audit_lab.replay.runner import Prepared, Runner
    from audit_lab.replay.signature import Output

__all__ = ["Judge", "Judged", "State"]

#: Which axis takes which of its values, in order of the axes; the recorded row is the empty one.
State = tuple[tuple[int, int], ...]

_BATCH_ROWS = 4_096
_NUMBER = "__candidate__"
#: A rule that no longer fires comes before any movement of the score, which is measured as it is.
_RULE_GONE = 1e300


@dataclass(frozen=True)
class Judged:
    """What the model, the threshold and the rules make of a candidate.

    `advance` says how far a candidate that does not flip the decision came on the way: the movement of the score to
    the other side, or a rule that no longer fires.
    """

    flips: bool
    advance: float
    score: float | None
    label: str | None
    rule: str | None
    decision: str | None


class Judge:
    """Judges candidates, and remembers what came of each.

    Parameters
    ----------
    runner, group
        Runs the version; the decision's own row, ready to run, is the only one of the group.
    axes
        The features that may change.
    own
        What the recorded row comes out as.
    target
        The decision that is wanted; any other than its own where None.
    limit
        How many candidates may be run.
    progress
        Called after each batch with a word for the work and the number of candidates.
    """

    def __init__(
        self,
        runner: Runner,
        group: Prepared,
        axes: Sequence[Axis],
        own: Mapping[str, Any],
        *,
        target: str | None,
        limit: int,
        progress: Callable[[str, int], None] | None,
    ) -> None:
        self._runner = runner
        self._group = group
        self._own = own
        self._target = target
        self._limit = limit
        self._progress = progress
        self.axes = axes
        self.known: dict[State, Judged] = {}
        self.refused: dict[str, int] = {}
        self.tried = 0
        if group.model is None:  # pragma: no cover - a group that was replayed has one
            raise ValueError(group.name)
        self._direction = _direction(group.model.signature.output, own)

    @property
    def left(self) -> int:
        """How many candidates may still be run."""
        return self._limit - self.tried

    def judge(self, states: Iterable[State]) -> None:
        """Run those of the candidates that are not known yet, in order, as far as the limit goes."""
        new = [state for state in dict.fromkeys(states) if state not in self.known][: max(0, self.left)]
        for first in range(0, len(new), _BATCH_ROWS):
            some = new[first : first + _BATCH_ROWS]
            for place, row in self._run(some):
                self.known[some[place]] = self._judged(row)
            # What the model refuses was tried as well, and is not tried again.
            for state in some:
                self.known.setdefault(state, Judged(False, float("-inf"), None, None, None, None))  # noqa: FBT003
            self.tried += len(some)
            if self._progress is not None:
                self._progress("candidates", len(some))

    def again(self, states: Sequence[State]) -> list[Judged | None]:
        """Run the recorded row and candidates once more, together; None for what the model refuses this time."""
        found: list[Judged | None] = [None] * (len(states) + 1)
        for place, row in self._run([(), *states]):
            found[place] = self._judged(row)
        return found

    def _run(self, states: Sequence[State]) -> Iterable[tuple[int, dict[str, Any]]]:
        rows = self._rows(states)
        tried = self._runner.tried(replace(self._group, rows=rows))
        for failed in tried.failed:
            for code, count in failed.group_by("code").len().iter_rows():
                self.refused[code] = self.refused.get(code, 0) + count
        names = [_NUMBER, "score", "label", "decision_rule", "decision"]
        for scored in tried.scored:
            for row in scored.rows.select(names).iter_rows(named=True):
                yield row[_NUMBER], row

    def _rows(self, states: Sequence[State]) -> pl.DataFrame:
        """Return the decision's own row for each candidate, with the candidate's values in it."""
        own = self._group.ready
        rows = own.select(pl.all().repeat_by(len(states)).explode(empty_as_null=True, keep_nulls=True))
        taken = [
            {name: value for number, place in state for name, value in self.axes[number].written(place).items()}
            for state in states
        ]
        columns = []
        for name in dict.fromkeys(name for each in taken for name in each):
            kept = own[FEATURE + name][0]
            values = [each.get(name, kept) for each in taken]
            columns.append(pl.Series(FEATURE + name, values, dtype=own.schema[FEATURE + name]))
        return rows.with_columns(*columns).with_columns(pl.Series(_NUMBER, range(len(states)), dtype=pl.Int64))

    def _judged(self, row: Mapping[str, Any]) -> Judged:
        decision = row["decision"]
        wanted = decision is not None and decision != self._own["decision"]
        flips = wanted and (self._target is None or decision == self._target)
        advance = 0.0
        if self._own["rule"] not in (THRESHOLD_RULE, LABEL_RULE) and row["decision_rule"] != self._own["rule"]:
            advance += _RULE_GONE
        elif self._direction and row["score"] is not None and self._own["score"] is not None:
            advance += self._direction * (row["score"] - self._own["score"])
        known = advance == advance  # noqa: PLR0124 - a score that is no number says nothing
        return Judged(
            bool(flips),
            advance if known else float("-inf"),
            row["score"],
            row["label"],
            row["decision_rule"],
            decision,
        )


def _direction(output: Output, own: Mapping[str, Any]) -> int:
    """Return whether a higher (1) or lower (-1) score leads to another decision; 0 where that cannot be told."""
    if not decides_by_threshold(output):
        return -1 if own["score"] is not None else 0
    if output.decision(own["label"]) != own["decision"]:
        return 0
    return -1 if own["label"] == output.positive else 1
