"""Rates and quantiles of sampled predictions, beside plain computations, and beside the truth over many samplings."""

from __future__ import annotations

import numpy as np
import pytest

from audit_lab.monitor.operations.exact import rate_interval
from audit_lab.monitor.operations.weighted import weighted_quantile, weighted_rate


def sampled(generator, holds, rates, requests):
    """Return what of served predictions is recorded where one number decides for each request."""
    drawn = generator.random(int(requests.max()) + 1)[requests] < rates
    return holds[drawn], rates[drawn], requests[drawn]


def served(generator, count=4_000):
    requests = np.sort(generator.integers(0, count // 3, count))
    failed = generator.random(count) < 0.03
    rates = np.where(failed, 1.0, generator.choice([0.1, 0.3], count))
    return failed, rates, requests


def test_a_rate_and_its_effective_rows_are_those_of_a_plain_double_sum():
    generator = np.random.default_rng(5)
    holds, rates, requests = sampled(generator, *served(generator, 600))
    made = weighted_rate(holds, rates, requests)
    total = sum(1 / rate for rate in rates)
    rate = sum(1 / rate for hold, rate in zip(holds, rates, strict=True) if hold) / total
    residuals = (holds - rate) / total
    variance = rate * (1 - rate) / total
    for one in range(rates.size):
        for other in range(rates.size):
            if requests[one] == requests[other]:
                p, q = rates[one], rates[other]
                variance += (1 / (p * q) - 1 / min(p, q)) * residuals[one] * residuals[other]
    assert (made.represented, made.rate) == pytest.approx((total, rate))
    assert made.effective_rows == pytest.approx(rate * (1 - rate) / variance)


def test_where_all_are_recorded_everything_is_plain():
    holds = np.array([True, False, False, False])
    made = weighted_rate(holds, np.ones(4), np.arange(4))
    assert (made.represented, made.rate, made.effective_rows) == (4.0, 0.25, 4.0)


def test_where_none_failed_only_recorded_rows_count():
    made = weighted_rate(np.zeros(10, bool), np.full(10, 0.1), np.arange(10))
    assert (made.represented, made.rate, made.effective_rows) == pytest.approx((100, 0.0, 10))


@pytest.mark.parametrize("always", [True, False])
def test_intervals_hold_the_true_rate_about_as_often_as_they_say(always):
    generator = np.random.default_rng(9)
    inside, means = 0, []
    for _ in range(300):
        failed, rates, requests = served(generator)
        rates = rates if always else np.full(rates.size, 0.2)
        made = weighted_rate(*sampled(generator, failed, rates, requests))
        low, high = rate_interval(made.rate * made.effective_rows, made.effective_rows)
        inside += low <= 0.03 <= high
        means.append(made.rate)
    assert abs(np.mean(means) - 0.03) < 4 * np.std(means) / 300**0.5
    assert inside / 300 >= 0.92


def test_quantiles_are_those_of_values_repeated_by_their_weights():
    generator = np.random.default_rng(3)
    values = np.sort(generator.gamma(4, 2, 400))
    rates = generator.choice([1.0, 0.5, 0.1], 400)
    repeated = np.repeat(values, np.round(1 / rates).astype(int))
    for at in (0.5, 0.95):
        value, low, high = weighted_quantile(values, rates, at, 0.95)
        assert value == np.quantile(repeated, at, method="inverted_cdf")
        assert low < value < high


def test_intervals_of_quantiles_hold_the_true_one_about_as_often_as_they_say():
    generator = np.random.default_rng(4)
    inside = 0
    for _ in range(300):
        values = generator.gamma(4, 2, 3_000)
        rates = np.where(values > 14, 1.0, 0.2)  # what is slow is recorded always
        drawn = generator.random(values.size) < rates
        order = np.argsort(values[drawn])
        _, low, high = weighted_quantile(values[drawn][order], rates[drawn][order], 0.5, 0.95)
        inside += low <= 7.3441 <= high  # the median of that distribution
    assert inside / 300 >= 0.92
