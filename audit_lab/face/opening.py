"""Open a log: cheaply, without ever writing to it, and with a journal where somebody says who asks, and why."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.face.access import Access
from audit_lab.face.audit_log import AuditLog
from audit_lab.log.store import AsOf, LogStore, open_store

if TYPE_CHECKING:
    from collections.abc import Mapping as Options

    from audit_lab.log.foreign.mapping import Mapping
    from audit_lab.log.journal.journal import Journal

__all__ = ["PINS_VARIABLE", "open_log"]

#: Names the folder of the states that logs are kept at while a notebook runs; see `audit_lab.face.pinned`.
PINS_VARIABLE = "AUDIT_LAB_PINNED_LOGS"


def open_log(
    path: str | Path,
    mapping: str | Path | Mapping | None = None,
    *,
    as_of: AsOf = None,
    engine: str = "polars",
    storage_options: Options[str, str] | None = None,
    actor: str | None = None,
    purpose: str | None = None,
    journal: str | Path | None = None,
) -> AuditLog:
    """Open an audit log, or a Parquet folder that someone else wrote, through a mapping. Reads metadata only.

    Parameters
    ----------
    path
        A folder, or ``s3://bucket/prefix``.
    mapping
        By which a folder that another system wrote is read.
    as_of
        Opens the state that a sealed log had at a moment (text or datetime; what states no zone is UTC) or at a tree
        size, as `AuditLog.snapshots` lists them.
    engine
        What runs the questions over whole tables: ``polars``, ``duckdb`` or ``spark``.
    storage_options
        For S3: endpoint, region and keys.
    actor, purpose
        Who asks, and why. With both, every question is written to the journal before its answer is handed out.
    journal
        The journal's file; the default stands in the user's state folder, one for each log.

    Raises
    ------
    MisuseError
        The folder is missing, or is no audit log and no mapping was given; or an actor is given without a purpose, a
        purpose or a journal without an actor; or the journal would lie inside the log.
    LogError
        The manifest or the mapping cannot be read; or, in the run of an export, the log is no longer what it was.
    IntegrityError
        The journal that is there does not hold.
    """
    if (actor is None) != (purpose is None) or (journal is not None and actor is None):
        raise MisuseError(
            "who asks, and why, belong together",
            "Give actor and purpose (--actor and --purpose), or neither: then nothing is written to a journal.",
        )

    def opened(at: AsOf) -> LogStore:
        return open_store(path, mapping, as_of=at, engine=engine, storage_options=storage_options)

    store = opened(as_of)
    if pins := os.environ.get(PINS_VARIABLE):
        from audit_lab.face.pinned import as_pinned

        store = as_pinned(store, as_of, Path(pins), opened)
    if actor is None or purpose is None:
        return AuditLog(store, Access())
    access = Access(_journal(store, actor, purpose, journal))
    chosen = None if engine == "polars" else engine
    with access.asking("open", store.location, mapping=_name(mapping), as_of=as_of, engine=chosen):
        return AuditLog(store, access)


def _journal(store: LogStore, actor: str, purpose: str, journal: str | Path | None) -> Journal:
    from audit_lab.log.journal.journal import Journal, journal_file
    from audit_lab.seal.digests import sha256

    path = journal_file(store.origin) if journal is None else Path(journal)
    folder = store.folder.path
    if folder is not None and path.expanduser().resolve().is_relative_to(folder.resolve()):
        raise MisuseError(
            f"the journal {path} lies inside the log {folder}",
            "Keep it elsewhere: reading never writes to the log under investigation.",
        )
    manifest = store.manifest.sha256 if store.manifest else ""
    snapshot = sha256(store.checkpoint.encode()) if store.checkpoint else manifest
    return Journal(path, actor=actor, purpose=purpose, log=store.origin, snapshot=snapshot)


def _name(mapping: str | Path | Mapping | None) -> str | None:
    return None if mapping is None else str(mapping) if isinstance(mapping, str | Path) else mapping.origin
