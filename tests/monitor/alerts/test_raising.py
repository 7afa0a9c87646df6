from __future__ import annotations

import json
import stat
from datetime import timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import IntegrityError, MisuseError, NotFoundError, StorageError
from audit_lab.log.journal.record import read_journal
from audit_lab.monitor.alerts import keeping
from audit_lab.monitor.alerts.entry import ENTRY_KINDS, entry_of, raised_entry
from audit_lab.monitor.alerts.keeping import alerts_file
from audit_lab.seal.malformed import MalformedError


def content(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_failed_predictions_raise_an_alert_with_their_window_and_rows(failing, rules, now):
    (alert,) = al.open(failing).watch(rules(), now=now).alerts
    assert (alert.column, alert.value, alert.rule.severity) == ("failed-predictions", 5 / alert.rows, "high")
    assert (alert.version, alert.versions) == ("1", {"1": alert.rows})
    assert eval(alert.query, {"log": al.open(failing)}).height == 5


def test_failed_jobs_raise_an_alert_that_does_not_repeat_the_event_s_words(make_log, rules, now):
    event = {"event_id": ["e"], "kind": ["job"], "severity": ["error"], "summary": ["Jane Doe's file broke it"]}
    moment = al.open(make_log("first")).predictions.select("occurred_at").collect()[0, 0]
    events = pl.DataFrame({**event, "at": [moment], "recorded_at": [moment]})
    (alert,) = al.open(make_log("second", events=events)).watch(rules(), now=now).alerts
    assert alert.column.startswith("failed-job ")
    assert "Jane" not in str(alert.payload("audit_lab"))


def test_looking_keeps_nothing(failing, rules, now):
    before = content(failing)
    log = al.open(failing)
    assert log.watch(rules(), now=now).exit_code == 1
    assert log.alerts().table.is_empty()
    assert not alerts_file(log.origin).exists()
    assert content(failing) == before


def test_raising_keeps_alerts_in_a_chained_journal_outside_the_log(failing, rules, now):
    before = content(failing)
    log = al.open(failing)
    log.raise_alerts(rules(), now=now)
    (line,) = read_journal(alerts_file(log.origin)).lines
    assert (line.kind, line.actor, line.log) == ("alert", "audit-lab watch", "tests/loans")
    assert content(failing) == before


def test_an_alert_that_is_known_is_not_raised_again(failing, rules, now):
    log = al.open(failing)
    first = log.raise_alerts(rules(), now=now)
    second = log.raise_alerts(rules(), now=now + timedelta(hours=1))
    assert [len(first.watch.new), len(second.watch.new), log.alerts().table.height] == [1, 0, 1]


def test_an_id_is_the_same_when_the_log_has_grown(failing, make_log, rules, now):
    (before,) = al.open(failing).watch(rules(), now=now).alerts
    more = pl.Series("error", ["broken" if 10 <= row < 18 else None for row in range(40)])
    grown = make_log("grown", predictions=lambda frame: frame.with_columns(more))
    (after,) = al.open(grown).watch(rules(), now=now).alerts
    assert (after.id, after.value) != (before.id, before.value)
    assert after.id == before.id


def test_a_rule_that_does_not_fit_the_log_is_told_as_blind_and_not_as_silence(make_log, rules, now):
    added = '[[rule]]\nname = "drift"\nkind = "drift"\ncolumns = ["no_such_column"]\n'
    found = al.open(make_log()).watch(rules(added), now=now)
    assert [one.state for one in found.looked] == ["quiet", "not evaluated"]
    assert "no_such_column" in str(found.unevaluated[0].why)
    assert found.exit_code == 3


def test_silence_is_measured_against_the_clock(make_log, rules, now):
    added = '[[rule]]\nname = "nothing"\nkind = "silence"\nlonger_than = "2h"\n'
    log = al.open(make_log())
    last = log.predictions.select(pl.col("occurred_at").max()).collect().item()
    assert log.watch(rules(added), now=last + timedelta(hours=1)).alerts == ()
    (alert,) = log.watch(rules(added), now=last + timedelta(hours=5)).alerts
    assert (alert.value, alert.threshold) == (18_000.0, "above 7200")
    assert alert.id == log.watch(rules(added), now=now).alerts[0].id


def test_only_windows_of_the_period_raise_alerts(failing, rules, now):
    log = al.open(failing)
    last = log.predictions.select(pl.col("occurred_at").max()).collect().item()
    assert log.watch(rules(), since=last + timedelta(days=2), now=now).alerts == ()
    assert log.watch(rules(), until=last - timedelta(days=9), now=now).alerts == ()


def test_coverage_performance_and_integrity_are_rules_too(make_log, rules, now):
    added = (
        '[[rule]]\nname = "replayable"\nkind = "coverage"\nbelow = 0.95\n'
        '[[rule]]\nname = "auc"\nkind = "performance"\nmeasure = "auc"\nbelow = 0.9\n'
        '[[rule]]\nname = "whole"\nkind = "integrity"\n'
    )
    folder = make_log(artifact=b"another")
    (folder / "outcomes" / "part-00000.parquet").unlink()
    found = al.open(folder).watch(rules(added), now=now)
    states = {one.rule: one.state for one in found.looked}
    assert states == {"failures": "quiet", "replayable": "alerts", "auc": "not evaluated", "whole": "alerts"}


def test_a_log_that_cannot_be_written_to_is_watched_all_the_same(failing, rules, now):
    for path in sorted(failing.rglob("*"), reverse=True):
        path.chmod(stat.S_IRUSR | (stat.S_IXUSR if path.is_dir() else 0))
    failing.chmod(stat.S_IRUSR | stat.S_IXUSR)
    before = content(failing)
    assert len(al.open(failing).raise_alerts(rules(), now=now).watch.new) == 1
    assert content(failing) == before


def test_the_record_must_lie_outside_the_log(failing, rules, now):
    with pytest.raises(MisuseError, match="lies inside the log"):
        al.open(failing).raise_alerts(rules(), now=now, record=failing / "alerts.jsonl")


def test_a_log_that_is_not_sealed_is_not_written_to(failing, rules, now):
    before = content(failing)
    with pytest.raises(MisuseError, match="is not a sealed log"):
        al.open(failing).raise_alerts(rules(), now=now, write=True)
    assert content(failing) == before


@pytest.fixture
def sealed(failing, tmp_path):
    al.seal_log(failing, actor="keeper", origin="tests-loans", vault=tmp_path / "vault", passphrase=b"tests")
    return failing


def test_with_write_an_alert_is_an_event_of_the_sealed_log(sealed, rules, now, tmp_path):
    log = al.open(sealed)
    log.raise_alerts(rules(), now=now, write=True, vault=tmp_path / "vault", passphrase=b"tests")
    events = al.open(sealed).events.collect()
    (alert,) = log.watch(rules(), now=now).alerts
    assert events.select("event_id", "kind", "severity", "at").rows() == [(f"alert-{alert.id}", "alert", "high", now)]
    assert not alerts_file(log.origin).exists()
    again = al.open(sealed)
    assert again.alerts(write=True).table.select("id", "state", "kept").rows() == [(alert.id, "open", "log")]
    assert again.watch(rules(), write=True, now=now).new == ()


def test_an_alert_that_stands_in_the_log_raises_no_alert_of_its_own(sealed, rules, now, tmp_path):
    for hours in (0, 1):
        moment = now + timedelta(hours=hours)
        al.open(sealed).raise_alerts(rules(), now=moment, write=True, vault=tmp_path / "vault", passphrase=b"tests")
    assert al.open(sealed).alerts(write=True).table.height == 1
    assert [one.column for one in al.open(sealed).watch(rules(), now=now).alerts] == ["failed-predictions"]


def test_where_a_log_s_files_refuse_the_journal_keeps_the_alert_and_it_is_said(
    sealed, rules, now, tmp_path, monkeypatch
):
    def refuse(*_, **__):
        raise StorageError("the disk is read-only", "Remount it.", "read-only")

    monkeypatch.setattr(keeping, "open_writer", refuse)
    log = al.open(sealed)
    raised = log.raise_alerts(rules(), now=now, write=True, vault=tmp_path / "vault", passphrase=b"tests")
    assert raised.facts == (
        "The log cannot be written to (the disk is read-only): kept in the alerts journal instead.",
    )
    assert log.alerts().table["kept"].to_list() == ["journal"]


@pytest.mark.parametrize("kept", [1, 200, -40, -1])
def test_a_line_that_a_kill_tore_is_set_aside_and_the_alert_raised_again(failing, rules, now, kept):
    log = al.open(failing)
    log.raise_alerts(rules(), now=now)
    file = alerts_file(log.origin)
    file.write_bytes(file.read_bytes()[:kept])
    assert log.alerts().table.is_empty()
    log.raise_alerts(rules(), now=now)
    kinds = [line.kind for line in read_journal(file).lines]
    assert (kinds, log.alerts().table.height) == (["torn", "alert"], 1)


def test_a_journal_that_was_changed_is_not_believed(failing, rules, now):
    log = al.open(failing)
    log.raise_alerts(rules(), now=now)
    log.acknowledge(log.alerts().table["id"][0], actor="me", role="owner")
    file = alerts_file(log.origin)
    file.write_bytes(file.read_bytes().replace(b"failed-predictions", b"failed-prediktions", 1))
    with pytest.raises(IntegrityError):
        log.watch(rules(), now=now)


def test_an_alert_in_a_foreign_log_s_events_that_is_forged_is_counted_and_not_believed(failing, make_log, rules, now):
    (alert,) = al.open(failing).watch(rules(), now=now).alerts
    payload = alert.payload("audit_lab") | {"column": "other"}
    events = pl.DataFrame(
        {"event_id": ["1", "2"], "kind": ["alert", "alert"], "at": [now, now], "recorded_at": [now, now]}
    ).with_columns(payload=pl.Series([json.dumps(payload), "{"]))
    found = al.open(make_log("forged", events=events)).alerts(write=True)
    assert found.table.is_empty()
    assert found.facts == ("2 events of the log are called alerts or reviews and were made by something else.",)
    with pytest.raises(MalformedError, match="not that of what it states"):
        entry_of("alert", json.dumps(payload), now, "x", "log")


def test_hostile_text_of_a_log_stands_in_no_alert_as_it_is(make_log, rules, now):
    hostile = "\x1b[31m<script>alert(1)</script>\r\nBcc: all@example.org" + "x" * 100_000
    failed = [pl.lit("broken").alias("error"), pl.lit(hostile).alias("model_version")]
    log = al.open(make_log(predictions=lambda frame: frame.with_columns(failed)))
    raised = log.raise_alerts(rules(), now=now)
    (alert,) = raised.watch.alerts
    assert alert.version.isprintable()
    assert len(alert.version) < 300
    shown = raised.watch._repr_html_() + log.alerts()._repr_html_()
    assert "<script>" not in shown
    assert all(line.isprintable() for line in raised.summary())
    assert log.alerts().table["id"].to_list() == [alert.id]


def test_an_unknown_id_is_not_found(failing, rules, now):
    log = al.open(failing)
    log.raise_alerts(rules(), now=now)
    for wrong in ("0000000000000000", log.alerts().table["id"][0][:4], ""):
        with pytest.raises(NotFoundError):
            log.acknowledge(wrong, actor="me", role="owner")


def test_each_round_is_a_line_of_the_access_journal(failing, rules, now, tmp_path):
    log = al.open(failing, actor="me", purpose="duty", journal=tmp_path / "access.jsonl")
    log.watch(rules(), now=now)
    kinds = [line.kind for line in read_journal(tmp_path / "access.jsonl").lines]
    assert kinds == ["open", "operations", "watch"]


def test_a_log_cannot_close_its_own_alerts(failing, make_log, rules, now):
    (alert,) = al.open(failing).watch(rules(), now=now).alerts
    raised = raised_entry(alert.payload("audit_lab"), "high", now, "x")
    said = {"actor": "x", "role": "y", "conclusion": "no action", "reason": "z", "although": "z", "evidence": []}
    review = {"format": ENTRY_KINDS["review"], "alert": alert.id, "digest": raised.digest, "measured": {}, **said}
    texts = [raised.text, json.dumps(review | {"software": "audit_lab"})]
    events = pl.DataFrame({"event_id": ["1", "2"], "kind": ["alert", "review"], "at": [now] * 2, "payload": texts})
    failed = al.open(failing).predictions.collect()
    log = al.open(make_log("planted", predictions=failed, events=events.with_columns(recorded_at="at")))
    found = log.watch(rules(), now=now)
    assert (found.exit_code, len(found.new)) == (1, 1)
    assert any("do not count" in fact for fact in found.facts)
    assert log.watch(rules(), write=True, now=now).exit_code == 0
