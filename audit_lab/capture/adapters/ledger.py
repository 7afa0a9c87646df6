"""What a log says of the parts that were taken over: events that were sealed in one append with the rows of each part.

So what was taken over and what is said to have been cannot come apart: a process that is killed leaves both or neither.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from operator import index
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import LogError
from audit_lab.log.files.reading import collect
from audit_lab.log.schema import TIME
from audit_lab.log.store import open_store
from audit_lab.log.taken_over import PART_EVENT
from audit_lab.seal.digests import sha256

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from audit_lab.capture.adapters.source import SourceFile

__all__ = ["FilePart", "Ledger", "PlanPart", "part_event", "read_ledger"]


@dataclass
class FilePart:
    """What a part holds of one file.

    Attributes
    ----------
    file
        The file.
    start, next_start
        Where the part begins in it and where the next one does, as `Form.read` counts.
    is_whole
        Whether nothing of the file is left behind this part.
    counts
        What was counted of its records, by name.
    pending
        Records before `next_start` that are still to be taken: they wait for their other side.
    unread
        Where in the file stands what nobody can read or count: from a byte to before another, None where that is not
        known.
    """

    file: SourceFile
    start: int = 0
    next_start: int = 0
    is_whole: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    pending: tuple[int, ...] = ()
    unread: list[tuple[int, int | None]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return what the event says."""
        said = {"sha256": self.file.sha256, "name": self.file.name, "size_bytes": self.file.size_bytes}
        place = {"start": self.start, "next_start": self.next_start, "is_whole": self.is_whole}
        waits = {"pending": list(self.pending)} if self.pending else {}
        return {
            **said,
            **place,
            **waits,
            **({"unread": sorted(self.unread, key=_first)} if self.unread else {}),
            "counts": {name: count for name, count in sorted(self.counts.items()) if count},
        }


def _first(span: tuple[int, int | None]) -> int:
    return span[0]


@dataclass(frozen=True)
class PlanPart:
    """Of files that are paired with each other: which they are together, and which part of how many this is."""

    plan: str
    part: int
    parts: int


@dataclass
class _FileState:
    start: int = 0
    is_whole: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    pending: tuple[int, ...] = ()
    unread: list[tuple[int, int | None]] = field(default_factory=list)


@dataclass
class Ledger:
    """What a log says that it has.

    Attributes
    ----------
    files
        Digest of a file to how far it was read, whether it was to its end, and what was counted.
    plans
        Files that were paired with each other: name of the plan to the parts that are there.
    quarantine
        Names of the files of the quarantine.
    """

    files: dict[str, _FileState] = field(default_factory=dict)
    plans: dict[str, set[int]] = field(default_factory=dict)
    quarantine: list[str] = field(default_factory=list)
    _plan_files: dict[str, tuple[int, list[str]]] = field(default_factory=dict)

    def is_done(self, file: SourceFile) -> bool:
        """Whether a file was taken over to its end, whatever it was called."""
        state = self.files.get(file.sha256)
        return state is not None and state.is_whole

    def start(self, file: SourceFile) -> int:
        """Return where to go on in a file."""
        state = self.files.get(file.sha256)
        return 0 if state is None else state.start

    def pending(self, file: SourceFile) -> tuple[int, ...]:
        """Return the records before `start` that are still to be taken."""
        state = self.files.get(file.sha256)
        return () if state is None else state.pending

    def counts(self, file: SourceFile) -> Counter[str]:
        """Return what was counted of a file's records."""
        state = self.files.get(file.sha256)
        return Counter() if state is None else state.counts

    def unread(self, file: SourceFile) -> list[tuple[int, int | None]]:
        """Return where in a file stands what nobody can read or count, in order."""
        state = self.files.get(file.sha256)
        return [] if state is None else sorted(state.unread, key=_first)

    def unfinished(self) -> dict[str, tuple[int, list[str]]]:
        """Return plans of which parts are missing: name to how many parts there are and the digests of their files."""
        return {
            plan: (parts, files) for plan, (parts, files) in self._plan_files.items() if len(self.plans[plan]) < parts
        }

    def take(self, payload: dict[str, Any]) -> None:
        """Add what an event says; one that no part has raises KeyError, TypeError or AttributeError."""
        plan = payload.get("plan")
        if plan is not None:
            there = self.plans.setdefault(plan, set())
            there.add(payload["part"])
            self._plan_files[plan] = (payload["parts"], [each["sha256"] for each in payload["files"]])
        for each in payload["files"]:
            state = self.files.setdefault(each["sha256"], _FileState())
            state.counts.update({name: index(count) for name, count in each["counts"].items()})
            for first, stop in each.get("unread", ()):
                state.unread.append((index(first), None if stop is None else index(stop)))
            if plan is None:
                state.start = max(state.start, index(each["next_start"]))
                state.pending = tuple(index(one) for one in each.get("pending", ()))
                state.is_whole |= each["is_whole"]
            else:
                state.is_whole |= len(self.plans[plan]) == payload["parts"]
        if payload.get("quarantine"):
            self.quarantine.append(payload["quarantine"]["file"])


def read_ledger(log: Path) -> Ledger:
    """Return what a log says that was taken over into it.

    Raises
    ------
    LogError
        An event of it says something that no part has.
    """
    ledger, store = Ledger(), open_store(log)
    if not store.source.tables().get("events"):
        return ledger
    events = store.table("events").filter(pl.col("kind") == PART_EVENT).select("payload")
    for payload in collect(events, f"the events of {log}")["payload"].to_list():
        try:
            ledger.take(json.loads(payload))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise LogError(
                f"an event {PART_EVENT} of {log} is not what is written with a part ({type(error).__name__})",
                "Take the files over into another log; this one cannot say what it has.",
            ) from error
    return ledger


def part_event(payload: dict[str, Any], *, source: str, actor: str | None, summary: str, now: datetime) -> pl.DataFrame:
    """Return the event that stands beside the rows of a part."""
    text = json.dumps(payload, sort_keys=True)
    said = [payload.get("plan"), payload.get("part"), [(each["sha256"], each["start"]) for each in payload["files"]]]
    return pl.DataFrame(
        {
            "event_id": [f"{PART_EVENT}-{sha256(json.dumps(said).encode())[:16]}"],
            "at": pl.Series([now], dtype=TIME),
            "kind": [PART_EVENT],
            "severity": ["warning" if payload.get("quarantine") else "info"],
            "actor": pl.Series([actor], dtype=pl.String),
            "subject_kind": ["source"],
            "subject": [source],
            "summary": [summary],
            "payload": [text],
        }
    )
