"""Append to a sealed log: what `LogWriter.append` returned from is on the disk, under a signed checkpoint."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.log.commitment.column_types import schema_of_document
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.files.write import MANIFEST_NAME
from audit_lab.log.keys.vault import Vault
from audit_lab.log.time_anchors.remembered import Remembered
from audit_lab.log.tree.tree_file import CHECKPOINT_NAME, LogTree
from audit_lab.log.unification import unified_schema
from audit_lab.log.writing.canonical_rows import canonical_rows
from audit_lab.log.writing.compaction import Compaction, compact, remove_replaced
from audit_lab.log.writing.new_rows import NewRows
from audit_lab.log.writing.receipt import (
    CLOCK,
    Receipt,
    SealedRows,
    clock_fact,
    event_rows,
    sequence_fact,
)
from audit_lab.log.writing.turn import Turns
from audit_lab.seal.custody import time_text
from audit_lab.seal.entry_kinds import GenesisEntry, HeartbeatEntry
from audit_lab.seal.keys import check_key_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Self

    import polars as pl

    from audit_lab.log.files.storage import Storage
    from audit_lab.log.tree.state import LogState
    from audit_lab.log.writing.receipt import Fact
    from audit_lab.log.writing.segment_file import NewSegment
    from audit_lab.log.writing.turn import Turn
    from audit_lab.seal.entry import Entry
    from audit_lab.seal.keys import SigningKey

__all__ = ["LogWriter", "create_log", "open_writer"]

_EVENTS = "events"
#: The vault's folder of remembered checkpoints.
_MEMORY = "seen"
_DECLARED_TOLERANCE = "0.000001"


def create_log(
    folder: str | Path,
    origin: str,
    *,
    vault: Vault | str | Path | None = None,
    passphrase: bytes | str | None = None,
    key: SigningKey | None = None,
    description: str = "",
    notes: Sequence[str] = (),
    tolerance: str = _DECLARED_TOLERANCE,
    source: str = "",
    first: Callable[[str], Iterable[Entry]] | None = None,
    writer_id: str | None = None,
    clock: Callable[[], datetime] | None = None,
) -> LogWriter:
    """Begin a sealed log, and return the writer to append to it with.

    Parameters
    ----------
    folder
        The log's folder; made when missing. What else lies in it stays, and is no part of the log.
    origin
        The log's name, which its keys bear: letters, digits and ``. _ @ / -``.
    vault
        The log's secrets, or the folder to keep them in, which must lie outside the log; by default one in the user's
        state folder.
    passphrase, key
        As for `Vault.create`.
    description, notes, tolerance, source, first
        As for `LogWriter.begin`.
    writer_id, clock
        As for `LogWriter`.

    Raises
    ------
    MisuseError
        There is a log already, or the origin or the vault cannot serve.
    StorageError
        The folder cannot be written to.
    """
    check_key_name(origin)
    place = Path(folder)
    storage = LocalStorage(place)
    if storage.exists(CHECKPOINT_NAME):
        raise MisuseError(f"{folder} is a sealed log already", "Open it with `open_writer`, or name another folder.")
    if storage.exists(MANIFEST_NAME) and not source:
        raise MisuseError(f"{folder} holds a log that is not sealed", "Seal that on arrival, or name another folder.")
    if not isinstance(vault, Vault):
        kept = None if vault is None else Path(vault)
        vault = Vault.create(origin, kept, passphrase=passphrase, log=place, key=key)
    writer = LogWriter(storage, vault, origin, writer_id=writer_id, clock=clock, memory=_memory(vault))
    writer.begin(description=description, notes=notes, tolerance=tolerance, source=source, first=first)
    return writer


def open_writer(
    folder: str | Path,
    *,
    vault: Vault | str | Path | None = None,
    passphrase: bytes | str | None = None,
    writer_id: str | None = None,
    clock: Callable[[], datetime] | None = None,
) -> LogWriter:
    """Return a writer to append to a sealed log with; several processes may have one at the same time.

    Parameters
    ----------
    folder
        The log's folder.
    vault
        The log's secrets, or the folder that they are in; by default the one in the user's state folder.
    passphrase
        As for `Vault`.
    writer_id, clock
        As for `LogWriter`.

    Raises
    ------
    MisuseError
        The folder is no sealed log, or the vault is not this log's.
    LogError
        The log contradicts itself.
    StorageError
        The folder cannot be written to.
    """
    place = Path(folder)
    storage = LocalStorage(place)
    if not storage.exists(CHECKPOINT_NAME):
        raise MisuseError(f"{folder} is not a sealed log: it has no checkpoint", "Begin one with `create_log`.")
    origin = LogTree(storage).origin
    if not isinstance(vault, Vault):
        vault = Vault.open(origin, None if vault is None else Path(vault), passphrase=passphrase, log=place)
    writer = LogWriter(storage, vault, origin, writer_id=writer_id, clock=clock, memory=_memory(vault))
    writer.resume()
    return writer


class LogWriter:
    """Appends to one sealed log. Made by `create_log` and `open_writer`; not to be shared by threads.

    Parameters
    ----------
    storage, vault
        The log's files and its secrets.
    origin
        The log's name.
    writer_id
        What statements say of who wrote, where the rows do not say it; by default host and process.
    clock
        Gives the present time, with its zone.
    memory
        Where checkpoints of earlier writers are remembered: a log that was cut back or replaced between two writers is
        not appended to. None remembers nothing beyond this writer.
    """

    def __init__(
        self,
        storage: Storage,
        vault: Vault,
        origin: str,
        *,
        writer_id: str | None = None,
        clock: Callable[[], datetime] | None = None,
        memory: Remembered | None = None,
    ) -> None:
        self.origin = origin
        self.writer_id = writer_id or f"{socket.gethostname()}:{os.getpid()}"
        self._storage = storage
        self._vault = vault
        self._clock = clock or (lambda: datetime.now(UTC))
        self._memory = memory
        #: What goes on and was told: a clock until it has caught up, writers that number anew.
        self._told: set[str] = set()
        self._turns = Turns(storage, vault, origin, self._clock)

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the writer."""
        self.close()

    @property
    def state(self) -> LogState:
        """The log's state when this writer last looked; to be read only."""
        return self._turns.state

    @property
    def size(self) -> int:
        """How many entries the log had when this writer last looked."""
        return self._turns.seen.size

    @property
    def root(self) -> str:
        """The root of these entries, in hexadecimal."""
        return self._turns.seen.root.hex()

    def begin(
        self,
        *,
        description: str = "",
        notes: Sequence[str] = (),
        tolerance: str = _DECLARED_TOLERANCE,
        source: str = "",
        first: Callable[[str], Iterable[Entry]] | None = None,
    ) -> None:
        """Seal the first entry of a new log.

        Parameters
        ----------
        description, notes
            What the log is, and sentences that every reader must know.
        tolerance
            How far a replayed score may be from the recorded one, declared before any decision; decimal text.
        source
            For a log that is sealed on arrival: what was there before (digests of its files). Empty for a new log.
        first
            Gives further entries for the same checkpoint, from the time that they must be dated.

        Raises
        ------
        LogError
            The log was begun already.
        """
        signer = self._vault.first_key()
        sealed_at = time_text(self._clock())
        genesis = GenesisEntry(
            origin=self.origin,
            sealed_at=sealed_at,
            log_key=signer.public,
            schema_version=2,
            sealed_from="arrival" if source else "creation",
            source=source,
            description=description,
            notes=tuple(notes),
            tolerance=tolerance,
        )
        self._turns.begin([genesis, *(first(sealed_at) if first else ())], signer)

    def resume(self) -> None:
        """Catch up with the log, and remove what writers left aside that were stopped.

        Raises
        ------
        LogError
            The log contradicts itself, or is not a continuation of what an earlier writer saw.
        StorageError
            The folder cannot be written to.
        """
        self._turns.resume(self._memory)

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """Take a turn at the log: for whatever is sealed besides rows.

        Raises
        ------
        LogError
            The log is not a continuation of what this writer saw before.
        StorageError
            The lock was held for a minute, or the disk refused.
        """
        with self._turns.take() as turn:
            yield turn

    def append(self, tables: Mapping[str, pl.DataFrame]) -> Receipt:
        """Append rows to some tables, all or none of them, and return when they are sealed and on the disk.

        Parameters
        ----------
        tables
            Canonical table, or ``inputs/<model>``, to rows (see `canonical_rows` for what is added and refused). A
            table without rows is sealed too: it tells the columns.

        Returns
        -------
        Receipt
            What was sealed, and what was noticed: repeated ids, sequence numbers that go back, a clock that goes back.
            Each of these is sealed as an event beside the rows.

        Raises
        ------
        MisuseError
            Rows cannot be stored as they are; nothing of the append is in the log.
        LogError
            A column has another type than it had before.
        StorageError
            The disk refused; the message says what is in the log.
        """
        if not tables:
            raise MisuseError("there is no table to append", "Give at least one, with or without rows.")
        rows = self._rows(tables)
        with self.turn() as turn:
            return self._seal(turn, *rows)

    def append_from(self, make: Callable[[], Mapping[str, pl.DataFrame]]) -> Receipt | None:
        """Append what `make` finds the log to lack: nobody else appends meanwhile; None where it returns no table."""
        with self.turn() as turn:
            tables = make()
            return self._seal(turn, *self._rows(tables)) if tables else None

    def _rows(self, tables: Mapping[str, pl.DataFrame]) -> tuple[dict[str, pl.Schema], list[NewSegment], list[Fact]]:
        """Return the columns of tables, their segments, and which ids are repeated in them."""
        now = self._clock()
        frames = {table: canonical_rows(table, tables[table], now) for table in sorted(tables)}
        schemas = {table: frame.schema for table, frame in frames.items()}
        self._check_schemas(self._turns.state, schemas)
        return schemas, *self._new_rows(now).segments(frames)

    def _seal(
        self, turn: Turn, schemas: Mapping[str, pl.Schema], made: list[NewSegment], repeated: Sequence[Fact]
    ) -> Receipt:
        """Seal segments in a turn, and what is noticed of them beside."""
        self._check_schemas(turn.state, schemas)
        clock = clock_fact(turn.clock_behind, self.writer_id, turn.sealed_at)
        writers = turn.state.writers
        going_on = [clock, *(sequence_fact(each.statement, writers.get(each.statement.writer_id)) for each in made)]
        noticed = tuple(
            fact for fact in (*repeated, *going_on) if fact is not None and fact.told_once not in self._told
        )
        if noticed:
            events = event_rows(noticed, self.writer_id, turn.now)
            made.append(self._new_rows(turn.now).segment(_EVENTS, events))
        files = {path: content for each in made for path, content in each.files.items()}
        turn.seal([dated for each in made for dated in _dated(each, turn.sealed_at)], files)
        self._told |= {fact.told_once for fact in noticed if fact.told_once is not None}
        if clock is None:
            self._told.discard(CLOCK)
        return self._receipt(turn.sealed_at, made, noticed)

    def heartbeat(self) -> Receipt:
        """Seal that nothing happened."""
        with self.turn() as turn:
            turn.seal([HeartbeatEntry(origin=self.origin, sealed_at=turn.sealed_at)])
            return self._receipt(turn.sealed_at)

    def compact(self) -> tuple[Compaction, ...]:
        """Merge runs of small files; see `audit_lab.log.writing.compaction.compact`."""
        return compact(self)

    def remove_replaced(self, older_than: timedelta, *, actor: str) -> tuple[str, ...]:
        """Remove files that were replaced a while ago; see `audit_lab.log.writing.compaction.remove_replaced`."""
        return remove_replaced(self, older_than=older_than, actor=actor)

    def close(self) -> None:
        """End writing: remember what the log was. Everything that was acknowledged is on the disk already.

        Raises
        ------
        MisuseError
            It cannot be remembered, because the vault cannot be written to.
        """
        if self._memory is not None and self.state.genesis is not None:
            self._memory.keep(self.state.genesis.log_key, self._turns.note)

    def _receipt(self, sealed_at: str, made: Sequence[NewSegment] = (), facts: tuple[Fact, ...] = ()) -> Receipt:
        statements = [each.statement for each in made]
        segments = tuple(SealedRows(each.table, each.segment, each.rows) for each in statements)
        return Receipt(self._turns.seen.size, self._turns.seen.root.hex(), sealed_at, segments, facts)

    def _new_rows(self, now: datetime) -> NewRows:
        return NewRows(self._vault, self.origin, self.writer_id, now)

    def _check_schemas(self, state: LogState, schemas: Mapping[str, pl.Schema]) -> None:
        for table, schema in schemas.items():
            known = state.schemas.get(table, {}).values()
            before = [(f"segment {each.segment}", schema_of_document(each.schema)) for each in known]
            unified_schema(table, [*before, ("the new rows", schema)])


def _memory(vault: Vault) -> Remembered:
    return Remembered(vault.folder / _MEMORY)


def _dated(segment: NewSegment, sealed_at: str) -> tuple[Entry, Entry]:
    return replace(segment.statement, sealed_at=sealed_at), replace(segment.placement, sealed_at=sealed_at)
