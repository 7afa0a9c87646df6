"""Recorded inputs run twice: two versions side by side, and what is told where there is nothing to run."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import ModelError, NotFoundError


@pytest.fixture
def two_versions(make_log, small_model):
    """The small log with a second version: the same booster, three trees shorter."""
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(small_model.artifact))
    shorter = bytes(booster[:5].save_raw("ubj"))
    registry = {
        "model_version": "2",
        "artifact_uri": "artifacts/2",
        "artifact_sha256": hashlib.sha256(shorter).hexdigest(),
    }
    folder = make_log(
        model_versions=lambda frame: pl.concat(
            [frame, frame.with_columns(**{name: pl.lit(value) for name, value in registry.items()})]
        )
    )
    (folder / "artifacts" / "2").write_bytes(shorter)
    codes = [["Bern", "Oslo", "Rome"].index(city) for city in small_model.inputs["city"]]
    matrix = np.column_stack([small_model.inputs["income"], codes, small_model.inputs["years"]]).astype(np.float32)
    data = xgboost.DMatrix(matrix, feature_names=["income", "city", "years"])
    return folder, booster[:5].predict(data).astype(float)


def test_two_versions_on_the_same_inputs(two_versions, small_model):
    folder, expected = two_versions
    found = al.open(folder).explore("1", "2")
    assert found.table["prediction_id"].to_list() == [f"p-{row:03d}" for row in range(40)]
    assert found.table["score_a"].to_list() == small_model.scores
    assert found.table["score_b"].to_list() == expected.tolist()
    assert found.table["absolute_difference"].to_list() == pytest.approx(
        [abs(one - other) for one, other in zip(small_model.scores, expected, strict=True)]
    )
    assert [side.model for side in found.sides] == ["loans 1", "loans 2"]
    assert found.differences == ()


def test_fewer_rows_and_a_window(two_versions):
    log = al.open(two_versions[0])
    assert log.explore("1", "2", rows=3).table.height == 3
    asked = log.explore("1", "2", expression="inputs.years < 5").table["prediction_id"].to_list()
    assert asked == log.find("inputs.years < 5")["prediction_id"].to_list()


def test_a_version_that_never_decided_has_no_inputs(two_versions):
    with pytest.raises(NotFoundError, match="no prediction of loans 2 with inputs matches"):
        al.open(two_versions[0]).explore("2", "1")


def test_a_version_that_is_not_registered_is_told(two_versions):
    with pytest.raises(ModelError) as caught:
        al.open(two_versions[0]).explore("1", "3")
    assert caught.value.code == "version-not-registered"


def test_a_version_that_takes_what_was_not_recorded_is_told(make_log):
    def registry(frame):
        signature = json.loads(frame["signature"][0])
        signature["features"].append({"name": "age", "dtype": "int"})
        return pl.concat(
            [frame, frame.with_columns(model_version=pl.lit("2"), signature=pl.lit(json.dumps(signature)))]
        )

    with pytest.raises(ModelError, match=r"loans 2 cannot be run on these inputs.*Missing: age") as caught:
        al.open(make_log(model_versions=registry)).explore("1", "2")
    assert caught.value.code == "inputs-incomplete"


def test_decisions_that_part_by_rules_alone_are_among_what_differs(make_log, small_model):
    other = {"model_version": "2", "decision_rules": "[]"}
    registry = lambda frame: pl.concat([frame, frame.with_columns(**{k: pl.lit(v) for k, v in other.items()})])
    found = al.open(make_log(model_versions=registry)).explore("1", "2")
    young = [
        years < 2 and score < 0.5 for years, score in zip(small_model.inputs["years"], small_model.scores, strict=True)
    ]
    assert found.table["same_bits"].all()
    assert found.differing.height == sum(young) > 0
    assert f"0 labels and {sum(young)} decisions differ" in found.summary
    assert len(found.to_dict()["differing"]) == sum(young)


def test_an_environment_that_is_not_on_record_is_told(two_versions):
    with pytest.raises(ModelError) as caught:
        al.open(two_versions[0]).explore("1")
    assert caught.value.code == "environment-not-recorded"
