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


@pytest.mark.parametrize("categories", [["Oslo"], ["Oslo", None], [None]])
def test_of_categories_only_their_rows_are_chosen_and_it_is_said(make_log, categories):
    city = pl.Series("city", [["Oslo", "Bern", None, "Rome"][row % 4] for row in range(40)])
    log = al.open(make_log(inputs_loans=lambda frame: frame.with_columns(city)))
    period = {"since": "2000-01-01", "until": "2100-01-01"}
    found = log.foremost("city", **period, categories=categories, limit=5)
    inputs = log.inputs().collect().select("prediction_id", "city")
    mine = inputs.filter(pl.col("city").is_in(categories, nulls_equal=True))
    rows = log.predictions.collect().unnest("outputs").join(mine, on="prediction_id")
    near = rows.sort((pl.col("score") - pl.col("threshold")).abs(), "occurred_at")["prediction_id"]
    assert (found.rows, found.ids.to_list()) == (mine.height, near[:5].to_list())
    named = " or ".join("missing" if one is None else one for one in categories)
    assert found.sentence.startswith(f"Of {mine.height} decisions the 5 that lie where city is {named}, and nearest")


def test_of_decisions_those_of_one_kind_can_be_chosen(asked):
    log, plain, period = asked
    rows = plain.predictions.collect()
    kind = rows["decision"].drop_nulls()[0]
    assert log.foremost("decision", **period, categories=[kind]).rows == rows.filter(decision=kind).height


@pytest.mark.parametrize("column", [None, "income", "score"])
def test_categories_of_a_number_are_refused(make_log, column):
    with pytest.raises(MisuseError, match="categories are those of a column of text"):
        al.open(make_log()).foremost(column, since="2000-01-01", until="2100-01-01", categories=["Oslo"])


def test_brushed_windows_of_a_drift_lead_to_the_categories_that_rose_there(flights):
    log = al.open(flights)
    drift = log.drift(["carrier"], every="1w", reference=("2015-01-05", "2015-03-02"))
    starts = [start for start in drift.volume["window_start"] if start.year == 2015 and start.month == 8][:2]
    found = drift.foremost("carrier", *starts, limit=40)
    chosen = drift.choosing("carrier", *starts)["categories"]
    assert chosen[0] == "AA"
    carriers = set(log.inputs().collect().filter(pl.col("prediction_id").is_in(found.ids.implode()))["carrier"])
    assert carriers <= set(chosen)
    assert f"that lie where carrier is {chosen[0]}" in found.sentence
    quiet = next(start for start in drift.volume["window_start"] if start.isoformat().startswith("2015-02-02"))
    assert "categories" not in drift.choosing("carrier", quiet)
    assert drift.foremost("carrier", quiet).why.startswith("nearest")


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
        ({"column": "city", "categories": "Oslo"}, "the categories are one text"),
        ({"until": None}, "needs a beginning and an end"),
    ],
)
def test_what_cannot_be_meant_is_refused(make_log, given, said):
    with pytest.raises(MisuseError, match=said):
        al.open(make_log()).foremost(**{"since": "2000-01-01", "until": "2100-01-01", **given})
