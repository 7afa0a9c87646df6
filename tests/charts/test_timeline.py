from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from scipy import stats

from audit_lab import charts
from audit_lab.errors import MisuseError

START = datetime(2015, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def weekly(**columns):
    size = len(next(iter(columns.values())))
    starts = [START + 7 * number * DAY for number in range(size)]
    return pl.DataFrame({"window_start": starts, "window_end": [start + 7 * DAY for start in starts], **columns})


def values(chart):
    return [row for rows in chart.to_dict()["datasets"].values() for row in rows]


def deployments(rows):
    columns = ["deployment_id", "from_time", "model_version", "traffic_share"]
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        model_name=pl.lit("risk"), environment=pl.lit("production")
    )


def test_the_volume_draws_the_rows_of_each_window():
    chart = charts.volume(weekly(rows=[10, 0, 30]))
    assert [row["rows"] for row in values(chart)] == [10, 0, 30]
    assert chart.to_dict()["title"]["subtitle"] == ["40 rows in 3 windows, 2015-01-01 to 2015-01-21 (UTC)"]


def test_the_volume_numbers_the_events_in_order_and_leaves_others_out():
    events = pl.DataFrame(
        {"at": [START + 9 * DAY, START + 2 * DAY, START + 400 * DAY], "summary": ["rollback", "storm", "later"]}
    )
    marked = {
        row["number"]: row["line"] for row in values(charts.volume(weekly(rows=[1, 2]), events=events)) if "line" in row
    }
    assert marked == {"1": "storm", "2": "rollback"}


def test_versions_end_where_the_next_row_of_the_slot_begins():
    rows = [("a", START, "1", 1.0), ("b", START + DAY, "9", 0.1), ("a", START + 5 * DAY, "2", 1.0)]
    drawn = {
        (row["served"], row["from_time"][:10], row["until"][:10])
        for row in values(charts.versions(deployments(rows), end=START + 8 * DAY))
    }
    assert drawn == {
        ("risk 1", "2015-01-01", "2015-01-06"),
        ("risk 9", "2015-01-02", "2015-01-09"),
        ("risk 2", "2015-01-06", "2015-01-09"),
    }


def test_a_slot_with_share_zero_serves_nothing_from_then_on():
    rows = [("a", START, "1", 1.0), ("a", START + 2 * DAY, "1", 0.0)]
    drawn = values(charts.versions(deployments(rows), end=START + 8 * DAY))
    assert [(row["from_time"][:10], row["until"][:10]) for row in drawn] == [("2015-01-01", "2015-01-03")]


def test_versions_without_any_stretch_are_refused():
    with pytest.raises(MisuseError, match="has no rows"):
        charts.versions(deployments([("a", START, "1", 0.0)]), end=START + DAY)


@pytest.mark.parametrize(("positives", "rows"), [(0, 20), (3, 40), (55, 80), (10, 10)])
def test_the_outcome_rate_has_the_interval_of_wilson(positives, rows):
    (drawn,) = values(charts.outcome_rate(weekly(rows=[rows], positives=[positives]), label="late"))
    low, high = stats.binomtest(positives, rows).proportion_ci(0.95, method="wilson")
    assert (drawn["rate"], drawn["low"], drawn["high"]) == pytest.approx((positives / rows, low, high), abs=1e-9)


def test_the_outcome_rate_leaves_out_windows_without_outcomes():
    assert len(values(charts.outcome_rate(weekly(rows=[0, 5], positives=[0, 1])))) == 1
