"""The hashes of a segment's rows as a file: every level of its tree that a proof reads, 256 to one.

The file is level 0 (one leaf hash for each row), then level 1 (the root of every complete run of 256 hashes of
level 0), and so on while a level has a complete run, one after another. All sizes follow from the number of rows. The
tree is that of RFC 6962, section 2.1; nothing in the file is trusted before it led to the segment's signed root.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import LogError
from audit_lab.log.commitment.hashing import HASH_BYTES, block_hashes
from audit_lab.seal.merkle import inclusion_path, root_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LevelsReader", "level_sizes", "levels_bytes", "levels_root", "row_path", "rows_root"]

_HEIGHT = 8
_WIDTH = 1 << _HEIGHT
_RUN_BYTES = _WIDTH * HASH_BYTES
_NODE = 1
#: Nodes are hashed by the plugin where they are many, one by one where they are few.
_MANY = 512
#: Complete runs that one thread folds at a time: 2 MiB of hashes.
_RUNS_AT_ONCE = 256
_NEXT = "Recompute it from the segment's rows, or restore it from a backup."


def level_sizes(rows: int) -> list[int]:
    """Return how many hashes each level of the file has, level 0 first."""
    sizes = [rows]
    while sizes[-1] >= _WIDTH:
        sizes.append(sizes[-1] // _WIDTH)
    return sizes


def levels_bytes(leaves: bytes) -> bytes:
    """Return the content of the file for a segment's leaf hashes (32 bytes each).

    Raises
    ------
    LogError
        The leaves are not a whole number of hashes.
    """
    return b"".join(_levels(leaves))


def rows_root(leaves: bytes) -> bytes:
    """Return the root of the tree over leaf hashes (32 bytes each): `audit_lab.seal.merkle.tree_root`, for many.

    Raises
    ------
    LogError
        The leaves are not a whole number of hashes.
    """
    return levels_root(_Parts(_levels(leaves)).read, _rows(leaves))


def levels_root(read: Callable[[int, int], bytes], rows: int) -> bytes:
    """Return the root that the highest levels of a file lead to; the lower ones are not read, so not checked."""
    return root_of(LevelsReader(read, rows), rows)


def row_path(read: Callable[[int, int], bytes], rows: int, index: int) -> list[bytes]:
    """Return the proof that row `index` is under the root of a segment of `rows` rows, leaf to root.

    Parameters
    ----------
    read
        Gives the file's bytes: ``read(start, length)``. At most two runs of 256 hashes of each level are read.

    Raises
    ------
    MisuseError
        The segment has no such row.
    LogError
        The file is shorter than its number of rows says.
    """
    return inclusion_path(LevelsReader(read, rows), index, rows)


class LevelsReader:
    """The stored levels as an `audit_lab.seal.merkle.HashReader`; reads whole runs and keeps them.

    Parameters
    ----------
    read
        Gives the file's bytes: ``read(start, length)``.
    rows
        How many rows the segment has, from its signed statement.
    """

    def __init__(self, read: Callable[[int, int], bytes], rows: int) -> None:
        self._read = read
        self._sizes = level_sizes(rows)
        self._runs: dict[tuple[int, int], bytes] = {}

    def hashes(self, level: int, start: int, count: int) -> list[bytes]:
        """Return the roots of the subtrees of 2^level rows numbered from `start`, `count` of them."""
        stored, height = divmod(level, _HEIGHT)
        first, last = start << height, start + count << height
        nodes = b"".join(self._run(stored, run) for run in range(first // _WIDTH, -(-last // _WIDTH)))
        skipped = first // _WIDTH * _WIDTH
        nodes = nodes[(first - skipped) * HASH_BYTES : (last - skipped) * HASH_BYTES]
        for _ in range(height):
            nodes = _parents(nodes)
        return [nodes[at : at + HASH_BYTES] for at in range(0, len(nodes), HASH_BYTES)]

    def _run(self, level: int, run: int) -> bytes:
        if (level, run) not in self._runs:
            first = run * _WIDTH
            count = min(_WIDTH, self._sizes[level] - first)
            start = (sum(self._sizes[:level]) + first) * HASH_BYTES
            content = self._read(start, count * HASH_BYTES)
            if len(content) != count * HASH_BYTES:
                raise LogError(f"the leaves file ends at a place before byte {start + count * HASH_BYTES}", _NEXT)
            self._runs[level, run] = content
        return self._runs[level, run]


class _Parts:
    """Several byte strings read as if they were one."""

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts

    def read(self, start: int, length: int) -> bytes:
        for part in self._parts:
            if start < len(part):
                return part[start : start + length]
            start -= len(part)
        return b""


def _rows(leaves: bytes) -> int:
    rows, rest = divmod(len(leaves), HASH_BYTES)
    if rest:
        raise LogError(f"{len(leaves)} bytes are not a whole number of hashes of {HASH_BYTES} bytes", _NEXT)
    return rows


def _levels(leaves: bytes) -> list[bytes]:
    levels = [leaves]
    for _ in level_sizes(_rows(leaves))[1:]:
        levels.append(_run_roots(levels[-1]))
    return levels


def _run_roots(hashes: bytes) -> bytes:
    """Return the root of every complete run of 256 hashes."""
    complete = len(hashes) // _RUN_BYTES * _RUN_BYTES
    content = memoryview(hashes)

    def folded(start: int) -> bytes:
        nodes = bytes(content[start : min(start + _RUNS_AT_ONCE * _RUN_BYTES, complete)])
        for _ in range(_HEIGHT):
            nodes = _parents(nodes)
        return nodes

    starts = range(0, complete, _RUNS_AT_ONCE * _RUN_BYTES)
    if len(starts) == 1:
        return folded(0)
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        return b"".join(pool.map(folded, starts))


def _parents(nodes: bytes) -> bytes:
    """Return the nodes above an even number of nodes."""
    pair = 2 * HASH_BYTES
    count = len(nodes) // pair
    if count < _MANY:
        digest = hashlib.sha256
        return b"".join(digest(b"\x01" + nodes[at : at + pair]).digest() for at in range(0, count * pair, pair))
    import numpy as np

    blocks = np.empty((count, 1 + pair), dtype=np.uint8)
    blocks[:, 0] = _NODE
    blocks[:, 1:] = np.frombuffer(nodes, dtype=np.uint8).reshape(count, pair)
    return block_hashes(blocks)
