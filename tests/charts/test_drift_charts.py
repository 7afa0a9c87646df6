from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest

from audit_lab import charts
from audit_lab.charts.heat_map import HEAT, heat_steps, heat_table
from audit_lab.errors import MisuseError

START = datetime(2015, 6, 1, tzinfo=UTC)
WEEK = timedelta(weeks=1)
VERDICTS = ("stable", "moderate", "major", "too few rows")


def drift_table(weeks=4, columns=("carrier", "distance"), length=WEEK):
    return pl.DataFrame(
        [
            {
                "window_start": START + week * length,
                "window_end": START + (week + 1) * length,
                "rows": 1000 + week,
                "column": column,
                "kind": "categorical" if column == "carrier" else "numeric",
                "psi": 0.15 * week,
                "psi_noise": 0.02,
                "js_distance": 0.1 * week,
                "ks": None if column == "carrier" else 0.1,
                "missing_rate": 0.0,
                "wasserstein": None if column == "carrier" else 40.0 * week,
                "vanished_categories": ["US"] if column == "carrier" and week == 2 else [],
                "verdict": VERDICTS[week % 4],
            }
            for column in columns
            for week in range(weeks)
        ],
        schema_overrides={"ks": pl.Float64, "wasserstein": pl.Float64, "vanished_categories": pl.List(pl.String)},
        infer_schema_length=None,
    )


def bins(**added):
    return pl.DataFrame(
        {
            "bin": ["AA", "US", "<script>"],
            "order": [0, 1, 2],
            "reference_rows": [90, 10, 0],
            "window_rows": [49, 0, 1],
            "reference_share": [0.9, 0.1, 0.0],
            "window_share": [0.98, 0.0, 0.02],
            **added,
        }
    )


def densities(windows=3, **changes):
    parts = [("inside", 0.0, 1.0), ("inside", 1.0, 3.0), ("below", None, None), ("missing", None, None)]
    rows = [
        {
            "window": f"week {window}",
            "window_start": START + window * WEEK,
            "window_end": START + (window + 1) * WEEK,
            "rows": 100,
            "verdict": "stable",
            "part": part,
            "lower": lower,
            "upper": upper,
            "window_rows": [20.0, 60.0, 15.0, 5.0][place],
            "reference_rows": [50.0, 50.0, 0.0, 0.0][place],
            **changes,
        }
        for window in range(windows)
        for place, (part, lower, upper) in enumerate(parts)
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def values(chart):
    """Return all rows of all data sets in a chart."""
    spec = chart.to_dict()
    return [row for rows in spec["datasets"].values() for row in rows]


def titles(chart):
    title = chart.to_dict()["title"]
    return [title["text"], *title["subtitle"]]


def lightness(colour):
    """Return the relative luminance of a colour: WCAG 2.1."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_map_has_a_cell_for_each_window_and_column():
    cells = values(charts.drift_heatmap(drift_table()))
    assert {(row["column"], row["window_start"], row["verdict"], row["heat"]) for row in cells} >= {
        ("carrier", "2015-06-01T00:00:00.000Z", "stable", "below 0.05"),
        ("distance", "2015-06-15T00:00:00.000Z", "major", "0.25 \N{EN DASH} 0.5"),
        ("distance", "2015-06-22T00:00:00.000Z", "too few rows", None),
    }
    assert len(cells) == 8


def test_the_map_says_rows_window_reference_and_its_marks():
    assert titles(charts.drift_heatmap(drift_table(), reference="May, 9 rows")) == [
        "What moved, window by window",
        "4 windows with 4,006 rows, 2015-06-01 to 2015-06-28 (UTC)",
        "Compared with May, 9 rows",
        "\N{MULTIPLICATION SIGN} a category of the reference is gone; hatched: too few rows for a verdict",
    ]


def test_the_map_marks_the_windows_in_which_a_category_is_gone():
    cells = values(charts.drift_heatmap(drift_table()))
    gone = [(row["column"], row["window_start"]) for row in cells if row["vanished_categories"]]
    assert gone == [("carrier", "2015-06-15T00:00:00.000Z")]


def test_the_colours_of_the_map_get_darker_and_none_is_that_of_too_few_rows():
    light = [lightness(colour) for colour in ("#ffffff", *HEAT)]
    assert all((high + 0.05) / (low + 0.05) > 1.2 for high, low in pairwise(light))


def test_a_value_on_an_edge_has_the_darker_colour():
    table = drift_table(weeks=1).with_columns(psi=pl.lit(0.25))
    assert {row["heat"] for row in values(charts.drift_heatmap(table))} == {"0.25 \N{EN DASH} 0.5"}


def test_a_measure_without_thresholds_is_coloured_by_parts_of_its_highest():
    assert heat_steps(drift_table(weeks=6), "wasserstein") == (4.0, 10.0, 20.0, 50.0, 100.0, 150.0)


def test_a_measure_that_was_not_taken_leaves_its_cells_empty_and_says_so():
    chart = charts.drift_heatmap(drift_table(weeks=2), "ks")
    assert {row["heat"] for row in values(chart) if row["column"] == "carrier"} == {None}
    assert titles(chart)[-1] == "empty: not measured there"


@pytest.mark.parametrize(("order", "first"), [("far", "late"), ("first", "early")])
def test_columns_are_ordered_by_how_far_or_when_they_moved(order, first):
    table = drift_table(weeks=3, columns=("calm", "early", "late")).with_columns(
        psi=pl.when(column="late").then(pl.col("psi") * 2).otherwise("psi"),
        verdict=pl.when(column="calm")
        .then(pl.lit("stable"))
        .when(pl.col("column") == "late", pl.col("window_start") < START + 2 * WEEK)
        .then(pl.lit("stable"))
        .otherwise("verdict"),
    )
    _, names, left = heat_table(table, order=order)
    assert (names[0], names[-1], left) == (first, "calm", 0)


def test_of_a_thousand_columns_those_that_moved_farthest_are_drawn():
    table = drift_table(weeks=9, columns=[f"feature {number}" for number in range(1000)])
    table = table.with_columns(psi=pl.when(column="feature 777").then(pl.lit(99.0)).otherwise("psi"))
    chart = charts.drift_heatmap(table, most=20)
    cells = values(chart)
    assert len(cells) == 180
    assert "feature 777" in {row["column"] for row in cells}
    assert titles(chart)[2] == "The 20 columns that moved farthest; 980 others are left out"
    assert charts.svg(chart).startswith("<svg")


def test_of_very_many_windows_the_farthest_stands_for_those_beside_it():
    chart = charts.drift_heatmap(drift_table(weeks=1000, columns=("a",), length=timedelta(hours=1)))
    cells = values(chart)
    assert len(cells) == 112  # 9 hours a cell
    assert [row["verdict"] for row in cells] == [*["major"] * 111, "too few rows"]
    assert sum(row["rows"] for row in cells) == sum(1000 + hour for hour in range(1000))
    assert "1,000 windows" in titles(chart)[1]
    assert "of which 9 are drawn as one: the farthest of them" in titles(chart)[1]


def test_windows_that_overlap_stand_side_by_side_under_their_names():
    table = drift_table(weeks=3).with_columns(
        window=pl.format("version {}", pl.col("rows") - 999), window_end=pl.lit(START + 9 * WEEK)
    )
    drawn = charts.svg(charts.drift_heatmap(table))
    assert all(f">version {number}<" in drawn for number in (1, 2, 3))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"measure": "chi"}, "'chi' is not a measure"),
        ({"measure": "hellinger"}, "'hellinger' is not a measure"),
        ({"order": "name"}, "cannot be ordered by 'name'"),
        ({"most": 0}, "0 columns cannot be drawn"),
    ],
)
def test_the_map_refuses_what_it_cannot_draw(options, said):
    with pytest.raises(MisuseError, match=said):
        charts.drift_heatmap(drift_table(), **options)


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
    assert [(row["bin"], row["reference"], row["window"], row["shown"]) for row in rows] == [
        ("AA", 0.9, 0.98, "98.0 %"),
        ("US", 0.1, 0.0, "none"),
        ("<script>", 0.0, 0.02, "2.0 %"),
    ]
    assert {row["called"] for row in rows} == {"share of the window"}


def test_the_distribution_says_how_many_rows_each_side_has():
    said = titles(charts.distribution(bins(), column="carrier", window="June"))
    assert said == ["carrier: before and after", "Window: June, 50 rows", "Black line: the reference, 100 rows"]


def test_the_distribution_says_what_is_beyond_chance_gone_and_new():
    added = {"chance_low": [0.8, 0.02, 0.0], "chance_high": [0.99, 0.2, 0.05], "note": [None, "gone", "new"]}
    chart = charts.distribution(bins(**added))
    assert [(row["bin"], row["called"], row["shown"]) for row in values(chart)] == [
        ("AA", "share of the window, within chance", "98.0 %"),
        ("US", "beyond chance", "none, gone"),
        ("<script>", "share of the window, within chance", "2.0 %, new"),
    ]
    assert titles(chart)[-1] == "Gone: US; New: <script>"


@pytest.mark.parametrize("low", [None, [0.8, 0.02, 0.0], [0.8, None, 0.0]], ids=["unknown", "known", "partly known"])
def test_every_bar_of_a_distribution_has_a_colour_that_the_legend_names(low):
    added = {} if low is None else {"chance_low": low, "chance_high": [None if each is None else 1.0 for each in low]}
    chart = charts.distribution(bins(**added))
    scales = [layer["encoding"].get("color", {}).get("scale") for layer in chart.to_dict()["layer"]]
    (named,) = [scale["domain"] for scale in scales if scale]
    assert {row["called"] for row in values(chart)} <= set(named)


def test_a_subtitle_that_is_longer_than_the_picture_is_wide_is_broken_into_lines():
    said = titles(charts.distribution(bins(), reference="training data " * 20))
    assert max(map(len, said)) <= 120
    assert " ".join(said).count("training data") == 20


def test_categories_stand_by_share_and_what_has_no_name_of_its_own_last():
    added = {"bin": ["(other)", "US", "AA"], "chance_low": [0.0] * 3, "chance_high": [1.0] * 3, "note": [None] * 3}
    rows = values(charts.distribution(bins(**added).with_columns(window_share=pl.Series([0.5, 0.1, 0.4]))))
    assert [row["bin"] for row in rows] == ["AA", "US", "(other)"]


def test_bins_of_numbers_keep_their_order_and_tell_their_edges():
    added = {"lower": [None, 1.0, 2.0], "upper": [1.0, 2.0, None], "note": [None, None, "outside"]}
    rows = values(charts.distribution(bins(**added)))
    assert [row["edges"] for row in rows] == ["up to 1", "above 1, up to 2", "above 2"]
    assert rows[2]["shown"] == "2.0 %, beyond the reference's range"


def test_a_ridge_is_as_wide_as_its_intervals_and_as_large_as_their_shares():
    rows = values(charts.drift_ridge(densities(windows=1), column="score"))
    assert [(row["value"], row["height"], row["known"], row["share"], row["span"]) for row in rows] == [
        (0.0, 0.2, 0.5, "20.00%", "0 to 1"),
        (1.0, 0.2, 0.5, "20.00%", "0 to 1"),
        (1.0, 0.3, 0.25, "60.00%", "1 to 3"),
        (3.0, 0.3, 0.25, "60.00%", "1 to 3"),
    ]


def test_the_ridge_says_what_it_shows_and_what_it_leaves_out():
    assert titles(charts.drift_ridge(densities(), column="score", reference="May, 9 rows")) == [
        "score: its values, window by window",
        "3 windows with 300 rows, 2015-06-01 to 2015-06-21 (UTC)",
        "Dashed: the reference, May, 9 rows; dotted: its median",
        "Rows that are not drawn: 45 below, 15 missing",
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"rows": 9, "verdict": "too few rows"}, "9 rows: too few"), ({"verdict": "major"}, None)],
)
def test_a_window_with_too_few_rows_says_so(changes, said):
    rows = values(charts.drift_ridge(densities(windows=1, **changes)))
    assert [row["said"] for row in rows] == [said, None, None, None]


def test_a_window_without_rows_is_a_line_that_says_so():
    empty = densities(windows=1, rows=0, window_rows=0.0, verdict="too few rows")
    both = pl.concat([densities(windows=1).with_columns(pl.col("window_start", "window_end") - WEEK), empty])
    rows = values(charts.drift_ridge(both))
    assert [row["height"] for row in rows[4:]] == [0.0] * 4
    assert rows[4]["said"] == "no rows"


def test_very_many_windows_are_added_up():
    rows = values(charts.drift_ridge(densities(windows=130)))
    assert len({row["name"] for row in rows}) == 44
    assert rows[0]["count"] == "300"
    assert rows[0]["height"] == pytest.approx(0.2)


def test_texts_of_the_log_cannot_become_elements_of_the_picture():
    drawn = charts.svg(charts.distribution(bins()))
    assert "<script" not in drawn
    assert "&lt;script&gt;" in drawn


@pytest.mark.parametrize(
    "draw",
    [
        lambda: charts.drift_heatmap(pl.DataFrame()),
        lambda: charts.distribution(bins().drop("order")),
        lambda: charts.drift_ridge(densities().drop("part")),
    ],
)
def test_a_frame_without_the_needed_columns_is_refused(draw):
    with pytest.raises(MisuseError, match="lacks"):
        draw()


def test_a_frame_without_rows_or_values_is_refused():
    with pytest.raises(MisuseError, match="has no rows"):
        charts.drift_heatmap(drift_table().clear())
    with pytest.raises(MisuseError, match="No value lies"):
        charts.drift_ridge(densities(window_rows=0.0))
