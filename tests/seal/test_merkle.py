"""The tree: RFC 6962's known answers, a naive recursive definition, and proofs that are passed off as others."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.errors import MisuseError
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import (
    EMPTY_ROOT,
    Frontier,
    MemoryTree,
    check_consistency,
    check_inclusion,
    check_witness_consistency,
    consistency_path,
    inclusion_path,
    leaf_hash,
    node_hash,
    root_of,
    tree_root,
)

# The leaves and roots that the reference implementation of Certificate Transparency is tested with.
DATA = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


# The definitions of RFC 6962, section 2.1, as they stand there.
def _split(count):
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def naive_root(data):
    if not data:
        return hashlib.sha256().digest()
    if len(data) == 1:
        return hashlib.sha256(b"\x00" + data[0]).digest()
    k = _split(len(data))
    return hashlib.sha256(b"\x01" + naive_root(data[:k]) + naive_root(data[k:])).digest()


def naive_path(index, data):
    if len(data) == 1:
        return []
    k = _split(len(data))
    if index < k:
        return [*naive_path(index, data[:k]), naive_root(data[k:])]
    return [*naive_path(index - k, data[k:]), naive_root(data[:k])]


def naive_growth(old, data, *, whole=True):
    if old == len(data):
        return [] if whole else [naive_root(data)]
    k = _split(len(data))
    if old <= k:
        return [*naive_growth(old, data[:k], whole=whole), naive_root(data[k:])]
    return [*naive_growth(old - k, data[k:], whole=False), naive_root(data[:k])]


def some_data(count):
    return [number.to_bytes(3, "big") for number in range(count)]


def memory_tree(data):
    return MemoryTree(leaf_hash(each) for each in data)


@pytest.fixture(scope="module")
def tree():
    return memory_tree(some_data(64))


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_reference_implementation(size):
    leaves = [leaf_hash(data) for data in DATA[:size]]
    assert tree_root(leaves).hex() == ROOTS[size]
    assert MemoryTree(leaves).root().hex() == ROOTS[size]
    assert root_of(memory_tree(DATA), size).hex() == ROOTS[size]


def test_inclusion_and_consistency_proofs_of_the_reference_implementation():
    reference = memory_tree(DATA)
    assert [value.hex() for value in inclusion_path(reference, 5, 8)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [value.hex() for value in consistency_path(reference, 6, 8)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_every_proof_in_every_tree_up_to_thirty_leaves_is_the_naive_one():
    data = some_data(30)
    whole = memory_tree(data)
    for size in range(1, 31):
        root = naive_root(data[:size])
        assert root_of(whole, size) == root
        for index in range(size):
            path = inclusion_path(whole, index, size)
            assert path == naive_path(index, data[:size])
            check_inclusion(leaf_hash(data[index]), index, size, path, root)
        for old in range(1, size + 1):
            path = consistency_path(whole, old, size)
            assert path == naive_growth(old, data[:size])
            check_consistency(old, naive_root(data[:old]), size, root, path)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_proofs_in_larger_trees_are_the_naive_ones(drawn):
    size = drawn.draw(st.integers(1, 700))
    index, old = drawn.draw(st.integers(0, size - 1)), drawn.draw(st.integers(1, size))
    data = some_data(size)
    whole, root = memory_tree(data), naive_root(data)
    assert whole.root() == root
    path = inclusion_path(whole, index, size)
    assert path == naive_path(index, data)
    check_inclusion(leaf_hash(data[index]), index, size, path, root)
    growth = consistency_path(whole, old, size)
    assert growth == naive_growth(old, data)
    check_consistency(old, naive_root(data[:old]), size, root, growth)


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_frontier_taken_up_anywhere_goes_on_as_the_tree_does(size, more):
    data = some_data(size + more)
    whole = memory_tree(data)
    frontier = Frontier.read(whole, size)
    assert frontier.size == size
    assert len(frontier.subtrees) == size.bit_count()
    for each in data[size:]:
        frontier.append(leaf_hash(each))
    assert frontier.root() == whole.root()
    assert frontier.size == size + more


class OneHash:
    """A tree of endless size in which every complete subtree has one and the same hash, whatever its level."""

    def hashes(self, level, start, count):
        return [b"\x07" * 32] * count


@given(st.data())
def test_proofs_in_trees_of_any_size_are_as_long_as_they_must_be(drawn):
    size = drawn.draw(st.integers(1, 2**63 - 1))
    index, old = drawn.draw(st.integers(0, size - 1)), drawn.draw(st.integers(1, size))
    inclusion, growth = inclusion_path(OneHash(), index, size), consistency_path(OneHash(), old, size)
    with pytest.raises(MalformedError) as caught:  # long enough, so that the root is looked at
        check_inclusion(b"\x01" * 32, index, size, inclusion, b"\x02" * 32)
    assert caught.value.code == "proof.root-differs"
    with pytest.raises(MalformedError) as caught:
        check_consistency(old, b"\x01" * 32, size, b"\x02" * 32, growth)
    assert caught.value.code == "proof.inconsistent"
    with pytest.raises(MalformedError) as caught:
        check_inclusion(b"\x01" * 32, index, size, [*inclusion, b"\x02" * 32], b"\x02" * 32)
    assert caught.value.code == "proof.too-long"


def refusal(check, *arguments):
    with pytest.raises(MalformedError) as caught:
        check(*arguments)
    return caught.value.code


def test_a_leaf_passed_off_as_a_node_is_refused(tree):
    # The children of a node, side by side, given as the bytes of a leaf of a smaller tree (second preimage).
    left, right = tree.hashes(0, 6, 2)
    assert node_hash(left, right) == tree.hashes(1, 3, 1)[0]
    path = inclusion_path(tree, 6, 64)
    check_inclusion(left, 6, 64, path, tree.root())
    assert refusal(check_inclusion, leaf_hash(left + right), 3, 32, path[1:], tree.root()) == "proof.root-differs"
    # The same with the tree's true size, which a checkpoint states: a node stands too high to be a leaf.
    node = tree.hashes(1, 3, 1)[0]
    assert refusal(check_inclusion, node, 6, 64, path[1:], tree.root()) == "proof.too-short"


def test_a_node_of_leaves_that_are_hashes_is_no_leaf():
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert tree_root([left, right]) != leaf_hash(left + right)
    assert tree_root([left, right]) == node_hash(left, right)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda leaf, index, size, path, root: (leaf_hash(b"other"), index, size, path, root), "proof.root-differs"),
        (lambda leaf, index, size, path, root: (leaf, index + 1, size, path, root), "proof.root-differs"),
        (lambda leaf, index, size, path, root: (leaf, index ^ 32, size, path, root), "proof.root-differs"),
        (lambda leaf, index, size, path, root: (leaf, index, size, path[:-1], root), "proof.too-short"),
        (lambda leaf, index, size, path, root: (leaf, index, size, path[1:], root), "proof.too-short"),
        (lambda leaf, index, size, path, root: (leaf, index, size, [], root), "proof.too-short"),
        (lambda leaf, index, size, path, root: (leaf, index, size, [*path, root], root), "proof.too-long"),
        (lambda leaf, index, size, path, root: (leaf, index, size, [leaf, *path], root), "proof.too-long"),
        (lambda leaf, index, size, path, root: (leaf, index, size, path[::-1], root), "proof.root-differs"),
        (lambda leaf, index, size, path, root: (leaf, index, size * 2, path, root), "proof.too-short"),
        (lambda leaf, index, size, path, root: (leaf, index, size // 2, path, root), "proof.too-long"),
        (lambda leaf, index, size, path, root: (leaf, size, size, path, root), "proof.index-out-of-range"),
        (lambda leaf, index, size, path, root: (leaf, -1, size, path, root), "proof.index-out-of-range"),
        (lambda leaf, index, size, path, root: (leaf, index, 2**63, path, root), "proof.index-out-of-range"),
        (lambda leaf, index, size, path, root: (leaf, 0, 0, [], EMPTY_ROOT), "proof.index-out-of-range"),
        (lambda leaf, index, size, path, root: (leaf, index, size, path, EMPTY_ROOT), "proof.root-differs"),
        (lambda leaf, index, size, path, root: (leaf, index, size, [b"", *path[1:]], root), "proof.malformed"),
        (lambda leaf, index, size, path, root: (leaf[:-1], index, size, path, root), "proof.malformed"),
        (lambda leaf, index, size, path, root: (leaf, index, size, path, root + b"\x00"), "proof.malformed"),
    ],
)
def test_an_inclusion_proof_of_anything_else_is_refused(tree, change, code):
    proof = (tree.hashes(0, 21, 1)[0], 21, 64, inclusion_path(tree, 21, 64), tree.root())
    check_inclusion(*proof)
    assert refusal(check_inclusion, *change(*proof)) == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda old, a, new, b, path: (old, b, new, b, path), "proof.inconsistent"),
        (lambda old, a, new, b, path: (old, a, new, a, path), "proof.inconsistent"),
        (lambda old, a, new, b, path: (old + 2, a, new, b, path), "proof.inconsistent"),
        (lambda old, a, new, b, path: (old, a, new * 2, b, path), "proof.too-short"),
        (lambda old, a, new, b, path: (old, a, new // 2, b, path), "proof.too-long"),
        (lambda old, a, new, b, path: (old, a, new, b, path[:-1]), "proof.too-short"),
        (lambda old, a, new, b, path: (old, a, new, b, []), "proof.too-short"),
        (lambda old, a, new, b, path: (old, a, new, b, [*path, a]), "proof.too-long"),
        (lambda old, a, new, b, path: (old, a, new, b, path[::-1]), "proof.inconsistent"),
        (lambda old, a, new, b, path: (new, b, old, a, path), "proof.size-out-of-range"),
        (lambda old, a, new, b, path: (0, EMPTY_ROOT, new, b, []), "proof.size-out-of-range"),
        (lambda old, a, new, b, path: (0, EMPTY_ROOT, 0, EMPTY_ROOT, []), "proof.size-out-of-range"),
        (lambda old, a, new, b, path: (-1, a, new, b, path), "proof.size-out-of-range"),
        (lambda old, a, new, b, path: (old, a, 2**63, b, path), "proof.size-out-of-range"),
        (lambda old, a, new, b, path: (new, b, new, b, path), "proof.too-long"),
        (lambda old, a, new, b, path: (new, a, new, b, []), "proof.inconsistent"),
        (lambda old, a, new, b, path: (old, a, new, b, [*path[:-1], b"short"]), "proof.malformed"),
    ],
)
def test_a_consistency_proof_of_anything_else_is_refused(tree, change, code):
    proof = (21, tree.root(21), 64, tree.root(), consistency_path(tree, 21, 64))
    check_consistency(*proof)
    assert refusal(check_consistency, *change(*proof)) == code


def test_a_proof_for_another_size_is_refused_with_the_root_that_belongs_to_it(tree):
    # The root says nothing of the size, so both are signed together, and the proof is checked against that pair.
    path = inclusion_path(tree, 21, 64)
    assert refusal(check_inclusion, tree.hashes(0, 21, 1)[0], 21, 63, path, tree.root(63)) == "proof.root-differs"


def test_growth_from_a_complete_tree_starts_at_the_old_root_itself(tree):
    path = consistency_path(tree, 32, 64)
    check_consistency(32, tree.root(32), 64, tree.root(), path)
    assert len(path) == 1
    assert refusal(check_consistency, 32, tree.root(31), 64, tree.root(), path) == "proof.inconsistent"
    assert refusal(check_consistency, 32, tree.root(32), 64, tree.root(), []) == "proof.too-short"


def test_equal_trees_need_no_hashes(tree):
    assert consistency_path(tree, 40, 40) == []
    check_consistency(40, tree.root(40), 40, tree.root(40), [])


def test_a_witness_takes_anything_to_follow_from_nothing(tree):
    assert consistency_path(tree, 0, 40) == []
    check_witness_consistency(0, EMPTY_ROOT, 40, tree.root(40), [])
    check_witness_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    check_witness_consistency(40, tree.root(40), 64, tree.root(), consistency_path(tree, 40, 64))


def test_a_witness_refuses_what_is_no_growth(tree):
    check = check_witness_consistency
    assert refusal(check, 0, EMPTY_ROOT, 40, tree.root(40), [tree.root(1)]) == "proof.too-long"
    assert refusal(check, 0, tree.root(1), 40, tree.root(40), []) == "proof.inconsistent"
    assert refusal(check, 0, EMPTY_ROOT, 0, tree.root(1), []) == "proof.inconsistent"
    assert refusal(check, 0, EMPTY_ROOT, -1, tree.root(1), []) == "proof.size-out-of-range"
    assert refusal(check, 0, EMPTY_ROOT, 40, b"", []) == "proof.malformed"
    assert refusal(check, 40, tree.root(40), 39, tree.root(39), []) == "proof.size-out-of-range"


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0), (0, 2**63)])
def test_no_proof_is_made_of_a_leaf_that_is_not_there(tree, index, size):
    with pytest.raises(MisuseError):
        inclusion_path(tree, index, size)


@pytest.mark.parametrize(("old", "new"), [(5, 4), (-1, 4), (0, 2**63)])
def test_no_proof_is_made_of_a_shrinking_tree(tree, old, new):
    with pytest.raises(MisuseError):
        consistency_path(tree, old, new)
