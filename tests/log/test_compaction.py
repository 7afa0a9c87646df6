"""Compaction: fewer files, the same rows at the same places, and every older proof still holds."""

from __future__ import annotations

import io
import math
import struct
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from audit_lab.errors import LogError
from audit_lab.log.commitment.levels import row_path
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.tree.state import LogState
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.log.writing.compaction import _is_same, compact, remove_replaced
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.merkle import (
    check_consistency,
    check_inclusion,
    consistency_path,
    inclusion_path,
    leaf_hash,
)

FOLDER = Path("/disk/log")


@pytest.fixture
def log(simulated, sealed):
    """Return the storage and the writer of a log with three segments of predictions and one event."""
    storage = LocalStorage(FOLDER, simulated.SimulatedDisk({"/disk/": b""}))
    writer = sealed.begun(storage, sealed.MemoryVault())
    for names in (("a", "b"), ("c",), ("d", "e")):
        writer.append({"predictions": sealed.predictions(*names)})
    writer.append({"events": sealed.events("e1")})
    return storage, writer


def parquet(storage, path):
    return pl.read_parquet(io.BytesIO(storage.read(path)))


def test_small_files_become_one_with_the_place_of_each_row(sealed, log):
    storage, writer = log
    names = list(writer.state.segments["predictions"])
    before = list(writer.state.files["predictions"])
    (done,) = compact(writer)
    assert (done.table, done.rows, done.replaces) == ("predictions", 5, tuple(sorted(before)))
    state = sealed.check_log(storage)
    assert list(state.files["predictions"]) == [done.file]
    rows = parquet(storage, done.file)
    assert rows["prediction_id"].to_list() == ["a", "b", "c", "d", "e"]
    assert rows["_segment"].to_list() == [names[0], names[0], names[1], names[2], names[2]]
    assert rows["_row"].to_list() == [0, 1, 0, 0, 1]
    assert [(hold.segment, hold.first_row, hold.rows) for hold in state.files["predictions"][done.file].holds] == [
        (names[0], 0, 2),
        (names[1], 0, 1),
        (names[2], 0, 2),
    ]


def test_a_proof_from_before_holds_after(log):
    storage, writer = log
    tree = LogTree(storage)
    segment = list(writer.state.segments["predictions"].values())[2]
    old = parse_checkpoint(tree.note).checkpoint
    in_tree = inclusion_path(tree.reader, segment.index, old.size)
    rows, index = segment.statement.rows, 1
    leaves = f"predictions/{segment.statement.segment}.leaves"

    def read(start, length):
        return storage.read_range(leaves, start, length)

    in_segment = row_path(read, rows, index)
    leaf = read(32 * index, 32)
    compact(writer)
    remove_replaced(writer, older_than=timedelta(0), actor="tests")
    tree.refresh()
    new = parse_checkpoint(tree.note).checkpoint
    assert new.size > old.size
    root = bytes.fromhex(segment.statement.rows_root)
    check_inclusion(leaf, index, rows, in_segment, root)
    check_inclusion(leaf_hash(segment.statement.to_bytes()), segment.index, old.size, in_tree, old.root)
    grown = consistency_path(tree.reader, old.size, new.size)
    check_consistency(old.size, old.root, new.size, new.root, grown)
    assert tree.entries()[segment.index] == segment.statement.to_bytes()
    assert row_path(read, rows, index) == in_segment


def test_compacted_files_are_compacted_again(sealed, log):
    storage, writer = log
    compact(writer)
    writer.append({"predictions": sealed.predictions("f")})
    (done,) = compact(writer)
    state = sealed.check_log(storage)
    assert list(state.files["predictions"]) == [done.file]
    assert parquet(storage, done.file)["prediction_id"].to_list() == ["a", "b", "c", "d", "e", "f"]
    assert sealed.stored_ids(storage, state) == ["a", "b", "c", "d", "e", "f"]


def test_one_file_alone_is_left(sealed, log):
    _, writer = log
    compact(writer)
    assert compact(writer) == ()


def test_files_of_another_schema_are_left_apart(sealed, log):
    storage, writer = log
    writer.append({"predictions": sealed.predictions("x", channel=["web"])})
    writer.append({"predictions": sealed.predictions("y")})
    assert [done.rows for done in compact(writer)] == [5]
    state = sealed.check_log(storage)
    assert len(state.files["predictions"]) == 3
    assert sealed.stored_ids(storage, state) == ["a", "b", "c", "d", "e", "x", "y"]


def test_files_that_are_not_small_are_left(log):
    _, writer = log
    assert compact(writer, small_rows=2) == ()
    assert [done.rows for done in compact(writer, small_rows=3)] == [5]


def test_no_file_gets_more_rows_than_allowed(sealed, log):
    storage, writer = log
    assert [done.rows for done in compact(writer, most_rows=3)] == [3]
    assert sealed.stored_ids(storage, sealed.check_log(storage)) == ["a", "b", "c", "d", "e"]


def test_segments_without_rows_keep_their_place(sealed, log):
    storage, writer = log
    writer.append({"predictions": sealed.predictions()})
    (done,) = compact(writer)
    state = sealed.check_log(storage)
    assert [hold.rows for hold in state.files["predictions"][done.file].holds] == [2, 1, 2, 0]


def test_a_damaged_file_is_named_and_nothing_is_merged(sealed, log):
    storage, writer = log
    path = list(writer.state.files["predictions"])[1]
    storage.create(path, storage.read(path) + b"!", replace=True)
    size = writer.state.size
    with pytest.raises(LogError, match=f"{path} is not the file that was sealed"):
        compact(writer)
    assert LogTree(storage).size == size


def test_a_run_that_another_writer_compacted_meanwhile_is_left_alone(sealed, log, monkeypatch):
    storage, writer = log
    other = sealed.resumed(storage, writer._vault)
    from audit_lab.log.writing import compaction

    merge = compaction._merge

    def merge_late(*arguments):
        merged = merge(*arguments)
        monkeypatch.setattr(compaction, "_merge", merge)
        compact(other)
        return merged

    monkeypatch.setattr(compaction, "_merge", merge_late)
    assert compact(writer) == ()
    assert len(sealed.check_log(storage).files["predictions"]) == 1


def test_replaced_files_stay_until_they_are_removed(sealed, log):
    storage, writer = log
    old = sorted(writer.state.files["predictions"])
    compact(writer)
    assert [path for path in old if storage.exists(path)] == old
    assert remove_replaced(writer, older_than=timedelta(hours=1), actor="tests") == ()
    assert remove_replaced(writer, older_than=timedelta(0), actor="tests") == tuple(old)
    assert [path for path in old if storage.exists(path)] == []
    state = sealed.check_log(storage)
    assert state.replaced == {}
    assert sealed.stored_ids(storage, state) == ["a", "b", "c", "d", "e"]
    leftover = [path for path in storage.list("index") if any(Path(name).stem in path for name in old)]
    assert leftover == []


def test_a_removal_that_was_stopped_is_ended_by_the_next(simulated, sealed, log):
    storage, writer = log
    old = sorted(writer.state.files["predictions"])
    compact(writer)
    disk = storage._disk
    disk.kill_when = ("unlink", f"{FOLDER}/{old[1]}")
    with pytest.raises(simulated.Killed):
        remove_replaced(writer, older_than=timedelta(0), actor="tests")
    disk.restart()
    assert [storage.exists(path) for path in old] == [False, True, True]
    sealed.check_log(storage)
    other = sealed.resumed(storage, writer._vault)
    assert remove_replaced(other, older_than=timedelta(0), actor="tests") == tuple(old[1:])
    assert [storage.exists(path) for path in old] == [False, False, False]
    sealed.check_log(storage)


def test_an_earlier_state_is_read_from_the_files_of_today(sealed, log):
    storage, writer = log
    then = dict(writer.state.segments["predictions"])
    second = list(then.values())[1]
    (done,) = compact(writer)
    remove_replaced(writer, older_than=timedelta(0), actor="tests")
    state = LogState.at(LogTree(storage), second.index + 2)
    assert list(state.segments["predictions"]) == list(then)[:2]
    assert list(state.segments) == ["predictions"]
    file = state.files["predictions"][done.file]
    assert file.hidden == tuple(list(then)[2:])
    assert (file.rows, file.shown_rows) == (5, 3)


NAN = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_DEAD_BEEF))[0]


@pytest.mark.parametrize(
    ("one", "other", "dtype"),
    [
        ([0.0], [-0.0], pl.Float64),
        ([0.0], [-0.0], pl.Float32),
        ([math.nan], [NAN], pl.Float64),
        ([1.0, None], [1.0, 1.0], pl.Float64),
        (["e\u0301"], ["\u00e9"], pl.String),
        ([[0.0]], [[-0.0]], pl.List(pl.Float64)),
        ([[1], []], [[], [1]], pl.List(pl.Int8)),
        ([None], [[]], pl.List(pl.Int8)),
        ([[0.0, 1.0]], [[-0.0, 1.0]], pl.Array(pl.Float64, 2)),
        ([[[0.0]]], [[[-0.0]]], pl.List(pl.List(pl.Float64))),
        ([{"a": 0.0}], [{"a": -0.0}], pl.Struct({"a": pl.Float64})),
        ([{"a": None}], [None], pl.Struct({"a": pl.Float64})),
    ],
)
def test_rows_are_compared_to_the_bit_before_they_take_the_place_of_others(one, other, dtype):
    first, second = pl.Series("x", one, dtype=dtype), pl.Series("x", other, dtype=dtype)
    assert _is_same(first, first.clone())
    assert _is_same(second, second.clone())
    assert not _is_same(first, second)


def test_a_file_that_reads_back_otherwise_does_not_take_the_place_of_others(sealed, log, monkeypatch):
    storage, writer = log
    from audit_lab.log.writing import compaction

    written = compaction.parquet_bytes
    monkeypatch.setattr(
        compaction, "parquet_bytes", lambda table, rows: written(table, rows.with_columns(error=pl.lit("changed")))
    )
    with pytest.raises(LogError, match="read back from Parquet as other rows"):
        compact(writer)
    assert sealed.check_log(storage).replaced == {}
