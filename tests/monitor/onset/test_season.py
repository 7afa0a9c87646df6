"""What recurs is taken away, what does not is left; scale and correlation come from neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from audit_lab.monitor.onset.season import standardised, usable_cells

DAYS = np.arange(364)
ALL = np.ones(364, dtype=bool)
NO_FLOOR = np.zeros(1)


def noise(seed=0, rho=0.0):
    values = np.random.default_rng(seed).normal(size=364)
    for place in range(1, 364) if rho else ():
        values[place] = rho * values[place - 1] + np.sqrt(1 - rho**2) * values[place]
    return values


def test_a_weekly_pattern_is_removed_and_a_step_is_not():
    pattern = np.array([3.0, 0.0, 0.0, 0.0, 0.0, -6.0, -2.0])
    values = noise() + pattern[DAYS % 7] + np.where(DAYS >= 200, 4.0, 0.0)
    found = standardised(values[:, None], [DAYS % 7], ALL, NO_FLOOR)
    assert np.abs(found.pattern[:7, 0] - (pattern - pattern.mean())).max() < 0.6
    assert found.values[200:].mean() - found.values[:200].mean() == pytest.approx(4.0, abs=0.5)


def test_where_nothing_recurs_almost_nothing_is_removed():
    shares = [np.abs(standardised(noise(s)[:, None], [DAYS % 7], ALL, NO_FLOOR).pattern).max() for s in range(20)]
    assert np.median(shares) < 0.1


def test_the_pattern_comes_from_the_reference_alone_where_one_is_given():
    pattern = np.array([3.0, 0.0, 0.0, 0.0, 0.0, -6.0, -2.0])
    values = noise() + np.where(DAYS < 180, pattern[DAYS % 7], 0.0)
    found = standardised(values[:, None], [DAYS % 7], DAYS < 180, NO_FLOOR)
    assert np.abs(found.pattern[:7, 0] - (pattern - pattern.mean())).max() < 0.8
    late = standardised(values[:, None], [DAYS % 7], DAYS >= 187, NO_FLOOR)
    assert np.abs(late.pattern).max() < 0.6


def test_storms_in_the_same_weekday_do_not_become_its_pattern():
    values = noise()
    values[[35, 42, 49, 56, 63]] += 15
    found = standardised(values[:, None], [DAYS % 7], ALL, NO_FLOOR)
    assert np.abs(found.pattern).max() < 0.5


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6, 0.8])
def test_scale_and_correlation_are_those_of_an_autoregression(rho):
    values = np.column_stack([noise(seed, rho) for seed in range(60)])
    found = standardised(3 * values, [], ALL, np.zeros(60))
    # One standard error, 1 / sqrt(364), is not taken for correlation.
    assert np.median(found.correlation) == pytest.approx(max(rho - 0.052, 0.0), abs=0.05)
    assert np.median(found.deviation) == pytest.approx(3, rel=0.13)


def test_a_change_of_level_hardly_touches_the_scale():
    plain = standardised(noise()[:, None], [], ALL, NO_FLOOR).deviation[0]
    shifted = standardised((noise() + np.where(DAYS > 180, 50.0, 0.0))[:, None], [], ALL, NO_FLOOR).deviation[0]
    assert shifted == pytest.approx(plain, rel=0.05)


def test_a_constant_series_is_zero_and_one_that_jumps_once_is_not():
    jump = np.where(DAYS >= 100, 1.0, 0.0)
    found = standardised(np.column_stack([np.full(364, 7.0), jump]), [DAYS % 7], ALL, np.zeros(2))
    assert not found.values[:, 0].any()
    assert found.values[100:, 1].min() - found.values[:100, 1].max() > 5


def test_the_floor_keeps_a_share_of_few_rows_from_being_exact():
    found = standardised(0.001 * noise()[:, None], [], ALL, np.ones(1))
    assert found.deviation[0] == 1
    assert np.abs(found.values).max() < 0.01


def test_no_window_counts_for_more_than_eight_deviations():
    values = noise()
    values[50] = 1e9
    assert standardised(values[:, None], [], ALL, NO_FLOOR).values.max() == 8


def test_a_pattern_needs_three_rounds():
    four = np.arange(31)
    assert [name for name, _ in usable_cells([("weekday", four % 7)], np.ones(31, bool))] == ["weekday"]
    assert usable_cells([("weekday", np.arange(20) % 7)], np.ones(20, bool)) == []
    assert usable_cells([("weekday", np.zeros(40, int))], np.ones(40, bool)) == []
