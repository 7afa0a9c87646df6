"""From the spool into the log: each record once, whenever the process before was killed.

A file's records, and the notices between them, are one append, which is sealed wholly or not at all. The log knows the
highest sequence number of every writer; records up to it were sealed by a process that was killed before it could
remove the file. So sealing again adds nothing.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.capture.recorder.sealing import spool_files
from audit_lab.capture.recorder.spool_file import CLOSED, OPEN, RECORDS, is_written, read_frames, read_header
from audit_lab.capture.recorder.spooled_rows import SpooledRows
from audit_lab.log.commitment.column_types import schema_of_document
from audit_lab.log.files.durable import sync_folder, write_bytes
from audit_lab.log.store import open_store
from audit_lab.log.unification import unified_schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from audit_lab.log.writing.writer import LogWriter

__all__ = ["QUARANTINE", "SealedSpool", "adopt", "seal_spool"]

#: The end of the name of a file, in a recorder's folder, with records of which a value fits no column of the log.
QUARANTINE = ".quarantine.jsonl"


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
    torn_bytes
        Bytes that a crash left at the end of files; no record in them was acknowledged.
    files
        Files that were sealed and removed.
    """

    records: int = 0
    repeated: int = 0
    missing: int = 0
    quarantined: int = 0
    torn_bytes: int = 0
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

    Parameters
    ----------
    writer
        The log's writer, which has seen the log as it is; nobody else may seal the same spool meanwhile.
    log, spool
        The folders.

    Raises
    ------
    LogError
        A file is no spool file, or a column of the log has another type.
    StorageError
        The disk refused.
    """
    done = SealedSpool()
    for path in spool_files(spool, CLOSED):
        _seal_file(writer, log, path, done)
        done.files += 1
        yield done


def _seal_file(writer: LogWriter, log: Path, path: Path, done: SealedSpool) -> None:
    rows = _unsealed(writer, path, done)
    if rows is not None:
        known = writer.state.schemas.get(rows.inputs_table, {}).values()
        types = unified_schema(
            rows.inputs_table, [(f"segment {each.segment}", schema_of_document(each.schema)) for each in known]
        )
        tables = rows.tables(types)
        if not rows.records:
            tables = _without_known(log, tables)
        if rows.misfits:
            write_bytes(path.with_suffix(QUARANTINE), rows.quarantine(), mode=0o600)
        if tables:
            writer.append(tables)
        done.records += len(rows.records)
        done.quarantined += len(rows.misfits)
        done.missing += rows.missing
    path.unlink()
    sync_folder(path.parent)
    if not any(path.parent.iterdir()):
        path.parent.rmdir()
        sync_folder(path.parent.parent)


def _unsealed(writer: LogWriter, path: Path, done: SealedSpool) -> SpooledRows | None:
    """Read what the log does not have of a file; None where there is nothing."""
    size = path.stat().st_size
    with path.open("rb") as file:
        header = read_header(file, str(path))
        if header is None:
            done.torn_bytes += size
            return None
        highest = writer.state.writers.get(header.writer_id, 0)
        rows, end, repeated = SpooledRows(header), file.tell(), 0
        rows.is_first = highest == 0
        for frame, end in read_frames(file):  # noqa: B007 (where the last one ends)
            if frame.kind != RECORDS:
                rows.notices.extend((frame.first, notice) for notice in frame.items)
                continue
            before = max(0, min(highest - frame.first + 1, len(frame.items)))
            repeated += before
            rows.add(frame.first + before, frame.items[before:])
    if size > end:
        done.torn_bytes += size - end
        after = rows.numbers[-1] + 1 if rows.numbers else highest + 1
        rows.notices.append((after, {"kind": "torn", "at": header.begun, "bytes": size - end, "file": path.stem}))
    done.repeated += repeated
    # What was sealed of this file was sealed with its notices.
    return None if repeated and not rows.records else rows


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
