"""What each change of a correction met in a window, so that one that met nothing is told from one that mattered not.

A value that is mistyped, a unit of a feature that nobody recorded or the threshold that was in force anyway change
nothing; that no decision is affected is then no answer to who was. Each prediction that was replayed is therefore
counted by what a change found there, under one of the words below.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.replay.impact.kinds import (
    FeatureChange,
    MissingValue,
    Recoding,
    RegisteredRules,
    RegisteredVersion,
    StatedRules,
    Threshold,
    WithoutRule,
)
from audit_lab.replay.impact.replacement import Replacement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from audit_lab.replay.impact.kinds import Change

__all__ = [
    "CHANGED",
    "LACKING",
    "MISSING",
    "NO_FEATURE",
    "NO_ROW",
    "NO_RULE",
    "NO_THRESHOLD",
    "OTHER",
    "OUTSIDE",
    "OVERTAKEN",
    "PRESENT",
    "SAME",
    "UNDECIDED",
    "Met",
    "Unmet",
    "found_by",
    "part",
]

CHANGED = "changed"
UNDECIDED = "undecided"
OUTSIDE = "outside"
MISSING = "missing"
PRESENT = "present"
OTHER = "other"
SAME = "same"
NO_ROW = "no-row"
NO_FEATURE = "no-feature"
LACKING = "feature-not-taken"
NO_THRESHOLD = "no-threshold"
NO_RULE = "no-rule"
OVERTAKEN = "overtaken"

_ALIKE = {
    Threshold: "were decided by that threshold anyway",
    RegisteredVersion: "were decided by that version, or by one that is the same, anyway",
    StatedRules: "were decided by these rules anyway",
    RegisteredRules: "were decided by these rules anyway",
}
_MOST_VALUES = 5


@dataclass(frozen=True)
class Unmet:
    """A change, or a value that it names, that nothing in the window was found for.

    Parameters
    ----------
    change
        Which of the changes, counted from 0.
    code
        ``correction-not-met``, or ``value-not-met`` where only some of the values of a recoding were met nowhere.
    sentence
        What was found instead, and what to do.
    """

    change: int
    code: str
    sentence: str


class Met:
    """Counts what the changes met, over the predictions that were replayed.

    Parameters
    ----------
    changes
        In order.
    """

    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = tuple(changes)
        self._counts: list[Counter[str]] = [Counter() for _ in changes]

    def add(self, place: int, words: Mapping[str, int]) -> None:
        """Count what a change met: how many predictions for each word."""
        self._counts[place].update(words)

    def add_all(self, counts: Iterable[Mapping[str, int]]) -> None:
        """Add what :meth:`taken` handed out."""
        for place, words in enumerate(counts):
            self.add(place, words)

    def unknown_rules(self) -> list[str]:
        """Return the names of rules that are to be left out, and that no version met has."""
        counted = zip(self._changes, self._counts, strict=True)
        return sorted(
            change.name
            for change, counts in counted
            if isinstance(change, WithoutRule) and counts[NO_RULE] and counts[NO_RULE] == counts.total()
        )

    def taken(self) -> list[dict[str, int]]:
        """Return the counts of each change as JSON-safe values, and begin anew."""
        counts = [dict(sorted(each.items())) for each in self._counts]
        self._counts = [Counter() for _ in self._changes]
        return counts

    def unmet(self) -> tuple[Unmet, ...]:
        """Return what met nothing; nothing is said of changes under which some could not be decided at all."""
        found = []
        for place, (change, counts) in enumerate(zip(self._changes, self._counts, strict=True)):
            changed = sum(count for word, count in counts.items() if word.partition(":")[0] == CHANGED)
            if not changed and not counts[UNDECIDED] and counts.total():
                found.append(Unmet(place, "correction-not-met", _nothing(change, counts)))
            elif changed and isinstance(change, Recoding):
                pairs = enumerate(change.pairs)
                values = [old for number, (old, new) in pairs if old != new and not counts[part(number)]]
                found += [Unmet(place, "value-not-met", _values(change, values, counts))] if values else []
        return tuple(found)


def part(number: int) -> str:
    """Return the word for what one of several pairs of values changed."""
    return f"{CHANGED}:{number}"


def found_by(change: FeatureChange, column: pl.Expr, new: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return the word for what a change of a feature finds in each row.

    Parameters
    ----------
    column, new
        The feature before and after it.
    dtype
        Of the feature before.
    """
    missing = (column.is_null() | column.is_nan()) if dtype.is_float() else column.is_null()
    if isinstance(change, MissingValue):
        return pl.when(missing).then(pl.lit(CHANGED)).otherwise(pl.lit(PRESENT))
    if isinstance(change, Recoding):
        old = pl.Series([float(pair[0]) if dtype.is_float() else pair[0] for pair in change.pairs])
        words = [SAME if pair[0] == pair[1] else part(number) for number, pair in enumerate(change.pairs)]
        word = column.replace_strict(old, words, default=pl.lit(OTHER), return_dtype=pl.String())
    else:
        word = pl.when(new == column.cast(pl.Float64)).then(pl.lit(SAME)).otherwise(pl.lit(CHANGED))
    return pl.when(missing).then(pl.lit(MISSING)).otherwise(word)


def _nothing(change: Change, counts: Counter[str]) -> str:
    shown = ", ".join(f"{count:,} {_said(change, word)}" for word, count in counts.most_common())
    total = counts.total()
    what = "prediction" if total == 1 else "predictions"
    return (
        f"This correction met nothing: {change.description}. Of {total:,} {what} that were replayed, {shown}. That "
        f"none would have been decided otherwise by it says nothing; check {_to_check(change)}."
    )


def _values(change: Recoding, values: list[Any], counts: Counter[str]) -> str:
    shown = ", ".join(repr(value) for value in values[:_MOST_VALUES])
    more = f" and {len(values) - _MOST_VALUES} more" if len(values) > _MOST_VALUES else ""
    have = "was" if len(values) == 1 else "were"
    return (
        f"Of the values of {change.feature} that are read otherwise {shown}{more} {have} met in none of "
        f"{counts.total():,} predictions that were replayed; check how they are written."
    )


def _said(change: Change, word: str) -> str:
    """Say what one or several predictions are."""
    feature = change.feature if isinstance(change, FeatureChange) else "the features"
    if word == SAME:
        return _ALIKE.get(type(change), f"have the same value of {feature} after it")
    return {
        OUTSIDE: "are not among those that it is for",
        MISSING: f"have no value of {feature}",
        PRESENT: f"have a value of {feature}",
        OTHER: f"have another value of {feature}",
        NO_ROW: "have no row in it",
        NO_FEATURE: f"are of a model without {feature}",
        LACKING: f"are of a model version that does not take {feature}",
        NO_THRESHOLD: "are of a model version that decides by no threshold",
        NO_RULE: "are of a model version without such a rule",
        OVERTAKEN: "are decided by the version that is given after it",
    }[word]


def _to_check(change: Change) -> str:
    if isinstance(change, Recoding):
        return "how the recorded values are written"
    if isinstance(change, FeatureChange):
        return "feature, condition and window"
    if isinstance(change, Replacement):
        return "whether its rows are of these predictions"
    if isinstance(change, WithoutRule):
        return "the rule's name"
    return "what was in force, and the window"
