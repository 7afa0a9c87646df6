"""Alerts at the explorer's timeline: which are marked, where, in which words, and what is there without a kernel."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import IntegrityError, MisuseError
from audit_lab.log.journal.journal import Journal
from audit_lab.monitor.alerts.keeping import alerts_file

AT = datetime(2024, 3, 4, 9, tzinfo=UTC)
WORDS = "<img src=x onerror=alert(1)> is too high"


def event(number, **more):
    return {
        "event_id": f"e{number}",
        "at": AT + timedelta(minutes=number),
        "kind": "alert",
        "severity": "warning",
        "actor": "monitor",
        "subject_kind": "model",
        "subject": "loans",
        "summary": WORDS,
        "payload": "{}",
        "recorded_at": AT,
        **more,
    }


def log_with(make_log, *events):
    return al.open(make_log(events=pl.DataFrame(list(events), infer_schema_length=None)))


def timeline(log, *asked, **more):
    table = al.view(log.browse(*asked, **more)).table
    ask = {"id": 1, "kind": "timeline", "state": table.state, "first": 0, "count": 1, "column": ""}
    return table.answer(ask)[0]


def test_the_alerts_of_the_sample_are_marked_at_their_time(flights):
    told = timeline(al.open(flights))
    assert [mark["since"][:10] for mark in told["alerts"]] == ["2015-02-02", "2015-08-10", "2015-09-28", "2015-11-02"]
    assert told["alerts_said"] == ""
    first = told["alerts"][0]
    assert first["words"].startswith("Alert, warning, of the log: Winter storm")
    assert "at 2015-02-03 06:00 UTC" in first["words"]
    assert first["until"][:10] == "2015-02-09"


def test_only_alerts_of_the_stretch_and_the_model_are_marked(flights):
    log = al.open(flights)
    assert [mark["words"][28:40] for mark in timeline(log, since="2015-02-01", until="2015-03-01")["alerts"]] == [
        "Winter storm"
    ]
    assert timeline(log, since="2015-03-01", until="2015-04-01")["alerts"] == []
    assert len(timeline(log, model="delay-risk")["alerts"]) == 4
    assert log.browse(since="2015-03-01", until="2015-04-01").alerts().is_empty()


def test_alerts_of_another_model_are_not_those_of_this_one(make_log):
    log = log_with(make_log, event(1), event(2, subject="other"), event(3, subject_kind="log", subject=None))
    assert log.browse(model="loans").alerts()["alert"].to_list() == ["e1", "e3"]
    assert log.browse().alerts()["alert"].to_list() == ["e1", "e2", "e3"]


def test_a_corrected_alert_and_one_without_a_time_are_not_marked(make_log):
    corrected = event(2, event_id="e9", summary="nothing", supersedes="e1")
    log = log_with(make_log, event(1, supersedes=None), corrected, event(3, at=None))
    assert log.browse().alerts()["alert"].to_list() == ["e9"]


def test_a_raised_alert_has_its_window_and_its_state(flights, tmp_path):
    log = al.open(flights)
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES)
    log.raise_alerts(rules, since="2015-07-06", until="2015-07-13")
    raised = log.alerts().table
    marked = log.browse().alerts().filter(kept="journal")
    assert raised.height
    assert marked["alert"].to_list() == raised.sort("first_seen")["id"].to_list()
    assert marked["since"].to_list() == raised.sort("first_seen")["first_seen"].to_list()
    assert marked["until"].to_list() == raised.sort("first_seen")["last_seen"].to_list()
    assert set(marked["state"]) == {"open"}
    words = [mark["words"] for mark in timeline(log)["alerts"]]
    assert any(each.startswith("Alert, high, open: ") for each in words)


def test_of_many_alerts_the_worst_are_marked_and_it_is_said(make_log):
    many = [event(n) for n in range(120)] + [event(500, severity="high", event_id="worst")]
    told = timeline(log_with(make_log, *many))
    assert len(told["alerts"]) == 60
    assert any("high" in mark["words"] for mark in told["alerts"])
    assert told["alerts_said"] == "61 further alerts are not marked: browse.alerts() has them."


def test_a_broken_journal_of_alerts_is_said_and_hides_no_alert_of_the_log(make_log):
    log = log_with(make_log, event(1))
    path = alerts_file(log.origin)
    Journal(path, actor="a", purpose="p", log=log.origin).append("alert", "one", answer="kept")
    Journal(path, actor="a", purpose="p", log=log.origin).append("alert", "two", answer="kept")
    path.write_text(path.read_text().replace("one", "uno"))
    told = timeline(log)
    assert [mark["words"][:8] for mark in told["alerts"]] == ["Alert, w"]
    assert "journal" in told["alerts_said"]
    with pytest.raises(IntegrityError):
        log.browse().alerts()


def test_without_a_kernel_the_timeline_and_its_alerts_are_there_as_text(make_log):
    html = al.view(log_with(make_log, event(1))).static_html()
    drawn = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', html)
    picture = base64.b64decode(drawn[1]).decode()
    root = ET.fromstring(picture)
    assert root.tag.endswith("svg")
    assert picture.count('class="alert"') == 1
    assert "<img src=x" not in html.replace(drawn[0], "")
    assert "&lt;img src=x onerror=alert(1)&gt; is too high" in html
    assert "Predictions by" in re.search(r'<img alt="([^"]+)"', html)[1]


def test_a_large_log_is_not_counted_to_be_shown_without_a_kernel(flights, monkeypatch):
    monkeypatch.setattr("audit_lab.widgets.explorer_table.MOST_COUNTED", 1_000)
    view = al.view(al.open(flights))
    assert "data:image/svg" not in view.static_html()
    table = view.table
    table.answer({"id": 1, "kind": "timeline", "state": table.state, "first": 0, "count": 1, "column": ""})
    assert "data:image/svg" in view.static_html()
    table.expression = "decision = 'late'"
    assert "data:image/svg" not in view.static_html()


def test_the_alerts_can_be_asked_for_only_of_times_that_can_be_read(flights):
    with pytest.raises(MisuseError):
        al.open(flights).browse(since="never").alerts()


RULES = """
format = 1
[[rule]]
name = "carriers"
kind = "drift"
severity = "high"
columns = ["carrier"]
reference = ["2015-01-05", "2015-03-02"]
at_least = "major"
"""
