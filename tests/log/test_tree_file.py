"""The log's tree as files: it grows by whole checkpoints, and any reader of tiles finds its way through it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.tree.tree_file import LogTree, checkpoint_path
from audit_lab.seal.checkpoint import open_checkpoint, parse_checkpoint
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import (
    EMPTY_ROOT,
    check_consistency,
    check_inclusion,
    consistency_path,
    inclusion_path,
    leaf_hash,
    tree_root,
)
from audit_lab.seal.tiles import format_entries

FOLDER = Path("/disk/log")
KEY = SigningKey.generate("tests/tree")


def entry(number: int) -> bytes:
    return f"entry {number}".encode()


def grown(storage, *sizes):
    """Return a tree that was grown to each of the sizes in turn."""
    tree = LogTree(storage, "tests/tree")
    for size in sizes:
        tree.append([entry(number) for number in range(tree.size, size)], KEY)
    return tree


@pytest.fixture
def storage(simulated):
    return LocalStorage(FOLDER, simulated.SimulatedDisk({"/disk/": b""}))


def test_a_tree_that_was_never_begun_is_empty(storage):
    tree = LogTree(storage, "tests/tree")
    assert (tree.size, tree.root, tree.note, tree.entries()) == (0, EMPTY_ROOT, b"", [])
    assert tree.checkpoint_at(0) is None


def test_what_was_appended_is_read_by_another(storage):
    grown(storage, 1, 3)
    tree = LogTree(storage)
    assert (tree.origin, tree.size) == ("tests/tree", 3)
    assert tree.entries() == [b"entry 0", b"entry 1", b"entry 2"]
    assert tree.entries(1, 2) == [b"entry 1"]
    assert tree.root == tree_root(leaf_hash(each) for each in tree.entries())
    assert open_checkpoint(tree.note, KEY.public).size == 3


def test_the_files_are_those_of_c2sp_tlog_tiles(storage):
    grown(storage, 2, 256, 258)
    assert storage.list() == [
        "checkpoint",
        "checkpoints/002",
        "checkpoints/256",
        "checkpoints/258",
        "tile/0/000",
        "tile/0/001.p/2",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/2",
    ]


def test_a_checkpoint_of_more_than_three_digits_is_kept_in_folders():
    assert checkpoint_path(7) == "checkpoints/007"
    assert checkpoint_path(1_234_067) == "checkpoints/x001/x234/067"


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(st.integers(1, 300), min_size=1, max_size=5))
def test_however_it_grew_the_tree_is_that_of_its_entries(simulated, steps):
    storage = LocalStorage(FOLDER, simulated.SimulatedDisk({"/disk/": b""}))
    sizes = [sum(steps[: count + 1]) for count in range(len(steps))]
    grown(storage, *sizes)
    tree = LogTree(storage)
    entries = [entry(number) for number in range(sizes[-1])]
    assert tree.entries() == entries
    assert tree.root == tree_root(map(leaf_hash, entries))
    assert tree.check(entries).root() == tree.root
    for size in sizes:
        assert tree.root_at(size) == tree_root(map(leaf_hash, entries[:size]))
        kept = parse_checkpoint(tree.checkpoint_at(size)).checkpoint
        assert (kept.size, kept.root) == (size, tree.root_at(size))


def test_proofs_come_from_the_tiles(storage):
    tree = grown(storage, 300, 1000, 1030)
    for index in (0, 255, 256, 999, 1029):
        path = inclusion_path(tree.reader, index, 1030)
        check_inclusion(leaf_hash(entry(index)), index, 1030, path, tree.root)
    check_consistency(300, tree.root_at(300), 1030, tree.root, consistency_path(tree.reader, 300, 1030))


def test_a_reader_of_an_earlier_checkpoint_finds_what_grew_meanwhile(storage):
    grown(storage, 5)
    reader = LogTree(storage)
    grown(storage, 9)
    assert not storage.exists("tile/entries/000.p/5")
    assert reader.entries() == [entry(number) for number in range(5)]
    assert inclusion_path(reader.reader, 2, 5) == inclusion_path(LogTree(storage).reader, 2, 5)
    grown(storage, 256, 300)
    late = LogTree(storage)
    assert reader.entries(3) == [entry(3), entry(4)]
    assert reader.refresh() is True
    assert reader.refresh() is False
    assert reader.size == late.size == 300


def test_what_a_stopped_writer_left_beyond_the_checkpoint_is_overwritten(storage):
    grown(storage, 3)
    for path in ("tile/entries/000.p/5", "tile/0/000.p/5", "checkpoints/005"):
        storage.create(path, b"half-written")
    tree = grown(storage, 5)
    assert LogTree(storage).check(tree.entries()).size == 5
    assert parse_checkpoint(storage.read("checkpoints/005")).checkpoint.root == tree.root


def test_a_kept_checkpoint_that_never_took_effect_does_not_outlive_the_next_seal(storage):
    grown(storage, 3, 8)
    storage.create("checkpoint", storage.read("checkpoints/003"), replace=True)
    storage.create("tile/entries/000.p/3", format_entries([entry(number) for number in range(3)]))
    storage.create("tile/0/000.p/3", b"".join(leaf_hash(entry(number)) for number in range(3)))
    LogTree(storage).append([b"another"], KEY)
    assert storage.list("checkpoints") == ["checkpoints/003", "checkpoints/004"]


def test_a_log_that_was_cut_back_over_several_seals_is_not_appended_to(storage):
    grown(storage, 3, 8, 9)
    storage.create("checkpoint", storage.read("checkpoints/003"), replace=True)
    storage.create("tile/entries/000.p/3", format_entries([entry(number) for number in range(3)]))
    storage.create("tile/0/000.p/3", b"".join(leaf_hash(entry(number)) for number in range(3)))
    with pytest.raises(LogError, match=r"keeps later checkpoints \(checkpoints/008, checkpoints/009\)"):
        LogTree(storage).append([b"another"], KEY)
    assert storage.list("checkpoints") == ["checkpoints/003", "checkpoints/008", "checkpoints/009"]


def test_the_checkpoint_of_another_log_is_refused(storage):
    grown(storage, 1)
    with pytest.raises(LogError, match="the log tests/other has a checkpoint of another log, tests/tree"):
        LogTree(storage, "tests/other")


def test_a_key_of_another_name_cannot_sign(storage):
    tree = grown(storage, 1)
    with pytest.raises(MisuseError, match="cannot sign the log tests/tree"):
        tree.append([b"x"], SigningKey.generate("tests/other"))
    assert LogTree(storage).size == 1


def test_an_entry_that_is_too_long_is_refused_and_nothing_written(storage):
    tree = grown(storage, 1)
    before = storage.list()
    with pytest.raises(MisuseError, match="65,536 bytes does not fit"):
        tree.append([bytes(65_536)], KEY)
    assert storage.list() == before
    tree.append([bytes(65_535)], KEY)
    assert LogTree(storage).entries(1) == [bytes(65_535)]


def test_nothing_is_appended_to_damaged_tiles(storage):
    tree = grown(storage, 3)
    storage.create("tile/0/000.p/3", bytes(96), replace=True)
    with pytest.raises(LogError, match="the tiles of the log tests/tree are not those of its checkpoint"):
        LogTree(storage).append([b"x"], KEY)
    with pytest.raises(LogError, match="the tiles of the log"):
        LogTree(storage).check(tree.entries())


def test_entries_that_do_not_lead_to_the_checkpoint_are_refused(storage):
    grown(storage, 3)
    tree = LogTree(storage)
    with pytest.raises(LogError, match="the entries of the log tests/tree are not those of its checkpoint"):
        tree.check([b"entry 0", b"entry 1", b"entry two"])
    with pytest.raises(LogError, match="the entries"):
        tree.check([b"entry 0", b"entry 1"])


def test_a_missing_bundle_is_named(storage):
    grown(storage, 3)
    storage.remove("tile/entries/000.p/3")
    with pytest.raises(LogError, match="tile/entries/000.p/3 of the log tests/tree is missing"):
        LogTree(storage).entries()


def test_a_bundle_that_is_not_one_is_refused(storage):
    grown(storage, 3)
    storage.create("tile/entries/000.p/3", b"\xff\xff", replace=True)
    with pytest.raises(MalformedError, match="ends inside an entry"):
        LogTree(storage).entries()


def test_entries_beyond_the_end_cannot_be_asked_for(storage):
    tree = grown(storage, 3)
    with pytest.raises(MisuseError, match="A log of 3 entries has none from 0 to 4"):
        tree.entries(0, 4)
