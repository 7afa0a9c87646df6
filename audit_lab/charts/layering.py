"""Place a directed graph in columns from left to right; the same graph is always placed the same way.

Source: Sugiyama, Tagawa and Toda, *Methods for Visual Understanding of Hierarchical System Structures* (1981): cycles
are broken, nodes stand in layers by their longest way from a first node, each layer is ordered by barycentres, and
edges that pass over layers keep a slot in each of them. Heights solve a least-squares problem under the order, by the
pooling of adjacent violators (Best and Chakravarti, *Active Set Algorithms for Isotonic Regression*, 1990).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Layering", "layered", "passed_over"]

_SWEEPS = 12
_ALIGNMENTS = 16
#: An edge that passes over a layer is pulled straight with this weight; a node with 1.
_STRAIGHT = 4.0

#: What has a slot: a node's number, or an edge's number and the layer that it passes over.
_Slot = tuple[int, int]
_NODE = -1


@dataclass(frozen=True)
class Layering:
    """Where everything stands: columns counted from 0, heights from the top.

    Attributes
    ----------
    layers
        The column of each node.
    heights
        The height of each node's middle.
    ways
        For each edge, the height at which it passes each column between those of its ends, left to right.
    turned
        Edges that run against the order, because they close a cycle; those from a node to itself are among them.
    height
        From the top of the highest to the foot of the lowest.
    """

    layers: tuple[int, ...]
    heights: tuple[float, ...]
    ways: tuple[tuple[float, ...], ...]
    turned: frozenset[int]
    height: float


def layered(count: int, edges: Sequence[tuple[int, int]], *, node_height: float, way_height: float) -> Layering:
    """Place `count` nodes, the first of which is the root, and the edges between them.

    Parameters
    ----------
    count
        How many nodes there are; edges name them by number.
    node_height, way_height
        How much a node, or an edge that passes by, takes from the middle of one to the middle of the next of its kind.
    """
    turned = _turned(count, edges)
    forward = [(end, start) if number in turned else (start, end) for number, (start, end) in enumerate(edges)]
    layers = _layers(count, [each for each in forward if each[0] != each[1]])
    columns, links = _slots(layers, forward)
    columns = _ordered(columns, links)
    tall = {slot: node_height if slot[0] == _NODE else way_height for column in columns for slot in column}
    at = _aligned(columns, links, tall)
    top = min((at[slot] - tall[slot] / 2 for slot in at), default=0.0)
    foot = max((at[slot] + tall[slot] / 2 for slot in at), default=0.0)
    ways = []
    for number, (start, end) in enumerate(forward):
        between = range(layers[start] + 1, layers[end])
        ways.append(tuple(at[number, layer] - top for layer in between))
    heights = tuple(at[_NODE, node] - top for node in range(count))
    return Layering(tuple(layers), heights, tuple(ways), frozenset(turned), foot - top)


def passed_over(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Return how many columns each edge passes over; the cost of a picture grows with their sum."""
    turned = _turned(count, edges)
    forward = [(end, start) if number in turned else (start, end) for number, (start, end) in enumerate(edges)]
    layers = _layers(count, [each for each in forward if each[0] != each[1]])
    return [max(layers[end] - layers[start] - 1, 0) for start, end in forward]


def _turned(count: int, edges: Sequence[tuple[int, int]]) -> set[int]:
    """Return the edges that lead back to where a walk, from the first node on, came from."""
    leaving: dict[int, list[tuple[int, int]]] = {node: [] for node in range(count)}
    for number, (start, end) in enumerate(edges):
        leaving[start].append((number, end))
    turned, done, above = set[int](), set[int](), set[int]()
    for root in range(count):
        path = [(root, iter(leaving[root]))] if root not in done else []
        above.update(node for node, _ in path)
        while path:
            node, ends = path[-1]
            for number, end in ends:
                if end in above:
                    turned.add(number)
                elif end not in done:
                    above.add(end)
                    path.append((end, iter(leaving[end])))
                    break
            else:
                path.pop()
                above.discard(node)
                done.add(node)
    return turned


def _layers(count: int, forward: Sequence[tuple[int, int]]) -> list[int]:
    """Return the longest way to each node from one that nothing leads to."""
    leaving: dict[int, list[int]] = {node: [] for node in range(count)}
    waits_for = [0] * count
    for start, end in forward:
        leaving[start].append(end)
        waits_for[end] += 1
    layers = [0] * count
    ready = [node for node in range(count) if not waits_for[node]]
    while ready:
        node = ready.pop()
        for end in leaving[node]:
            layers[end] = max(layers[end], layers[node] + 1)
            waits_for[end] -= 1
            if not waits_for[end]:
                ready.append(end)
    return layers


def _slots(
    layers: Sequence[int], forward: Sequence[tuple[int, int]]
) -> tuple[list[list[_Slot]], list[tuple[_Slot, _Slot]]]:
    """Return the slots of each column, and the links between slots of neighbouring columns."""
    columns: list[list[_Slot]] = [[] for _ in range(max(layers, default=-1) + 1)]
    for node, layer in enumerate(layers):
        columns[layer].append((_NODE, node))
    links = []
    for number, (start, end) in enumerate(forward):
        passed: list[_Slot] = [(number, layer) for layer in range(layers[start] + 1, layers[end])]
        for slot in passed:
            columns[slot[1]].append(slot)
        way = [(_NODE, start), *passed, (_NODE, end)]
        links += [(left, right) for left, right in pairwise(way) if left != right]
    return columns, links


def _ordered(columns: list[list[_Slot]], links: Sequence[tuple[_Slot, _Slot]]) -> list[list[_Slot]]:
    """Order each column by the mean place of its neighbours, to and fro, and keep the order that crosses least."""
    before, after = _neighbours(links)
    best, fewest = columns, _crossings(columns, after)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        order = range(1, len(columns)) if sweep % 2 == 0 else range(len(columns) - 2, -1, -1)
        near = before if sweep % 2 == 0 else after
        columns = list(columns)
        for place in order:
            there = columns[place - 1 if sweep % 2 == 0 else place + 1]
            rank = {slot: number for number, slot in enumerate(there)}
            columns[place] = _by_barycentre(columns[place], near, rank)
        crossings = _crossings(columns, after)
        if crossings < fewest:
            best, fewest = columns, crossings
    return best


def _by_barycentre(
    column: Sequence[_Slot], near: Mapping[_Slot, Sequence[_Slot]], rank: Mapping[_Slot, int]
) -> list[_Slot]:
    def middle(place: int) -> float:
        ranks = [rank[slot] for slot in near.get(column[place], ())]
        return sum(ranks) / len(ranks) if ranks else float(place)

    return [column[place] for place in sorted(range(len(column)), key=lambda place: (middle(place), place))]


def _neighbours(
    links: Sequence[tuple[_Slot, _Slot]],
) -> tuple[dict[_Slot, list[_Slot]], dict[_Slot, list[_Slot]]]:
    before: dict[_Slot, list[_Slot]] = {}
    after: dict[_Slot, list[_Slot]] = {}
    for left, right in links:
        after.setdefault(left, []).append(right)
        before.setdefault(right, []).append(left)
    return before, after


def _crossings(columns: Sequence[Sequence[_Slot]], after: Mapping[_Slot, Sequence[_Slot]]) -> int:
    """Count the crossings of links between neighbouring columns: inversions, by sorted insertion."""
    total = 0
    for left, right in pairwise(columns):
        rank = {slot: number for number, slot in enumerate(right)}
        below: list[int] = []
        for slot in left:
            ends = sorted(rank[each] for each in after.get(slot, ()))
            total += sum(len(below) - bisect_right(below, end) for end in ends)
            for end in ends:
                insort(below, end)
    return total


def _aligned(
    columns: Sequence[Sequence[_Slot]], links: Sequence[tuple[_Slot, _Slot]], tall: Mapping[_Slot, float]
) -> dict[_Slot, float]:
    """Bring every slot as near to the mean height of its neighbours as its column's order and room allow."""
    before, after = _neighbours(links)
    at: dict[_Slot, float] = {}
    for column in columns:
        at.update(_placed(column, [0.0] * len(column), tall))
    for turn in range(_ALIGNMENTS):
        order = columns if turn % 2 == 0 else columns[::-1]
        for column in order:
            wanted = []
            for slot in column:
                near = [*before.get(slot, ()), *after.get(slot, ())]
                wanted.append(sum(at[each] for each in near) / len(near) if near else at[slot])
            at.update(_placed(column, wanted, tall))
    return at


def _placed(column: Sequence[_Slot], wanted: Sequence[float], tall: Mapping[_Slot, float]) -> dict[_Slot, float]:
    """Return heights in the column's order, each apart from the next, whose weighted squares of misses are least."""
    offsets = [0.0]
    for upper, lower in pairwise(column):
        offsets.append(offsets[-1] + (tall[upper] + tall[lower]) / 2)
    blocks: list[list[float]] = []  # mean, weight, members
    for slot, want, offset in zip(column, wanted, offsets, strict=False):
        blocks.append([want - offset, 1.0 if slot[0] == _NODE else _STRAIGHT, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, weight, members = blocks.pop()
            above = blocks[-1]
            above[0] = (above[0] * above[1] + mean * weight) / (above[1] + weight)
            above[1] += weight
            above[2] += members
    means = _repeated((mean, int(members)) for mean, _, members in blocks)
    return {slot: mean + offset for slot, mean, offset in zip(column, means, offsets, strict=False)}


def _repeated(blocks: Iterable[tuple[float, int]]) -> list[float]:
    return [mean for mean, members in blocks for _ in range(members)]
