from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.replay.lineage.cycles import cycles_of

EDGES = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh")), max_size=24)


@pytest.mark.parametrize(
    ("edges", "found"),
    [
        ([], []),
        ([("a", "b"), ("b", "c"), ("a", "c")], []),
        ([("a", "a")], [(("a",), 1)]),
        ([("b", "a"), ("a", "b")], [(("a", "b"), 2)]),
        ([("a", "b"), ("b", "c"), ("c", "a"), ("c", "b")], [(("a", "b", "c"), 3)]),
        ([("c", "d"), ("d", "c"), ("a", "b"), ("b", "a"), ("a", "c")], [(("a", "b"), 2), (("c", "d"), 2)]),
    ],
)
def test_each_knot_gives_one_shortest_cycle(edges, found):
    assert cycles_of(edges) == found


@given(EDGES)
def test_knots_are_the_strong_components_that_another_library_finds(edges):
    graph = nx.DiGraph(edges)
    expected = {
        frozenset(each)
        for each in nx.strongly_connected_components(graph)
        if len(each) > 1 or graph.has_edge(*each, *each)
    }
    found = cycles_of(edges)
    assert sorted(size for _, size in found) == sorted(map(len, expected))
    for nodes, _ in found:
        assert any(set(nodes) <= component for component in expected)
        assert all(graph.has_edge(*pair) for pair in zip(nodes, (*nodes[1:], nodes[0]), strict=True))


def test_a_cycle_of_fifty_thousand_nodes_needs_no_recursion():
    names = [f"n{number:05d}" for number in range(50_000)]
    ((nodes, size),) = cycles_of(zip(names, (*names[1:], names[0]), strict=True))
    assert (len(nodes), size, nodes[0]) == (50_000, 50_000, "n00000")
