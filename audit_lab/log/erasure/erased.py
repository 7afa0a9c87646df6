"""Which fields of which rows were erased, for readers: an erased value is null, and not merely missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.files.reading import collect
from audit_lab.log.index.row_reader import stamp_of
from audit_lab.log.index.shelf import derived
from audit_lab.log.segments import ROW, SEGMENT

if TYPE_CHECKING:
    from collections.abc import Collection

    from audit_lab.log.store import LogStore

__all__ = ["erased_fields", "erased_ids", "erased_places"]

_FIELD = "field"
_SCHEMA = {"table": pl.String, SEGMENT: pl.String, ROW: pl.UInt32, _FIELD: pl.String}
_MARK = b'"kind":"erase"'


def erased_fields(store: LogStore, table: str, segment: str, row: int) -> tuple[str, ...]:
    """Return the fields of one row that were erased; none in a log that is not sealed."""
    same = (pl.col("table") == table) & (pl.col(SEGMENT) == segment) & (pl.col(ROW) == row)
    return tuple(_erased(store).filter(same)[_FIELD].unique().sort())


def erased_ids(store: LogStore, table: str, fields: Collection[str]) -> pl.Series:
    """Return the prediction ids of the rows of a table that any of some fields was erased of.

    Raises
    ------
    LogError
        The table, or the log's entries, cannot be read.
    """
    none = pl.Series("prediction_id", [], dtype=pl.String)
    erased = _erased(store)
    if erased.is_empty():  # as in most logs, and then not even an empty frame is searched
        return none
    mine = (pl.col("table") == table) & pl.col(_FIELD).is_in(list(fields))
    places = erased.filter(mine).select(SEGMENT, ROW).unique()
    if places.is_empty():
        return none
    rows = store.placed(table).select("prediction_id", SEGMENT, pl.col(ROW).cast(pl.UInt32))
    found = rows.join(places.lazy(), on=[SEGMENT, ROW], how="semi")
    return collect(found, f"the {table} of {store.location}")["prediction_id"].unique().sort()


def erased_places(store: LogStore, table: str) -> pl.DataFrame:
    """Return the rows of a table that anything was erased of: ``_segment``, ``_row`` and the list ``fields``."""
    mine = _erased(store).filter(pl.col("table") == table).sort(_FIELD)
    return mine.group_by(SEGMENT, ROW).agg(pl.col(_FIELD).unique(maintain_order=True).alias("fields"))


def _erased(store: LogStore) -> pl.DataFrame:
    """Return every erased field: what was erased by now is erased in earlier snapshots too."""
    if store.checkpoint is None:
        return pl.DataFrame(schema=_SCHEMA)
    from audit_lab.log.tree.tree_file import CHECKPOINT_NAME

    stamps = () if store.folder.path is None else (stamp_of(store.folder.path / CHECKPOINT_NAME),)
    return derived(store, "erased fields", (), lambda: _read(store), *stamps)


def _read(store: LogStore) -> pl.DataFrame:
    from audit_lab.log.tree.tree_file import LogTree
    from audit_lab.seal.entry import parse_entry
    from audit_lab.seal.entry_kinds import EraseEntry

    entries = LogTree(store.folder, store.origin).entries()
    erasures = [parse_entry(content) for content in entries if _MARK in content]
    rows = [
        (entry.table, entry.segment, row, field)
        for entry in erasures
        if isinstance(entry, EraseEntry)
        for row in entry.rows
        for field in entry.fields
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row").unique()
