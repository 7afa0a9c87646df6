from __future__ import annotations

import json
from datetime import timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError
from audit_lab.log.files.write import write_log
from audit_lab.monitor.alerts.entry import ENTRY_KINDS, Entry
from audit_lab.monitor.alerts.keeping import AlertsJournal, alerts_file

SAID = {"actor": "Ada", "role": "model risk", "conclusion": "roll back", "reason": "The gateway timed out."}


@pytest.fixture
def raised(failing, rules, now):
    log = al.open(failing)
    log.raise_alerts(rules(), now=now)
    return log, log.alerts().table["id"][0]


def repaired(log, folder):
    """Write the log anew, without its failures."""
    tables = {"predictions": log.predictions.collect().with_columns(error=pl.lit(None, dtype=pl.String))}
    tables["inputs/loans"] = log.inputs().collect()
    write_log(folder, tables, {"origin": log.origin, "description": "Repaired", "notes": []})
    return al.open(folder)


def test_an_alert_is_open_then_acknowledged_then_closed(raised, now):
    log, alert = raised
    states = [log.alerts().states[alert]]
    log.acknowledge(alert[:8], actor="Ada", role="model risk", now=now)
    states.append(log.alerts().states[alert])
    log.revalidate(alert, **SAID, although="The version is gone.", now=now)
    states.append(log.alerts().states[alert])
    assert states == ["open", "acknowledged", "closed"]


def test_an_alert_that_still_fires_is_closed_only_with_a_reason_and_that_is_told(raised, now):
    log, alert = raised
    with pytest.raises(MisuseError, match="still stands"):
        log.revalidate(alert, **SAID, now=now)
    assert log.alerts().states[alert] == "open"
    review = log.revalidate(alert, **SAID, although="The version is gone.", now=now)
    assert review.state == "fires"
    assert any(line.startswith("It STILL FIRES: failed-predictions") for line in review.summary())


def test_the_review_names_the_alert_s_digest_and_what_was_measured(raised, now):
    log, alert = raised
    log.revalidate(alert, **SAID, although="Gone.", evidence=["sha256:ab"], now=now + timedelta(days=1))
    review = log.alerts().entries[-1]
    table = log.alerts().table
    assert review.payload["digest"] == table["digest"][0] == log.alerts().raised(alert).digest
    assert review.payload["measured"]["value"] == table["value"][0]
    assert review.payload["measured"]["at"] == "2026-03-02T00:00:00+00:00"
    assert (review.payload["evidence"], review.actor) == (["sha256:ab"], "Ada")


def test_an_alert_that_fires_no_more_is_closed_without_more_words(raised, tmp_path, now):
    log, alert = raised
    review = repaired(log, tmp_path / "repaired").revalidate(alert, **SAID, now=now)
    assert (review.state, review.later) == ("quiet", ())


def test_an_alert_that_cannot_be_measured_anew_needs_a_reason_too(raised, tmp_path, now):
    log, alert = raised
    tables = {"inputs/loans": log.inputs().collect(), "predictions": log.predictions.collect().clear()}
    write_log(tmp_path / "empty", tables, {"origin": log.origin, "description": "Empty", "notes": []})
    empty = al.open(tmp_path / "empty")
    with pytest.raises(MisuseError, match="could not be measured anew"):
        empty.revalidate(alert, **SAID, now=now)
    assert empty.revalidate(alert, **SAID, although="Archived.", now=now).state == "not evaluated"


def test_a_closed_alert_does_not_count_and_is_said(raised, rules, now):
    log, alert = raised
    log.revalidate(alert, **SAID, although="Gone.", now=now)
    found = log.watch(rules(), now=now)
    assert (found.exit_code, found.summary()[0]) == (0, "1 alert, 0 new, 1 closed by a review.")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"conclusion": "ignore"}, "the conclusion is 'ignore'"),
        ({"reason": " "}, "the reason is empty"),
        ({"actor": ""}, "the actor is empty"),
        ({"role": "x" * 201}, "the role is empty or longer"),
        ({"evidence": ["x"] * 51}, "51 pieces of evidence"),
    ],
)
def test_a_review_says_who_as_what_and_why(raised, now, changed, said):
    log, alert = raised
    with pytest.raises(MisuseError, match=said):
        log.revalidate(alert, **{**SAID, "although": "Gone.", **changed}, now=now)


def test_a_review_of_another_digest_closes_nothing(raised, now):
    log, alert = raised
    payload = {"format": ENTRY_KINDS["acknowledgement"], "alert": alert, "digest": "0" * 64}
    payload |= {"actor": "x", "role": "y", "reason": ""}
    AlertsJournal(alerts_file(log.origin), log.origin).keep([Entry("acknowledgement", now, "x", "low", "", payload)])
    found = log.alerts()
    assert found.states[alert] == "open"
    assert found.facts == (
        "1 acknowledgements or reviews name no alert that is kept, or another digest of it, and close none.",
    )


def test_hostile_words_of_a_reviewer_are_no_markup(raised, now):
    log, alert = raised
    review = log.revalidate(alert, **{**SAID, "actor": "<b>Ada</b>"}, although="\x1b[31m<script>", now=now)
    assert "<script>" not in review._repr_html_() + log.alerts()._repr_html_()
    assert all(line.isprintable() for line in review.summary())
    json.dumps(review.to_dict(), allow_nan=False)


def test_with_write_a_review_is_an_event_of_the_sealed_log(failing, rules, now, tmp_path):
    vault = tmp_path / "vault"
    al.seal_log(failing, actor="keeper", origin="tests-loans", vault=vault, passphrase=b"tests")
    al.open(failing).raise_alerts(rules(), now=now, write=True, vault=vault, passphrase=b"tests")
    log = al.open(failing)
    alert = log.alerts(write=True).table["id"][0]
    log.revalidate(
        alert, **SAID, although="Gone.", write=True, vault=vault, passphrase=b"tests", now=now + timedelta(hours=1)
    )
    events = al.open(failing).events.collect()
    assert events["kind"].to_list() == ["alert", "review"]
    assert al.open(failing).alerts(write=True).states == {alert: "closed"}
