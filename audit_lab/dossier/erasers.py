"""Who erased what of a decision's rows, when and why, as the entries of a sealed log say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.files.reading import collect
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.seal.entry import parse_entry
from audit_lab.seal.entry_kinds import EraseEntry

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore
    from audit_lab.replay.reconstruction import Reconstruction

__all__ = ["ERASED", "erasers_of"]

#: The gaps that an erasure leaves.
ERASED = ("erased", "partly-erased", "override-erased")

_MARK = b'"kind":"erase"'


def erasers_of(store: LogStore, parts: Reconstruction) -> tuple[str, ...]:
    """Return who carried out each erasure that took something of a decision, with day and reason, each once.

    Raises
    ------
    LogError
        A table, or the log's entries, cannot be read.
    """
    if store.checkpoint is None or not any(gap.code in ERASED for gap in parts.gaps):
        return ()
    places = {
        (table, segment, row)
        for table in ("predictions", "overrides", f"{INPUTS_PREFIX}{parts.prediction['model_name']}")
        if store.source.tables().get(table)
        for segment, row in _places(store, table, parts.prediction_id)
    }
    found = []
    for content in LogTree(store.folder, store.origin).entries():
        entry = parse_entry(content) if _MARK in content else None
        if isinstance(entry, EraseEntry) and any((entry.table, entry.segment, row) in places for row in entry.rows):
            found.append(f"{entry.actor}, who erased it on {str(entry.sealed_at)[:10]}, by the log: {entry.reason}")
    return tuple(dict.fromkeys(found))


def _places(store: LogStore, table: str, prediction_id: str) -> list[tuple[str, int]]:
    mine = store.placed(table).filter(pl.col("prediction_id") == prediction_id).select(SEGMENT, ROW)
    return [(str(segment), int(row)) for segment, row in collect(mine, f"the {table} of {store.location}").iter_rows()]
