"""Take over the log of another system: its rows, through a mapping, into a log that is sealed from then on.

What is sealed first is the digest of the list of the source files with their digests, and of the mapping; both are kept
in the new log. So whoever has the source files can check that nothing else was taken over. What happened to them before
is not known, and every report on the new log says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.capture.ingest import IngestReport, ingest_report
from audit_lab.errors import LogError
from audit_lab.log.files.reading import reading
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.foreign.mapped import MappedSource
from audit_lab.log.foreign.mapping import Mapping
from audit_lab.log.index.row_reader import stamp_of
from audit_lab.log.schema import TIME
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.log.tree.tree_file import CHECKPOINT_NAME
from audit_lab.log.writing.arrival import arrival_note
from audit_lab.log.writing.writer import create_log, open_writer
from audit_lab.seal.custody import time_text
from audit_lab.seal.digests import format_manifest, sha256, sha256_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from audit_lab.log.index.row_reader import Stamp
    from audit_lab.log.keys.vault import Vault
    from audit_lab.log.writing.writer import LogWriter

__all__ = ["SOURCE_FILES", "SOURCE_MAPPING", "SealedIngest", "seal_foreign"]

#: Where the new log keeps the list of the source files, as ``sha256sum`` reads it, and the mapping.
SOURCE_FILES, SOURCE_MAPPING = "arrival/files.sha256", "arrival/mapping.toml"

_ROWS_PER_SEGMENT = 262_144
_EVENTS, _KIND = "events", "ingest"


@dataclass(frozen=True)
class SealedIngest:
    """A log of another system that was taken over and sealed.

    Attributes
    ----------
    folder, origin
        The new log and its name.
    sealed_at
        From when on it is sealed.
    source
        What its genesis entry says was there.
    rows
        Table to its rows.
    report
        What came through the mapping, and what did not.
    """

    folder: Path
    origin: str
    sealed_at: str
    source: str
    rows: dict[str, int]
    report: IngestReport


def seal_foreign(
    folder: str | Path,
    mapping: str | Path | Mapping,
    target: str | Path,
    *,
    actor: str,
    vault: Vault | Path | str | None = None,
    passphrase: bytes | str | None = None,
    origin: str | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    progress: Callable[[str, int, int], None] | None = None,
) -> SealedIngest:
    """Take the rows of foreign Parquet files over into a new, sealed log.

    Predictions get two columns more, ``source_file`` and ``source_row``: where each stood. Rows that cannot be mapped
    are counted in an event of kind ``ingest`` and stay in the source. In memory is one segment at a time. Interrupted,
    it can be run again with the same source, mapping and target, and goes on where it was stopped.

    Parameters
    ----------
    folder
        The foreign files.
    mapping
        How they are read, or the mapping's file.
    target
        The new log's folder.
    actor
        Who takes it over; stands in the log's notes.
    vault, passphrase
        As for `audit_lab.log.writing.writer.create_log`.
    origin
        The log's name; the one that the mapping states by default.
    clock
        Gives the present time.
    progress
        Called with a table, and how many of its rows of how many are done.

    Raises
    ------
    MisuseError
        The folder holds no Parquet file, the mapping does not fit, or the name cannot be that of a sealed log.
    LogError
        A file cannot be read or changed meanwhile; the target holds another log.
    StorageError
        The disk refused.
    """
    folder, target = Path(folder), Path(target)
    mapping = mapping if isinstance(mapping, Mapping) else Mapping.read(Path(mapping))
    source = MappedSource(folder, mapping)
    stamps = _stamps(source)
    listed = format_manifest(
        {file.path.relative_to(folder.resolve()).as_posix(): sha256_file(file.path) for file in source.folder.files}
    )
    about = mapping.to_toml().encode()
    stated = f"files sha256:{sha256(listed)} mapping sha256:{sha256(about)}"
    report = ingest_report(folder, mapping)
    name = mapping.origin if origin is None else origin
    writer = _writer(target, mapping, stated, name, actor=actor, vault=vault, passphrase=passphrase, clock=clock)
    genesis = writer.state.genesis
    if genesis is None or genesis.source != stated:
        raise LogError(f"{target} holds another log", "Name another folder, or the files and the mapping it came from.")
    LocalStorage(target).create_all({SOURCE_FILES: listed, SOURCE_MAPPING: about}, replace=True)
    if _EVENTS not in writer.state.segments:
        writer.append({_EVENTS: _event(report, actor, stated, clock())})
    rows = source.tables()
    for table, total in sorted(rows.items()):
        done = sum(sealed.statement.rows for sealed in writer.state.segments.get(table, {}).values())
        for batch in _batches(source, table, done):
            if _stamps(source) != stamps:
                raise _changed(folder, target)
            writer.append({table: batch})
            done += batch.height
            if progress is not None:
                progress(table, done, total)
    if _stamps(source) != stamps:
        raise _changed(folder, target)
    return SealedIngest(target, writer.origin, genesis.sealed_at, stated, rows, report)


def _writer(
    target: Path,
    mapping: Mapping,
    stated: str,
    origin: str,
    *,
    actor: str,
    vault: Vault | Path | str | None,
    passphrase: bytes | str | None,
    clock: Callable[[], datetime],
) -> LogWriter:
    """Begin the new log, or go on with it."""
    if LocalStorage(target).exists(CHECKPOINT_NAME):
        return open_writer(target, vault=vault, passphrase=passphrase, clock=clock)
    now = clock()
    taken = "Taken over from files of another system through a mapping."
    first = iter([now])
    return create_log(
        target,
        origin,
        vault=vault,
        passphrase=passphrase,
        description=mapping.description,
        notes=(taken, *mapping.limits(), arrival_note(time_text(now), actor)),
        source=stated,
        clock=lambda: next(first, None) or clock(),
    )


def _batches(source: MappedSource, table: str, done: int) -> Iterator[pl.DataFrame]:
    """Yield the rows of a table that are not sealed yet, in stored order, one segment at a time."""
    rows = source.scan(table).slice(done)
    places = {SEGMENT: "source_file", ROW: "source_row"}
    rows = rows.rename(places) if table == "predictions" else rows.drop(places)
    waiting: list[pl.DataFrame] = []
    with reading(str(source.folder.path)):
        for batch in rows.collect_batches(chunk_size=_ROWS_PER_SEGMENT, maintain_order=True):
            waiting.append(batch)
            if sum(each.height for each in waiting) >= _ROWS_PER_SEGMENT:
                yield pl.concat(waiting)
                waiting = []
    rest = pl.concat(waiting) if waiting else None
    if rest is not None and rest.height:
        yield rest


def _event(report: IngestReport, actor: str, source: str, now: datetime) -> pl.DataFrame:
    counts = {name: value for name, value in report.to_dict().items() if isinstance(value, int | None)}
    summary = f"{report.rows_kept:,} of {report.rows_read:,} rows taken over, {report.rows_quarantined:,} quarantined"
    return pl.DataFrame(
        {
            "event_id": [f"ingest-{sha256(source.encode())[:16]}"],
            "at": pl.Series([now], dtype=TIME),
            "kind": [_KIND],
            "severity": ["info"],
            "actor": [actor],
            "subject_kind": ["source"],
            "subject": [source],
            "summary": [summary],
            "payload": [json.dumps(counts, sort_keys=True)],
        }
    )


def _stamps(source: MappedSource) -> list[Stamp | None]:
    return [stamp_of(file.path) for file in source.folder.files]


def _changed(folder: Path, target: Path) -> LogError:
    return LogError(
        f"the files of {folder} changed while they were taken over",
        f"Remove {target}, stop whoever writes there, and begin again.",
    )
