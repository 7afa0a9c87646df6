"""Cycles in a directed graph: lineage that leads back to itself cannot be true, and is named node by node."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["Knot", "cycles_of"]

#: The nodes of one cycle in order, and how many nodes are knotted together with it (its strong component).
Knot = tuple[tuple[str, ...], int]


def cycles_of(edges: Iterable[tuple[str, str]]) -> list[Knot]:
    """Return a shortest cycle for every set of nodes that all lead to one another, in order of names.

    Each cycle begins with the alphabetically first node on a shortest cycle through it, and is not closed: its last
    node has an edge to its first.

    Notes
    -----
    Strong components: Tarjan, *Depth-First Search and Linear Graph Algorithms* (1972), without recursion.
    """
    leaving: dict[str, list[str]] = {}
    for start, end in sorted(set(edges)):
        leaving.setdefault(start, []).append(end)
        leaving.setdefault(end, [])
    knots = []
    for component in _components(leaving):
        first = min(component)
        if len(component) > 1 or first in leaving[first]:
            knots.append((_shortest(leaving, first, component), len(component)))
    return sorted(knots)


def _components(leaving: Mapping[str, Sequence[str]]) -> Iterator[set[str]]:
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_nodes: list[str] = []
    is_open: set[str] = set()
    for root in leaving:
        if root in numbers:
            continue
        path = [(root, iter(leaving[root]))]
        _enter(root, numbers, lowest, open_nodes, is_open)
        while path:
            node, ends = path[-1]
            for end in ends:
                if end not in numbers:
                    _enter(end, numbers, lowest, open_nodes, is_open)
                    path.append((end, iter(leaving[end])))
                    break
                if end in is_open:
                    lowest[node] = min(lowest[node], numbers[end])
            else:
                path.pop()
                if path:
                    lowest[path[-1][0]] = min(lowest[path[-1][0]], lowest[node])
                if lowest[node] == numbers[node]:
                    yield _leave(node, open_nodes, is_open)


def _enter(
    node: str, numbers: dict[str, int], lowest: dict[str, int], open_nodes: list[str], is_open: set[str]
) -> None:
    numbers[node] = lowest[node] = len(numbers)
    open_nodes.append(node)
    is_open.add(node)


def _leave(node: str, open_nodes: list[str], is_open: set[str]) -> set[str]:
    component = set()
    while node not in component:
        component.add(open_nodes.pop())
    is_open -= component
    return component


def _shortest(leaving: Mapping[str, Sequence[str]], start: str, component: set[str]) -> tuple[str, ...]:
    """Return a shortest way from a node back to itself inside its component."""
    came_from: dict[str, str] = {}
    waiting = deque([start])
    while waiting:
        node = waiting.popleft()
        for end in leaving[node]:
            if end == start:
                way = [node]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return tuple(reversed(way))
            if end in component and end not in came_from:
                came_from[end] = node
                waiting.append(end)
    return (start,)
