"""Marks and ranks by a grid: what sorting and searching all values gives, to the last value."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from audit_lab.monitor import bins as limits
from audit_lab.monitor import column_bins, grid
from audit_lab.monitor.bins import NumericBins
from audit_lab.monitor.column_bins import bins_of_column, exact_sum
from audit_lab.monitor.grid import Marks, values_of_ranks

numbers = st.one_of(
    st.floats(allow_nan=False),
    st.integers(-3, 3).map(float),
    st.sampled_from([0.0, -0.0, np.inf, -np.inf, 1e308, -1e308, 5e-324]),
)
columns = arrays.arrays(np.float64, st.integers(1, 40), elements=numbers)


@settings(max_examples=40, deadline=None)
@given(columns, columns)
def test_values_are_placed_as_by_searching(values, chosen):
    marks = np.unique(chosen + 0.0)
    with np.errstate(over="ignore"):
        beside = [np.nextafter(marks, np.inf), np.nextafter(marks, -np.inf)]
    everything = np.concatenate([values, marks, *beside])
    assert Marks(marks).below(everything).tolist() == np.searchsorted(marks, everything, side="left").tolist()


@settings(max_examples=40, deadline=None)
@given(columns, st.integers(0, 40), st.data())
def test_values_of_ranks_are_those_of_the_sorted_values(values, cut, data):
    drawn = data.draw(st.lists(st.integers(1, values.size), min_size=1, unique=True).map(sorted))
    ranks = np.array(drawn)
    found, upto = values_of_ranks([values[:cut], values[cut:]], ranks)
    ordered = np.sort(values)
    assert found.tolist() == ordered[ranks - 1].tolist()
    assert upto.tolist() == np.searchsorted(ordered, found, side="right").tolist()


@pytest.mark.parametrize("kind", ["normal", "lognormal", "two heaps", "mostly one value"])
def test_crowded_and_scattered_values_are_placed_and_ranked(kind):
    random = np.random.default_rng(5)
    values = {
        "normal": random.normal(10, 3, 50_000),
        "lognormal": random.lognormal(0, 9, 50_000),
        "two heaps": np.concatenate([random.normal(0, 1e-9, 25_000), random.normal(1e9, 1, 25_000)]),
        "mostly one value": np.where(random.random(50_000) < 0.97, 7.0, random.normal(7, 1, 50_000)),
    }[kind]
    ordered = np.sort(values)
    ranks = np.arange(500, 50_001, 500)
    found, _ = values_of_ranks([values], ranks)
    assert found.tolist() == ordered[ranks - 1].tolist()
    marks = np.unique(found)
    assert Marks(marks).below(values).tolist() == np.searchsorted(marks, values, side="left").tolist()


def same(one, other):
    assert one.values.tolist() == other.values.tolist()
    assert one.value_rows.tolist() == other.value_rows.tolist()
    assert (one.missing_rows, one.marked, one.whole) == (other.missing_rows, other.marked, other.whole)
    assert one.labels == other.labels
    assert (one.mean, one.deviation) == pytest.approx((other.mean, other.deviation), rel=1e-12)


def counted(values, missing):
    unique, rows = np.unique(values, return_counts=True)
    return NumericBins.of_counts("x", unique, rows, missing)


@pytest.mark.parametrize("rounded", [None, 2, 0])
def test_bins_of_a_column_are_those_of_its_counted_values(rounded, monkeypatch):
    monkeypatch.setattr(limits, "MOST_VALUES", 900)
    monkeypatch.setattr(grid, "AT_ONCE", 512)
    random = np.random.default_rng(9)
    values = random.normal(100, 30, 5_000) if rounded is None else random.normal(100, 30, 5_000).round(rounded)
    column = pl.Series("x", values).extend(pl.Series("x", [None] * 7, dtype=pl.Float64))
    found = bins_of_column(column, "numeric")
    assert found.marked is (rounded != 0)
    same(found, counted(values, 7))


def test_sums_do_not_depend_on_how_a_column_lies_in_memory(monkeypatch):
    monkeypatch.setattr(limits, "MOST_VALUES", 100)
    monkeypatch.setattr(column_bins, "_FIRST_ROWS", 1_000)
    values = pl.Series("x", np.random.default_rng(2).lognormal(0, 3, 7_001))
    parts = pl.concat([values[:13], values[13:5_500], values[5_500:]], rechunk=False)
    one, other = bins_of_column(values, "numeric"), bins_of_column(parts, "numeric")
    assert (one.mean, one.deviation) == (other.mean, other.deviation)


def test_infinite_values_count_and_are_in_no_mean(monkeypatch):
    monkeypatch.setattr(limits, "MOST_VALUES", 50)
    values = np.append(np.random.default_rng(4).normal(0, 1, 500), [np.inf, -np.inf, np.inf])
    same(bins_of_column(pl.Series("x", values), "numeric"), counted(values, 0))


def test_a_sum_is_rounded_once_and_may_overflow():
    assert exact_sum([1e16, 1.0, -1e16]) == 1.0
    assert exact_sum([1e308, 1e308]) == np.inf
    assert np.isnan(exact_sum([np.inf, -np.inf]))


def test_categories_are_ordered_by_rows_then_name():
    found = bins_of_column(pl.Series("x", ["b", "a", None, "c", "a", "b"]), "categorical")
    assert found.categories == ("a", "b", "c")
    assert found.category_rows.tolist() == [2, 2, 1]
    assert found.missing_rows == 1
