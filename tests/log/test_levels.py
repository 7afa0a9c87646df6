"""The file of a segment's hashes gives the root and the proofs of RFC 6962's tree, and reads little for a proof."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.commitment.levels import LevelsReader, level_sizes, levels_bytes, levels_root, row_path, rows_root
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import check_inclusion, tree_root


def _leaves(count, seed="leaf"):
    return hashlib.shake_256(seed.encode()).digest(32 * count)


def _split(content):
    return [content[at : at + 32] for at in range(0, len(content), 32)]


def _naive_root(leaves):
    """RFC 6962, section 2.1, word by word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + _naive_root(leaves[:split]) + _naive_root(leaves[split:])).digest()


def _reader(content):
    return lambda start, length: content[start : start + length]


def test_known_answers_of_the_rfc():
    # The eight inputs of Certificate Transparency's own test vectors, and the roots of their first 1 to 8.
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    leaves = b"".join(hashlib.sha256(b"\0" + bytes.fromhex(text)).digest() for text in inputs)
    roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    assert [rows_root(leaves[: 32 * count]).hex() for count in range(1, 9)] == roots


@pytest.mark.parametrize(
    ("rows", "sizes"),
    [
        (0, [0]),
        (1, [1]),
        (255, [255]),
        (256, [256, 1]),
        (257, [257, 1]),
        (65_535, [65_535, 255]),
        (65_536, [65_536, 256, 1]),
        (10_000_000, [10_000_000, 39_062, 152]),
    ],
)
def test_the_sizes_of_the_levels_follow_from_the_rows(rows, sizes):
    assert level_sizes(rows) == sizes


@pytest.mark.parametrize("rows", [0, 1, 2, 255, 256, 257, 511, 512, 1000])
def test_the_file_is_the_leaves_and_the_roots_of_complete_runs(rows):
    leaves = _leaves(rows)
    runs = [_naive_root(_split(leaves[at : at + 256 * 32])) for at in range(0, rows // 256 * 256 * 32, 256 * 32)]
    assert levels_bytes(leaves) == leaves + b"".join(runs)


@pytest.mark.parametrize("rows", [65_535, 65_536, 131_072 + 300])
def test_a_file_of_three_levels(rows):
    leaves = _leaves(rows)
    content = levels_bytes(leaves)
    assert len(content) == 32 * sum(level_sizes(rows))
    assert rows_root(leaves) == tree_root(_split(leaves))
    assert levels_root(_reader(content), rows) == tree_root(_split(leaves))
    if rows >= 65_536:
        top = content[32 * sum(level_sizes(rows)[:2]) :][:32]
        assert top == tree_root(_split(leaves[: 65_536 * 32]))


@settings(deadline=None, max_examples=60)
@given(st.one_of(st.integers(0, 20), st.integers(250, 520), st.integers(1000, 1100)), st.data())
def test_roots_and_proofs_are_those_of_the_naive_definition(rows, data):
    leaves = _leaves(rows, str(rows))
    root = _naive_root(_split(leaves))
    assert rows_root(leaves) == root
    content = levels_bytes(leaves)
    assert levels_root(_reader(content), rows) == root
    if rows:
        index = data.draw(st.integers(0, rows - 1))
        path = row_path(_reader(content), rows, index)
        check_inclusion(_split(leaves)[index], index, rows, path, root)


def test_every_row_of_a_segment_has_a_proof_and_no_other_rows():
    rows = 515
    leaves = _leaves(rows)
    content, root = levels_bytes(leaves), rows_root(leaves)
    for index, leaf in enumerate(_split(leaves)):
        path = row_path(_reader(content), rows, index)
        check_inclusion(leaf, index, rows, path, root)
        with pytest.raises(MalformedError):
            check_inclusion(leaf, (index + 1) % rows, rows, path, root)


def test_a_changed_hash_in_the_file_gives_no_proof():
    rows = 300
    leaves = _leaves(rows)
    content = bytearray(levels_bytes(leaves))
    content[32 * 256] ^= 1
    path = row_path(_reader(bytes(content)), rows, 0)
    with pytest.raises(MalformedError) as caught:
        check_inclusion(leaves[:32], 0, rows, path, rows_root(leaves))
    assert caught.value.code == "proof.root-differs"


@pytest.mark.parametrize("index", [0, 255, 256, 99_999, 65_536])
def test_a_proof_reads_at_most_two_runs_of_each_level(index):
    rows = 100_000
    leaves = _leaves(rows)
    content = levels_bytes(leaves)
    reads = []

    def read(start, length):
        reads.append(length)
        return content[start : start + length]

    path = row_path(read, rows, index)
    check_inclusion(leaves[32 * index : 32 * index + 32], index, rows, path, rows_root(leaves))
    assert len(reads) <= 2 * len(level_sizes(rows))
    assert max(reads) <= 256 * 32


def test_subtrees_are_read_at_any_level():
    leaves = _leaves(2048)
    reader = LevelsReader(_reader(levels_bytes(leaves)), 2048)
    assert reader.hashes(0, 250, 10) == _split(leaves)[250:260]
    assert reader.hashes(7, 3, 2) == [_naive_root(_split(leaves)[at : at + 128]) for at in (384, 512)]
    assert reader.hashes(10, 0, 2) == [_naive_root(_split(leaves)[at : at + 1024]) for at in (0, 1024)]


def test_a_file_that_is_too_short_is_refused():
    content = levels_bytes(_leaves(300))
    with pytest.raises(LogError, match="leaves file"):
        row_path(_reader(content[:-32]), 300, 299)


@pytest.mark.parametrize(("rows", "index"), [(0, 0), (3, 3), (3, -1)])
def test_a_row_that_is_not_there_has_no_proof(rows, index):
    with pytest.raises(MisuseError):
        row_path(_reader(levels_bytes(_leaves(rows))), rows, index)


@pytest.mark.parametrize("work", [levels_bytes, rows_root])
def test_bytes_that_are_no_hashes_are_refused(work):
    with pytest.raises(LogError, match="33 bytes"):
        work(bytes(33))
