"""Every column that moved, looked at for changes that are known by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.episodes import is_restless
from audit_lab.monitor.recognised.change import VANISHED, DataChange
from audit_lab.monitor.recognised.converted import find_converted
from audit_lab.monitor.recognised.steps import days_of
from audit_lab.monitor.recognised.swapped import find_swapped
from audit_lab.monitor.recognised.words import sentence_of, vanished_sentence
from audit_lab.monitor.verdict import MAJOR, MODERATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.monitor.episodes import VanishedCategory
    from audit_lab.monitor.findings import Finding
    from audit_lab.monitor.question import Question
    from audit_lab.monitor.recognised.steps import ColumnSteps, Days

__all__ = ["Recognised", "recognise"]

#: Of more columns than this, those that moved farthest are looked at.
_MOST_COLUMNS = 100


@dataclass(frozen=True)
class Recognised:
    """The changes that were recognised, by time, and facts about what was not looked at."""

    changes: tuple[DataChange, ...]
    facts: tuple[str, ...]


def recognise(
    question: Question, findings: dict[str, list[Finding]], vanished: Sequence[VanishedCategory]
) -> Recognised:
    """Return the changes of the columns that moved at least moderately in any window.

    Parameters
    ----------
    question
        The rows, windows and reference.
    findings
        What was found in each column and window.
    vanished
        The categories that vanished, which have been counted already.
    """
    moved, facts = _moved(findings)
    found: list[DataChange] = [_gone(one, question) for one in vanished]
    if moved:
        days = days_of(question.rows, moved, question.seen, question.cut.zone)
        found += _changes(question, findings, {name: days[name, None] for name in moved})
    told = [one if one.sentence else replace(one, sentence=sentence_of(one, question.cut)) for one in found]
    return Recognised(tuple(sorted(told, key=lambda one: (one.start, one.columns))), facts)


def _moved(findings: dict[str, list[Finding]]) -> tuple[list[str], tuple[str, ...]]:
    farthest = {
        name: max((one.psi or 0.0 for one in found if one.verdict in {MODERATE, MAJOR}), default=None)
        for name, found in findings.items()
    }
    moved = [name for name, index in farthest.items() if index is not None]
    if len(moved) <= _MOST_COLUMNS:
        return moved, ()
    said = f"changes of the data were looked for in the {_MOST_COLUMNS} columns of {len(moved):,} that moved farthest"
    return sorted(moved, key=lambda name: -(farthest[name] or 0.0))[:_MOST_COLUMNS], (said,)


def _changes(question: Question, findings: dict[str, list[Finding]], days: dict[str, Days]) -> list[DataChange]:
    inside = question.inside.tolist()
    restless = {name for name in days if is_restless(findings[name], inside)}
    steps: dict[str, ColumnSteps] = {name: one.steps for name, one in days.items() if one.steps is not None}
    reference = question.reference.start or question.seen.first, question.reference.end or question.seen.first
    bins = {one.column: one for one in question.bins}
    windows = {name: np.array([one.verdict in {MODERATE, MAJOR} for one in findings[name]]) for name in steps}
    swapped = find_swapped(steps, bins, windows)
    found = list(swapped)
    for one in steps.values():
        if one.days.ordered:
            found += _unless(find_converted(one, reference, restless=one.column in restless), swapped)
    return found


def _unless(found: Sequence[DataChange], known: Sequence[DataChange]) -> list[DataChange]:
    """Leave out what another change of the same column and days explains."""
    return [
        one
        for one in found
        if not any(other.touches(name, one.start, one.end) for other in known for name in one.columns)
    ]


def _gone(one: VanishedCategory, question: Question) -> DataChange:
    """Return a category that vanished as a change, from its last row on."""
    after = one.last_seen + timedelta(microseconds=1) if one.last_seen else one.gone_from
    return DataChange(
        kind=VANISHED,
        columns=(one.column,),
        start=after,
        end=one.returned or one.gone_until,
        ongoing=one.returned is None,
        rows=round(one.expected_rows),
        before=one.category,
        sentence=vanished_sentence(one, question.cut),
        evidence={"reference_share": one.reference_share, "expected_rows": one.expected_rows, "rows": 0.0},
    )
