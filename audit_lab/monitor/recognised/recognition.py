"""Every column that moved, looked at for changes that are known by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.episodes import is_restless
from audit_lab.monitor.recognised.categories import find_new, with_renamed
from audit_lab.monitor.recognised.change import AFFINE, DEFAULT, NEW, SIGN, SWAPPED, UNIT, VANISHED, DataChange
from audit_lab.monitor.recognised.converted import find_converted
from audit_lab.monitor.recognised.defaults import find_defaults, find_frozen, find_rounded
from audit_lab.monitor.recognised.steps import days_of
from audit_lab.monitor.recognised.swapped import find_swapped
from audit_lab.monitor.recognised.words import sentence_of, vanished_sentence
from audit_lab.monitor.verdict import MAJOR, MODERATE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from audit_lab.monitor.counts import Rows
    from audit_lab.monitor.episodes import VanishedCategory
    from audit_lab.monitor.findings import Finding
    from audit_lab.monitor.question import Question
    from audit_lab.monitor.recognised.steps import ColumnSteps, Days
    from audit_lab.monitor.window_counts import WindowCounts

__all__ = ["Recognised", "recognise"]

#: Of more columns than this, those that moved farthest are looked at.
_MOST_COLUMNS = 100


#: What is looked for in a part of the rows, which are few: what is not easily taken for the part's own mixture.
_IN_PART = {UNIT, AFFINE, SIGN, SWAPPED, DEFAULT}
#: A column with more values than this does not say which part of the rows carries a change.
_MOST_PARTS = 20


@dataclass(frozen=True)
class Recognised:
    """The changes that were recognised, by time, and facts about what was not looked at."""

    changes: tuple[DataChange, ...]
    facts: tuple[str, ...]


def recognise(
    question: Question,
    findings: dict[str, list[Finding]],
    vanished: Sequence[VanishedCategory],
    counts: Sequence[WindowCounts],
    apart: Callable[[Sequence[str]], Rows | None],
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
    counts
        The columns by window.
    apart
        Returns the rows with columns such as the version that answered beside those named: a change of only some rows
        is looked for in columns that moved without a change of all rows that is known by name.
    """
    moved, facts = _moved(findings)
    new = [] if question.rolling else [one for held in counts for one in find_new(held)]
    found = with_renamed([_gone(one, question) for one in vanished], new)
    if moved:
        days = days_of(question.rows, moved, question.seen, question.cut.zone)
        found += _changes(question, findings, {name: days[name, None] for name in moved})
        restless = {name for name in moved if is_restless(findings[name], question.inside.tolist())}
        unknown = [name for name in moved if name not in restless and not any(name in one.columns for one in found)]
        parts = apart(unknown) if unknown else None
        found += [] if parts is None else _of_parts(question, findings, parts, unknown)
    defaults = {(one.column, one.after) for one in found if one.kind == DEFAULT}
    found = [one for one in found if one.kind != NEW or (one.column, one.after) not in defaults]
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
        known = list(swapped)
        for mine in (
            [] if one.column in restless else find_frozen(one, reference),
            find_converted(one, reference, restless=one.column in restless) if one.days.ordered else [],
            find_rounded(one, reference) if one.days.ordered and one.column not in restless else [],
            [] if one.column in restless else find_defaults(one, reference),
        ):
            known += _unless(mine, known)
        found += known[len(swapped) :]
    return found


def _of_parts(
    question: Question, findings: dict[str, list[Finding]], parts: Rows, columns: list[str]
) -> list[DataChange]:
    """Return the changes that hold in one value only of a column such as the version."""
    found: list[DataChange] = []
    for part in [name for name in parts.kinds if name not in question.rows.kinds]:
        wanted = [name for name in columns if not any(name in one.columns for one in found)]
        if not wanted:
            break
        days = days_of(parts, wanted, question.seen, question.cut.zone, part)
        values = sorted({value for _, value in days if value is not None})
        if not 1 < len(values) <= _MOST_PARTS:
            continue
        held = {value: {name: days[name, value] for name in wanted if (name, value) in days} for value in values}
        changes = [
            (value, one)
            for value in values
            for one in _changes(question, findings, held[value])
            if one.kind in _IN_PART
        ]
        found += [
            replace(one, where=(part, value))
            for value, one in changes
            if not any(
                other.kind == one.kind and other.touches(one.column, one.start, one.end)
                for another, other in changes
                if another != value
            )
        ]
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
