"""Exact intervals equal scipy's, and hold what they should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy.stats import binomtest, false_discovery_control, fisher_exact

from audit_lab.monitor.operations.exact import adjusted, more_than_the_rest, quantile_ranks, rate_interval


@given(some.integers(1, 400).flatmap(lambda rows: some.tuples(some.integers(0, rows), some.just(rows))))
def test_the_interval_of_a_rate_is_that_of_clopper_and_pearson(drawn):
    count, rows = drawn
    expected = binomtest(count, rows).proportion_ci(0.95, method="exact")
    assert rate_interval(count, rows) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_of_no_rows_every_rate_is_possible():
    assert rate_interval(0, 0) == (0.0, 1.0)


@given(some.integers(1, 300), some.sampled_from([0.5, 0.95, 0.99]))
def test_the_ranks_hold_a_quantile_with_at_least_the_confidence_and_no_narrower_ones_do(size, at):
    from scipy.stats import binom

    low, high = quantile_ranks(size, at)
    below = binom(size, at)
    if low is not None:
        assert below.cdf(low - 1) <= 0.025
        assert low == size or below.cdf(low) > 0.025
    else:
        assert below.cdf(0) > 0.025
    if high is not None:
        assert below.sf(high - 1) <= 0.025 + 1e-12
        assert high == 1 or below.cdf(high - 2) < 0.975
    else:
        assert below.cdf(size - 1) < 0.975


def test_order_statistics_hold_the_quantile_as_often_as_said():
    generator = np.random.default_rng(1)
    values = np.sort(generator.exponential(size=(2_000, 120)), axis=1)
    low, high = quantile_ranks(120, 0.95)
    truth = -np.log(0.05)
    assert high is not None
    assert np.mean((values[:, low - 1] < truth) & (truth < values[:, high - 1])) >= 0.945


def test_more_failures_than_the_rest_is_fishers_test():
    counts, rows = np.array([3, 0, 9, 1]), np.array([50, 40, 60, 50])
    for place, found in enumerate(more_than_the_rest(counts, rows)):
        others = counts.sum() - counts[place]
        cells = [[counts[place], rows[place] - counts[place]], [others, rows.sum() - rows[place] - others]]
        assert found == pytest.approx(fisher_exact(cells, alternative="greater").pvalue, abs=1e-12)


@given(some.lists(some.floats(1e-6, 1), min_size=1, max_size=30))
def test_adjusted_p_values_are_those_of_benjamini_and_hochberg(p_values):
    assert adjusted(np.array(p_values)) == pytest.approx(false_discovery_control(p_values), abs=1e-12)
