"""Measures beside independent implementations."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from audit_lab.monitor.measures import (
    CATALOGUE,
    are_numbers,
    binomial_tails,
    chi_square_survivals,
    chi_square_test,
    duplicate_rate,
    has_frozen,
    hellinger_distance,
    missing_rate_change,
    out_of_range_rate,
    pooled_chi_squares,
    total_variation_distance,
    type_violation_rate,
    volume_ratio,
    wasserstein_bounds,
    wasserstein_distance,
)

some_counts = st.integers(2, 12).flatmap(
    lambda bins: st.tuples(
        *[st.lists(st.integers(0, 4000), min_size=bins, max_size=bins).filter(sum) for _ in range(2)]
    )
)
values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80)


@given(some_counts)
def test_hellinger_distance_is_the_euclidean_distance_of_roots(sides):
    shares = [np.sqrt(np.array(side) / sum(side)) for side in sides]
    expected = np.linalg.norm(shares[0] - shares[1]) / math.sqrt(2)
    assert hellinger_distance(*sides) == pytest.approx(expected, abs=1e-12)


@given(some_counts)
def test_total_variation_is_the_largest_difference_of_any_event(sides):
    shares = [np.array(side) / sum(side) for side in sides]
    gaps = shares[0] - shares[1]
    assert total_variation_distance(*sides) == pytest.approx(gaps[gaps > 0].sum(), abs=1e-12)


@given(some_counts)
def test_hellinger_and_total_variation_bound_each_other(sides):
    hellinger, variation = hellinger_distance(*sides), total_variation_distance(*sides)
    assert hellinger**2 <= variation + 1e-12
    assert variation <= math.sqrt(2) * hellinger + 1e-12


@given(some_counts)
def test_chi_square_agrees_with_scipy(sides):
    seen = np.array(sides).sum(axis=0) > 0
    table = np.array(sides)[:, seen]
    found = chi_square_test(*sides)
    if table.shape[1] == 1:
        assert (found.statistic, found.degrees, found.p_value) == (0.0, 0, 1.0)
        return
    expected = stats.chi2_contingency(table, correction=False)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    assert found.degrees == expected.dof
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-12)


@given(some_counts)
def test_pooled_chi_squares_are_those_of_a_table_whose_thin_bins_were_added_up(sides):
    table = np.array(sides, dtype=float)
    totals = table.sum(axis=1)
    larger = 0 if totals[0] >= totals[1] else 1
    expected = table[larger] * totals.min() / totals.max()
    thin = expected < 4.5
    few = table[:, thin].sum(axis=1)
    least = totals.min() / table.sum()
    is_left_out = expected[thin].sum() < 4.5
    kept = table[:, ~thin] if is_left_out else np.column_stack([table[:, ~thin], few])
    statistic, degrees, tail = pooled_chi_squares(table[0], table[1])
    if kept.shape[1] < 2:
        assert (statistic, degrees) == (0.0, 0)
    else:
        wanted = stats.chi2_contingency(kept, correction=False)
        assert statistic == pytest.approx(wanted.statistic, rel=1e-9, abs=1e-9)
        assert degrees == wanted.dof
    smaller = few[0] if table[0].sum() <= table[1].sum() else few[1]
    if is_left_out and smaller > few.sum() * least:
        exact = stats.binomtest(int(smaller), int(few.sum()), least, alternative="greater").pvalue
        assert tail == pytest.approx(exact, rel=1e-9)
    else:
        assert tail == 1.0


def test_pooled_chi_squares_of_a_side_without_rows_test_nothing():
    statistics, degrees, tails = pooled_chi_squares(np.array([3.0, 4.0]), np.zeros((2, 2)))
    assert (statistics.tolist(), degrees.tolist(), tails.tolist()) == ([0.0, 0.0], [0, 0], [1.0, 1.0])


def test_binomial_tails_agree_with_scipy():
    seen, trials, share = np.array([3.0, 30, 7, 0]), np.array([5.0, 31, 4000, 9]), np.array([0.2, 0.1, 0.001, 0.4])
    expected = [stats.binom.sf(k - 1, n, p) for k, n, p in zip(seen[:3], trials[:3], share[:3], strict=True)]
    assert binomial_tails(seen, trials, share)[:3] == pytest.approx(expected, rel=1e-9)
    assert binomial_tails(seen, trials, share)[3] == 1.0


def test_many_survivals_agree_with_scipy():
    found = np.array([0.0, 0.5, 3.0, 12.5, 300.0, 900.0, 2.0])
    degrees = np.array([3, 1, 2, 9, 40, 200, 0])
    expected = [*stats.chi2.sf(found[:-1], degrees[:-1]), 1.0]
    assert chi_square_survivals(found, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-300)


@given(values, values)
def test_wasserstein_agrees_with_scipy(reference, window):
    expected = stats.wasserstein_distance(reference, window)
    assert wasserstein_distance(reference, window) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(values, values, st.randoms(use_true_random=False))
def test_wasserstein_of_values_with_rows_agrees_with_scipy(reference, window, random):
    rows = [[random.randint(1, 50) for _ in side] for side in (reference, window)]
    expected = stats.wasserstein_distance(reference, window, *rows)
    assert wasserstein_distance(reference, window, *rows) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_wasserstein_needs_values_on_both_sides():
    with pytest.raises(ValueError, match="at least one value"):
        wasserstein_distance([1.0], [])


@given(
    st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=120, unique=True),
    st.lists(st.floats(-2e4, 2e4), min_size=1, max_size=120),
    st.integers(2, 12),
)
def test_the_true_wasserstein_distance_lies_within_the_bounds_of_the_marks(reference, window, count):
    first, second = np.sort(reference), np.sort(window)
    marks = np.unique(first[np.linspace(0, first.size - 1, count).astype(int)])
    upto = [np.append(np.searchsorted(side, marks, side="right"), side.size) for side in (first, second)]
    outside = (
        float(np.maximum(marks[0] - second, 0).sum()),
        float(np.maximum(second - marks[-1], 0).sum()),
    )
    low, high = wasserstein_bounds(marks, *upto, outside)
    true = stats.wasserstein_distance(first, second)
    assert low - 1e-6 <= true <= high + 1e-6


def test_the_bounds_meet_where_every_value_is_a_mark():
    marks, reference, window = np.array([1.0, 2.0, 5.0]), [1, 1, 2, 5], [2, 5, 5, 9]
    upto = [np.append(np.searchsorted(side, marks, side="right"), 4) for side in (reference, window)]
    low, high = wasserstein_bounds(marks, *upto, (0.0, 4.0))
    assert low <= stats.wasserstein_distance(reference, window) <= high


def test_rates():
    assert missing_rate_change(10, 100, 5, 20) == pytest.approx(0.15)
    assert out_of_range_rate(1, 2, 12) == 0.25
    assert type_violation_rate(3, 4) == 0.75
    assert duplicate_rate(10, 4) == 0.6
    assert volume_ratio(50, 100.0) == 0.5


def test_rates_of_nothing_are_none():
    assert out_of_range_rate(0, 0, 0) is None
    assert type_violation_rate(0, 0) is None
    assert duplicate_rate(0, 0) is None
    assert volume_ratio(5, 0.0) is None


@pytest.mark.parametrize(
    ("reference_distinct", "distinct", "rows", "frozen"),
    [(5, 1, 50, True), (1, 1, 50, False), (5, 2, 50, False), (5, 1, 49, False)],
)
def test_a_column_has_frozen_where_it_varied_before(reference_distinct, distinct, rows, frozen):
    assert has_frozen(reference_distinct, distinct, rows, 50) is frozen


@pytest.mark.parametrize(
    ("text", "is_number"), [("1", True), ("-2.5e3", True), ("nan", False), ("1_0", False), ("x", False), ("", False)]
)
def test_texts_that_look_like_numbers(text, is_number):
    assert are_numbers(pl.Series([text])).to_list() == [is_number]


def test_every_measure_of_the_catalogue_has_formula_range_and_source():
    assert len({one.name for one in CATALOGUE}) == len(CATALOGUE)
    assert all(one.formula and one.values and one.exact and one.source for one in CATALOGUE)
    assert all(bool(one.threshold_source) == (one.moderate is not None) for one in CATALOGUE)
