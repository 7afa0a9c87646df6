"""Searching by expression: parsed, never evaluated, and never multiplying rows."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError, NotFoundError


def test_expression_over_inputs_and_predictions(make_log, small_model):
    found = al.open(make_log()).find("inputs.income < 3000 AND decision = 'deny'")
    rows = pl.read_parquet(make_log("again") / "predictions" / "part-00000.parquet")
    expected = rows.filter((small_model.inputs["income"] < 3000) & (pl.Series(rows["decision"]) == "deny"))
    assert found["prediction_id"].to_list() == expected["prediction_id"].to_list()
    assert found.height > 0


def test_double_equals_means_equals(make_log):
    log = al.open(make_log())
    assert log.find("decision == 'deny'").height == log.find("decision = 'deny'").height > 0


def test_polars_expression(make_log):
    assert al.open(make_log()).find(pl.col("sequence") >= 38)["prediction_id"].to_list() == ["p-038", "p-039"]


@pytest.mark.parametrize(
    "since", ["2024-03-05", date(2024, 3, 5), datetime(2024, 3, 5, tzinfo=UTC), "2024-03-05T01:00+01:00"]
)
def test_range_is_half_open(make_log, since):
    found = al.open(make_log()).find(since=since, until="2024-03-05T02:00")
    assert found["prediction_id"].to_list() == ["p-015", "p-016"]


def test_place_names_segment_and_row(make_log):
    assert al.open(make_log()).find(limit=1)["place"].to_list() == ["p-000@part-00000:0"]


def test_duplicate_inputs_never_multiply_rows(make_log):
    twice = make_log(inputs_loans=lambda frame: pl.concat([frame, frame.head(1)]))
    found = al.open(twice).find("inputs.income > 0 OR sequence >= 0")
    assert found.height == 40


@pytest.mark.parametrize(
    "text",
    [
        "",
        "decision =",
        "1 = 1",
        "read_csv('/etc/passwd')",
        "decision = (SELECT 1)",
        "1; DROP TABLE predictions",
        "__import__('os').system('true')",
        "nonsense > 3",
        "inputs.nonsense > 3",
        "threshold",
        "decision > 3",
    ],
)
def test_what_is_no_question_about_this_log_is_refused(make_log, text):
    with pytest.raises(MisuseError, match="the expression"):
        al.open(make_log()).find(text)


def test_unknown_column_lists_the_known_ones(make_log):
    with pytest.raises(MisuseError, match=r"Columns: .*decision.*inputs\.income"):
        al.open(make_log()).find("inputs.incom > 3")


def test_unreadable_time_is_refused(make_log):
    with pytest.raises(MisuseError, match="'yesterday', which is not a date"):
        al.open(make_log()).find(since="yesterday")


def test_empty_log(make_log):
    folder = make_log(predictions=lambda frame: frame.clear(), inputs_loans=lambda frame: frame.clear())
    assert al.open(folder).find("inputs.income > 3").height == 0


def test_misused_arguments_are_told_as_such(make_log):
    log = al.open(make_log())
    with pytest.raises(MisuseError, match="limit is -3"):
        log.find(limit=-3)
    for wrong in (None, 5, b"p-001"):
        with pytest.raises(MisuseError, match="a prediction id is text"):
            log.decision(wrong)
    with pytest.raises(NotFoundError, match="no prediction of a model named 'nope'"):
        log.drift(model="nope")
