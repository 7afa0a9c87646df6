"""What a writer gets back: what was sealed, and what was noticed about it on the way."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.writing.canonical_rows import canonical_rows, repeated_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from audit_lab.seal.entry_kinds import SegmentEntry

__all__ = ["CLOCK", "Fact", "Receipt", "SealedRows", "clock_fact", "event_rows", "repeated_ids_fact", "sequence_fact"]

#: What `Fact.told_once` says of a clock.
CLOCK = "clock"

#: A clock that stands back by less than this is being adjusted, which clocks are all the time.
_TOLERATED = timedelta(seconds=1)
_MOST_ROWS_NAMED = 20


@dataclass(frozen=True)
class Fact:
    """Something about an append that an investigator must be able to find later; sealed with it as an event.

    Attributes
    ----------
    code
        ``writer.repeated-ids``, ``writer.sequence-repeated`` or ``writer.clock-back``.
    subject
        ``table/segment``, or the log's writer.
    sentence
        What was noticed.
    count
        How many rows, numbers or seconds it concerns.
    details
        What else to know, by name.
    told_once
        What goes on from one append to the next and is told with the first only; None for what happened once.
    """

    code: str
    subject: str
    sentence: str
    count: int
    details: dict[str, object]
    told_once: str | None = None


@dataclass(frozen=True)
class SealedRows:
    """A segment that an append sealed."""

    table: str
    segment: str
    rows: int


@dataclass(frozen=True)
class Receipt:
    """What is in the log, and on the disk, when an append returns.

    Attributes
    ----------
    size, root
        The log tree after the append (entries, and the root in hexadecimal).
    sealed_at
        When it was sealed, by the writer's clock; never before what was sealed last.
    segments
        The segments, one for each table; a table ``events`` that nobody gave holds the facts.
    facts
        What was noticed.
    """

    size: int
    root: str
    sealed_at: str
    segments: tuple[SealedRows, ...]
    facts: tuple[Fact, ...] = ()


def repeated_ids_fact(table: str, segment: str, frame: pl.DataFrame) -> Fact | None:
    """Return the fact that rows repeat the key of an earlier row of the same append."""
    rows = repeated_rows(table, frame)
    if rows.is_empty():
        return None
    return Fact(
        "writer.repeated-ids",
        f"{table}/{segment}",
        f"{rows.len()} of {frame.height} rows repeat an id of an earlier row of the same append; all are kept",
        rows.len(),
        {"rows": rows.head(_MOST_ROWS_NAMED).to_list()},
    )


def sequence_fact(statement: SegmentEntry, highest: int | None) -> Fact | None:
    """Return the fact that sequence numbers begin at or below one that the same writer used before."""
    first = statement.first_sequence
    if highest is None or first is None or first > highest:
        return None
    return Fact(
        "writer.sequence-repeated",
        f"{statement.table}/{statement.segment}",
        f"the writer {statement.writer_id[:80]} numbers from {first}, and had got to {highest}: "
        "two writers may share one id, or a writer began anew",
        1,
        {"first": str(first), "highest": str(highest)},
        f"sequence of {statement.writer_id}",
    )


def clock_fact(behind: timedelta, writer_id: str, sealed_at: str) -> Fact | None:
    """Return the fact that the clock stands before what was sealed last; None for less than a second."""
    if behind < _TOLERATED:
        return None
    seconds = behind.total_seconds()
    return Fact(
        "writer.clock-back",
        writer_id,
        f"the writer's clock stands {seconds:.3f} s before what was sealed last; the seal is dated {sealed_at} instead",
        round(seconds),
        {"seconds": f"{seconds:.6f}"},
        CLOCK,
    )


def event_rows(facts: Iterable[Fact], writer_id: str, now: datetime) -> pl.DataFrame:
    """Return facts as rows of the table ``events``."""
    rows: Sequence[dict[str, object]] = [
        {
            "event_id": str(uuid.uuid4()),
            "at": now,
            "recorded_at": now,
            "kind": fact.code,
            "severity": "warning",
            "actor": writer_id,
            "subject_kind": "segment" if "/" in fact.subject else "writer",
            "subject": fact.subject,
            "summary": fact.sentence,
            "payload": json.dumps({"count": fact.count, **fact.details}, sort_keys=True),
        }
        for fact in facts
    ]
    return canonical_rows("events", pl.DataFrame(rows), now)
