"""The waterfall of a shift: bars begin where the one above ends, and the last one is the mean after."""

from __future__ import annotations

import polars as pl
import pytest

from audit_lab import charts
from audit_lab.errors import MisuseError

STEPS = pl.DataFrame(
    {
        "label": ["before: May", "x", "the rest", "the rest", "after: June"],
        "kind": ["before", "cause", "cause", "rest", "after"],
        "value": [0.2, 0.05, -0.02, 0.01, 0.24],
        "low": [None, 0.04, -0.03, None, None],
        "high": [None, 0.06, -0.01, None, None],
        "start": [0.0, 0.2, 0.25, 0.23, 0.0],
        "end": [0.2, 0.25, 0.23, 0.24, 0.24],
    }
)


def drawn_rows():
    spec = charts.cause_waterfall(STEPS, title="What moved", axis_title="mean score").to_dict()
    return spec["datasets"][spec["data"]["name"]]


def test_each_bar_begins_where_the_one_above_ends_and_has_its_interval_about_its_end():
    rows = drawn_rows()
    assert [(row["from"], row["end"]) for row in rows[1:4]] == [(0.2, 0.25), (0.25, 0.23), (0.23, 0.24)]
    assert (rows[1]["below"], rows[1]["above"]) == pytest.approx((0.24, 0.26))
    assert [row["direction"] for row in rows] == ["mean", "raises", "lowers", "the rest", "mean"]
    assert [row["amount"] for row in rows] == ["0.2", "+0.0500", "\u22120.0200", "+0.0100", "0.24"]
    assert rows[3]["interval"] == "none"


def test_a_feature_that_is_called_as_another_step_has_a_line_of_its_own():
    rows = drawn_rows()
    assert [row["label"] for row in rows] == ["before: May", "x", "the rest", "the rest (again)", "after: June"]
    assert [row["next"] for row in rows] == ["x", "the rest", "the rest (again)", "after: June", None]


def test_a_frame_that_lacks_a_column_is_refused():
    with pytest.raises(MisuseError, match="lacks low"):
        charts.cause_waterfall(STEPS.drop("low"), title="What moved")


def test_means_that_are_alike_are_drawn_too():
    flat = STEPS.with_columns(value=0.0, low=None, high=None, start=0.2, end=0.2)
    assert charts.svg(charts.cause_waterfall(flat, title="Nothing")).startswith("<svg")
