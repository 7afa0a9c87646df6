"""The view of onsets: what it shows, what its slider chooses, and the code that it hands out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from reproducing import shown_by

import audit_lab as al
from audit_lab.log.files.write import write_log
from audit_lab.widgets import OnsetView

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def flown(flights):
    return al.open(flights)


@pytest.fixture(scope="module")
def found(flown):
    return flown.onset(["carrier", "distance_miles"], since="2015-05-01", until="2015-11-01")


def chosen(view, column, category=None):
    """Choose the strongest onset of a column."""
    every = (*view._found.onsets, *view._found.spike_onsets)
    for _, place in view.onset.options:
        if (every[place].column, every[place].category) == (column, category):
            view.onset.value = place
            return every[place]
    raise AssertionError


def test_the_view_draws_the_chosen_onset_with_its_interval_and_lists_its_days(found):
    view = al.view(found)
    assert isinstance(view, OnsetView)
    one = chosen(view, "carrier", "US")
    shown = view.static_html()
    assert shown.count("data:image/svg+xml;base64,") == 1
    assert f"{one.at:%Y-%m-%d} 00:00 UTC" in shown
    days = found.days(one)
    assert days.filter(place="the first")["window_start"].to_list() == [one.at]
    assert (
        days.filter(pl.col("place").is_in(["the first", "may be the first"])).height
        == (one.latest - one.earliest) / DAY + 1
    )
    assert days.filter(place="before").height == days.filter(place="after").height == 3
    assert "may be the first" in shown or one.earliest == one.latest


def test_the_slider_stands_on_the_interval(found):
    view = OnsetView(found)
    one = chosen(view, "carrier", "US")
    assert view.selection == (one.earliest, one.latest + DAY)
    assert view.decisions is None


def test_days_that_are_brushed_show_their_decisions_that_matter_most(found, flown):
    view = OnsetView(found)
    one = chosen(view, "distance_miles")
    first = view.brush.index[0]
    view.brush.index = (first, first + 1)
    since, until = view.selection
    assert until - since == 2 * DAY
    assert len(view.decisions) == 25
    assert view.decisions.frame["occurred_at"].is_between(since, until, closed="left").all()
    count = flown.predictions.filter(pl.col("occurred_at").is_between(since, until, closed="left")).select(pl.len())
    assert f"Of {count.collect().item():,} decisions the 25 that lie furthest from" in view.static_html()
    usual = found.choosing(one)["usual"]
    far = (view.decisions.inputs["distance_miles"] - usual).abs()
    assert far.is_sorted(descending=True)


def test_another_onset_forgets_the_decisions_of_the_one_before(found):
    view = OnsetView(found)
    chosen(view, "distance_miles")
    view.brush.index = (3, 4)
    chosen(view, "carrier", "US")
    assert view.decisions is None
    assert "Decisions from" not in view.static_html()


def test_the_code_makes_the_same_again(found, flown):
    view = OnsetView(found)
    one = chosen(view, "carrier", "US")
    view.brush.index = (10, 11)
    names = {"log": flown}
    exec(view.code(), names)
    assert names["one"] == one
    assert names["days"].equals(found.days(one))
    assert names["decisions"].frame.equals(view.decisions.frame)


def test_a_log_in_which_nothing_began_is_said(make_log):
    log = al.open(make_log())
    found = log.onset(["city"])
    view = al.view(found)
    assert found.onsets == ()
    assert view.selection is None
    assert "data:image" not in view.static_html()
    exec(view.code(), {"log": log})


def test_times_that_were_given_as_such_are_written_out(make_log):
    log = al.open(make_log())
    since, until = datetime(2024, 3, 4, tzinfo=UTC), date(2024, 3, 20)
    view = al.view(log.onset(["city"], since=since, until=until))
    assert "since='2024-03-04T00:00:00+00:00', until='2024-03-20'" in view.code()
    assert shown_by(view.code(), log=log).static_html() == view.static_html()


def test_texts_of_a_log_are_escaped(flown, tmp_path):
    hostile = "<img src=x onerror=alert(1)>"
    late = pl.col("occurred_at") >= datetime(2015, 7, 1, tzinfo=UTC)
    rows = flown.predictions.collect().gather_every(8)
    decided = rows.with_columns(pl.when(late).then(pl.lit(hostile)).otherwise("decision").alias("decision"))
    inputs = flown.inputs().collect().join(rows.select("prediction_id"), on="prediction_id", how="semi")
    tables = {"predictions": decided, "inputs/delay-risk": inputs}
    write_log(tmp_path / "log", tables, {"origin": "tests/hostile", "description": "Hostile", "notes": []})
    found = al.open(tmp_path / "log").onset(["decision"])
    view = OnsetView(found)
    chosen(view, "decision", hostile)
    assert hostile not in view.static_html()
    assert "&lt;img src=x" in view.static_html()


def test_of_a_share_that_rose_the_days_show_the_decisions_of_its_category(found):
    view = OnsetView(found)
    one = chosen(view, "carrier", "AA")
    assert one.after > one.before
    view.brush.index = (10, 11)
    assert set(view.decisions.inputs["carrier"]) == {"AA"}
    assert "that lie where carrier is AA, and nearest their threshold" in view.static_html()
    assert "categories=['AA']" in view.code()


def test_chosen_days_are_selected_in_a_linked_explorer(flown, found):
    view = OnsetView(found)
    chosen(view, "distance_miles")
    explorer = al.view(flown)
    view.link(explorer)
    view.brush.index = (3, 5)
    assert view.selection is not None
    assert [moment.isoformat() for moment in view.selection] == [explorer.table.since, explorer.table.until]
