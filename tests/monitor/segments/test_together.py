"""Two series over windows: a rank correlation with its interval, or the fact that none can be told."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from audit_lab.monitor.segments.together import moving_together


def test_the_correlation_is_spearmans_with_a_fisher_interval():
    generator = np.random.default_rng(2)
    one = generator.normal(size=40)
    other = one + generator.normal(size=40)
    found = moving_together("drift", one, "errors", other)
    assert found.correlation == pytest.approx(spearmanr(one, other).statistic, abs=1e-12)
    assert found.low < found.correlation < found.high
    assert (found.low, found.high) == pytest.approx((0.32966, 0.76541), abs=0.2)
    assert "an association only" in found.sentence()


def test_the_interval_holds_the_correlation_as_often_as_said():
    hits = 0
    for seed in range(800):
        generator = np.random.default_rng(seed)
        one = generator.normal(size=40)
        other = 0.6 * one + 0.8 * generator.normal(size=40)
        found = moving_together("a", one, "b", other)
        hits += found.low <= 6 / np.pi * np.arcsin(0.3) <= found.high
    assert 0.92 <= hits / 800 <= 0.98


def test_windows_that_know_only_one_are_left_out():
    one, other = np.arange(10.0), np.arange(10.0) ** 2
    one[3] = np.nan
    found = moving_together("a", one, "b", other)
    assert (found.windows, found.correlation, found.low) == (9, 1.0, 1.0)


@pytest.mark.parametrize("values", [np.arange(5.0), np.full(20, 3.0), np.full(20, np.nan)])
def test_too_few_or_constant_windows_are_said(values):
    found = moving_together("a", values, "b", np.arange(values.size, dtype=float))
    assert found.correlation is None
    assert "cannot be told" in found.sentence()
