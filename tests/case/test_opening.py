"""A case that is opened from an alert: its scope, its first exhibits, and its timeline."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from audit_lab.case import CaseFile
from audit_lab.errors import MisuseError
from audit_lab.monitor.alerts import Alert, default_rules
from audit_lab.monitor.alerts.entry import raised_entry

START, END = datetime(2015, 7, 1, tzinfo=UTC), datetime(2015, 7, 2, tzinfo=UTC)


@pytest.fixture
def alert():
    return Alert(
        rule=default_rules().rules[0],
        model="delay",
        version=None,
        window_start=START,
        window_end=END,
        column="carrier",
        measure="psi",
        value=0.5,
        threshold="moderate",
        rows=1200,
        what="carrier drifted.",
        query="log.drift()",
        versions={"1": 200, "2": 1000},
        lineage=({"model_version": "2", "run_id": "r2"},),
    )


def test_an_alert_becomes_scope_and_first_exhibits(create, alert):
    case = create(alert=alert)
    assert case.about.scope() == {
        "opened_from": f"alert {alert.id}",
        "model": "delay",
        "window_start": "2015-07-01T00:00:00+00:00",
        "window_end": "2015-07-02T00:00:00+00:00",
    }
    first, second = case.exhibits
    assert (first.kind, first.rows, first.method, first.query) == ("alert", 1200, "psi", "log.drift()")
    assert (second.folder / "table.csv").read_text() == (
        'model_version,rows,lineage\n1,200,""\n2,1000,model_version: 2; run_id: r2\n'
    )
    assert [(each.at, each.exhibit) for each in case.timeline] == [(START, first.id), (END, first.id)]
    assert CaseFile.open(case.folder).about == case.about


def test_an_alert_that_was_kept_says_when_it_was_raised(create, alert):
    raised = datetime(2015, 7, 3, tzinfo=UTC)
    case = create(alert=raised_entry(alert.payload("audit_lab 1"), "high", raised, "watcher"))
    assert (case.timeline[-1].at, case.timeline[-1].what) == (raised, f"The alert {alert.id} was raised")
    assert case.exhibits[0].kind == "alert"


def test_the_report_of_such_a_case_tells_window_and_versions(create, alert):
    text = create(alert=alert).draft_report().read_text()
    assert "raised an alert: carrier drifted. The value speaks of 1,200 rows. (exhibit 1)" in text
    assert "In the alert's window decided delay in version 1 (200 rows), 2 (1,000 rows). (exhibit 1)" in text


def test_a_case_is_opened_from_one_thing(create, alert):
    with pytest.raises(MisuseError, match="from an alert or from a decision"):
        create(alert=alert, decision=alert)


@pytest.mark.parametrize(
    "window", [("2015-07-01", "2015-07-02T00:00:00Z"), (START, END), (START.date(), "2015-07-02T02:00:00+02:00")]
)
def test_a_window_that_somebody_states_is_the_scope(create, window):
    case = create(window=window)
    assert case.about.scope() == {
        "window_start": "2015-07-01T00:00:00+00:00",
        "window_end": "2015-07-02T00:00:00+00:00",
    }
    assert CaseFile.open(case.folder).about == case.about


@pytest.mark.parametrize("window", [(END, START), (START, START), (START, None), (None, END), ("July", END)])
def test_what_is_no_window(create, window):
    with pytest.raises(MisuseError, match="window"):
        create(window=window)


def test_an_alert_brings_its_window(create, alert):
    with pytest.raises(MisuseError, match="brings its window"):
        create(alert=alert, window=(START, END))


def test_opening_the_case_again_keeps_nothing_twice(create, alert):
    create(alert=alert)
    case = create(alert=alert)
    assert len(case.exhibits) == 2
    assert case.custody[-1].action == "opened again"


def test_a_zone_that_is_none(create):
    with pytest.raises(MisuseError, match="Middle/Earth"):
        create(timezone="Middle/Earth")
