"""Measures of scores equal scikit-learn's and a DeLong written out pair by pair, on odd inputs too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics
from sklearn.calibration import calibration_curve

from audit_lab.monitor.performance.scored import (
    Scored,
    auc,
    bin_of_score,
    delong,
    expected_calibration_error,
    hosmer_lemeshow,
    log_losses,
)

#: Few distinct scores make ties; 0 and 1 are what a logarithm fears.
tied = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), st.booleans()), min_size=1, max_size=60)
free = st.lists(st.tuples(st.floats(0, 1, allow_nan=False), st.booleans()), min_size=1, max_size=60)
rows = st.one_of(tied, free)


def scored(pairs):
    score, truth = (np.array(side, dtype=np.float64) for side in zip(*pairs, strict=True))
    return score, truth, Scored.of(score, truth, np.ones(score.size, dtype=np.int64))


@given(rows)
def test_auc_equals_scikit_learn(pairs):
    score, truth, counted = scored(pairs)
    if len(set(truth)) < 2:
        assert auc(counted) is None
        assert delong(counted) == (None, None)
    else:
        assert auc(counted) == pytest.approx(metrics.roc_auc_score(truth, score), abs=1e-9)


def test_auc_of_an_infinite_margin_counts_it_as_the_largest():
    _, _, counted = scored([(-np.inf, 0.0), (0.0, 1.0), (np.inf, 1.0), (0.0, 0.0)])
    assert auc(counted) == 0.875


def test_minus_zero_ties_with_zero():
    _, _, counted = scored([(-0.0, 1.0), (0.0, 0.0)])
    assert auc(counted) == 0.5


def pairwise_delong(score, truth):
    """Return the variance as the paper writes it: structural components over every pair."""
    high, low = score[truth == 1], score[truth == 0]
    wins = (high[:, None] > low).astype(float) + 0.5 * (high[:, None] == low)
    return wins.mean(axis=1).var(ddof=1) / high.size + wins.mean(axis=0).var(ddof=1) / low.size


@given(rows)
def test_delong_equals_the_pairs_written_out(pairs):
    score, truth, counted = scored(pairs)
    assume(min(truth.sum(), (1 - truth).sum()) >= 2)
    area, variance = auc(counted), pairwise_delong(score, truth)
    if area in (0, 1) or variance < 1e-14:
        return
    middle, half = np.log(area / (1 - area)), stats.norm.ppf(0.975) * np.sqrt(variance) / (area * (1 - area))
    expected = 1 / (1 + np.exp(-(middle + np.array([-half, half]))))
    assert delong(counted) == pytest.approx(tuple(expected), abs=1e-9)


def test_classes_told_apart_without_error_have_no_interval():
    _, _, counted = scored([(0.1, 0.0), (0.2, 0.0), (0.8, 1.0), (0.9, 1.0)])
    assert auc(counted) == 1.0
    assert delong(counted) == (None, None)


def test_delong_s_interval_holds_the_true_area_as_often_as_it_says():
    draws = 4_000
    rng = np.random.default_rng(11)
    truth = np.repeat([1.0, 0.0], [40, 80])
    area = stats.norm.cdf(1 / np.sqrt(2))
    held = 0
    for _ in range(draws):
        score = rng.normal(truth, 1)
        low, high = delong(Scored.of(score, truth, np.ones(120, dtype=np.int64)))
        held += low <= area <= high
    error = 3 * np.sqrt(0.95 * 0.05 / draws)
    assert held / draws == pytest.approx(0.95, abs=error + 0.01)


@given(rows)
def test_log_loss_and_brier_score_equal_scikit_learn(pairs):
    score, truth, _ = scored(pairs)
    assert log_losses(score, truth).mean() == pytest.approx(metrics.log_loss(truth, score, labels=[0, 1]), abs=1e-9)
    brier = metrics.brier_score_loss(truth, score, pos_label=1)
    assert ((score - truth) ** 2).mean() == pytest.approx(brier, abs=1e-9)


def test_a_certainty_that_was_wrong_costs_the_stated_clipping():
    assert log_losses(np.array([0.0]), np.array([1.0]))[0] == pytest.approx(36.04365338911715)


@given(rows)
def test_reliability_bins_equal_scikit_learn(pairs):
    score, truth, _ = scored(pairs)
    share, mean = calibration_curve(truth, score, n_bins=10, strategy="uniform")
    place = bin_of_score(score)
    held = np.bincount(place, minlength=10) > 0
    count = np.bincount(place, minlength=10)[held]
    assert np.bincount(place, weights=score, minlength=10)[held] / count == pytest.approx(mean, abs=1e-9)
    assert np.bincount(place, weights=truth, minlength=10)[held] / count == pytest.approx(share, abs=1e-9)


def test_calibration_error_is_the_mean_distance_of_bins():
    """Two bins: 4 rows that promise 0.2 and hold 0.5, 6 rows that promise 0.9 and hold 1."""
    rows_, scores, positives = np.array([4.0, 6.0]), np.array([0.8, 5.4]), np.array([2.0, 6.0])
    assert expected_calibration_error(rows_, scores, positives) == pytest.approx(0.4 * 0.3 + 0.6 * 0.1)


def test_hosmer_lemeshow_equals_a_chi_squared_over_both_classes():
    """By hand: the sum over groups and both classes of (seen - expected)^2 / expected, degrees groups - 2."""
    rng = np.random.default_rng(2)
    score = rng.uniform(0.05, 0.95, 400)
    truth = (rng.uniform(size=400) < score).astype(float)
    order = np.argsort(score)
    groups = np.array_split(order, 10)
    seen = np.array([[truth[g].sum(), (1 - truth[g]).sum()] for g in groups])
    expected = np.array([[score[g].sum(), (1 - score[g]).sum()] for g in groups])
    statistic = ((seen - expected) ** 2 / expected).sum()
    found = hosmer_lemeshow(Scored.of(score, truth, np.ones(400, dtype=np.int64)))
    assert found == pytest.approx((statistic, stats.chi2.sf(statistic, 8), 10), abs=1e-9)


@settings(max_examples=30)
@given(tied)
def test_hosmer_lemeshow_never_divides_by_nothing(pairs):
    _, _, counted = scored(pairs)
    found = hosmer_lemeshow(counted)
    assert found is None or (found[0] >= 0 and 0 <= found[1] <= 1)
