"""Measures of what was said equal scikit-learn's; the cost is what the matrix says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from audit_lab.monitor.performance.classified import Classified, binary_measures, cost_of, macro_measures

two = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), max_size=40)
three = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40)


def classified(pairs, names):
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    for said, true in pairs:
        counts[said, true] += 1
    return Classified(names, counts)


@settings(max_examples=60, deadline=None)
@given(two)
def test_measures_of_two_classes_equal_scikit_learn(pairs):
    said, true = ([1 - pair[side] for pair in pairs] for side in (0, 1))
    found = {each.measure: each for each in binary_measures(classified(pairs, ("yes", "no")))}
    expected = {
        "accuracy": metrics.accuracy_score(true, said) if pairs else None,
        "precision": metrics.precision_score(true, said) if any(said) else None,
        "recall": metrics.recall_score(true, said) if any(true) else None,
        "f1": metrics.f1_score(true, said) if any(said) or any(true) else None,
    }
    for name, value in expected.items():
        assert found[name].value == (None if value is None else pytest.approx(value, abs=1e-9))
        assert (found[name].why == "") == (value is not None)


@settings(max_examples=60, deadline=None)
@given(three)
def test_measures_of_three_classes_equal_scikit_learn(pairs):
    said, true = ([pair[side] for pair in pairs] for side in (0, 1))
    found = {each.measure: each.value for each in macro_measures(classified(pairs, ("a", "b", "c")))}
    options = {"average": "macro", "zero_division": 0}
    assert found == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(true, said),
            "macro_precision": metrics.precision_score(true, said, **options),
            "macro_recall": metrics.recall_score(true, said, **options),
            "macro_f1": metrics.f1_score(true, said, **options),
        },
        abs=1e-9,
    )


def test_the_interval_of_an_accuracy_is_exact_and_of_an_f1_drawn():
    accuracy, _, _, f1 = binary_measures(Classified(("yes", "no"), np.array([[30, 10], [5, 55]])))
    assert accuracy.interval == pytest.approx((0.7647, 0.9135), abs=1e-4)
    assert accuracy.method == "exact, Clopper and Pearson"
    assert f1.method == "bootstrap, 1,000 draws, percentiles"
    assert f1.value == pytest.approx(60 / 75)
    assert 0.65 < f1.interval.low < 0.73
    assert 0.86 < f1.interval.high < 0.92


def test_the_cost_is_the_matrix_over_the_rows():
    found = cost_of(Classified(("yes", "no"), np.array([[2, 3], [1, 4]])), {("yes", "no"): 1, ("no", "yes"): 5})
    assert found.value == pytest.approx((3 * 1 + 1 * 5) / 10)
    assert found.interval.low < found.value < found.interval.high


def test_without_a_row_nothing_is_defined():
    empty = Classified(("yes", "no"), np.zeros((2, 2), dtype=np.int64))
    assert [each.value for each in (*binary_measures(empty), cost_of(empty, {}))] == [None] * 5
    assert [each.value for each in macro_measures(empty)] == [None] * 4
