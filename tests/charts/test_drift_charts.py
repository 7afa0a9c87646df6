from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from audit_lab import charts
from audit_lab.errors import MisuseError

START = datetime(2015, 6, 1, tzinfo=UTC)
WEEK = timedelta(weeks=1)


def drift_table(weeks=4, columns=("carrier", "distance")):
    verdicts = ("stable", "moderate", "major", "too few rows")
    return pl.DataFrame(
        [
            {
                "window_start": START + week * WEEK,
                "window_end": START + (week + 1) * WEEK,
                "rows": 1000 + week,
                "column": column,
                "kind": "categorical" if column == "carrier" else "numeric",
                "psi": 0.15 * week,
                "psi_noise": 0.02,
                "js_distance": 0.1 * week,
                "ks": None if column == "carrier" else 0.1,
                "missing_rate": 0.0,
                "vanished_categories": ["US"] if column == "carrier" and week == 2 else [],
                "verdict": verdicts[week % 4],
            }
            for column in columns
            for week in range(weeks)
        ],
        schema_overrides={"ks": pl.Float64, "vanished_categories": pl.List(pl.String)},
        infer_schema_length=None,
    )


def bins():
    return pl.DataFrame(
        {
            "bin": ["AA", "US", "<script>"],
            "order": [0, 1, 2],
            "reference_rows": [90, 10, 0],
            "window_rows": [49, 0, 1],
            "reference_share": [0.9, 0.1, 0.0],
            "window_share": [0.98, 0.0, 0.02],
        }
    )


def values(chart):
    """Return all rows of all data sets in a chart."""
    return [row for rows in chart.to_dict()["datasets"].values() for row in rows]


def titles(chart):
    title = chart.to_dict()["title"]
    return [title["text"], *title["subtitle"]]


def test_the_map_has_a_cell_for_each_window_and_column():
    cells = values(charts.drift_heatmap(drift_table()))
    assert {(row["column"], row["window_start"], row["verdict"]) for row in cells} >= {
        ("carrier", "2015-06-01T00:00:00.000Z", "stable"),
        ("distance", "2015-06-15T00:00:00.000Z", "major"),
    }
    assert len(cells) == 8


def test_the_map_says_rows_window_and_reference():
    said = titles(charts.drift_heatmap(drift_table(), reference="May, 9 rows"))
    assert said[1] == "4 windows with 4,006 rows, 2015-06-01 to 2015-06-28 (UTC)"
    assert said[2] == "Compared with May, 9 rows"


def test_the_map_marks_the_windows_in_which_a_category_is_gone():
    gone = [(row["column"], row["window_start"]) for row in values(charts.drift_heatmap(drift_table())) if row["gone"]]
    assert gone == [("carrier", "2015-06-15T00:00:00.000Z")]


def test_the_map_draws_more_rows_than_altair_takes_by_default():
    table = drift_table(weeks=300, columns=[f"feature {number}" for number in range(20)])
    assert charts.svg(charts.drift_heatmap(table)).startswith("<svg")


def test_the_timeline_draws_one_column_with_thresholds():
    rows = values(charts.drift_timeline(drift_table(), "distance", "psi"))
    assert [row["psi"] for row in rows if "psi" in row] == pytest.approx([0.0, 0.15, 0.3, 0.45])
    assert {row["at"] for row in rows if "at" in row} == {0.1, 0.25}


def test_the_timeline_of_another_measure_has_no_thresholds_of_the_index():
    assert not [row for row in values(charts.drift_timeline(drift_table(), "distance", "ks")) if "at" in row]


@pytest.mark.parametrize(
    ("column", "measure", "said"),
    [
        ("carrier", "ks", "Kolmogorov-Smirnov statistic was not taken for column 'carrier'"),
        ("nothing", "psi", "not taken for column 'nothing'"),
        ("carrier", "chi", "'chi' is not a measure"),
    ],
)
def test_the_timeline_refuses_what_was_not_measured(column, measure, said):
    with pytest.raises(MisuseError, match=said):
        charts.drift_timeline(drift_table(), column, measure)


def test_the_distribution_draws_both_sides_of_each_bin():
    rows = values(charts.distribution(bins(), column="carrier", window="June"))
    assert [(row["bin"], row["side"], row["share"]) for row in rows[:4]] == [
        ("AA", "Reference", 0.9),
        ("AA", "Window", 0.98),
        ("US", "Reference", 0.1),
        ("US", "Window", 0.0),
    ]


def test_the_distribution_says_how_many_rows_each_side_has():
    said = titles(charts.distribution(bins(), column="carrier", window="June"))
    assert said == ["carrier: before and after", "Window: June, 50 rows", "Reference: 100 rows"]


def test_texts_of_the_log_cannot_become_elements_of_the_picture():
    drawn = charts.svg(charts.distribution(bins()))
    assert "<script" not in drawn
    assert "&lt;script&gt;" in drawn


@pytest.mark.parametrize(
    "draw",
    [lambda: charts.drift_heatmap(pl.DataFrame()), lambda: charts.distribution(bins().drop("order"))],
)
def test_a_frame_without_the_needed_columns_is_refused(draw):
    with pytest.raises(MisuseError, match="lacks"):
        draw()


def test_a_frame_without_rows_is_refused():
    with pytest.raises(MisuseError, match="has no rows"):
        charts.drift_heatmap(drift_table().clear())
