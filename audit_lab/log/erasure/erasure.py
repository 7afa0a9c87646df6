"""Erasure (GDPR, article 17): the values of a person's rows go, and the log stays as provable as it was.

A file that holds such a row is written again without the values; the rows' field digests stay, and the keys that their
salts followed from are destroyed. All that is sealed in one checkpoint: before it nothing is erased, after it
everything is, and whatever is still lying about then is removed, now or by the next writer. The order, the kept files
and what goes by default are specified in ``docs/formats.md``, "Erasure".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import LogError, MisuseError, NotFoundError
from audit_lab.log.commitment.column_types import schema_document
from audit_lab.log.erasure.erasable import check_fields, erasable_fields
from audit_lab.log.erasure.rows import ErasedRows, read_kept
from audit_lab.log.erasure.search import find_rows, speaking_events, stray_files
from audit_lab.log.files.reading import reading
from audit_lab.log.index.index_file import index_digest, index_files, index_path
from audit_lab.log.writing.holds import hindering_holds
from audit_lab.log.writing.segment_file import parquet_bytes, segment_name
from audit_lab.log.writing.traces import remove_traces
from audit_lab.seal.digests import sha256
from audit_lab.seal.entry_forms import PlacedRows
from audit_lab.seal.entry_kinds import EraseEntry, PlacementEntry
from audit_lab.seal.tiles import LARGEST_ENTRY_BYTES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from audit_lab.log.erasure.search import FoundRows
    from audit_lab.log.index.index_cache import IndexCache
    from audit_lab.log.manifest import Segment
    from audit_lab.log.writing.turn import Turn
    from audit_lab.log.writing.writer import LogWriter
    from audit_lab.seal.entry import Entry

__all__ = ["Erasure", "erase"]

#: A row's number in an entry: ten digits at most, and a comma.
_ROW_BYTES = 11
_DAMAGED = "Verify the log first: an erasure would seal what is there now in place of what was."


@dataclass(frozen=True)
class Erasure:
    """What an erasure did.

    Attributes
    ----------
    rows
        Table to how many of its rows were erased; empty where an earlier erasure was only completed.
    size
        How many entries the log has now.
    remaining
        What could not be erased, a sentence each.
    """

    rows: dict[str, int]
    size: int
    remaining: tuple[str, ...] = ()


def erase(
    writer: LogWriter,
    *,
    actor: str,
    reason: str,
    subject_id: str | None = None,
    prediction_ids: Collection[str] = (),
    fields: Mapping[str, Sequence[str]] | None = None,
    cache: IndexCache | None = None,
) -> Erasure:
    """Erase what a log holds of a subject, or of some predictions, and return when it is sealed and gone.

    Interrupted, it has erased nothing or everything; run again, it completes what is left to do.

    Parameters
    ----------
    writer
        A writer of the log.
    actor, reason
        Who erases and why; sealed in clear, so no person's name belongs there.
    subject_id, prediction_ids
        Whose rows; at least one of the two.
    fields
        Table to the columns that go; only these tables are touched. By default all personal tables, and in each the
        columns of `audit_lab.log.erasure.erasable`.
    cache
        The user's cache of indexes; the usual one by default.

    Raises
    ------
    MisuseError
        A legal hold forbids it; a field cannot be erased; or nobody is named.
    NotFoundError
        The log holds nothing of them that is not erased already.
    LogError
        A file, or a row, is not as it was sealed, or the vault lacks its keys.
    StorageError
        The disk refused; the message says what is in the log.
    """
    if subject_id is None and not prediction_ids:
        raise MisuseError("Nobody is named whose data should go", "Give a subject's id or ids of predictions")
    with writer.turn() as turn:
        completed = remove_traces(turn.storage, turn.state, turn.vault, cache)
        found = find_rows(turn.storage, turn.state, subject_id, prediction_ids)
        _check_allowed(turn, found, subject_id, prediction_ids, fields)
        rewriting = _Rewriting(turn, subject_id, fields, actor, reason)
        for table, files in found.rows.items():
            for path, numbers in files.items():
                rewriting.add(table, turn.state.files[table][path], numbers)
        if not rewriting.rows and not completed:
            raise NotFoundError(
                f"the log {turn.origin} holds nothing to erase of {_named(subject_id, prediction_ids)}",
                "Check the id; what was erased before is not found again.",
            )
        if rewriting.rows:
            turn.seal(rewriting.entries, rewriting.files)
            remove_traces(turn.storage, turn.state, turn.vault, cache)
        remaining = tuple(_remaining(turn, found, subject_id))
        return Erasure(dict(rewriting.rows), turn.state.size, remaining)


def _check_allowed(
    turn: Turn,
    found: FoundRows,
    subject_id: str | None,
    prediction_ids: Collection[str],
    fields: Mapping[str, Sequence[str]] | None,
) -> None:
    subjects = found.subjects | ({subject_id} if subject_id is not None else set())
    holds = hindering_holds(turn.state, turn.vault, subjects, found.prediction_ids | set(prediction_ids))
    if holds:
        raise MisuseError(
            f"A legal hold forbids the erasure: {', '.join(holds)}", "Nothing was erased; have the hold released first"
        )
    for table, asked in (fields or {}).items():
        statements = turn.state.schemas.get(table, {}).values()
        check_fields(table, {name for each in statements for name, _ in each.schema}, asked)


def _named(subject_id: str | None, prediction_ids: Collection[str]) -> str:
    subject = "" if subject_id is None else f"the subject {subject_id[:80]!a}"
    some = ", ".join(f"{each[:80]!a}" for each in sorted(prediction_ids)[:3])
    more = f" and {len(prediction_ids) - 3} more" if len(prediction_ids) > 3 else ""  # noqa: PLR2004
    return " and ".join(part for part in (subject, f"the predictions {some}{more}" if some else "") if part)


def _remaining(turn: Turn, found: FoundRows, subject_id: str | None) -> Iterator[str]:
    events = speaking_events(turn.storage, turn.state, subject_id, found.prediction_ids)
    if events:
        yield f"{events} rows of events speak of them: events are committed whole, and cannot be erased"
    for path in stray_files(turn.storage, turn.state, found, subject_id):
        yield f"the file {path} is no part of the log and may hold rows of them: find out who left it, and remove it"
    if found.shared:
        some = ", ".join(sorted(found.shared)[:3])
        yield (
            f"{len(found.shared)} predictions ({some}) stand under another subject too: that row of theirs stays, "
            "while inputs and outcomes of these ids were erased"
        )


@dataclass
class _Rewriting:
    """The files and entries of one erasure, as they come together."""

    turn: Turn
    subject_id: str | None
    fields: Mapping[str, Sequence[str]] | None
    actor: str
    reason: str
    rows: dict[str, int] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)

    def add(self, table: str, file: Segment, numbers: Sequence[int]) -> None:
        """Add the rewriting of a file without the values of some of its rows, numbered as they stand in it."""
        if self.fields is not None and table not in self.fields:
            return
        content = self.turn.storage.read(file.path)
        if sha256(content) != file.sha256:
            raise LogError(f"the file {file.path} is not the one that was sealed", _DAMAGED)
        with reading(f"the file {file.path}"):
            frame = pl.read_parquet(BytesIO(content))
        parts = list(self._parts(table, file, frame, numbers))
        if not parts:
            return
        kept = [part.keep(frame, self.turn.vault) for part in parts]
        blanked = _blanked(frame, parts)
        for part, after in zip(parts, kept, strict=True):
            part.check(blanked, after, self.turn.storage)
        stem = segment_name(self.turn.now)
        new_sha256 = self._place(table, stem, file, blanked)
        for part, after in zip(parts, kept, strict=True):
            self._record(part, f"{part.statement.segment}.{stem}.kept", after.to_bytes(), (file.sha256, new_sha256))
            self.rows[table] = self.rows.get(table, 0) + len(part.erased)

    def _parts(self, table: str, file: Segment, frame: pl.DataFrame, numbers: Sequence[int]) -> Iterator[ErasedRows]:
        """Yield, for each segment of a file, the rows of which something is left to erase."""
        start = 0
        for hold in file.holds:
            statement = self.turn.state.segments[table][hold.segment].statement
            columns = [name for name, _ in statement.schema]
            goes = erasable_fields(table, columns, None if self.fields is None else self.fields[table])
            earlier = read_kept(self.turn.storage, self.turn.state, statement)
            erased = {}
            for number in numbers:
                if start <= number < start + hold.rows:
                    row = number - start + hold.first_row
                    wanted = {*goes, *self._contesting(table, columns, frame, number)}
                    wanted.difference_update(() if earlier is None else earlier.erased(row))
                    if wanted:
                        erased[row] = tuple(name for name in columns if name in wanted)
            if erased:
                yield ErasedRows(statement, start - hold.first_row, erased, earlier)
            start += hold.rows

    def _contesting(self, table: str, columns: Sequence[str], frame: pl.DataFrame, number: int) -> Sequence[str]:
        """Return the actor of an override where that is the subject, who contested a decision."""
        if self.fields is not None or table != "overrides" or "actor" not in columns or self.subject_id is None:
            return ()
        return ("actor",) if frame["actor"][number] == self.subject_id else ()

    def _place(self, table: str, stem: str, file: Segment, frame: pl.DataFrame) -> str:
        """Add a file that takes the place of another, and return its digest."""
        content = parquet_bytes(table, frame)
        with reading(f"the file {file.path}, rewritten"):
            types = schema_document(pl.scan_parquet(BytesIO(content)).collect_schema())
        if types != schema_document(frame.schema):
            raise LogError(f"the file {file.path} cannot be written again with the same types", "Report this.")
        digest = sha256(content)
        indexes = index_files(table, frame, digest)
        self.files[f"{table}/{stem}.parquet"] = content
        self.files |= {index_path(table, stem, column): index for column, index in indexes.items()}
        self.entries.append(
            PlacementEntry(
                origin=self.turn.origin,
                sealed_at=self.turn.sealed_at,
                table=table,
                file=f"{table}/{stem}.parquet",
                sha256=digest,
                size_bytes=len(content),
                rows=file.rows,
                holds=tuple(PlacedRows(hold.segment, hold.first_row, hold.rows) for hold in file.holds),
                reason="erase",
                replaces=(file.path,),
                index_sha256=index_digest(indexes),
            )
        )
        return digest

    def _record(self, part: ErasedRows, name: str, kept: bytes, digests: tuple[str, str]) -> None:
        """Add the kept file and the erase entries of some rows of one segment: one kind of fields to an entry."""
        statement = part.statement
        path = f"kept/{statement.table}/{name}"
        self.files[path] = kept
        alike: dict[tuple[str, ...], list[int]] = {}
        for row, names in sorted(part.erased.items()):
            alike.setdefault(names, []).append(row)
        for names, rows in alike.items():
            entry = EraseEntry(
                origin=self.turn.origin,
                sealed_at=self.turn.sealed_at,
                table=statement.table,
                segment=statement.segment,
                rows=(0,),
                fields=names,
                reason=self.reason,
                actor=self.actor,
                old_sha256=digests[0],
                new_sha256=digests[1],
                kept=path,
                kept_sha256=sha256(kept),
            )
            step = (LARGEST_ENTRY_BYTES - len(entry.to_bytes())) // _ROW_BYTES
            if step < 1:
                raise MisuseError(
                    f"The fields to erase do not fit into an entry ({len(names)})", "Name fewer at a time"
                )
            self.entries += [replace(entry, rows=tuple(rows[at : at + step])) for at in range(0, len(rows), step)]


def _blanked(frame: pl.DataFrame, parts: Sequence[ErasedRows]) -> pl.DataFrame:
    """Return the rows with null in place of each value that goes."""
    places: dict[str, list[int]] = {}
    for part in parts:
        for row, names in part.erased.items():
            for name in names:
                places.setdefault(name, []).append(part.offset + row)
    blanked = [
        frame[name].to_frame().select(pl.when(~pl.int_range(pl.len()).is_in(rows)).then(pl.nth(0))).to_series()
        for name, rows in places.items()
    ]
    return frame.with_columns(blanked)
