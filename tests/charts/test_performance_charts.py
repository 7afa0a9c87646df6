"""Pictures of performance and of groups: what they mark, what they leave out, and what they refuse."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from audit_lab import charts
from audit_lab.errors import MisuseError

START = datetime(2024, 1, 1, tzinfo=UTC)
WEEK = timedelta(weeks=1)


@pytest.fixture
def table():
    rows = []
    for place, status in enumerate(["measured", "measured", "immature", "no outcomes"]):
        at = {"window_start": START + place * WEEK, "window_end": START + (place + 1) * WEEK, "model_version": None}
        own = {**at, "known": "now", "of": "score", "measure": "auc", "rows": 9}
        value = None if status == "no outcomes" else 0.7
        ends = {"low": None if value is None else 0.6, "high": None if value is None else 0.8}
        rows.append({**own, "value": value, **ends, "status": status, "estimated": False})
        rows.append({**own, "value": 0.72, "low": None, "high": None, "status": "estimate", "estimated": True})
    return pl.DataFrame(rows)


@pytest.fixture
def rates():
    names = ["a", "b", "c"]
    return pl.DataFrame(
        {
            "window_start": [None] * 3,
            "model_version": [None] * 3,
            "grouping": ["g"] * 3,
            "group": names,
            "measure": ["selection_rate"] * 3,
            "value": [0.5, 0.9, None],
            "low": [0.4, 0.8, None],
            "high": [0.6, 0.95, None],
            "rows": [10, 20, None],
            "status": ["measured", "measured", "suppressed"],
        }
    )


def spec(chart):
    return json.dumps(chart.to_dict())


def test_the_timeline_marks_what_can_still_move_and_what_is_estimated(table):
    drawn = charts.performance_timeline(table, model="loans")
    (data,) = [rows for rows in drawn.to_dict()["datasets"].values() if "called" in rows[0]]
    assert [row["called"] for row in data if not row["estimated"]] == [
        "measured",
        "measured",
        "outcomes still arriving",
    ]
    assert sum(row["estimated"] for row in data) == 4
    text = spec(drawn)
    assert "1 still wait for outcomes: their values can move" in text
    assert "3 windows with outcomes; bars are 95 % intervals" in text
    assert "AUC of the score by window" in text


def test_every_status_has_a_shape_of_its_own(table):
    text = charts.svg(charts.performance_timeline(table))
    for name in ("measured", "outcomes still arriving", "estimated without outcomes"):
        assert name in text
    shapes = charts.performance_timeline(table).to_dict()
    found = json.dumps(shapes)
    assert all(f'"{shape}"' in found for shape in ("circle", "triangle-up", "diamond"))


def test_versions_have_colours_and_very_many_share_the_last(table):
    many = pl.concat([table.with_columns(model_version=pl.lit(f"v{place}")) for place in range(10)])
    text = spec(charts.performance_timeline(many))
    assert '"v6"' in text
    assert "other versions" in text
    assert charts.svg(charts.performance_timeline(many)).startswith("<svg")


def test_a_measure_that_was_not_taken_is_refused(table):
    with pytest.raises(MisuseError, match="No value of brier of the score can be drawn. There are: score auc"):
        charts.performance_timeline(table, "brier")


def test_the_calibration_curve_says_of_what_it_is():
    curve = pl.DataFrame(
        {
            "bin": [0, 4],
            "lower": [0.0, 0.4],
            "upper": [0.1, 0.5],
            "rows": [9, 3],
            "mean_score": [0.05, 0.44],
            "positive_share": [0.1, 0.3],
            "low": [0.0, 0.1],
            "high": [0.3, 0.9],
        }
    )
    text = spec(charts.calibration_curve(curve, positive="bad", model="loans", window="2024"))
    assert "Share that turned out bad" in text
    assert "loans, 2024: 12 predictions with an outcome" in text


def test_groups_are_in_order_with_what_is_suppressed_named_and_not_drawn(rates):
    drawn = charts.group_comparison(rates, favourable="approve")
    text = spec(drawn)
    assert "1 groups are suppressed" in text
    assert "four fifths of the highest" in text
    assert "neither why nor whether that is justified" in text
    shown = charts.svg(drawn)
    assert shown.index(">b</text>") < shown.index(">a</text>") < shown.index(">c</text>")
    assert "suppressed" in shown
    assert "90.0% of 20" in shown


def test_the_line_of_four_fifths_stands_at_rates_of_selection_only(rates):
    other = rates.with_columns(measure=pl.lit("false_positive_rate"))
    assert "four fifths" not in spec(charts.group_comparison(other, "false_positive_rate"))


def test_of_several_windows_the_last_is_drawn_and_of_versions_one_must_be_named(rates):
    windows = pl.concat([rates.with_columns(window_start=pl.lit(START + place * WEEK)) for place in range(2)])
    later = windows.with_columns(value=pl.when(pl.col("window_start") > START).then(0.25).otherwise("value"))
    assert "25.0% of 10" in charts.svg(charts.group_comparison(later))
    assert "50.0% of 10" in charts.svg(charts.group_comparison(later, window_start=START))
    versions = pl.concat([rates.with_columns(model_version=pl.lit(name)) for name in "12"])
    with pytest.raises(MisuseError, match="There is not one selection_rate for each group by g"):
        charts.group_comparison(versions)
    assert charts.group_comparison(versions, version="2").to_dict()
    with pytest.raises(MisuseError, match="There is not one accuracy"):
        charts.group_comparison(rates, "accuracy")
