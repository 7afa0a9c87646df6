"""The decisions of a period that matter most: which they are, why, and of how many."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError


@pytest.fixture(params=["polars", "duckdb"])
def asked(make_log, request):
    """Return a log opened by an engine and by polars, and the arguments that ask of all of it."""
    folder = make_log()
    plain = al.open(folder)
    times = plain.predictions.select("occurred_at").collect()["occurred_at"]
    period = {"since": times.min(), "until": times.max() + timedelta(seconds=1)}
    return al.open(folder, engine=request.param), plain, period


def test_of_a_numeric_feature_the_furthest_from_the_median_come_first(asked):
    log, plain, period = asked
    found = log.foremost("income", **period, limit=3)
    inputs = plain.inputs().collect()
    middle = inputs["income"].median()
    far = inputs.select("prediction_id", (pl.col("income") - middle).abs()).sort("income", descending=True)
    assert found.ids.to_list() == far["prediction_id"][:3].to_list()
    assert found.sentence == f"Of 40 decisions the 3 that lie furthest from the usual income of {middle:.4g}."


def test_a_usual_value_can_be_given(asked):
    log, plain, period = asked
    found = log.foremost("income", **period, usual=0.0, limit=1)
    inputs = plain.inputs().collect()
    assert found.ids.to_list() == inputs.sort("income", descending=True)["prediction_id"][:1].to_list()


@pytest.mark.parametrize("column", [None, "score", "decision", "city"])
def test_of_anything_else_the_nearest_to_the_threshold_come_first(asked, column):
    log, plain, period = asked
    found = log.foremost(column, **period, limit=4)
    rows = plain.predictions.collect().unnest("outputs")
    near = rows.sort((pl.col("score") - pl.col("threshold")).abs(), "occurred_at")["prediction_id"]
    assert found.ids.to_list() == near[:4].to_list()
    assert "nearest their threshold" in found.why
    assert found.decisions.frame["prediction_id"].to_list() == found.ids.to_list()


def test_without_scores_the_first_by_time_are_taken_and_that_is_said(make_log):
    log = al.open(make_log(predictions=lambda frame: frame.with_columns(threshold=pl.lit(None, dtype=pl.Float64))))
    times = log.predictions.select("occurred_at").collect()["occurred_at"]
    found = log.foremost(since=times.min(), until=times.max(), limit=2)
    assert found.sentence == "Of 39 decisions the 2 that lie first by time, since none has a score and a threshold."
    assert found.ids.to_list() == log.predictions.collect().sort("occurred_at")["prediction_id"][:2].to_list()


def test_of_one_version_only_its_own_are_chosen(make_log):
    version = pl.when(pl.int_range(pl.len()) < 5).then(pl.lit("2"))
    log = al.open(make_log(predictions=lambda frame: frame.with_columns(version.alias("model_version"))))
    period = {"since": "2000-01-01", "until": "2100-01-01"}
    assert log.foremost(**period, version="2").rows == 5
    assert log.foremost(**period, version="").rows == 35


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"column": "height"}, "there is no column 'height'"),
        ({"limit": 0}, "limit is 0"),
        ({"until": None}, "needs a beginning and an end"),
    ],
)
def test_what_cannot_be_meant_is_refused(make_log, given, said):
    with pytest.raises(MisuseError, match=said):
        al.open(make_log()).foremost(**{"since": "2000-01-01", "until": "2100-01-01", **given})
