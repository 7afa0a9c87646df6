"""Intervals by bootstrap: the same every time, equal to scipy's within their draws, and as wide as they must be."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from audit_lab.monitor.performance.classified import Classified, binary_measures
from audit_lab.monitor.performance.resampling import mean_intervals, resampled


def test_the_same_counts_have_the_same_interval():
    counts = np.array([3, 5, 2])
    one, other = (mean_intervals(np.array([[0.0], [1.0], [4.0]]), counts) for _ in range(2))
    assert one == other


def test_percentiles_equal_scipy_s_bootstrap_within_the_noise_of_draws():
    values = np.random.default_rng(1).gamma(2, size=200)
    ((low, high),), method = mean_intervals(values[:, None], np.ones(200, dtype=np.int64))
    drawn = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=20_000, rng=2).confidence_interval
    error = values.std() / np.sqrt(200)
    assert (low, high) == pytest.approx((drawn.low, drawn.high), abs=0.2 * error)
    assert method == "bootstrap, 1,000 draws, percentiles"


def test_a_draw_that_leaves_a_statistic_undefined_is_left_out():
    def ratio(draws):
        with np.errstate(invalid="ignore", divide="ignore"):
            return (draws[:, :1] / draws[:, 1:]) * np.where(draws[:, 1:] > 0, 1.0, np.nan)

    ((low, high),) = resampled(np.array([5, 1]), ratio)
    assert 0 < low < high < np.inf


@pytest.mark.parametrize("rows", [60])
def test_the_interval_of_a_mean_loss_holds_the_true_mean_nearly_as_often_as_it_says(rows):
    """Brier scores of a score that keeps its word: E (p - y)^2 = E p (1 - p), for beta(2, 2) a fifth."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(300):
        chance = rng.beta(2, 2, rows)
        losses = (chance - (rng.uniform(size=rows) < chance)) ** 2
        ((low, high),), _ = mean_intervals(losses[:, None], np.ones(rows, dtype=np.int64))
        held += low <= 0.2 <= high
    # Percentiles are a little too narrow for few rows; three standard errors of 300 draws are 0.038.
    assert 0.90 <= held / 300 <= 0.99


def test_the_interval_of_an_f1_holds_the_true_f1_nearly_as_often_as_it_says():
    rng = np.random.default_rng(4)
    shares = np.array([0.25, 0.10, 0.15, 0.50])
    truth = 0.5 / (0.5 + 0.25)
    held = 0
    for counts in rng.multinomial(200, shares, size=300):
        interval = binary_measures(Classified(("yes", "no"), counts.reshape(2, 2)))[-1].interval
        held += interval.low <= truth <= interval.high
    assert 0.90 <= held / 300 <= 0.99


SUMS = """
import numpy as np
from audit_lab.monitor.performance.resampling import mean_intervals
from audit_lab.monitor.performance.scored import Scored, auc, delong
from audit_lab.monitor.performance.window_measures import _calibration_error, _means
numbers = np.random.default_rng(7)
for cells in (480, 3_000):
    score, counts = np.sort(numbers.random(cells)), numbers.integers(1, 9, cells)
    truth = (numbers.random(cells) < score).astype(float)
    scored = Scored.of(score, truth, counts)
    loss = (score - truth) ** 2
    print(_means({"brier": loss}, counts), mean_intervals(loss[:, None], counts), auc(scored), delong(scored))
    print(_calibration_error(score, truth, counts))
"""


def test_sums_are_the_same_whatever_the_library_of_linear_algebra_makes_of_the_processor():
    """OpenBLAS chooses its order of summing by the processor: a re-run on another one found other last bits."""
    said = {
        subprocess.run(
            [sys.executable, "-c", SUMS],
            env={**os.environ, "OPENBLAS_CORETYPE": processor, "OPENBLAS_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for processor in ("Prescott", "Haswell", "Nehalem")
    }
    assert len(said) == 1
