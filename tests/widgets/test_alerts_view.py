"""The view of alerts: what it shows, chooses, escapes, and the code that it hands out."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

import audit_lab as al
from audit_lab.widgets import AlertsView

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def alerted(make_log, tmp_path):
    """Return a log with an alert in each of two versions, one of which has been closed."""
    version = pl.when(pl.int_range(pl.len()) < 20).then(pl.lit("1")).otherwise(pl.lit("<b>2</b>"))
    failed = [pl.lit("broken").alias("error"), version.alias("model_version")]
    log = al.open(make_log(predictions=lambda frame: frame.with_columns(failed)))
    log.raise_alerts(now=NOW, record=tmp_path / "kept")
    first = log.alerts(record=tmp_path / "kept").table["id"][0]
    said = {"actor": "<i>Ada</i>", "role": "owner", "conclusion": "no action", "reason": "known", "although": "it is"}
    log.revalidate(first, **said, now=NOW, record=tmp_path / "kept")
    return log, log.alerts(record=tmp_path / "kept")


def test_the_view_draws_all_alerts_and_lists_them(alerted):
    _, found = alerted
    view = al.view(found)
    assert isinstance(view, AlertsView)
    shown = view.static_html()
    assert shown.count("data:image/svg+xml;base64,") == 1
    assert "2 alerts: 1 open, 0 acknowledged, 1 closed." in shown
    assert [name for name in found.table["id"] if name not in shown] == []


def test_a_state_narrows_the_picture_and_the_alerts_that_can_be_chosen(alerted):
    _, found = alerted
    view = AlertsView(found)
    view.alert.value = found.table.filter(state="open")["id"][0]
    view.state.value = "closed"
    assert [name for _, name in view.alert.options] == [None, found.table.filter(state="closed")["id"][0]]
    assert view.alert.value is None
    assert "filter(state='closed')" in view.code()


def test_a_chosen_alert_is_shown_with_its_windows_and_what_became_of_it(alerted):
    _, found = alerted
    view = AlertsView(found)
    view.alert.value = found.table.filter(state="closed")["id"][0]
    shown = "".join(view.parts()[-3:])
    assert "What became of it" in shown
    assert found.windows.filter(alert=view.alert.value)["id"][0] in shown
    assert "log.find(" in shown.replace("&#x27;", "'")


def test_the_code_makes_the_same_again(alerted):
    log, found = alerted
    view = AlertsView(found)
    view.alert.value = found.table["id"][1]
    names = {"log": log}
    exec(view.code(), names)
    assert names["alerts"].table.equals(found.table)
    assert names["windows"]["alert"].to_list() == [view.alert.value]
    assert names["timeline"].to_dict()["title"]["text"] == "Alerts over time"


def test_texts_of_a_log_and_of_people_are_escaped(alerted):
    _, found = alerted
    view = AlertsView(found)
    for name in found.table["id"]:
        view.alert.value = name
        assert "<b>2</b>" not in view.static_html()
        assert "<i>Ada</i>" not in view.static_html()


def test_a_record_without_alerts_is_said_and_not_drawn(make_log, tmp_path):
    log = al.open(make_log())
    view = al.view(log.alerts(record=tmp_path / "none"))
    assert "0 alerts" in view.text()
    assert "data:image" not in view.static_html()
    names = {"log": log}
    exec(view.code(), names)
    assert "timeline" not in names
