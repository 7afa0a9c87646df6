"""What tests of the writing side share: a vault in memory, small rows, and a check of everything that a log states.

The check is written apart from `audit_lab.log.integrity`, on what the writer promises: the newest checkpoint holds, its
entries fold, every file that they name is there and is what they say, and nothing acknowledged is missing.
"""

from __future__ import annotations

import hashlib
import io
import os
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.index.index_file import index_digest, index_path, indexed_columns
from audit_lab.log.manifest import parse_manifest
from audit_lab.log.tree.state import LogState, manifest_bytes
from audit_lab.log.tree.tree_file import LogTree, checkpoint_path
from audit_lab.log.writing.writer import LogWriter
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.entry import parse_entry
from audit_lab.seal.entry_kinds import PlacementEntry
from audit_lab.seal.keys import SigningKey

if TYPE_CHECKING:
    from collections.abc import Iterable

    from audit_lab.log.files.storage import Storage
    from audit_lab.log.writing.receipt import Receipt

ORIGIN = "demonstration-tests"
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class MemoryVault:
    """The part of a vault that a writer uses, without files; it keeps all that it gave, whatever happens to the log."""

    def __init__(self) -> None:
        self._key = SigningKey.generate(ORIGIN)
        self._row_keys: dict[tuple[str, str], bytes] = {}

    def first_key(self) -> SigningKey:
        return self._key

    def signing_key(self, public: object) -> SigningKey:
        assert self._key.public == public
        return self._key

    def has_prepared_key(self) -> bool:
        return False

    def new_row_keys(self, table: str, segment: str, rows: int) -> bytes:
        keys = self._row_keys[table, segment] = os.urandom(32 * rows)
        return keys

    def row_keys(self, table: str, segment: str) -> bytes | None:
        return self._row_keys.get((table, segment))


class Clock:
    """A clock that a test sets; each look at it moves it on by a millisecond."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


def begun(storage: Storage, vault: MemoryVault, clock: Clock | None = None) -> LogWriter:
    writer = LogWriter(storage, vault, ORIGIN, writer_id="tests", clock=clock or Clock())
    writer.begin(description="A log of tests", notes=("Invented.",))
    return writer


def resumed(storage: Storage, vault: MemoryVault, clock: Clock | None = None) -> LogWriter:
    writer = LogWriter(storage, vault, ORIGIN, writer_id="tests", clock=clock or Clock())
    writer.resume()
    return writer


def predictions(*ids: str, at: datetime = START, **columns: object) -> pl.DataFrame:
    return pl.DataFrame({"prediction_id": list(ids), "occurred_at": [at] * len(ids), **columns})


def events(*ids: str) -> pl.DataFrame:
    return pl.DataFrame({"event_id": list(ids), "at": [START] * len(ids)})


class BrokenLogError(AssertionError):
    """A log that is not what it says; never an error of the code under test."""


def check_log(storage: Storage, receipts: Iterable[Receipt] = ()) -> LogState:
    """Check a stored log from nothing, and that it holds what the receipts acknowledge.

    Raises
    ------
    BrokenLogError, AuditLabError
        It does not hold; every test treats them alike.
    """
    tree = LogTree(storage, ORIGIN)
    _need(tree.size > 0, "the log is lost: it has no checkpoint")
    state = _folded(tuple(tree.entries()))
    tree.check(tree.entries())
    keys = [key.key for key in state.keys if key.covers(tree.size)]
    parse_checkpoint(tree.note).check_signature(keys[0])
    _need(storage.exists(checkpoint_path(tree.size)), "the newest checkpoint is not kept")
    _need(storage.read(checkpoint_path(tree.size)) == tree.note, "the newest checkpoint is kept otherwise")
    for table, files in state.files.items():
        for file in files.values():
            _check_file(storage, table, file.path, file.sha256, _placements(tuple(tree.entries()))[file.path])
    for table, segments in state.segments.items():
        for name, sealed in segments.items():
            _check_content(storage, f"{table}/{name}.leaves", sealed.statement.leaves_sha256)
    receipts = list(receipts)
    _need(not receipts or storage.exists("manifest.json"), "the manifest is lost")
    _check_manifest(storage, tree, state)
    for receipt in receipts:
        _need(receipt.size <= tree.size, f"the log of {tree.size} entries lost some of {receipt.size}")
        _need(tree.root_at(receipt.size).hex() == receipt.root, "the acknowledged entries are others")
        for each in receipt.segments:
            _need(each.segment in state.segments.get(each.table, {}), f"{each.table}/{each.segment} is lost")
    return state


def stored_ids(storage: Storage, state: LogState, table: str = "predictions") -> list[str]:
    """Return the ids of a table, in the order in which they were sealed."""
    key = "event_id" if table == "events" else "prediction_id"
    rows = []
    for path, file in state.files.get(table, {}).items():
        frame = pl.read_parquet(io.BytesIO(storage.read(path)))
        if "_segment" not in frame.columns:
            frame = frame.with_columns(pl.lit(file.holds[0].segment).alias("_segment")).with_row_index("_row")
        order = pl.Series([state.segments[table][name].index for name in frame["_segment"]], dtype=pl.Int64)
        rows.append(frame.select(pl.col(key).alias("id"), order.alias("order"), pl.col("_row").cast(pl.UInt32)))
    return pl.concat(rows).sort("order", "_row")["id"].to_list() if rows else []


@lru_cache(64)
def _folded(entries: tuple[bytes, ...]) -> LogState:
    return LogState.fold(entries)


@lru_cache(64)
def _placements(entries: tuple[bytes, ...]) -> dict[str, PlacementEntry]:
    parsed = (parse_entry(content) for content in entries)
    return {entry.file: entry for entry in parsed if isinstance(entry, PlacementEntry)}


def _check_file(storage: Storage, table: str, path: str, sha256: str, placement: PlacementEntry) -> None:
    _check_content(storage, path, sha256)
    stem = path.rpartition("/")[2].removesuffix(".parquet")
    paths = {column: index_path(table, stem, column) for column in indexed_columns(table)}
    indexes = {column: storage.read(each) for column, each in paths.items() if storage.exists(each)}
    _need(index_digest(indexes) == placement.index_sha256, f"the indexes of {path} are not those that were sealed")


def _check_content(storage: Storage, path: str, sha256: str) -> None:
    _need(storage.exists(path), f"{path} is missing")
    _need(hashlib.sha256(storage.read(path)).hexdigest() == sha256, f"{path} is changed")


def _check_manifest(storage: Storage, tree: LogTree, state: LogState) -> None:
    """A manifest may lag behind, or be missing while a log is begun; it is never torn, and never ahead."""
    if not storage.exists("manifest.json"):
        return
    content = storage.read("manifest.json")
    manifest = parse_manifest(content, "manifest.json")
    _need(manifest.tree_size <= tree.size, "the manifest is ahead of the checkpoint")
    if manifest.tree_size == tree.size:
        _need(content == manifest_bytes(state, tree.root), "the manifest is not that of the entries")
    else:
        _need(manifest.tree_root == tree.root_at(manifest.tree_size).hex(), "the manifest is of another log")


def _need(holds: bool, what: str) -> None:  # noqa: FBT001
    if not holds:
        raise BrokenLogError(what)
