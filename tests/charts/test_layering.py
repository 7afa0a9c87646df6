"""A graph in columns: whatever the graph, nothing stands on anything else, and the same graph stands the same way."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.charts.layering import layered

NODE, WAY = 60.0, 22.0
GRAPHS = st.integers(1, 12).flatmap(
    lambda count: st.tuples(
        st.just(count),
        st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=30),
    )
)


def placed(count, edges):
    return layered(count, edges, node_height=NODE, way_height=WAY)


@pytest.mark.parametrize(
    ("count", "edges", "layers"),
    [
        (1, [], (0,)),
        (3, [(0, 1), (1, 2)], (0, 1, 2)),
        (3, [(0, 1), (1, 2), (0, 2)], (0, 1, 2)),
        (4, [(0, 1), (0, 2), (2, 3), (1, 3)], (0, 1, 1, 2)),
    ],
)
def test_a_node_stands_as_far_right_as_its_longest_way_is_long(count, edges, layers):
    assert placed(count, edges).layers == layers


def test_an_edge_that_closes_a_cycle_is_turned():
    found = placed(3, [(0, 1), (1, 2), (2, 0), (1, 1)])
    assert found.turned == {2, 3}
    assert found.layers == (0, 1, 2)


def test_an_edge_over_a_column_has_a_height_there():
    found = placed(3, [(0, 1), (1, 2), (0, 2)])
    assert [len(way) for way in found.ways] == [0, 0, 1]
    assert abs(found.ways[2][0] - found.heights[1]) >= (NODE + WAY) / 2


def test_a_chain_is_straight():
    assert len({round(height, 6) for height in placed(6, list(pairwise(range(6)))).heights}) == 1


def test_two_edges_that_would_cross_are_put_in_order():
    found = placed(5, [(0, 1), (0, 2), (1, 4), (2, 3)])
    upper, lower = sorted((1, 2), key=lambda node: found.heights[node])
    ends = {1: 4, 2: 3}
    assert found.heights[ends[upper]] < found.heights[ends[lower]]


@given(GRAPHS)
def test_nothing_stands_on_anything_else(graph):
    count, edges = graph
    found = placed(count, edges)
    columns = {}
    for node in range(count):
        columns.setdefault(found.layers[node], []).append((found.heights[node], NODE))
    for number, way in enumerate(found.ways):
        left = min(found.layers[end] for end in edges[number])
        for step, height in enumerate(way, start=left + 1):
            columns.setdefault(step, []).append((height, WAY))
    for column in columns.values():
        for (upper, tall), (lower, other) in pairwise(sorted(column)):
            assert lower - upper >= (tall + other) / 2 - 1e-6
    assert min(height - tall / 2 for column in columns.values() for height, tall in column) == pytest.approx(0)
    assert max(height + tall / 2 for column in columns.values() for height, tall in column) <= found.height + 1e-6


@given(GRAPHS)
def test_every_edge_leads_to_the_right_but_those_that_are_turned(graph):
    count, edges = graph
    found = placed(count, edges)
    for number, (start, end) in enumerate(edges):
        ahead = found.layers[end] - found.layers[start]
        assert ahead < 0 or start == end if number in found.turned else ahead > 0


@given(GRAPHS)
def test_the_same_graph_stands_the_same_way(graph):
    assert placed(*graph) == placed(*graph)
