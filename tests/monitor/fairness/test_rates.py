"""Rates and comparisons equal fairlearn's; intervals and what chance does are what they say."""

from __future__ import annotations

import fairlearn.metrics as fair
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from audit_lab.monitor.fairness.rates import COMPARISONS, compared, rates_of
from audit_lab.monitor.fairness.tallies import Tally
from audit_lab.monitor.performance.intervals import wilson

decisions = st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), min_size=4, max_size=60)


def tallied(rows):
    found = {}
    for group, said, true in rows:
        more = Tally(1, said, true, said and true, not true, said and not true)
        found[group] = found.get(group, Tally()) + more
    return {name: {rate.measure: rate for rate in rates_of({1.0: found[name]})} for name in sorted(found)}


# Groups with nobody of an outcome are passed over, which now and then are many in a row.
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.filter_too_much])
@given(decisions)
def test_comparisons_equal_fairlearn(rows):
    groups, said, true = (np.array(side) for side in zip(*rows, strict=True))
    names = set(groups)
    assume(len(names) > 1)
    # Where a group has nobody of an outcome, fairlearn takes its rate as 0; here it is not defined.
    assume(all(true[groups == name].any() and not true[groups == name].all() for name in names))
    rates = tallied(rows)
    frame = fair.MetricFrame(
        metrics={
            "selection_rate": fair.selection_rate,
            "true_positive_rate": fair.true_positive_rate,
            "false_negative_rate": fair.false_negative_rate,
            "false_positive_rate": fair.false_positive_rate,
        },
        y_true=true,
        y_pred=said,
        sensitive_features=groups,
    )
    for name, row in frame.by_group.iterrows():
        assert {measure: rates[name][measure].value for measure in row.index} == pytest.approx(dict(row), abs=1e-9)
    for comparison in COMPARISONS:
        expected = getattr(fair, comparison)(true, said, sensitive_features=groups)
        found = compared(comparison, rates).value
        if np.isnan(expected):
            assert found is None
        elif found is not None:
            assert found == pytest.approx(expected, abs=1e-9)
        else:
            # fairlearn takes the worse of two ratios although one of them is 0 / 0.
            assert comparison == "equalized_odds_ratio"


def test_a_group_without_an_outcome_of_one_kind_has_no_rate_and_is_named():
    rates = tallied([("a", True, True), ("a", False, False), ("b", True, True), ("c", True, False), ("c", True, True)])
    assert rates["b"]["false_positive_rate"].value is None
    found = compared("equalized_odds_difference", rates)
    assert found.value == 1.0  # of the false positive rates of a and c
    assert found.note == "not defined for b"


def test_the_worse_of_two_rates_counts():
    rates = tallied(
        [("a", True, True)] * 8
        + [("a", False, True)] * 2
        + [("a", True, False)] * 1
        + [("a", False, False)] * 9
        + [("b", True, True)] * 7
        + [("b", False, True)] * 3
        + [("b", True, False)] * 6
        + [("b", False, False)] * 4
    )
    assert compared("equal_opportunity_difference", rates).value == pytest.approx(0.1)
    odds = compared("equalized_odds_difference", rates)
    assert (odds.value, odds.lowest, odds.highest) == (pytest.approx(0.5), "a", "b")


def test_the_four_fifths_ratio_is_the_lowest_by_the_highest_with_its_interval():
    """48 of 80 and 12 of 40: the example of the *Uniform Guidelines*, question 12 of the questions and answers."""
    rates = tallied([("a", place < 48, True) for place in range(80)] + [("b", place < 12, True) for place in range(40)])
    found = compared("demographic_parity_ratio", rates)
    assert (found.value, found.lowest, found.highest) == (pytest.approx(0.5), "b", "a")
    half = 1.959964 * np.sqrt(1 / 12 - 1 / 40 + 1 / 48 - 1 / 80)
    assert (found.interval.low, found.interval.high) == pytest.approx((0.5 * np.exp(-half), 0.5 * np.exp(half)))


def test_where_nobody_is_favoured_a_ratio_is_not_defined_and_a_difference_is_nothing():
    rates = tallied([("a", False, True), ("b", False, True)])
    assert compared("demographic_parity_ratio", rates).note == "every rate is 0"
    assert compared("demographic_parity_difference", rates).value == 0.0


def test_one_group_is_compared_with_nothing():
    found = compared("demographic_parity_difference", tallied([("a", True, True)]))
    assert (found.value, found.note) == (None, "fewer than two groups to compare")


def test_the_gap_of_calibration_is_the_mean_probability_less_the_share():
    tally = Tally(rows=10, scored=10, score_sum=4.0, scored_positive=3)
    gap = rates_of({1.0: tally})[-1]
    low, high = wilson(3, 10)
    assert gap.value == pytest.approx(0.1)
    assert gap.interval == pytest.approx((0.4 - high, 0.4 - low))


def test_groups_of_one_rate_exceed_what_chance_does_as_seldom_as_it_says():
    rng = np.random.default_rng(6)
    beyond = 0
    for _ in range(200):
        rows = [(name, bool(said), True) for name in "abcd" for said in rng.uniform(size=60) < 0.4]
        found = compared("demographic_parity_difference", tallied(rows))
        beyond += found.value > found.by_chance
    # 5 % of 200 is 10; 99.9 % of binomial counts lie between 2 and 21.
    assert 2 <= beyond <= 21
