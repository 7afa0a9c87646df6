"""Every id that a view names opens: the decision, and from there its stored rows and their bytes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest
from reproducing import shown_by

import audit_lab as al
from audit_lab.widgets.alerted import decisions_of_alert

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOSTILE = "<img src=x onerror=alert(1)>"


def both_versions(frame):
    other = {"model_version": "2", "decision_rules": "[]", "threshold": 0.45}
    return pl.concat([frame, frame.with_columns(**{name: pl.lit(value) for name, value in other.items()})])


@pytest.fixture
def log(make_log):
    return al.open(make_log(inputs_loans=lambda frame: frame.head(38), model_versions=both_versions))


#: What is asked of the log, what is chosen in its view, and the column, or the list, of the ids that it names then.
NAMING = {
    "coverage": (lambda log: log.coverage(), {}, lambda one: one.reasons["first_id"]),
    "coverage of a reason": (
        lambda log: log.coverage(),
        {"reason": "inputs-missing"},
        lambda one: one.ids("inputs-missing"),
    ),
    "replay": (lambda log: log.replay(causes=False), {}, lambda one: one.groups["first_id"]),
    "replay of a code": (
        lambda log: log.replay(causes=False),
        {"code_shown": "inputs-missing"},
        lambda one: one.rows.filter(code="inputs-missing")["prediction_id"],
    ),
    "impact": (
        lambda log: log.impact(al.Correction.unit("income", factor=0.5)),
        {},
        lambda one: [*one.affected["prediction_id"].head(25), *one.why_not_decided["first_id"]],
    ),
    "exploration": (lambda log: log.explore("1", "2"), {}, lambda one: one.differing["prediction_id"].head(25)),
    "comparable": (
        lambda log: log.decision("p-030").comparable(),
        {},
        lambda one: [one.prediction_id, *one.cases["prediction_id"]],
    ),
    "cohort": (lambda log: log.attributions(version="1"), {}, lambda one: [each.first_id for each in one.left_out]),
    "cohort of a mark": (
        lambda log: log.attributions(version="1"),
        {"feature": "city", "mark": 0},
        lambda one: one.rows_of("city", 0)["prediction_id"].head(50),
    ),
}


@pytest.mark.parametrize("name", NAMING)
def test_every_id_that_a_view_names_opens_down_to_its_stored_bytes(name, log):
    ask, choices, named = NAMING[name]
    view = al.view(ask(log)).choose(**choices)
    ids = list(dict.fromkeys(named(view.subject)))
    assert ids
    assert [one for one in ids if one not in view.static_html()] == []
    assert view.decisions is None, "nothing is asked before the button is pressed"
    view.listing.button.click()
    assert set(view.decisions.frame["prediction_id"]) == set(ids)
    view.choose(decision=0, stored=True)
    shown = view.static_html()
    assert "Stored in predictions" in shown
    assert "Canonical bytes of the row" in shown
    assert "log.decisions(" in view.code()
    assert shown_by(view.code(), log=log).static_html() == shown


def test_an_id_that_stands_in_several_places_opens_each_of_them(make_log):
    alike = pl.lit("p-000").alias("prediction_id")
    log = al.open(make_log(predictions=lambda frame: frame.head(3).with_columns(alike)))
    view = al.view(log.coverage()).choose(reason="ambiguous-id", opened=True)
    assert view.decisions.frame["found"].to_list() == [True] * 3
    assert view.decisions.frame["place"].n_unique() == 3
    shown = view.choose(decision=2, stored=True).static_html()
    assert "Stored in predictions" in shown
    assert shown_by(view.code(), log=log).static_html() == shown


def test_another_choice_lets_go_of_what_was_opened(log):
    view = al.view(log.coverage()).choose(reason="inputs-missing", opened=True)
    assert view.decisions is not None
    view.reason.value = None
    assert view.decisions is None
    assert view.choices() == {}
    assert "log.decisions" not in view.code()


def test_what_was_asked_of_no_log_opens_nothing(log):
    view = al.view(replace(log.coverage(), decisions_of=None))
    view.reason.value = "inputs-missing"
    assert view.listing.button.disabled
    assert view.choose(opened=True).decisions is None


@pytest.fixture
def alerts(make_log, tmp_path):
    broken = lambda frame: frame.with_columns(error=pl.when(pl.col("sequence") < 30).then(pl.lit("down")))
    log = al.open(make_log(predictions=broken))
    log.raise_alerts(now=NOW, record=tmp_path / "kept")
    return log, log.alerts(record=tmp_path / "kept")


def test_an_alert_opens_the_rows_that_it_names(alerts):
    log, found = alerts
    view = al.view(found)
    assert view.listing.button.disabled
    view.alert.value = found.table["id"][0]
    view.listing.button.click()
    assert view.decisions.frame["prediction_id"].to_list() == [f"p-{number:03}" for number in range(25)]
    shown = view.choose(decision=0, stored=True).static_html()
    assert "Stored in predictions" in shown
    assert shown_by(view.code(), log=log).static_html() == shown


def test_an_alert_that_names_a_period_opens_the_decisions_that_matter_most_in_it(alerts):
    log, found = alerts
    since, until = datetime(2024, 3, 4, tzinfo=UTC), datetime(2024, 3, 5, tzinfo=UTC)
    row = {"query": "log.drift(['city'])", "window_start": since, "window_end": until, "model": "loans"}
    title, question, code = decisions_of_alert(found, {**row, "version": None})
    assert title.startswith("Decisions from 2024-03-04 00:00 to 2024-03-05 00:00 UTC")
    (asked, _) = code(None)
    names = {"log": log}
    exec(asked, names)
    assert question().ids.to_list() == names["chosen"].ids.to_list() != []


@pytest.mark.parametrize(
    "query",
    [
        "log.find(__import__('os').system('true'))",
        "os.find('a')",
        "log.find('a', by='b')",
        "log.find('a', limit='many')",
        "log.find('a', since=[1])",
        "log.find(",
        "log.find(" + "(" * 300 + ")" * 300 + ")",
        f"log.find(log.find({HOSTILE!r}))",
    ],
)
def test_a_question_of_an_alert_that_is_none_leads_nowhere(alerts, query):
    _, found = alerts
    nothing = dict.fromkeys(("window_start", "window_end", "model", "version"))
    assert decisions_of_alert(found, {"query": query, **nothing})[1] is None
