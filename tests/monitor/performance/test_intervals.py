"""Intervals of shares equal scipy's, published tables, and hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from audit_lab.monitor.performance.intervals import clopper_pearson, katz_log, newcombe, wilson

shares = st.integers(1, 500).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))


@given(shares)
def test_clopper_pearson_equals_scipy(share):
    expected = stats.binomtest(*share).proportion_ci(0.95, "exact")
    assert clopper_pearson(*share) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(shares)
def test_wilson_equals_scipy(share):
    expected = stats.binomtest(*share).proportion_ci(0.95, "wilson")
    assert wilson(*share) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_no_trial_has_no_interval():
    assert clopper_pearson(0, 0) == wilson(0, 0) == (None, None)
    assert newcombe((0, 0), (1, 2)) == katz_log((0, 5), (1, 2)) == (None, None)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((10, 10), (0, 10), (0.6075, 1.0)),
    ],
    ids=str,
)
def test_newcombe_gives_the_numbers_of_his_table(one, other, expected):
    """Table II of Newcombe (1998), method 10."""
    assert newcombe(one, other) == pytest.approx(expected, abs=6e-5)


@given(shares, shares)
def test_katz_equals_scipy_s_relative_risk(one, other):
    if not one[0] or not other[0]:
        assert katz_log(one, other) == (None, None)
        return
    expected = stats.contingency.relative_risk(one[0], one[1], other[0], other[1]).confidence_interval(0.95)
    assert katz_log(one, other) == pytest.approx((expected.low, expected.high), rel=1e-9)


def held(low, high, truth):
    return np.mean([a is not None and a <= truth <= b for a, b in zip(low, high, strict=True)])


@pytest.mark.parametrize(("rate", "rows"), [(0.05, 40), (0.3, 40), (0.9, 200)])
def test_intervals_hold_the_true_rate_as_often_as_they_say(rate, rows):
    """Exactly: the chance of each count by the binomial, summed over the counts whose interval holds the rate."""
    counts = np.arange(rows + 1)
    chances = stats.binom.pmf(counts, rows, rate)
    coverage = {}
    for method in (clopper_pearson, wilson):
        ends = [method(int(count), rows) for count in counts]
        coverage[method.__name__] = sum(chances[k] for k in counts if ends[k].low <= rate <= ends[k].high)
    assert coverage["clopper_pearson"] >= 0.95
    assert coverage["wilson"] == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize(("first", "second"), [(0.5, 0.5), (0.3, 0.6), (0.8, 0.9)])
def test_intervals_of_two_rates_hold_what_is_true_as_often_as_they_say(first, second):
    rng = np.random.default_rng(5)
    draws = zip(rng.binomial(80, first, 2_000).tolist(), rng.binomial(120, second, 2_000).tolist(), strict=True)
    differences, ratios = zip(
        *((newcombe((a, 80), (b, 120)), katz_log((a, 80), (b, 120))) for a, b in draws), strict=True
    )
    # 2,000 draws of a coverage of 0.95 lie between 0.935 and 0.965 with three standard errors.
    assert held(*zip(*differences, strict=True), first - second) == pytest.approx(0.95, abs=0.02)
    assert held(*zip(*ratios, strict=True), first / second) == pytest.approx(0.95, abs=0.02)
