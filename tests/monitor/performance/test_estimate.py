"""What is estimated without outcomes: equal to scikit-learn on weighted rows, right where probabilities hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.isotonic import IsotonicRegression

from audit_lab.monitor.performance.calibration import Seen, isotonic
from audit_lab.monitor.performance.estimate import estimated_auc, estimated_measures
from audit_lab.monitor.performance.scored import Scored

chances = st.lists(st.one_of(st.sampled_from([0.0, 0.2, 0.5, 1.0]), st.floats(0, 1)), min_size=2, max_size=40)


@settings(deadline=None)
@given(chances)
def test_estimates_equal_scikit_learn_on_each_row_as_both_classes(chance):
    """Each row stands once as a positive, weighing its probability, and once as a negative, weighing the rest."""
    chance = np.array(chance)
    said, ones = chance >= 0.5, np.ones(chance.size, dtype=np.int64)
    truth = np.repeat([1, 0], chance.size)
    weight = np.concatenate([chance, 1 - chance])
    assume(min(chance.sum(), (1 - chance).sum()) > 1e-6)
    both = np.tile(said, 2)
    found = estimated_measures(chance, said, ones)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(truth, both, sample_weight=weight), abs=1e-9)
    assert found["recall"] == pytest.approx(metrics.recall_score(truth, both, sample_weight=weight), abs=1e-9)
    if said.any():
        precision = metrics.precision_score(truth, both, sample_weight=weight)
        assert found["precision"] == pytest.approx(precision, abs=1e-9)
        assert found["f1"] == pytest.approx(metrics.f1_score(truth, both, sample_weight=weight), abs=1e-9)
    area = metrics.roc_auc_score(truth, np.tile(chance, 2), sample_weight=weight)
    assert estimated_auc(chance, chance, ones) == pytest.approx(area, abs=1e-9)


def test_where_probabilities_hold_the_estimate_is_what_comes():
    rng = np.random.default_rng(3)
    chance = rng.beta(2, 4, 40_000)
    truth, said = rng.uniform(size=chance.size) < chance, chance >= 0.5
    ones = np.ones(chance.size, dtype=np.int64)
    found = estimated_measures(chance, said, ones)
    assert found["accuracy"] == pytest.approx((said == truth).mean(), abs=0.01)
    assert found["precision"] == pytest.approx(truth[said].mean(), abs=0.02)
    assert estimated_auc(chance, chance, ones) == pytest.approx(metrics.roc_auc_score(truth, chance), abs=0.01)


def test_it_does_not_see_that_like_cases_end_otherwise():
    """What the docs say of it: with every outcome turned round, the estimate is the same."""
    chance = np.array([0.1, 0.9] * 50)
    found = estimated_measures(chance, chance >= 0.5, np.ones(100, dtype=np.int64))
    assert found["accuracy"] == pytest.approx(0.9)


def test_nothing_said_to_be_positive_has_no_precision():
    found = estimated_measures(np.array([0.2]), np.array([False]), np.array([3]))
    assert found == {"accuracy": pytest.approx(0.8), "precision": None, "recall": 0.0, "f1": 0.0}


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 9)), min_size=1, max_size=40))
def test_the_monotone_curve_equals_scikit_learn_s(pairs):
    values, weights = (np.array(side, dtype=np.float64) for side in zip(*pairs, strict=True))
    expected = IsotonicRegression().fit_transform(np.arange(values.size), values, sample_weight=weights)
    assert isotonic(values, weights) == pytest.approx(expected, abs=1e-9)


def seen(shift):
    rng = np.random.default_rng(4)
    score = rng.uniform(0.1, 0.6, 3_000)
    truth = (rng.uniform(size=score.size) < score + shift).astype(float)
    found = Seen()
    found.add(Scored.of(score, truth, np.ones(score.size, dtype=np.int64)))
    return found.calibrator()


def test_scores_that_keep_their_word_are_taken_as_they_are():
    calibrator = seen(0.0)
    assert calibrator.told.startswith("scores as they are: their calibration error on 3,000 labelled rows")
    assert calibrator.probabilities(np.array([0.3])) == [0.3]


def test_scores_that_do_not_are_set_right_by_what_came_true():
    calibrator = seen(0.3)
    assert calibrator.told.startswith("scores set right by a monotone curve through earlier outcomes")
    assert calibrator.probabilities(np.array([0.2, 0.4])) == pytest.approx([0.5, 0.7], abs=0.06)


def test_too_few_earlier_outcomes_set_nothing_right():
    assert Seen().calibrator().told == (
        "scores as they are: 0 labelled rows in earlier windows are too few to check them"
    )
