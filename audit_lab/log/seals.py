"""The seals of a log: every moment as of which it can be opened, and what each of them added."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.entry import Entry, parse_entry
from audit_lab.seal.entry_kinds import (
    DisposalEntry,
    EraseEntry,
    HoldEntry,
    PauseEntry,
    PlacementEntry,
    ReleaseEntry,
    SegmentEntry,
)
from audit_lab.seal.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from audit_lab.log.store import LogStore

__all__ = ["list_seals"]

_SCHEMA = {"size": pl.Int64, "sealed_at": pl.String, "root": pl.String, "what": pl.String}


def list_seals(store: LogStore) -> pl.DataFrame:
    """Return the seals of a log up to the one that was opened.

    Returns
    -------
    pl.DataFrame
        ``size`` (entries, what `as_of` takes), ``sealed_at`` (UTC, by the writer's clock), ``root`` (hexadecimal) and
        ``what`` was added, oldest first.

    Raises
    ------
    MisuseError
        The log is not sealed.
    LogError
        Its tree cannot be read.
    """
    if store.checkpoint is None:
        raise MisuseError(
            f"the log {store.location} is not sealed, so it has no earlier states",
            f"Seal it from here on: audit-lab seal {store.location}.",
        )
    try:
        return _seals(store, store.checkpoint.encode())
    except MalformedError as error:
        raise LogError(
            f"the tree of {store.location} cannot be read: {error.message}", "Verify it: audit-lab verify."
        ) from error


def _seals(store: LogStore, opened: bytes) -> pl.DataFrame:
    tree = LogTree(store.folder, store.origin)
    last = parse_checkpoint(opened, "the checkpoint that was opened").checkpoint.size
    entries = [parse_entry(content, f"Entry {number}") for number, content in enumerate(tree.entries(0, last))]
    rows, start = [], 0
    for size in range(1, last + 1):
        note = tree.checkpoint_at(size)
        if note is not None:
            root = parse_checkpoint(note, f"The checkpoint of size {size}").checkpoint.root.hex()
            rows.append((size, entries[size - 1].sealed_at, root, "; ".join(_told(entries[start:size]))))
            start = size
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row").with_columns(
        pl.col("sealed_at").str.to_datetime(time_zone="UTC")
    )


def _told(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield what some entries say happened, in few words: rows by table, and each act by its name."""
    added: Counter[str] = Counter()
    erased: Counter[str] = Counter()
    others: dict[str, None] = {}
    for entry in entries:
        if isinstance(entry, SegmentEntry):
            added[entry.table] += entry.rows
        elif isinstance(entry, EraseEntry):
            erased[entry.table] += len(entry.rows)
        elif isinstance(entry, PlacementEntry):
            others |= {f"{entry.table} compacted": None} if entry.reason == "compact" else {}
        elif isinstance(entry, HoldEntry | ReleaseEntry):
            others[f"{entry.kind} {entry.name}"] = None
        elif isinstance(entry, PauseEntry):
            others[f"pause {entry.from_epoch} to {entry.to_epoch}"] = None
        elif isinstance(entry, DisposalEntry):
            others[f"disposal of {len(entry.files)} files"] = None
        else:
            others[entry.kind] = None
    yield from others
    yield from (f"{table} +{rows:,}" for table, rows in added.items())
    yield from (f"{table}: {rows:,} rows erased" for table, rows in erased.items())
