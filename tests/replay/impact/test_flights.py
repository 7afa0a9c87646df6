"""Who else? The planted week in which distances arrived in kilometres, answered and checked by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

import audit_lab as al

SINCE, UNTIL = datetime(2015, 9, 7, tzinfo=UTC), datetime(2015, 9, 14, tzinfo=UTC)


@pytest.fixture(scope="module")
def log(flights):
    return al.open(flights)


@pytest.fixture(scope="module")
def impact(log):
    correction = al.Correction.unit("distance_miles", "km -> mile (/ 1.60934)")
    return log.impact(correction, since="2015-09-07", until="2015-09-14", groups=("model_version", "carrier"))


def by_hand(log):
    """Return prediction id to the decisions as recorded and with distances in miles, by XGBoost and polars alone."""
    import xgboost

    registry = log.model_versions.filter(pl.col("model_version") == "2.0.0").collect().row(0, named=True)
    signature = json.loads(registry["signature"])
    booster = xgboost.Booster(model_file=str(log.path / registry["artifact_uri"]))
    rows = (
        log.predictions.filter(pl.col("occurred_at") >= SINCE, pl.col("occurred_at") < UNTIL)
        .join(log.inputs("delay-risk"), on="prediction_id")
        .collect()
    )
    columns = []
    for feature in signature["features"]:
        values = rows[feature["name"]]
        if feature["dtype"] == "str":
            codes = {name: code for code, name in enumerate(feature["categories"])}
            values = pl.Series([codes.get(value) for value in values], dtype=pl.Float64)
        if feature["name"] == "distance_miles":
            values = values / 1.60934
        columns.append(values.cast(pl.Float64).to_numpy().astype(np.float32))
    names = [feature["name"] for feature in signature["features"]]
    kinds = ["c" if feature["dtype"] == "str" else "q" for feature in signature["features"]]
    data = xgboost.DMatrix(np.column_stack(columns), feature_names=names, feature_types=kinds, enable_categorical=True)
    late = booster.predict(data).astype(np.float64) >= rows["threshold"].to_numpy()
    corrected = ["late" if each else "on time" for each in late]
    return dict(zip(rows["prediction_id"], zip(rows["decision"], corrected, strict=True), strict=True))


def test_the_planted_unit_fault_affected_fifty_one_decisions(impact):
    assert (impact.counts.predictions, impact.counts.decided, impact.counts.touched) == (1871, 1871, 1871)
    assert impact.counts.affected == 51
    assert impact.directions.select("decision_before", "decision_after", "decisions").rows() == [
        ("late", "on time", 39),
        ("on time", "late", 12),
    ]
    assert impact.by_group.filter(group="carrier").select("value", "affected", "decided").head(3).rows() == [
        ("UA", 20, 179),
        ("AA", 13, 292),
        ("NK", 6, 44),
    ]


def test_they_are_those_that_come_out_by_hand(impact, log):
    told = by_hand(log)
    assert len(told) == 1871
    affected = {name: each for name, each in told.items() if each[0] != each[1]}
    columns = ("prediction_id", "decision_recorded", "decision_after")
    assert {row[0]: row[1:] for row in impact.affected.select(columns).iter_rows()} == affected


def test_a_correction_for_that_week_alone_says_the_same_of_the_whole_month(impact, log):
    correction = al.Correction.unit("distance_miles", "km -> mile (/ 1.60934)", since=SINCE, until=UNTIL)
    month = log.impact(correction, since="2015-09-01", until="2015-10-01")
    assert month.affected["prediction_id"].to_list() == impact.affected["prediction_id"].to_list()
    assert month.counts.touched == 1871
    assert month.counts.predictions > 1871


def test_the_answer_is_said_in_sentences(impact):
    correction, headline, directions, subjects = impact.summary()[:4]
    assert correction == "Correction: the unit of distance_miles is corrected: km -> mile (/ 1.60934)."
    assert headline == (
        "Of 1,871 predictions 1,871 were decided both as recorded and as corrected; the model is given something "
        "else in 1,871 of them. 51 (2.73%) would have been decided otherwise."
    )
    assert directions == "Decided otherwise: 39 from 'late' to 'on time', 12 from 'on time' to 'late'."
    assert subjects == "The affected decisions are about 51 subjects (pseudonyms), one each."


def test_the_whole_log_names_each_planted_obstacle(log):
    impact = log.impact(al.Correction.threshold(0.3), subjects=False)
    codes = impact.why_not_decided.group_by("code").agg(pl.col("predictions").sum()).sort("code")
    assert codes.rows() == [
        ("ambiguous-id", 2),
        ("artifact-digest-mismatch", 50),
        ("inputs-missing", 42),
        ("version-not-registered", 131),
    ]
    late = log.predictions.filter(pl.col("decision") == "late").with_columns(pl.col("outputs").struct.field("score"))
    lower = late.filter(
        pl.col("score") < 0.3, ~pl.col("prediction_id").is_in(impact.not_decided["prediction_id"].implode())
    )
    assert impact.counts.affected == lower.collect().height
