"""What is hidden cannot be computed from what is shown: checked by exact arithmetic on every table drawn."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.monitor.fairness.suppression import hidden

SEX, AGE = 0, 1


def tables(cells):
    """Return all groups of a table of intersections: {(sex, age): rows}."""
    counts = {}
    for (sex, age), rows in cells.items():
        for unit in (((SEX, sex),), ((AGE, age),), ((SEX, sex), (AGE, age))):
            counts[unit] = counts.get(unit, 0) + rows
    return {unit: rows for unit, rows in counts.items() if rows}


def test_a_small_group_alone_takes_the_next_smallest_with_it():
    counts = {((SEX, "f"),): 40, ((SEX, "m"),): 30, ((SEX, "x"),): 4}
    assert hidden(counts, 10) == {((SEX, "x"),), ((SEX, "m"),)}


def test_two_small_groups_that_are_large_enough_together_need_no_third():
    counts = {((SEX, "f"),): 40, ((SEX, "m"),): 6, ((SEX, "x"),): 7}
    assert hidden(counts, 10) == {((SEX, "x"),), ((SEX, "m"),)}


def test_two_groups_of_one_take_a_third_with_them():
    """Together they have 2 rows by the total, so each would be known to have 1."""
    counts = {((SEX, "f"),): 40, ((SEX, "m"),): 1, ((SEX, "x"),): 1}
    assert hidden(counts, 10) == set(counts)


def test_nothing_small_hides_nothing():
    assert hidden(tables({("f", "old"): 10, ("m", "old"): 12, ("f", "new"): 11, ("m", "new"): 10}), 10) == frozenset()


def test_one_small_intersection_takes_one_in_its_row_and_one_in_its_column_and_their_corner():
    cells = {(sex, age): 20 + 3 * place for place, (sex, age) in enumerate(product("fmx", ("a", "b", "c")))}
    gone = hidden(tables({**cells, ("f", "a"): 4}), 10)
    assert ((SEX, "f"), (AGE, "a")) in gone
    assert len(gone) == 4
    assert all(len(unit) == 2 for unit in gone)


def test_without_any_other_group_all_is_hidden():
    assert hidden({((SEX, "f"),): 3}, 10) == {((SEX, "f"),)}


def test_what_is_hidden_for_another_reason_stays_hidden():
    counts = {((SEX, "f"),): 40, ((SEX, "m"),): 30, ((SEX, "x"),): 50}
    assert ((SEX, "f"),) in hidden(counts, 10, frozenset({((SEX, "f"),)}))


def determined(gone, counts):
    """Return the hidden groups that follow from the shown ones and the total, by elimination in exact fractions."""
    from fractions import Fraction

    order = sorted(gone)
    whole = {column: [unit for unit in counts if len(unit) == 1 and unit[0][0] == column] for column in (SEX, AGE)}
    equations = [[Fraction(unit in members) for unit in order] for members in whole.values()]
    for margin in (unit for unit in counts if len(unit) == 1):
        inside = [unit for unit in counts if len(unit) == 2 and margin[0] in unit]
        if inside:
            equations.append([Fraction(unit in inside) - Fraction(unit == margin) for unit in order])
    pivots, row = [], 0
    for column in range(len(order)):
        found = next((place for place in range(row, len(equations)) if equations[place][column]), None)
        if found is None:
            continue
        equations[row], equations[found] = equations[found], equations[row]
        lead = equations[row][column]
        equations[row] = [value / lead for value in equations[row]]
        for place in range(len(equations)):
            if place != row and equations[place][column]:
                factor = equations[place][column]
                pairs = zip(equations[place], equations[row], strict=True)
                equations[place] = [value - factor * other for value, other in pairs]
        pivots.append(column)
        row += 1
    alone = [pivots[place] for place in range(row) if sum(map(bool, equations[place])) == 1]
    return {order[column] for column in alone}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=12, max_size=12), st.integers(2, 15))
def test_no_small_group_follows_from_what_is_shown(rows, minimum):
    counts = tables(dict(zip(product("fmx", "abcd"), rows, strict=True)))
    gone = hidden(counts, minimum)
    small = {unit for unit, count in counts.items() if count < minimum}
    assert small <= gone
    if gone != set(counts):
        assert determined(gone, counts) & small == set()


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8))
def test_of_one_column_no_small_group_follows_and_the_hidden_ones_are_enough_together(rows):
    counts = {((SEX, str(place)),): count for place, count in enumerate(rows)}
    gone = hidden(counts, 10)
    if gone and gone != set(counts):
        assert len(gone) > 1
        assert sum(counts[unit] for unit in gone) >= 10


@pytest.mark.parametrize("minimum", [1, 5])
def test_hiding_does_not_depend_on_the_order_of_groups(minimum):
    counts = tables({(sex, age): 3 * place for place, (sex, age) in enumerate(product("fmx", "abcd"))})
    assert hidden(counts, minimum) == hidden(dict(reversed(counts.items())), minimum)
