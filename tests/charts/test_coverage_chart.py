"""The picture of coverage: what is drawn how high, what is written beside it, and what is left out aloud."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest

import audit_lab as al
from audit_lab import charts
from audit_lab.errors import MisuseError
from audit_lab.log.schema import TIME

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
WEEK = timedelta(days=7)


def weeks(*rows, length=WEEK):
    """Return weeks: version, number of the week (None: no time), predictions, reconstructable, replayable."""
    told = [
        ("loans", version, None if week is None else MONDAY + week * length, counts) for version, week, *counts in rows
    ]
    return pl.DataFrame(
        [
            (model, version, start, None if start is None else start + length, *counts)
            for model, version, start, counts in told
        ],
        schema={
            "model_name": pl.String,
            "model_version": pl.String,
            "window_start": TIME,
            "window_end": TIME,
            "predictions": pl.UInt32,
            "reconstructable": pl.UInt32,
            "replayable": pl.UInt32,
        },
        orient="row",
    )


def reasons(*rows):
    columns = ["model_name", "model_version", "code", "predictions", "reconstructable"]
    schema = dict(zip(columns, [pl.String, pl.String, pl.String, pl.UInt32, pl.UInt32], strict=True))
    return pl.DataFrame([("loans", *row) for row in rows], schema=schema, orient="row")


def gaps(*rows):
    schema = {"lost": pl.Int64, "last_seen": TIME, "next_seen": TIME}
    return pl.DataFrame(rows, schema=schema, orient="row")


def values(chart):
    return [row for rows in chart.to_dict()["datasets"].values() for row in rows]


def parts(chart):
    """Return of each part of a bar its week, status, count and height in parts of the bar."""
    bars = [row for row in values(chart) if "upper" in row]
    full = 0.92 - 0.34
    return [(row["from"][:10], row["status"], row["count"], (row["lower"] - row["upper"]) / full) for row in bars]


def texts(chart):
    return [row["text"] for row in values(chart) if "text" in row]


def test_a_bar_is_the_whole_week_in_parts_of_its_predictions():
    drawn = parts(charts.coverage_chart(weeks(("1", 0, 100, 75, 50), ("1", 1, 10, 10, 10)), reasons()))
    assert drawn == [
        ("2024-01-01", "Can be replayed", 50, pytest.approx(0.5)),
        ("2024-01-01", "Can be reconstructed only", 25, pytest.approx(0.25)),
        ("2024-01-01", "Neither", 25, pytest.approx(0.25)),
        ("2024-01-08", "Can be replayed", 10, pytest.approx(1)),
    ]


def test_one_in_a_million_is_high_enough_to_be_seen():
    drawn = parts(charts.coverage_chart(weeks(("1", 0, 1_000_000, 999_999, 999_999)), reasons()))
    assert drawn == [
        ("2024-01-01", "Can be replayed", 999_999, pytest.approx(0.92)),
        ("2024-01-01", "Neither", 1, pytest.approx(0.08)),
    ]


def test_totals_and_reasons_stand_beside_the_version():
    counted = reasons(("1", "inputs-missing", 27, 0), ("1", "artifact-digest-mismatch", 3, 3))
    chart = charts.coverage_chart(weeks(("1", 0, 10_000, 9_973, 9_970)), counted)
    assert texts(chart) == [
        "1",
        "loans",
        "27 inputs-missing (0.3 %)",
        "3 artifact-digest-mismatch (< 0.1 %)",
        "9,970 of 10,000 replayable (99.7 %)",
    ]
    statuses = {row["text"]: row["status"] for row in values(chart) if row.get("status") and "text" in row}
    assert statuses["27 inputs-missing (0.3 %)"] == "Neither"
    assert statuses["3 artifact-digest-mismatch (< 0.1 %)"] == "Can be reconstructed only"


@pytest.mark.parametrize(
    ("replayable", "said"), [(0, "0 %"), (1, "< 0.1 %"), (5000, "50.0 %"), (9999, "> 99.9 %"), (10_000, "100 %")]
)
def test_only_what_is_whole_is_called_so(replayable, said):
    chart = charts.coverage_chart(weeks(("1", 0, 10_000, 10_000, replayable)), reasons())
    assert f"{replayable:,} of 10,000 replayable ({said})" in texts(chart)


def test_further_reasons_are_counted_together():
    counted = reasons(*(("1", code, count, 0) for code, count in zip("abcde", (5, 4, 3, 2, 1), strict=True)))
    said = texts(charts.coverage_chart(weeks(("1", 0, 20, 5, 5)), counted))
    assert said[2:-1] == ["5 a (25.0 %)", "4 b (20.0 %)", "3 c (15.0 %)", "3 for 2 other reasons (15.0 %)"]


def test_the_number_above_a_bar_counts_what_cannot_be_replayed():
    chart = charts.coverage_chart(weeks(("1", 0, 100, 75, 50), ("1", 1, 10, 10, 10)), reasons())
    assert [row["wanting"] for row in values(chart) if "wanting" in row] == [50]


def test_lost_predictions_stand_in_the_week_in_which_the_numbers_went_on():
    late = MONDAY + 8 * timedelta(days=1)
    lost = gaps((40, MONDAY, late), (7, MONDAY, late + timedelta(hours=1)), (5, MONDAY - 9 * WEEK, MONDAY - 8 * WEEK))
    chart = charts.coverage_chart(weeks(("1", 0, 9, 9, 9), ("1", 1, 9, 9, 9)), reasons(), lost)
    assert [(row["from"][:10], row["lost"]) for row in values(chart) if "lost" in row] == [("2024-01-11", 47)]
    assert "Lost: numbered by a writer, and not in the log" in chart.to_dict()["title"]["subtitle"]


def test_versions_stand_in_the_order_in_which_they_began():
    chart = charts.coverage_chart(weeks(("10", 0, 9, 9, 9), ("2", 1, 9, 9, 9), (None, 2, 9, 0, 0)), reasons())
    assert [text for text in texts(chart) if text in {"10", "2", "no version"}] == ["10", "2", "no version"]


def test_versions_beyond_twenty_share_a_row():
    many = [(f"{number:02d}", 0, 100 - number, 100 - number, 0) for number in range(23)]
    chart = charts.coverage_chart(weeks(*many), reasons(*((row[0], "erased", row[2], 0) for row in many)))
    said = texts(chart)
    assert "19" in said
    assert "20" not in said
    assert "3 other versions" in said
    assert "237 erased (100 %)" in said
    assert said[-1] == "0 of 237 replayable (0 %)"


def test_predictions_without_a_time_are_counted_and_said():
    chart = charts.coverage_chart(weeks(("1", 0, 9, 9, 9), ("1", None, 3, 0, 0)), reasons(("1", "erased", 3, 0)))
    assert "9 of 12 replayable (75.0 %)" in texts(chart)
    (said,) = [line for line in chart.to_dict()["title"]["subtitle"] if "without a time" in line]
    assert said == "3 predictions without a time are counted beside the rows, and not drawn"
    assert len(parts(chart)) == 1


@pytest.mark.parametrize(("days", "noun"), [(1, "day"), (7, "week"), (31, "month")])
def test_the_title_names_the_window(days, noun):
    chart = charts.coverage_chart(weeks(("1", 0, 9, 9, 9), length=timedelta(days=days)), reasons())
    assert chart.to_dict()["title"]["text"] == f"What can be replayed, {noun} by {noun}"


def test_the_colours_differ_in_lightness():
    svg = charts.svg(charts.coverage_chart(weeks(("1", 0, 90, 60, 30)), reasons()))
    fills = set(re.findall(r'fill="(#[0-9a-f]{6})" stroke="#ffffff"', svg))
    lightness = sorted(
        sum(weight * int(fill[at : at + 2], 16) for at, weight in ((1, 0.299), (3, 0.587), (5, 0.114)))
        for fill in fills
    )
    assert len(lightness) == 3
    assert min(two - one for one, two in pairwise(lightness)) > 40


def test_narrow_windows_have_upright_numbers_and_very_narrow_ones_none():
    def marks(count):
        chart = charts.coverage_chart(weeks(*(("1", week, 9, 9, 8) for week in range(count))), reasons())
        layers = [layer for layer in chart.to_dict()["layer"] if "transform" in layer]
        return [layer["mark"]["angle"] for layer in layers]

    assert (marks(10), marks(52), marks(90)) == ([0], [270], [])


def test_a_year_of_six_versions_fits_a_page():
    rows = [(str(version), week, 900, 890, 880) for version in range(6) for week in range(52)]
    svg = charts.svg(charts.coverage_chart(weeks(*rows), reasons()))
    width, height = (float(re.search(rf'{name}="([\d.]+)"', svg)[1]) for name in ("width", "height"))
    assert height < width < 1000


def test_missing_columns_and_nothing_to_draw_are_told():
    with pytest.raises(MisuseError, match="lacks replayable"):
        charts.coverage_chart(weeks(("1", 0, 9, 9, 9)).drop("replayable"), reasons())
    with pytest.raises(MisuseError, match="has no rows"):
        charts.coverage_chart(weeks(("1", None, 9, 9, 9)), reasons())


def test_the_same_coverage_gives_the_same_picture(flights):
    pictures = []
    for _ in range(2):
        covered = al.open(flights).coverage()
        pictures.append(charts.svg(charts.coverage_chart(covered.weeks, covered.reasons, covered.sequence_gaps)))
    assert pictures[0] == pictures[1]
    for said in ("24,280 of 24,307 replayable (99.9 %)", "131 version-not-registered (100 %)", "4.0.0-rc.1", ">47<"):
        assert said in pictures[0]
