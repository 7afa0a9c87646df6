"""Pictures of an impact and of comparable cases: what they count, what they say, what they refuse."""

from __future__ import annotations

import re

import polars as pl
import pytest

from audit_lab import charts
from audit_lab.errors import MisuseError

BY_GROUP = pl.DataFrame(
    {
        "group": ["carrier"] * 4 + ["weekday"],
        "value": ["UA", "AA", None, "DL", "1"],
        "decided": [179, 292, 10, 276, 757],
        "affected": [20, 13, 1, 0, 34],
    }
)
DIRECTIONS = pl.DataFrame(
    {
        "decision_before": ["late", "on time", None],
        "decision_after": ["on time", "late", "late"],
        "decisions": pl.Series([39, 12, 1], dtype=pl.UInt32),
    }
)
AFFECTED = pl.DataFrame(
    {
        "score_before": [0.22, 0.23, 0.21, float("nan")],
        "score_after": [0.21, 0.2, 0.24, 0.3],
        "decision_before": ["late", "late", "on time", "late"],
        "decision_after": ["on time", "on time", "late", "on time"],
    }
)
CASES = pl.DataFrame({"rank": [1, 2], "decision": ["approve", "approve"], "distance": [0.02, 0.125]})
DIFFERENCES = pl.DataFrame(
    {
        "rank": [1, 1, 1, 2, 2, 2],
        "feature": ["income", "city", "years"] * 2,
        "unit": ["EUR", None, None] * 2,
        "this": ["5200", "Bern", None] * 2,
        "other": ["6400", "Bern", "3", "5200", "Oslo", "4"],
        "part": [0.06, 0.0, None, 0.0, 1.0, None],
    }
)


def titles(chart):
    title = chart.to_dict()["title"]
    return title["text"], title["subtitle"]


def texts(chart):
    return re.findall(r">([^<>]+)</(?:text|tspan)>", charts.svg(chart))


def rows_with(chart, name):
    """Return the rows of the data that have a column."""
    found = [rows for rows in chart.to_dict()["datasets"].values() if rows and name in rows[0]]
    assert len(found) == 1
    return found[0]


def test_groups_are_drawn_with_counts_and_shares():
    chart = charts.impact_by_group(BY_GROUP, "carrier", subtitle=["a correction"])
    assert titles(chart) == ("34 of 757 decisions would have been otherwise, by carrier", ["a correction"])
    shown = texts(chart)
    places = [shown.index(name) for name in ("UA", "AA", "(none)", "DL")]
    assert places == sorted(places)
    assert {"20 of 179", "13 of 292", "1 of 10", "0 of 276", "11.17%", "4.45%", "10.00%", "0.00%"} <= set(shown)


def test_groups_with_fewest_affected_are_added_up():
    shown = texts(charts.impact_by_group(BY_GROUP, "carrier", most=2))
    assert {"2 further values", "1 of 286"} <= set(shown)
    assert "DL" not in shown


def test_a_group_that_is_not_there_is_refused():
    with pytest.raises(MisuseError, match="There is no group 'city' in the frame. It has carrier, weekday"):
        charts.impact_by_group(BY_GROUP, "city")


def test_the_flow_names_each_decision_with_its_count_on_both_sides():
    chart = charts.decision_flow(DIRECTIONS)
    assert titles(chart)[0] == "Where 52 affected decisions would have gone"
    shown = texts(chart)
    assert sorted(name for name in shown if name in {"late", "on time", "(none)"}) == [
        "(none)",
        "late",
        "late",
        "on time",
        "on time",
    ]
    assert {"39", "12", "1", "13"} <= set(shown)


def test_bands_are_as_high_as_they_have_decisions():
    bands = rows_with(charts.decision_flow(DIRECTIONS), "flow")
    heights = {(band["flow"], round(band["foot"] - band["top"], 9)) for band in bands}
    assert heights == {(0, round(39 / 52, 9)), (1, round(12 / 52, 9)), (2, round(1 / 52, 9))}


def test_scores_are_counted_by_direction_and_those_without_are_said():
    chart = charts.score_before_after(AFFECTED)
    assert titles(chart) == ("Scores of 3 affected decisions", ["1 without two scores are not drawn"])
    points = chart.to_dict()["layer"][1]
    assert sum(row["decisions"] for row in rows_with(chart, "way")) == 3
    assert points["encoding"]["color"]["scale"]["domain"] == ["late \u2192 on time", "on time \u2192 late"]
    assert len(set(points["encoding"]["shape"]["scale"]["range"])) == 2


def test_a_single_score_is_drawn():
    one = AFFECTED.head(1).with_columns(score_after=pl.col("score_before"))
    assert titles(charts.score_before_after(one))[0] == "Scores of 1 affected decision"
    assert charts.svg(charts.score_before_after(one)).startswith("<svg")


def test_scores_that_are_no_numbers_cannot_be_drawn():
    with pytest.raises(MisuseError, match="has no rows"):
        charts.score_before_after(AFFECTED.tail(1))


def test_the_table_of_cases_marks_what_differs():
    chart = charts.comparable_table(CASES, DIFFERENCES, decision="deny", subtitle=["p-1"])
    cells = {(cell["row"], cell["case"]): cell for cell in rows_with(chart, "case")}
    assert len(cells) == 15
    bold = {place for place, cell in cells.items() if cell["bold"] and place[0] != "decided"}
    assert bold == {("income [EUR]", "case 1"), ("city", "case 2")}
    assert cells["years", "case 1"]["part"] == 0.0
    assert cells["years", "case 1"]["ink"] != cells["city", "case 1"]["ink"]
    assert cells["city", "case 2"]["ink"] == "#ffffff"
    assert {"deny", "approve", "0.02", "0.125", "6400", "Oslo"} <= set(texts(chart))


def test_cases_that_are_not_drawn_are_counted():
    chart = charts.comparable_table(CASES, DIFFERENCES, decision="deny", most=1)
    assert titles(chart)[1][-1] == "1 further cases are not drawn"
    assert "case 2" not in texts(chart)


@pytest.mark.parametrize(
    "draw",
    [
        lambda text: charts.impact_by_group(BY_GROUP.with_columns(value=pl.lit(text)), "carrier"),
        lambda text: charts.decision_flow(DIRECTIONS.with_columns(decision_before=pl.lit(text))),
        lambda text: charts.score_before_after(AFFECTED.with_columns(decision_before=pl.lit(text))),
        lambda text: charts.comparable_table(CASES, DIFFERENCES.with_columns(other=pl.lit(text)), decision=text),
    ],
)
def test_text_of_a_log_is_drawn_as_text(draw):
    drawn = charts.svg(draw("<script>alert(1)</script>\x00"))
    assert "<script" not in drawn
    assert "&lt;script" in drawn
    assert charts.svg(draw("<script>alert(1)</script>\x00")) == drawn


@pytest.mark.parametrize(
    ("draw", "lacking"),
    [
        (lambda: charts.impact_by_group(BY_GROUP.drop("decided"), "carrier"), "decided"),
        (lambda: charts.decision_flow(DIRECTIONS.drop("decisions")), "decisions"),
        (lambda: charts.score_before_after(AFFECTED.drop("score_after")), "score_after"),
        (lambda: charts.comparable_table(CASES.drop("distance"), DIFFERENCES, decision=None), "distance"),
        (lambda: charts.comparable_table(CASES, DIFFERENCES.drop("part"), decision=None), "part"),
    ],
)
def test_a_frame_that_lacks_a_column_is_refused(draw, lacking):
    with pytest.raises(MisuseError, match=f"lacks {lacking}"):
        draw()
