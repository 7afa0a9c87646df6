from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.charts.heat_map import HEAT
from audit_lab.errors import MisuseError
from audit_lab.face.drift_of_log import drift_of_log
from audit_lab.monitor.drift import drift
from audit_lab.widgets.drift import DriftView
from audit_lab.widgets.heat_grid import HeatGrid

START = datetime(2015, 1, 5, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)
HOSTILE = "</style><img src=x onerror=alert(1)>"


def moved(category="US", **options):
    random = np.random.default_rng(1)
    rows = 12 * 300
    at = [START + timedelta(seconds=2016 * number) for number in range(rows)]
    frame = pl.DataFrame(
        {
            "at": at,
            "carrier": random.choice(["AA", category], size=rows),
            "distance": random.normal(size=rows),
            "version": ["1.0"] * 1800 + ["2.0"] * 1800,
        }
    ).with_columns(carrier=pl.when(pl.col("at") < START + 9 * WEEK).then("carrier").otherwise(pl.lit("AA")))
    return drift(frame.lazy(), time="at", columns=["carrier", "distance"], **options)


@pytest.fixture(scope="module")
def found():
    return moved()


def drift_of_few():
    return pl.DataFrame(
        {
            "window": ["week 1", "week 2"],
            "window_start": [START, START + WEEK],
            "window_end": [START + WEEK, START + 2 * WEEK],
            "rows": [9, 900],
            "column": ["carrier"] * 2,
            "psi": [0.4, 0.2],
            "vanished_categories": [[], []],
            "verdict": ["too few rows", "moderate"],
        },
        schema_overrides={"vanished_categories": pl.List(pl.String)},
    )


def press(view, column, place):
    """Press a cell of the map, as a browser does."""
    view.grid.button_row(column).index = place


def test_a_cell_that_is_pressed_chooses_its_column_and_window(found):
    view = DriftView(found)
    press(view, "distance", 3)
    assert view.selection == ("distance", START + 3 * WEEK, START + 4 * WEEK)
    assert (view.column.value, view.window.value) == ("distance", START + 3 * WEEK)
    assert "distance in the week of 2015-01-26" in view.static_html()
    assert view.grid.button_row("distance").index is None


def test_a_brush_chooses_several_windows_and_their_bins_are_added_up(found):
    view = DriftView(found)
    view.brush.index = (9, 11)
    assert view.selection == ("carrier", START + 9 * WEEK, START + 12 * WEEK)
    shown = view.static_html()
    assert "carrier in the week of 2015-03-09 to the week of 2015-03-23" in shown
    assert ">900<" in shown  # three weeks of 300 rows, all AA
    assert "datetime.fromisoformat('2015-03-30T00:00:00+00:00')" in view.code()


def test_the_frame_of_the_map_follows_the_choice(found):
    view = DriftView(found)
    view.brush.index = (2, 4)
    row = view.grid.columns.index("carrier")
    assert f".row-{row} button:nth-child(n+3):nth-child(-n+5){{outline" in view.grid.children[0].value


def test_cells_have_the_colour_of_their_measure_and_the_mark_of_their_verdict(found):
    view = DriftView(found)
    sheet = view.grid.children[0].value
    row = view.grid.columns.index("carrier")
    rules = dict(reversed(rule.strip().rsplit(" {", 1)) for rule in sheet.split("}") if " {" in rule)
    gone = rules["content: '\\00D7'; color: #ffffff; font-size: 13px; font-weight: bold"]
    assert f".row-{row} button.widget-toggle-button:nth-child(10)::before" in gone
    assert f".row-{row} button.widget-toggle-button:nth-child(1)," in rules[f"background: {HEAT[0]}"] + ","


def test_windows_with_too_few_rows_are_hatched():
    table = drift_of_few()
    grid = HeatGrid(table, "psi", lambda *_: None)
    assert "nth-child(1) {background: repeating-linear-gradient" in grid.children[0].value
    assert grid.button_row("carrier").tooltips[0] == "carrier, week 1: not measured, too few rows; 9 rows"


def test_texts_of_the_log_reach_no_style_sheet_and_no_markup():
    view = DriftView(moved(category=HOSTILE))
    places = [view.grid.children[0].value, *(child.value for child in view.grid.children[-2:])]
    assert all("onerror" not in place for place in places)
    assert HOSTILE not in view.static_html()


def test_of_a_numeric_column_the_ridge_can_be_chosen(found):
    view = DriftView(found)
    assert view.picture.options == ("One measure over time",)
    view.column.value = "distance"
    view.picture.value = "Its values, window by window"
    assert "distance, its values by window" in view.static_html()
    assert "al.charts.drift_ridge(" in view.code()
    view.column.value = "carrier"
    assert view.picture.value == "One measure over time"


def test_a_drift_without_a_log_lists_no_decisions(found):
    view = DriftView(found)
    press(view, "carrier", 2)
    assert view.decisions is None


def test_the_decisions_of_a_pressed_cell_are_listed_and_can_be_opened(make_log):
    log = al.open(make_log(), actor="ann", purpose="a test")
    measured = log.drift(every="1d")
    view = al.view(measured)
    assert view.decisions is None
    place = measured.volume["rows"].arg_max()
    press(view, measured.columns[0], place)
    start = measured.volume["window_start"][place]
    assert view.selection[1:] == (start, start + DAY)
    assert 0 < len(view.decisions) <= 25
    assert set(view.decisions.frame["occurred_at"].dt.date()) == {start.date()}
    first = view.decisions.frame["prediction_id"][0]
    assert f">{first}<" in view.static_html()
    listing = view.listing.children[1].children[1]
    listing.decision.value = 0
    assert first in listing.static_html()
    names = {"log": log}
    exec(view.code().replace("al.view(drift)", "shown = al.view(drift)"), names)
    assert names["decisions"].frame.equals(view.decisions.frame)
    assert names["shown"].decisions.frame.equals(view.decisions.frame)
    kinds = al.read_journal(log.journal.path).frame["kind"].to_list()
    assert kinds.count("decisions") == 3  # the pressed cell's, and of the code its own and those of the view it shows


def test_windows_by_version_ask_for_that_version_only():
    asked = {}
    by_version = drift_of_log(
        moved(every="version", version="version"),
        "risk",
        lambda what, **given: asked.update(given, what=str(what)),
        dict,
    )
    by_version.decisions(by_version.cut.starts[1], limit=3)
    assert asked == {
        "since": by_version.cut.starts[1],
        "until": by_version.cut.ends[1],
        "model": "risk",
        "limit": 3,
        "what": str(pl.col("model_version") == "2.0"),
    }
    view = DriftView(moved(every="version", version="version"))
    assert view.brush.disabled
    assert "version='2.0', limit=25)" in view.code()


def test_colours_of_the_map_follow_the_measure(found):
    view = DriftView(found)
    view.column.value = "distance"
    before = view.grid
    view.measure.value = "wasserstein_scaled"
    assert view.grid is not before
    assert view.grid in view._map.children
    assert "Wasserstein" in view.grid.children[-1].value
    assert "drift.table, 'wasserstein_scaled', reference=drift.reference.description" in view.code()
    press(view, "carrier", 4)
    assert view.selection[0] == "carrier"
    assert view.grid.measure == view.measure.value == "psi"


def test_decisions_furthest_out_in_the_pressed_feature_are_listed_with_the_number_of_all(make_log):
    log = al.open(make_log())
    measured = log.drift(every="1d")
    view = al.view(measured)
    press(view, "income", measured.volume["rows"].arg_max())
    median = measured.counts[measured.columns.index("income")].bins.median
    said = f"All 24 decisions, those first that lie furthest from the usual income of {median:.4g}."
    assert said in view.static_html()
    far = [abs(row["income"] - median) for row in view.decisions.inputs.to_dicts()]
    assert far == sorted(far, reverse=True)
    press(view, "score", measured.volume["rows"].arg_max())
    assert "nearest their threshold" in view.static_html()


def test_what_is_chosen_selects_the_same_period_in_linked_explorers(make_log):
    log = al.open(make_log())
    explorer = al.view(log.browse("inputs.income > 2000", sort="outputs.score"))
    view = al.view(log.drift(["income"], every="1d"))
    assert view.link(explorer, explorer) is view
    view.brush.index = (0, 1)
    chosen = view.selection
    table = explorer.table
    assert (table.since, table.until) == (chosen.since.isoformat(), chosen.until.isoformat())
    assert (table.expression, table.sort) == ("inputs.income > 2000", "outputs.score")
    assert table.browse.rows == log.find("inputs.income > 2000", since=chosen.since, until=chosen.until).height
    assert repr(chosen.since.isoformat()) in explorer.code()
    with pytest.raises(MisuseError, match="A DriftView has no rows to select"):
        view.link(view)
