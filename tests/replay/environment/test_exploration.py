from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from audit_lab.errors import MisuseError
from audit_lab.log.store import open_store
from audit_lab.replay.environment import exploration
from audit_lab.replay.environment.exploration import explore
from audit_lab.replay.registered import load_registered


@pytest.fixture(scope="session")
def other_booster(small_model):
    """Return a booster of the same features that was trained otherwise."""
    import xgboost

    codes = small_model.inputs["city"].replace_strict({"Bern": 0, "Oslo": 1, "Rome": 2}, return_dtype=pl.Float32)
    matrix = np.column_stack([small_model.inputs["income"], codes, small_model.inputs["years"]]).astype(np.float32)
    labels = (small_model.inputs["years"].to_numpy() < 5).astype(int)
    data = xgboost.DMatrix(matrix, label=labels, feature_names=["income", "city", "years"])
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 2, "nthread": 1}, data, num_boost_round=3)
    return bytes(booster.save_raw("ubj")), [float(score) for score in booster.predict(data)]


@pytest.fixture
def versions(make_log, other_booster):
    """Return the small log's version and another one, whose threshold is another too."""
    content, _ = other_booster
    one = load_registered(open_store(str(make_log("one"))), "loans", "1")
    log = make_log(
        "two",
        artifact=content,
        model_versions=lambda frame: frame.with_columns(
            model_version=pl.lit("2"),
            artifact_sha256=pl.lit(hashlib.sha256(content).hexdigest()),
            threshold=pl.lit(0.3),
            decision_rules=pl.lit(None, pl.String),
        ),
    )
    return one, load_registered(open_store(str(log)), "loans", "2")


def test_a_version_gives_itself_twice(versions, small_model):
    found = explore(versions[0], None, small_model.inputs)
    assert found.table["score_a"].to_list() == small_model.scores
    assert found.table["same_bits"].all()
    assert found.table["absolute_difference"].to_list() == [0.0] * 40
    assert found.table["ulps"].to_list() == [0] * 40
    assert found.table["prediction_id"].to_list() == list(range(40))
    assert found.differences == ()
    assert found.same_numerics is True
    assert found.summary == (
        "loans 1 in the present environment and loans 1 in the present environment: 40 of 40 outputs have the same "
        "bits. The two environments are the same in all that was looked at."
    )


def test_two_versions_are_shown_row_by_row(versions, small_model, other_booster):
    ids = [f"p-{row:03d}" for row in range(40)]
    inputs = small_model.inputs.with_columns(prediction_id=pl.Series(ids))
    found = explore(*versions, inputs)
    scores = other_booster[1]
    labels = [
        ("bad" if a >= 0.5 else "good", "bad" if b >= 0.3 else "good")
        for a, b in zip(small_model.scores, scores, strict=True)
    ]
    assert found.table["prediction_id"].to_list() == ids
    assert found.table["score_b"].to_list() == scores
    assert found.table["absolute_difference"].to_list() == [
        abs(a - b) for a, b in zip(small_model.scores, scores, strict=True)
    ]
    assert found.table.select("label_a", "label_b").rows() == labels
    assert found.table["label_differs"].to_list() == [a != b for a, b in labels]
    assert found.table["decision_differs"].sum() > 0
    assert set(found.table["precision"]) == {"float32"}
    assert found.summary.startswith(
        "loans 1 in the present environment and loans 2 in the present environment: 0 of 40"
    )
    assert [each["prediction_id"] for each in found.to_dict()["differing"]] == ids
    json.dumps(found.to_dict())


def test_a_threshold_that_comes_with_the_inputs_counts_for_both(versions, small_model):
    found = explore(*versions, small_model.inputs.with_columns(threshold=pl.lit(2.0)))
    assert set(found.table["label_a"]) == set(found.table["label_b"]) == {"good"}


def test_inputs_that_lack_a_feature_are_refused(versions, small_model):
    with pytest.raises(MisuseError, match="the inputs lack years, which loans 1 takes"):
        explore(*versions, small_model.inputs.drop("years"))


def test_no_inputs_are_no_rows(versions, small_model):
    found = explore(*versions, small_model.inputs.clear())
    assert found.table.height == 0
    assert "0 of 0 outputs have the same bits" in found.summary


def outputs(**columns):
    """Return what `score_rows` adds, for rows that differ as the test says."""
    rows = len(next(iter(columns.values())))
    frame = {
        "score": [None] * rows,
        "probabilities": [None] * rows,
        "label": [None] * rows,
        "decision": [None] * rows,
        **columns,
    }
    schema = {"score": pl.Float64, "probabilities": pl.List(pl.Float64), "label": pl.String, "decision": pl.String}
    return pl.DataFrame(frame, schema=schema)


def table(a, b):
    return exploration._table(pl.Series("prediction_id", range(a.height)), a, b)


def test_of_several_classes_the_largest_distance_counts():
    one = outputs(probabilities=[[0.25, 0.75], [0.5, 0.5]], score=[0.75, 0.5], label=["b", "a"])
    other = outputs(probabilities=[[0.25, 0.75], [0.625, 0.25]], score=[0.75, 0.625], label=["b", "a"])
    found = table(one, other)
    assert found["absolute_difference"].to_list() == [0.0, 0.25]
    assert found["same_bits"].to_list() == [True, False]


def test_models_of_unlike_classes_are_compared_by_their_scores():
    found = table(
        outputs(probabilities=[[0.25, 0.75]], score=[0.75]), outputs(probabilities=[[0.25, 0.25, 0.5]], score=[0.5])
    )
    assert found["absolute_difference"].to_list() == [0.25]


def test_labels_alone_are_the_same_or_not():
    found = table(outputs(label=["a", "b", None]), outputs(label=["a", "c", None]))
    assert found["same_bits"].to_list() == [True, False, True]
    assert found["label_differs"].to_list() == [False, True, False]
    assert found["absolute_difference"].to_list() == [None, None, None]


def test_what_is_not_a_number_is_at_no_distance():
    found = table(outputs(score=[float("nan"), 1.0]), outputs(score=[1.0, 1.0]))
    assert found["absolute_difference"].to_list() == [None, 0.0]
    assert found["same_bits"].to_list() == [False, True]


def test_one_step_between_floats_is_counted_as_one():
    found = table(outputs(score=[0.1]), outputs(score=[float(np.nextafter(0.1, 1.0))]))
    assert found["ulps"].to_list() == [1]


def test_a_difference_of_packages_is_in_the_summary(versions, small_model):
    found = explore(versions[0], None, small_model.inputs)
    before = found.sides[0].fingerprint
    other = replace(before, packages={**before.packages, "numpy": "1.0", "rich": "1.0"})
    differences = exploration.compare(other, before, whole=True)
    sides = (replace(found.sides[0], fingerprint=other), found.sides[1])
    told = exploration._summary(found.table, sides, differences)
    assert told.endswith(
        "Packages that a score passes through and that differ: "
        f"numpy 1.0 against {np.__version__}; other differences: 1."
    )
