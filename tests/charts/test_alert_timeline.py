from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from audit_lab import charts
from audit_lab.errors import MisuseError

START = datetime(2025, 6, 2, tzinfo=UTC)
WEEK = timedelta(weeks=1)


def windows(*rows):
    """Return windows of alerts, each given by alert, state, severity, column and week."""
    return pl.DataFrame(
        [
            {
                "alert": alert,
                "state": state,
                "severity": severity,
                "rule": "moved",
                "model": "loans",
                "version": None,
                "column": column,
                "window_start": None if week is None else START + week * WEEK,
                "window_end": None if week is None else START + (week + 1) * WEEK,
                "value": 0.3,
                "rows": 100,
                "what": "it moved",
                "raised_at": START + 9 * WEEK,
            }
            for alert, state, severity, column, week in rows
        ],
        schema_overrides={"version": pl.String, "window_start": pl.Datetime("us", "UTC")},
    )


def values(chart):
    return [row for rows in chart.to_dict()["datasets"].values() for row in rows]


def bars(chart):
    return chart.to_dict()["datasets"][chart.to_dict()["layer"][0]["data"]["name"]]


THREE = [("a", "open", "medium", "income", week) for week in (0, 1, 2)]


def test_each_window_is_a_bar_and_each_alert_has_one_mark_at_its_end():
    chart = charts.alert_timeline(windows(*THREE, ("b", "closed", "high", "city", 1)))
    assert sorted((row["alert"], row["from"][:10]) for row in bars(chart)) == [
        ("a", "2025-06-02"),
        ("a", "2025-06-09"),
        ("a", "2025-06-16"),
        ("b", "2025-06-09"),
    ]
    marks = chart.to_dict()["datasets"][chart.to_dict()["layer"][1]["data"]["name"]]
    assert sorted((row["alert"], row["state"], row["from"][:10]) for row in marks) == [
        ("a", "open", "2025-06-16"),
        ("b", "closed", "2025-06-09"),
    ]
    assert chart.to_dict()["title"]["subtitle"] == [
        "2 alerts (1 open, 1 closed) over 4 windows, 2025-06-02 to 2025-06-22 (UTC)",
        "Each bar is one window",
    ]


def test_rows_are_ordered_by_severity_then_by_the_last_window_and_those_left_out_are_counted():
    rows = [*THREE, ("b", "open", "high", "city", 0), ("c", "open", "medium", "years", 7)]
    chart = charts.alert_timeline(windows(*rows), most=2)
    assert chart.to_dict()["layer"][0]["encoding"]["y"]["sort"] == ["moved: city", "moved: years"]
    assert {row["column"] for row in values(chart)} == {"city", "years"}
    assert chart.to_dict()["title"]["subtitle"][-1] == "The 2 rows that are most severe; 1 others are left out"


def test_an_alert_without_a_window_is_drawn_when_it_was_raised():
    chart = charts.alert_timeline(windows(("a", "open", "high", "manifest", None), *[("b", *one[1:]) for one in THREE]))
    (row,) = [row for row in bars(chart) if row["alert"] == "a"]
    assert (row["from"], row["to"]) == ("2025-08-04T00:00:00.000Z",) * 2
    assert row["drawn"] > row["to"]


def test_thousands_of_windows_are_drawn_as_one_bar_for_each_alert():
    chart = charts.alert_timeline(windows(*[("a", "open", "low", "income", week) for week in range(2_100)]))
    (row,) = bars(chart)
    assert (row["from"][:10], row["to"][:10]) == ("2025-06-02", f"{START + 2_100 * WEEK:%Y-%m-%d}")
    assert chart.to_dict()["title"]["subtitle"][1] == "Each bar is one alert, of several windows"


def test_of_several_models_and_versions_each_has_its_row():
    given = windows(*THREE).with_columns(
        model=pl.Series(["loans", "cards", "cards"]), version=pl.Series([None, "1", "2"])
    )
    assert set(charts.alert_timeline(given).to_dict()["layer"][0]["encoding"]["y"]["sort"]) == {
        "moved: loans, income",
        "moved: cards, income, version 1",
        "moved: cards, income, version 2",
    }


@pytest.mark.parametrize("given", [windows(*THREE).clear(), windows(*THREE).drop("state")])
def test_a_frame_without_rows_or_a_column_is_refused(given):
    with pytest.raises(MisuseError, match="timeline of alerts"):
        charts.alert_timeline(given)
    with pytest.raises(MisuseError, match="0 rows cannot be drawn"):
        charts.alert_timeline(windows(*THREE), most=0)
