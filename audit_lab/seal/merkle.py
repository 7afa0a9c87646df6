"""The Merkle tree of RFC 6962: roots, inclusion and consistency proofs, as pure functions over a one-method reader.

A leaf is hashed as SHA-256(0x00 || bytes) and a node as SHA-256(0x01 || left || right), so that neither can be passed
off as the other. A proof is only as good as the index and the sizes that it is checked against: they come from what was
signed (a checkpoint, a segment's statement), never from the proof.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from audit_lab.errors import MisuseError
from audit_lab.seal.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Self

__all__ = [
    "EMPTY_ROOT",
    "HASH_BYTES",
    "LARGEST_SIZE",
    "Frontier",
    "HashReader",
    "MemoryTree",
    "check_consistency",
    "check_inclusion",
    "check_witness_consistency",
    "consistency_path",
    "inclusion_path",
    "leaf_hash",
    "node_hash",
    "root_of",
    "tree_root",
]

HASH_BYTES = 32
#: The root of the tree without leaves: SHA-256 of nothing (RFC 6962, section 2.1).
EMPTY_ROOT = hashlib.sha256(b"").digest()
#: No tree is larger than this many leaves.
LARGEST_SIZE = 2**63 - 1

_LEAF, _NODE = b"\x00", b"\x01"
_NEXT = "Ask whoever gave the proof for one made from the log itself; do not rely on this one"


class HashReader(Protocol):
    """Gives the hashes of a tree's complete subtrees."""

    def hashes(self, level: int, start: int, count: int) -> list[bytes]:
        """Return the roots of the subtrees of 2^level leaves numbered from `start`, `count` of them."""
        ...


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf's bytes."""
    return hashlib.sha256(_LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node from those of its two children."""
    return hashlib.sha256(_NODE + left + right).digest()


@dataclass
class Frontier:
    """A tree that only grows, held as the roots of its complete subtrees, largest first: O(log n) hashes."""

    size: int = 0
    subtrees: list[bytes] = field(default_factory=list)

    @classmethod
    def read(cls, reader: HashReader, size: int) -> Self:
        """Take up a stored tree where it stands."""
        return cls(size, _complete_subtrees(reader, 0, size))

    def append(self, leaf: bytes) -> None:
        """Add the hash of one more leaf."""
        self.subtrees.append(leaf)
        completed = self.size
        while completed & 1:
            right = self.subtrees.pop()
            self.subtrees[-1] = node_hash(self.subtrees[-1], right)
            completed >>= 1
        self.size += 1

    def root(self) -> bytes:
        """Return the root of the tree as it stands."""
        return _folded(self.subtrees) if self.subtrees else EMPTY_ROOT


class MemoryTree:
    """A tree that is held in memory, level by level; a `HashReader` for small trees."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        for leaf in leaves:
            self.append(leaf)

    @property
    def size(self) -> int:
        """How many leaves the tree has."""
        return len(self._levels[0])

    def append(self, leaf: bytes) -> None:
        """Add the hash of one more leaf."""
        level = 0
        self._levels[0].append(leaf)
        while len(self._levels[level]) % 2 == 0:
            parent = node_hash(*self._levels[level][-2:])
            level += 1
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(parent)

    def hashes(self, level: int, start: int, count: int) -> list[bytes]:
        """Return the roots of complete subtrees, as `HashReader` says."""
        return self._levels[level][start : start + count]

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the first `size` leaves, all of them by default."""
        return root_of(self, self.size if size is None else size)


def tree_root(leaf_hashes: Iterable[bytes]) -> bytes:
    """Return the root of the tree over some leaf hashes."""
    frontier = Frontier()
    for leaf in leaf_hashes:
        frontier.append(leaf)
    return frontier.root()


def root_of(reader: HashReader, size: int) -> bytes:
    """Return the root of the first `size` leaves of a stored tree."""
    return Frontier.read(reader, size).root()


def inclusion_path(reader: HashReader, index: int, size: int) -> list[bytes]:
    """Return the proof that leaf `index` is in the tree of `size` leaves (RFC 6962, section 2.1.1), leaf to root.

    Raises
    ------
    MisuseError
        The tree of that size has no such leaf.
    """
    if not 0 <= index < size <= LARGEST_SIZE:
        raise MisuseError(f"A tree of {size} leaves has no leaf {index}", "Count leaves from 0")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        split = start + _largest_power_below(end - start)
        if index < split:
            path.append(_range_root(reader, split, end))
            end = split
        else:
            path.append(_range_root(reader, start, split))
            start = split
    return path[::-1]


def consistency_path(reader: HashReader, old_size: int, new_size: int) -> list[bytes]:
    """Return the proof that the tree of `new_size` leaves begins with that of `old_size` (RFC 6962, section 2.1.2).

    Empty where both sizes are equal, and for an old size of 0.

    Raises
    ------
    MisuseError
        The old size is larger than the new one.
    """
    if not 0 <= old_size <= new_size <= LARGEST_SIZE:
        raise MisuseError(f"No tree grows from {old_size} to {new_size} leaves", "Give the smaller size first")
    path: list[bytes] = []
    if old_size in {0, new_size}:
        return path
    start, end = 0, new_size
    while end != old_size:
        split = start + _largest_power_below(end - start)
        if old_size <= split:
            path.append(_range_root(reader, split, end))
            end = split
        else:
            path.append(_range_root(reader, start, split))
            start = split
    if start:
        path.append(_range_root(reader, start, end))
    return path[::-1]


def check_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that `leaf`, the hash of a leaf, stands at `index` in the tree of `size` leaves with this root.

    RFC 9162, section 2.1.3.2.

    Raises
    ------
    MalformedError
        Codes ``proof.malformed``, ``proof.index-out-of-range``, ``proof.too-short``, ``proof.too-long`` and
        ``proof.root-differs``.
    """
    _check_hashes((leaf, root, *path))
    if not 0 <= index < size <= LARGEST_SIZE:
        raise _refused(f"says leaf {index} of a tree of {size}", "proof.index-out-of-range")
    found = leaf
    for sibling, is_left in zip(path, _sides(index, size - 1, len(path)), strict=True):
        found = node_hash(sibling, found) if is_left else node_hash(found, sibling)
    if found != root:
        raise _refused("leads to another root", "proof.root-differs")


def check_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]) -> None:
    """Check that the tree of `new_size` leaves with `new_root` begins with that of `old_size` with `old_root`.

    RFC 9162, section 2.1.4.2: there is no proof from an old size of 0, which every tree begins with.

    Raises
    ------
    MalformedError
        Codes ``proof.malformed``, ``proof.size-out-of-range``, ``proof.too-short``, ``proof.too-long`` and
        ``proof.inconsistent``.
    """
    _check_hashes((old_root, new_root, *path))
    if not 0 < old_size <= new_size <= LARGEST_SIZE:
        raise _refused(f"says that a tree grew from {old_size} to {new_size} leaves", "proof.size-out-of-range")
    if old_size == new_size:
        _check_equal(old_root, new_root, path)
        return
    hashes = list(path)
    if old_size & (old_size - 1) == 0:
        hashes.insert(0, old_root)
    if not hashes:
        raise _refused("has no hashes", "proof.too-short")
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old, new = hashes[0], hashes[0]
    for sibling, is_left in zip(hashes[1:], _sides(position, last, len(hashes) - 1), strict=True):
        if is_left:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
        else:
            new = node_hash(new, sibling)
    if old != old_root or new != new_root:
        raise _refused("does not lead from the old root to the new one", "proof.inconsistent")


def check_witness_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Check as a witness does: everything follows from an old size of 0, with an empty proof (C2SP tlog-witness).

    Raises
    ------
    MalformedError
        As `check_consistency`.
    """
    if old_size:
        check_consistency(old_size, old_root, new_size, new_root, path)
        return
    _check_hashes((old_root, new_root))
    if not 0 <= new_size <= LARGEST_SIZE:
        raise _refused(f"says that a tree grew to {new_size} leaves", "proof.size-out-of-range")
    if path:
        raise _refused("has hashes, and growth from nothing needs none", "proof.too-long")
    if old_root != EMPTY_ROOT or (new_size == 0 and new_root != EMPTY_ROOT):
        raise _refused("gives a tree without leaves a root that is not the empty tree's", "proof.inconsistent")


def _check_equal(old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> None:
    if path:
        raise _refused("has hashes, and trees of equal size need none", "proof.too-long")
    if old_root != new_root:
        raise _refused("is for two trees of equal size and different roots", "proof.inconsistent")


def _sides(position: int, last: int, count: int) -> list[bool]:
    """Return, for each of `count` siblings from a node up to the root, whether it stands to the left of the path.

    `position` is the node's number on its level, and `last` that of the level's last node (RFC 9162, section 2.1.3.2,
    where they are called fn and sn).
    """
    sides = []
    for _ in range(count):
        if last == 0:
            raise _refused("has more hashes than it needs", "proof.too-long")
        is_left = bool(position & 1) or position == last
        if is_left:
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        position, last = position >> 1, last >> 1
        sides.append(is_left)
    if last:
        raise _refused("has fewer hashes than it needs", "proof.too-short")
    return sides


def _largest_power_below(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1


def _complete_subtrees(reader: HashReader, start: int, end: int) -> list[bytes]:
    """Return the roots of the complete subtrees that leaves `start` to `end` are made of, largest first."""
    roots: list[bytes] = []
    for level in range((end - start).bit_length() - 1, -1, -1):
        if end - start >> level & 1:
            at = start + ((end - start) >> level + 1 << level + 1)
            roots += reader.hashes(level, at >> level, 1)
    return roots


def _range_root(reader: HashReader, start: int, end: int) -> bytes:
    return _folded(_complete_subtrees(reader, start, end))


def _folded(subtrees: Sequence[bytes]) -> bytes:
    root = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        root = node_hash(left, root)
    return root


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(value) != HASH_BYTES for value in hashes):
        raise _refused(f"holds a hash that is not {HASH_BYTES} bytes long", "proof.malformed")


def _refused(what: str, code: str) -> MalformedError:
    return MalformedError(f"The proof {what}", _NEXT, code)
