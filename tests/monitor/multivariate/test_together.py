"""Columns taken together: components and areas beside scikit-learn's, and what no column shows alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from audit_lab.errors import MisuseError
from audit_lab.monitor.drift import drift
from audit_lab.monitor.multivariate import multivariate_drift
from audit_lab.monitor.multivariate.reconstruction import Components, StreamedCovariance, resampled_p_value
from audit_lab.monitor.multivariate.two_samples import _fitted, area_under_curve, two_sample_test
from audit_lab.monitor.reference import Dataset, Rolling

START = datetime(2024, 1, 1, tzinfo=UTC)
WEEK = timedelta(weeks=1)
COLUMNS = ["x", "y", "city"]


def rows(seed: int = 0, weeks: int = 8, per_week: int = 250) -> pl.DataFrame:
    """Return rows in which y goes with x, and the last week's y with nothing, each alone distributed as ever."""
    random = np.random.default_rng(seed)
    count = weeks * per_week
    x = random.normal(0, 1, count)
    y = 0.9 * x + np.sqrt(1 - 0.81) * random.normal(0, 1, count)
    last = np.arange(count) >= count - per_week
    y[last] = random.permutation(y[last])
    return pl.DataFrame(
        {
            "at": [START + timedelta(hours=float(hour)) for hour in np.linspace(0, weeks * 168 - 1, count)],
            "x": x,
            "y": pl.Series(y).set(pl.Series(np.arange(count) % 50 == 7), None),
            "city": random.choice(["Bern", "Oslo", "Rome"], count),
        }
    )


def together(frame: pl.DataFrame, **options):
    return multivariate_drift(frame.lazy(), **{"time": "at", "columns": COLUMNS, **options})


@pytest.fixture(scope="module")
def found():
    return together(rows())


def test_the_covariance_of_blocks_is_that_of_all_rows():
    values = np.random.default_rng(1).normal(3, 2, (500, 4))
    seen = StreamedCovariance(4)
    for block in (values[:7], values[7:7], values[7:300], values[300:]):
        seen.add(block)
    assert seen.covariance == pytest.approx(np.cov(values.T), abs=1e-9)
    assert seen.mean == pytest.approx(values.mean(axis=0), abs=1e-12)


@pytest.mark.parametrize("kept", [0.4, 0.65, 0.99])
def test_reconstruction_errors_are_those_of_scikit_learn(kept):
    random = np.random.default_rng(2)
    values = random.normal(size=(400, 6)) @ random.normal(size=(6, 6))
    seen = StreamedCovariance(6)
    seen.add(values)
    own = Components.of(seen, kept)
    other = PCA(n_components=kept, svd_solver="full").fit(values)
    others = random.normal(size=(50, 6))
    rebuilt = other.inverse_transform(other.transform(others))
    assert own.axes.shape[0] == other.n_components_
    assert own.explained == pytest.approx(other.explained_variance_ratio_.sum(), abs=1e-9)
    assert own.errors(others) == pytest.approx(np.linalg.norm(others - rebuilt, axis=1), abs=1e-9)


def test_rows_that_do_not_vary_have_no_components():
    seen = StreamedCovariance(2)
    seen.add(np.ones((5, 2)))
    assert Components.of(seen).axes.shape == (0, 2)
    assert Components.of(seen).errors(np.array([[1.0, 1.0], [4.0, 5.0]])) == pytest.approx([0.0, 5.0])


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=80))
def test_the_area_under_the_curve_is_that_of_scikit_learn(pairs):
    scores, positive = (np.array(side) for side in zip(*pairs, strict=True))
    if positive.all() or not positive.any():
        return
    assert area_under_curve(scores.astype(float), positive) == pytest.approx(roc_auc_score(positive, scores), abs=1e-12)


def test_the_classifier_is_the_ridge_regression_of_scikit_learn():
    random = np.random.default_rng(3)
    values, sides, others = random.normal(size=(80, 5)), random.choice([-1.0, 1.0], 80), random.normal(size=(9, 5))
    expected = Ridge(alpha=1.0).fit(values, sides).predict(others)
    assert _fitted(values, sides[:, None], others)[:, 0] == pytest.approx(expected, abs=1e-9)


def test_p_values_of_rows_that_did_not_move_are_spread_evenly():
    random = np.random.default_rng(4)
    by_rebuilding = [
        resampled_p_value(random.gamma(2, 1, 400), random.gamma(2, 1, 150), 99, seed) for seed in range(120)
    ]
    by_telling = [
        two_sample_test(random.normal(size=(120, 3)), random.normal(size=(80, 3)), 39, seed).p_value
        for seed in range(120)
    ]
    for p_values in (by_rebuilding, by_telling):
        assert 0 < sum(p_value <= 0.1 for p_value in p_values) <= 24
        assert 40 <= sum(p_value <= 0.5 for p_value in p_values) <= 80


def test_two_samples_that_differ_in_nothing_but_their_correlation_are_told_apart():
    random = np.random.default_rng(5)
    apart, along = random.normal(size=(300, 2)), random.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 300)
    told = two_sample_test(apart, along, 99, 0)
    assert told.auc > 0.6
    assert told.p_value < 1e-6


def test_columns_that_part_ways_are_seen_together_and_not_alone(found):
    last = found.table.row(-1, named=True)
    assert (last["verdict"], last["window"]) == ("moderate", "the week of 2024-02-19")
    assert last["reconstruction_error"] > 1.1 * found.reference_error
    assert set(found.table["verdict"][:-1]) <= {"stable"}
    alone = drift(rows().lazy(), time="at", columns=COLUMNS)
    assert alone.table.filter(window_start=last["window_start"])["verdict"].unique().to_list() == ["stable"]


def test_rows_of_columns_that_part_ways_are_rebuilt_worse():
    found = together(rows(), columns=["x", "y"])
    last = found.table.row(-1, named=True)
    assert last["reconstruction_error"] > 1.3 * found.reference_error
    assert last["reconstruction_p_value"] < 0.01


def test_the_first_sentence_names_the_window(found):
    said = found.summary()[0]
    assert said.startswith(
        "Taken together, the columns moved beyond chance in 1 week, the farthest the week of 2024-02"
    )
    assert json.loads(json.dumps(found.to_dict()))["summary"] == found.summary()


def test_nothing_is_said_to_be_nothing():
    calm = together(rows(seed=3).filter(pl.col("at") < START + 7 * WEEK))
    assert calm.summary()[0] == "Taken together, the columns moved in none of 7 weeks that have rows enough."


def test_the_same_question_has_the_same_answer_whatever_the_order_of_the_rows(found):
    assert together(rows().sample(fraction=1.0, shuffle=True, seed=1)).table.equals(found.table)


def test_training_data_can_be_the_reference():
    frame = rows()
    training = frame.filter(pl.col("at") < START + 3 * WEEK).drop("at")
    against = together(frame, reference=Dataset(training, "the training data"))
    assert against.reference.description == "the training data: 751 rows"
    assert against.table["verdict"][-1] == "moderate"


def test_windows_with_few_rows_have_no_verdict():
    few = rows().filter((pl.col("at") < START + 7 * WEEK) | (pl.col("x") > 1.2))
    last = together(few).table.row(-1, named=True)
    assert last["rows"] < 50
    assert (last["verdict"], last["auc"], last["q_value"]) == ("too few rows", None, None)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(MisuseError, match="a fixed reference only"):
        together(rows(), reference=Rolling(2))
    with pytest.raises(MisuseError, match="the reference has 9 rows, and components take 100"):
        together(rows(), reference=(START, START + timedelta(hours=6)))


def test_infinite_missing_and_constant_columns_are_numbers_too():
    frame = rows().with_columns(
        pl.when(pl.col("x") > 1).then(float("inf")).otherwise("x").alias("x"), city=pl.lit(None, pl.String)
    )
    assert together(frame).table["auc"].is_finite().all()
