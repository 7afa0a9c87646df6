"""From the spool into the log: each record once, whenever the process before was killed.

A file's records, and the notices between them, are one append, which is sealed wholly or not at all. The log knows the
highest sequence number of every writer; records up to it were sealed by a process that was killed before it could
remove the file. So sealing again adds nothing.

A record that cannot be sealed must not keep others from it. It is found by halves, which are an append each, and kept
aside in the spool; where its inputs alone are what cannot be sealed, the prediction is in the log without them.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.capture.collecting import without_collecting
from audit_lab.capture.recorder.sealing import spool_files
from audit_lab.capture.recorder.spool_file import (
    CLOSED,
    DAMAGED,
    OPEN,
    QUARANTINE,
    RECORDS,
    Damage,
    is_written,
    read_frames,
    read_header,
)
from audit_lab.capture.recorder.spooled_rows import SpooledRows
from audit_lab.errors import StorageError
from audit_lab.log.commitment.column_types import schema_of_document
from audit_lab.log.files.durable import sync_folder, write_bytes
from audit_lab.log.store import open_store
from audit_lab.log.unification import unified_schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from audit_lab.log.writing.writer import LogWriter

__all__ = ["SealedSpool", "adopt", "seal_spool"]

#: What says nothing of the records: it is told, and tried again.
_PASSING = (StorageError, OSError, MemoryError)
_LONGEST_REASON = 500
#: So many records of a file are looked for one by one; each is three appends.
_MOST_SINGLY = 1_000


@dataclass
class SealedSpool:
    """What became of the spool files of one call.

    Attributes
    ----------
    records, repeated
        Records sealed now, and records that an earlier process had sealed.
    missing
        Records that recorders left out, as their notices say.
    quarantined
        Records whose inputs are kept in the spool, because a value fits no column.
    set_aside
        Predictions that are kept in the spool, because they cannot be sealed at all.
    torn_bytes
        Bytes that a crash left at the end of files; no record in them was acknowledged.
    damaged_bytes
        Bytes of files that were changed after they were written: records in them are lost, and the files are kept.
    files
        Files that were sealed and removed.
    """

    records: int = 0
    repeated: int = 0
    missing: int = 0
    quarantined: int = 0
    set_aside: int = 0
    torn_bytes: int = 0
    damaged_bytes: int = 0
    files: int = 0


def adopt(spool: Path) -> None:
    """Hand over the open files of recorders whose process ended without closing them."""
    for path in spool_files(spool, OPEN):
        with suppress(FileNotFoundError):
            if not is_written(path):
                path.rename(path.with_suffix(CLOSED))
                sync_folder(path.parent)


def seal_spool(writer: LogWriter, log: Path, spool: Path) -> Iterator[SealedSpool]:
    """Seal the closed files of a spool, oldest first for each recorder, and yield after each what became of all so far.

    Where a file cannot be sealed, the later ones of its recorder wait for it, and those of others are sealed.

    Parameters
    ----------
    writer
        The log's writer, which has seen the log as it is; nobody else may seal the same spool meanwhile.
    log, spool
        The folders.

    Raises
    ------
    LogError
        A file is no spool file; told when all others are sealed.
    StorageError
        The disk refused.
    """
    done = SealedSpool()
    waiting: dict[Path, Exception] = {}
    for path in spool_files(spool, CLOSED):
        if path.parent in waiting:
            continue
        try:
            with without_collecting():
                _File(writer, log, path, done).seal()
        except _PASSING:
            raise
        except Exception as error:  # noqa: BLE001 (raised below, when it keeps nobody else from being sealed)
            waiting[path.parent] = error
            continue
        done.files += 1
        yield done
    for first in waiting.values():
        raise first


@dataclass
class _File:
    """One closed file, and the log that it is sealed into."""

    writer: LogWriter
    log: Path
    path: Path
    done: SealedSpool
    #: Records that were set aside one by one.
    singly: int = 0

    def seal(self) -> None:
        """Seal what the log does not have of it, and remove it."""
        rows, is_damaged = _unsealed(self.writer, self.path, self.done)
        if rows is not None:
            self._seal_rows(rows)
            self.done.missing += rows.missing
        path = self.path
        if is_damaged:
            path.rename(path.with_suffix(DAMAGED))
        else:
            path.unlink()
        sync_folder(path.parent)
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
            sync_folder(path.parent.parent)

    def _seal_rows(self, rows: SpooledRows) -> None:
        """Seal rows; of those that cannot be sealed together, each half, and so on, while they are few."""
        error = self._refused(rows)
        if error is None:
            self.done.records += len(rows.records)
            self.done.quarantined += len(rows.misfits)
        elif len(rows.records) > 1 and self.singly < _MOST_SINGLY:
            for half in rows.halves():
                self._seal_rows(half)
        elif rows.records:
            self._set_aside(rows, error)
        else:
            raise error

    def _set_aside(self, rows: SpooledRows, error: BaseException) -> None:
        """Keep the records' inputs aside, and if need be all of them; raise where the log takes nothing at all."""
        self.singly += len(rows.records)
        why = f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
        if self._refused(rows.without_inputs(why)) is None:
            self.done.records += len(rows.records)
            self.done.quarantined += len(rows.records)
            return
        _keep(self.path, rows.quarantine(why))
        again = self._refused(rows.without_records(why))
        if again is not None:
            raise again from error
        self.done.set_aside += len(rows.records)

    def _refused(self, rows: SpooledRows) -> BaseException | None:
        """Append rows; return what is wrong with them, or None. What says nothing of them is raised."""
        try:
            self._append(rows)
        except _PASSING:
            raise
        except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 (raised, or told in the log)
            return error
        return None

    def _append(self, rows: SpooledRows) -> None:
        known = self.writer.state.schemas.get(rows.inputs_table, {}).values()
        types = unified_schema(
            rows.inputs_table, [(f"segment {each.segment}", schema_of_document(each.schema)) for each in known]
        )
        tables = rows.tables(types)
        if not rows.records:
            tables = _without_known(self.log, tables)
        if rows.misfits:
            _keep(self.path, rows.quarantine())
        if tables:
            self.writer.append(tables)


def _keep(path: Path, lines: list[str]) -> None:
    """Keep records beside the log, with those that were kept of the same file before."""
    kept = path.with_suffix(QUARANTINE)
    before = kept.read_text("utf-8").splitlines() if kept.exists() else []
    write_bytes(kept, "".join(f"{line}\n" for line in dict.fromkeys([*before, *lines])).encode(), mode=0o600)


def _unsealed(writer: LogWriter, path: Path, done: SealedSpool) -> tuple[SpooledRows | None, bool]:
    """Return what the log does not have of a file, None where there is nothing, and whether the file is damaged."""
    with path.open("rb") as file:
        header = read_header(file, str(path))
        if header is None:
            done.torn_bytes += path.stat().st_size
            return None, False
        highest = writer.state.writers.get(header.writer_id, 0)
        rows, repeated, is_damaged = SpooledRows(header), 0, False
        rows.is_first = highest == 0
        after = highest + 1
        for frame in read_frames(file):
            if isinstance(frame, Damage):
                kind = "torn" if frame.is_torn else "damaged"
                about = {"kind": kind, "at": header.begun, "bytes": frame.size_bytes, "file": path.stem}
                rows.notices.append((after, about))
                is_damaged |= not frame.is_torn
                done.torn_bytes += frame.size_bytes if frame.is_torn else 0
                done.damaged_bytes += 0 if frame.is_torn else frame.size_bytes
                continue
            after = frame.first + (len(frame.items) if frame.kind == RECORDS else 0)
            if frame.kind != RECORDS:
                # What is told before a record that is sealed was sealed with it.
                rows.notices.extend((frame.first, notice) for notice in frame.items if frame.first > highest)
                continue
            before = max(0, min(highest - frame.first + 1, len(frame.items)))
            repeated += before
            rows.add(frame.first + before, frame.items[before:])
    done.repeated += repeated
    # What was sealed of this file was sealed with its notices.
    return (None if repeated and not rows.records else rows), is_damaged


def _without_known(log: Path, tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Leave out events that the log has: where a file has notices alone no sequence number tells."""
    events = tables.get("events")
    if events is None:
        return {}
    stored = open_store(log).table("events") if "events" in open_store(log).source.tables() else None
    if stored is not None:
        wanted = events["event_id"].implode()
        known = stored.filter(pl.col("event_id").is_in(wanted)).select("event_id").collect()["event_id"]
        events = events.filter(~pl.col("event_id").is_in(known.implode()))
    return {"events": events} if events.height else {}
