"""Where the tree's files stand, and what is in them (C2SP tlog-tiles)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.errors import MisuseError
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import MemoryTree, consistency_path, inclusion_path, leaf_hash, node_hash, root_of
from audit_lab.seal.tiles import (
    Tile,
    TileHashes,
    entries_path,
    format_entries,
    growth,
    number_path,
    parse_entries,
    parse_number_path,
    parse_tile,
    tile_path,
)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(0, 1234067, 8), "tile/0/x001/x234/067.p/8"),
        (Tile(63, 1000, 255), "tile/63/x001/000.p/255"),
        (Tile(None, 999), "tile/entries/999"),
        (Tile(None, 1000, 1), "tile/entries/x001/000.p/1"),
        (Tile(2, 2**63 - 1), "tile/2/x009/x223/x372/x036/x854/x775/807"),
    ],
)
def test_a_path_is_that_of_the_specification(tile, path):
    assert tile.path == path


@given(st.integers(0, 2**63 - 1))
def test_every_number_path_is_read_back(index):
    assert parse_number_path(number_path(index)) == index


@pytest.mark.parametrize("text", ["", "0", "1234", "x000/001", "001/002", "x001", "x009/x223/x372/x036/x854/x775/808"])
def test_any_other_number_path_is_refused(text):
    with pytest.raises(MalformedError) as caught:
        parse_number_path(text)
    assert caught.value.code == "tile.path"


@pytest.mark.parametrize(
    "call",
    [
        lambda: number_path(-1),
        lambda: number_path(2**63),
        lambda: tile_path(64, 0),
        lambda: tile_path(0, 0, 0),
        lambda: entries_path(0, 257),
        lambda: growth(2, 1),
    ],
)
def test_no_path_is_made_of_a_number_that_is_none(call):
    with pytest.raises(MisuseError):
        call()


def paths(old, new):
    return [tile.path for tile in growth(old, new)]


def test_growth_writes_what_the_new_size_needs():
    assert paths(0, 1) == ["tile/entries/000.p/1", "tile/0/000.p/1"]
    assert paths(1, 1) == []
    assert paths(1, 3) == ["tile/entries/000.p/3", "tile/0/000.p/3"]
    assert paths(255, 256) == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]
    assert paths(256, 257) == ["tile/entries/001.p/1", "tile/0/001.p/1"]
    assert paths(256, 512) == ["tile/entries/001", "tile/0/001", "tile/1/000.p/2"]
    assert paths(300, 600) == [
        *("tile/entries/001", "tile/entries/002.p/88"),
        *("tile/0/001", "tile/0/002.p/88"),
        "tile/1/000.p/2",
    ]


def test_the_example_of_the_specification():
    # "A tree of size 70,000 will be represented by 273 full level 0 tiles, one partial level 0 tile of width 112, one
    # full level 1 tile, one partial level 1 tile of width 17, and one partial level 2 tile of width 1."
    tiles = growth(0, 70_000)
    by_level = {level: [tile for tile in tiles if tile.level == level] for level in (None, 0, 1, 2, 3)}
    assert [len(by_level[level]) for level in (None, 0, 1, 2, 3)] == [274, 274, 2, 1, 0]
    assert [tile.width for tile in by_level[0]] == [256] * 273 + [112]
    assert [tile.width for tile in by_level[1]] == [256, 17]
    assert [tile.width for tile in by_level[2]] == [1]


LEAVES = [leaf_hash(number.to_bytes(3, "big")) for number in range(70_000)]


@pytest.fixture(scope="module")
def tree():
    return MemoryTree(LEAVES)


def stored(tree, sizes):
    """Write a tree as it grows from size to size, each tile's content by its path."""
    files = {}
    for old, new in zip([0, *sizes], sizes, strict=False):
        for tile in growth(old, new):
            if tile.level is not None:
                assert tile.path not in files
                files[tile.path] = b"".join(tree.hashes(8 * tile.level, tile.first, tile.width))
    return files


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 70_000), min_size=1, max_size=5, unique=True), st.data())
def test_every_size_that_was_sealed_is_read_back_from_its_tiles(tree, sizes, drawn):
    sizes = sorted(sizes)
    files = stored(tree, sizes)
    size = drawn.draw(st.sampled_from(sizes))
    index, old = drawn.draw(st.integers(0, size - 1)), drawn.draw(st.integers(1, size))
    reader = TileHashes(size, lambda tile: files[tile.path])
    assert root_of(reader, size) == tree.root(size)
    assert inclusion_path(reader, index, size) == inclusion_path(tree, index, size)
    assert consistency_path(reader, old, size) == consistency_path(tree, old, size)


def test_a_proof_reads_few_tiles_and_each_once(tree):
    files, read = stored(tree, [70_000]), []
    reader = TileHashes(70_000, lambda tile: read.append(tile.path) or files[tile.path])
    inclusion_path(reader, 12_345, 70_000)
    assert sorted(read) == ["tile/0/048", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17"]


def test_only_the_hashes_that_a_tree_of_that_size_has_are_read(tree):
    files = stored(tree, [300])
    reader = TileHashes(300, lambda tile: files[tile.path])
    assert reader.hashes(0, 298, 2) == LEAVES[298:300]
    assert reader.hashes(1, 149, 1) == [node_hash(*LEAVES[298:300])]
    with pytest.raises(MisuseError):
        reader.hashes(0, 299, 2)
    with pytest.raises(MisuseError):
        reader.hashes(8, 1, 1)


def test_a_tile_of_another_length_is_refused(tree):
    content = b"".join(LEAVES[:5])
    assert parse_tile(content, 5, "a tile") == LEAVES[:5]
    for bad in (content[:-1], content + b"\x00", b"", content[32:]):
        with pytest.raises(MalformedError) as caught:
            parse_tile(bad, 5, "a tile")
        assert caught.value.code == "tile.length"
    reader = TileHashes(5, lambda _: content[:-32])
    with pytest.raises(MalformedError):
        reader.hashes(0, 0, 1)


def test_a_bundle_of_entries_states_each_length():
    assert format_entries([b"ab", b"", b"c"]) == b"\x00\x02ab\x00\x00\x00\x01c"


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_a_bundle_is_read_back(entries):
    assert parse_entries(format_entries(entries), len(entries), "a bundle") == tuple(entries)


def test_the_longest_entry_fits_and_a_longer_one_is_refused():
    longest = b"x" * 65_535
    assert parse_entries(format_entries([longest]), 1, "a bundle") == (longest,)
    with pytest.raises(MisuseError, match="65,535"):
        format_entries([longest + b"x"])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\x00\x02ab\x00\x01", "tile.truncated"),
        (b"\x00\x02ab\x00", "tile.truncated"),
        (b"\x00\x02a", "tile.truncated"),
        (b"\x00\x02ab", "tile.length"),
        (b"\x00\x02ab\x00\x01c\x00\x00", "tile.length"),
        (b"", "tile.length"),
    ],
)
def test_a_bundle_with_more_or_less_in_it_is_refused(content, code):
    with pytest.raises(MalformedError) as caught:
        parse_entries(content, 2, "a bundle")
    assert caught.value.code == code
