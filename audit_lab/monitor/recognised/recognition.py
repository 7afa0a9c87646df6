"""Every column that moved, looked at for changes that are known by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.measures import CATALOGUE
from audit_lab.monitor.recognised.categories import find_new, lasting, renamed_in_part, unseen_by_chance, with_renamed
from audit_lab.monitor.recognised.change import (
    AFFINE,
    DEFAULT,
    FROZEN,
    GONE_MISSING,
    NEW,
    RENAMED,
    ROUNDED,
    SIGN,
    SWAPPED,
    TRUNCATED,
    UNIT,
    VANISHED,
    DataChange,
)
from audit_lab.monitor.recognised.converted import find_converted
from audit_lab.monitor.recognised.defaults import EMPTY, find_defaults, find_frozen, find_rounded
from audit_lab.monitor.recognised.located import LOCATED, located
from audit_lab.monitor.recognised.steps import days_of
from audit_lab.monitor.recognised.swapped import find_swapped
from audit_lab.monitor.recognised.unrest import is_unsteady
from audit_lab.monitor.recognised.words import sentence_of, vanished_sentence
from audit_lab.monitor.verdict import MAJOR, MODERATE, SLIGHT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from audit_lab.monitor.counts import Rows
    from audit_lab.monitor.episodes import VanishedCategory
    from audit_lab.monitor.findings import Finding
    from audit_lab.monitor.question import Question
    from audit_lab.monitor.recognised.steps import ColumnSteps, Days
    from audit_lab.monitor.window_counts import WindowCounts

__all__ = ["Recognised", "recognise"]

#: Of more columns than this, those that moved farthest are looked at.
_MOST_COLUMNS = 100
#: Up to so many values, columns that moved slightly are read once more by version, node and endpoint.
_VALUES_READ_APART = 20_000_000
#: Where windows are longer than this, a column that moved less than moderately is looked at too, as a change of a week
#: is a part of its window: the population stability index of a mixture goes with the square of the part.
_WEEK = timedelta(weeks=1)
_DAY = timedelta(days=1)
_INDEX = next(one.moderate or 0.0 for one in CATALOGUE if one.name == "psi")
#: ... and so is one of which this share more, or less, of a window is missing than of the reference.
_OTHER_MISSING = 0.01
#: What is looked for in a part of the rows, which are few: what is not easily taken for the part's own mixture.
_IN_PART = {UNIT, AFFINE, SIGN, SWAPPED, DEFAULT, FROZEN, GONE_MISSING, ROUNDED, TRUNCATED}
#: What leaves the other values of a column as they were.
_OF_CATEGORIES = {VANISHED, NEW, RENAMED}
#: All rows but one in a thousand.
_EVERY = 0.999
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
    """Return the changes of the columns that moved in any window, the same ones whatever the windows are.

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
        Returns the rows with columns such as the version that answered beside those named: what has no name in all
        rows is looked for in some of them, and what takes a share of them may be of some only.
    """
    moved, barely, facts = _moved(question, findings)
    gone, coming_and_going = lasting(vanished, question.cut)
    new = [] if question.rolling else [one for held in counts for one in find_new(held)]
    found = with_renamed([_gone(one, question) for one in gone], new)
    if moved:
        days = days_of(question.rows, moved, question.seen, question.cut.zone)
        found = _renamed_in_parts(found, None, {"": {name: days[name, None] for name in moved}})
        steps = {name: known for name in moved if (known := days[name, None].steps) is not None}
        found += _changes(question, findings, steps)
        barely += [name for name in steps if not _named(name, found) and not is_unsteady(steps[name])]
    shares = [one.column for one in found if one.kind in LOCATED]
    parts = apart(list(dict.fromkeys([*barely, *shares]))) if barely or shares else None
    found = found if parts is None else _with_parts(question, findings, parts, found, barely)
    defaults = {(one.column, one.after) for one in found if one.kind in {DEFAULT, FROZEN}}
    found = [one for one in found if one.kind != NEW or (one.column, one.after) not in defaults]
    bins = {one.column: one for one in question.bins}
    found = [one for one in found if not (_explained(one, found) or unseen_by_chance(one, bins[one.column]))]
    told = [one if one.sentence else replace(one, sentence=sentence_of(one, question.cut)) for one in found]
    return Recognised(tuple(sorted(told, key=lambda one: (one.start, one.columns))), (*facts, *coming_and_going))


def _moved(question: Question, findings: dict[str, list[Finding]]) -> tuple[list[str], list[str], tuple[str, ...]]:
    """Return the columns in which a change may be hidden, those with one of some rows only, and a fact.

    Of a column that moved slightly one node may have changed, which is looked for where all values are few enough to
    be read once more; the fact says so where columns are too many.
    """
    cut = question.cut
    least = [
        _INDEX * min(_WEEK / max(end - start, _WEEK), 1.0) ** 2 for start, end in zip(cut.starts, cut.ends, strict=True)
    ]
    farthest: dict[str, float] = {}
    barely: dict[str, float] = {}
    for name, found in findings.items():
        seen = [one.psi or 0.0 for one, index in zip(found, least, strict=True) if _may_hide(one, index)]
        if seen:
            farthest[name] = max(seen)
        elif slight := [one.psi or 0.0 for one in found if one.verdict == SLIGHT]:
            barely[name] = max(slight)
    few = question.seen.rows * len(question.columns) <= _VALUES_READ_APART
    apart = sorted(barely, key=lambda name: -barely[name])[:_MOST_COLUMNS] if few else []
    if len(farthest) <= _MOST_COLUMNS:
        return list(farthest), apart, ()
    count = f"{len(farthest):,}"
    said = f"changes of the data were looked for in the {_MOST_COLUMNS} columns of {count} that moved farthest"
    return sorted(farthest, key=lambda name: -farthest[name])[:_MOST_COLUMNS], apart, (said,)


def _may_hide(found: Finding, least: float) -> bool:
    """Say whether a window moved far enough beyond chance to have a change of a week in it."""
    if found.verdict in {MODERATE, MAJOR}:
        return True
    other_missing = abs(found.missing_change or 0.0) >= _OTHER_MISSING
    return found.verdict == SLIGHT and (other_missing or (found.psi or 0.0) >= least)


def _changes(
    question: Question, findings: dict[str, list[Finding]], steps: Mapping[str, ColumnSteps]
) -> list[DataChange]:
    unsteady = {name for name, one in steps.items() if is_unsteady(one)}
    reference = question.reference.start or question.seen.first, question.reference.end or question.seen.first
    bins = {one.column: one for one in question.bins}
    windows = {name: np.array([one.verdict in {MODERATE, MAJOR} for one in findings[name]]) for name in steps}
    swapped = find_swapped(steps, bins, windows)
    found = list(swapped)
    for one in steps.values():
        known, steady = list(swapped), one.column not in unsteady
        for mine in (
            find_frozen(one, reference) if steady else [],
            find_converted(one, reference, restless=not steady) if one.days.ordered else [],
            find_rounded(one, reference) if one.days.ordered and steady else [],
            find_defaults(one, reference) if steady else [],
        ):
            known += _unless(mine, known)
        found += known[len(swapped) :]
    return found


def _with_parts(
    question: Question,
    findings: dict[str, list[Finding]],
    rows: Rows,
    found: Sequence[DataChange],
    unnamed: Sequence[str],
) -> list[DataChange]:
    """Return the changes, each said to be of one version, node or endpoint where it is, and more that are."""
    changes = list(found)
    for part in [name for name in rows.kinds if name not in question.rows.kinds]:
        open_still = [name for name in unnamed if not _named(name, changes)]
        shares = [one for one in changes if one.kind in LOCATED and one.where is None]
        columns = list(dict.fromkeys([*open_still, *(one.column for one in shares)]))
        if not columns:
            break
        held: dict[str, dict[str, Days]] = {}
        brought = ["" if one.after == EMPTY else one.after for one in shares if one.after is not None]
        by_part = days_of(rows, columns, question.seen, question.cut.zone, part, named=brought)
        for (name, value), days in by_part.items():
            if value is not None:
                held.setdefault(value, {})[name] = days
        if not 1 < len(held) <= _MOST_PARTS:
            continue
        for one in shares:
            by_value = {value: days[one.column] for value, days in sorted(held.items()) if one.column in days}
            changes[changes.index(one)] = located(one, part, by_value) or one
        changes = _renamed_in_parts(changes, part, held)
        changes += _of_parts(question, findings, part, held, columns, unnamed=open_still)
    return changes


def _renamed_in_parts(
    changes: Sequence[DataChange], part: str | None, held: Mapping[str, Mapping[str, Days]]
) -> list[DataChange]:
    """Return the changes with the categories that began in one value of a part as renamings, where they are.

    Without a `part` those of all rows, whose days are held under no name: one that was renamed for a week that is no
    window vanished from none.
    """
    new: dict[tuple[str, str], list[DataChange]] = {}
    for one in changes:
        where, value = one.where or (None, "")
        if one.kind == NEW and where == part and one.column in held.get(value, {}):
            new.setdefault((value, one.column), []).append(one)
    rest = [one for one in changes if not any(one in mine for mine in new.values())]
    return [*rest, *(one for (value, name), mine in new.items() for one in renamed_in_part(mine, held[value][name]))]


def _of_parts(
    question: Question,
    findings: dict[str, list[Finding]],
    part: str,
    held: Mapping[str, Mapping[str, Days]],
    columns: Sequence[str],
    *,
    unnamed: Sequence[str],
) -> list[DataChange]:
    """Return the changes that one value of a part has, and no other; of columns with a name only swaps.

    Values that are missing of two swapped columns are those of the other.
    """
    changes = []
    for value, days in sorted(held.items()):
        steps = {name: known for name in columns if name in days and (known := days[name].steps) is not None}
        changes += [
            (value, one)
            for one in _changes(question, findings, steps)
            if one.kind in _IN_PART and (one.kind == SWAPPED or one.column in unnamed)
        ]
    lasts_to = question.seen.last - _WEEK  # a part may end before the log does
    return [
        replace(one, where=(part, value), ongoing=one.ongoing and one.end > lasts_to)
        for value, one in changes
        if not any(
            other.kind == one.kind and other.touches(one.column, one.start, one.end)
            for another, other in changes
            if another != value
        )
    ]


def _named(column: str, found: Sequence[DataChange]) -> bool:
    """Say whether a change of a column is known that can leave no other in some of its rows."""
    return any(column in one.columns and one.kind not in _OF_CATEGORIES for one in found)


def _explained(one: DataChange, found: Sequence[DataChange]) -> bool:
    """Say whether a category began or vanished, or values are missing, as another change of the column has it."""
    return any(_explains(other, one) for other in found if one.column in other.columns)


def _explains(other: DataChange, one: DataChange) -> bool:
    """Say whether what came or went is of swapped columns, of a renamed one, or of one without rows or other values."""
    if one.kind not in {NEW, VANISHED, GONE_MISSING, DEFAULT} or not other.touches(one.column, one.start, one.end):
        return False
    # What vanished is told by windows, which begin and end beside the days of what explains it.
    beside = _WEEK if one.kind == VANISHED else _DAY
    within = other.start - beside <= one.start and one.end <= other.end + beside
    if other.kind == SWAPPED:
        return within and one.where == other.where
    if one.kind != VANISHED or not within:
        return False
    if other.kind in {RENAMED, DEFAULT} and other.before is not None:
        return one.before == other.before and one.where == other.where
    return other.kind in {FROZEN, GONE_MISSING} and other.where is None and other.evidence.get("share", 0.0) >= _EVERY


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
