"""Where entries are kept: in a chained journal outside the log, or in the log as events, where that was asked for."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import polars as pl

from audit_lab.errors import MisuseError, StorageError
from audit_lab.log.files.reading import collect
from audit_lab.log.journal.journal import Journal
from audit_lab.log.journal.record import read_journal
from audit_lab.log.keys.vault import state_folder
from audit_lab.log.writing.writer import open_writer
from audit_lab.monitor.alerts.entry import ENTRY_KINDS, JOURNAL, LOG, Entry, entry_of
from audit_lab.seal.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from audit_lab.log.keys.vault import Vault
    from audit_lab.log.store import LogStore

__all__ = ["AlertsJournal", "Keeper", "LogEvents", "alerts_file", "entries_of", "outside"]

_PURPOSE = "alerts of the log"
_EVENTS = "events"
_READ = ("kind", "at", "actor", "payload")
#: An event without a time sorts before all others.
_NO_TIME = datetime(1, 1, 1, tzinfo=UTC)
_UNWRITABLE = ("read-only", "denied")


class Keeper(Protocol):
    """What keeps entries."""

    def keep(self, entries: Sequence[Entry]) -> tuple[str, ...]:
        """Keep entries; they are on disk when this returns. Return sentences on what must be known of it."""
        ...


def alerts_file(origin: str) -> Path:
    """Return where the alerts of a log are kept unless another file is named."""
    name = hashlib.sha256(origin.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return state_folder() / "alerts" / f"{name}.jsonl"


def outside(store: LogStore, path: Path) -> Path:
    """Return the path of an alerts journal, which must lie outside the log.

    Raises
    ------
    MisuseError
        It lies inside.
    """
    folder, resolved = store.folder.path, path.expanduser().resolve()
    if folder is not None and resolved.is_relative_to(folder.resolve()):
        raise MisuseError(
            f"the alerts journal {path} lies inside the log {folder}",
            "Keep it elsewhere: reading never writes to the log under investigation.",
        )
    return resolved


class AlertsJournal:
    """A journal of alerts, in the form of the access journal: each line is bound to the line before by its SHA-256."""

    def __init__(self, path: Path, origin: str) -> None:
        self._path, self._origin = path, origin

    def keep(self, entries: Sequence[Entry]) -> tuple[str, ...]:
        """Append a line for each entry.

        Raises
        ------
        IntegrityError
            The journal that is there does not hold.
        StorageError
            It cannot be written.
        """
        journals: dict[str, Journal] = {}
        for entry in entries:
            if entry.actor not in journals:
                journals[entry.actor] = Journal(self._path, actor=entry.actor, purpose=_PURPOSE, log=self._origin)
            journals[entry.actor].append(entry.kind, entry.text, answer="kept")
        return ()


class LogEvents:
    """The events of a sealed log; where its files cannot be written, the journal is used instead, and it is said."""

    def __init__(
        self, store: LogStore, journal: AlertsJournal, vault: Vault | Path | str | None, passphrase: bytes | str | None
    ) -> None:
        self._store, self._journal, self._vault, self._passphrase = store, journal, vault, passphrase

    def keep(self, entries: Sequence[Entry]) -> tuple[str, ...]:
        """Append an event for each entry, all or none of them.

        Raises
        ------
        MisuseError
            The log is not sealed, or its vault is missing.
        """
        if not entries:
            return ()
        frame = pl.DataFrame([_event(entry) for entry in entries], infer_schema_length=None)
        try:
            with open_writer(self._store.path, vault=self._vault, passphrase=self._passphrase) as writer:
                writer.append({_EVENTS: frame})
        except StorageError as error:
            if error.reason not in _UNWRITABLE:
                raise
            self._journal.keep(entries)
            return (f"The log cannot be written to ({error.message}): kept in the alerts journal instead.",)
        return ()


def entries_of(store: LogStore, path: Path, *, in_log: bool) -> tuple[list[Entry], tuple[str, ...]]:
    """Return what is kept of a log's alerts, and what must be known of it.

    Parameters
    ----------
    store, path
        The log, and its alerts journal.
    in_log
        Whether the log's own events are believed, too. Who could write the log could close its alerts there, so that
        they are believed only where the log is the reader's own.

    Raises
    ------
    IntegrityError
        The journal's chain is broken.
    LogError
        The log's events cannot be read.
    """
    found: list[Entry] = []
    facts: list[str] = []
    if path.is_file():
        strange = 0
        for line in read_journal(path).lines:
            if line.kind not in ENTRY_KINDS or line.log != store.origin:
                strange += line.kind in ENTRY_KINDS
                continue
            found.append(entry_of(line.kind, line.question, datetime.fromisoformat(line.at), line.actor, JOURNAL))
        if strange:
            facts.append(f"{strange} lines of the alerts journal are of other logs, and not counted.")
    events = store.table(_EVENTS).select(_READ).filter(pl.col("kind").is_in(list(ENTRY_KINDS)))
    foreign, held = 0, len(found)
    for kind, at, actor, payload in collect(events, f"the events of {store.location}").iter_rows():
        try:
            entry = entry_of(kind, payload or "", at or _NO_TIME, actor or "not stated", LOG)
        except MalformedError:
            foreign += 1
        else:
            found.append(entry)
    own = len(found) - held
    if own and not in_log:
        found = found[:held]
        facts.append(
            f"{own} alerts, reviews or notifications in the log itself do not count: whoever writes the log could have "
            "written them (--write, or write=True, counts them)."
        )
    if foreign:
        facts.append(f"{foreign} events of the log are called alerts or reviews and were made by something else.")
    return sorted(found, key=lambda entry: entry.at), tuple(facts)


def _event(entry: Entry) -> dict[str, object]:
    return {
        "event_id": entry.event_id,
        "at": entry.at,
        "kind": entry.kind,
        "severity": entry.severity,
        "actor": entry.actor,
        "purpose": _PURPOSE,
        "subject_kind": "alert",
        "subject": ", ".join(entry.alerts[:10]),
        "summary": entry.summary,
        "payload": entry.text,
    }
