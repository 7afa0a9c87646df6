from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib

import polars as pl
import pytest

from audit_lab.monitor.alerts.rule_values import KINDS

RULES = 'format = 1\n[[rule]]\nname = "failures"\nkind = "operations"\nfindings = ["failed-predictions"]\n'
BLIND = '[[rule]]\nname = "drift"\nkind = "drift"\ncolumns = ["no_such_column"]\n'


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path


@pytest.fixture
def failing(make_log):
    failed = pl.Series("error", ["timeout" if 10 <= row < 15 else None for row in range(40)])
    return make_log(predictions=lambda frame: frame.with_columns(failed))


def test_nothing_that_fires_is_0(run, make_log, rules):
    answer = run("watch", make_log(), "--rules", rules)
    assert (answer.code, answer.out.splitlines()[0]) == (0, "No alert.")


def test_an_alert_is_1_each_time_until_it_is_closed(run, failing, rules):
    answers = [run("watch", failing, "--rules", rules, "--once") for _ in range(2)]
    assert [answer.code for answer in answers] == [1, 1]
    assert [answer.out.splitlines()[0] for answer in answers] == ["1 alert, 1 new.", "1 alert, 0 new."]


def test_a_wrong_call_is_2(run, failing, rules, tmp_path):
    (tmp_path / "wrong.toml").write_text(RULES + "at_least = 'much'\n")
    for wrong, said in (
        (("--rules", tmp_path / "wrong.toml"), "unknown key at_least"),
        (("--rules", tmp_path / "none.toml"), "there is no rule file"),
        (("--every", "1w"), "--every is '1w'"),
        (("--every", "15m", "--once"), "exclude each other"),
        (("--every", "15m", "--as-of", "2025-01-01"), "exclude each other"),
        (("--look-only", "--write"), "keeps nothing"),
        (("--rules", rules, "--write"), "is not a sealed log"),
    ):
        answer = run("watch", failing, *wrong)
        assert (answer.code, said in answer.err) == (2, True), answer


def test_a_rule_that_could_not_be_evaluated_is_3_and_so_is_a_log_that_cannot_be_read(run, make_log, rules):
    rules.write_text(RULES + BLIND)
    log = make_log()
    assert run("watch", log, "--rules", rules).code == 3
    (log / "predictions" / "part-00000.parquet").write_bytes(b"nothing")
    answer = run("watch", log, "--rules", rules, "--json")
    assert answer.code == 3
    assert answer.json["exit_code"] == 3


def test_an_alert_counts_more_than_a_blind_rule(run, failing, rules):
    rules.write_text(RULES + BLIND)
    answer = run("watch", failing, "--rules", rules, "--json")
    assert (answer.code, answer.json["exit_code"]) == (1, 1)
    assert [one["state"] for one in answer.json["looked"]] == ["alerts", "not evaluated"]


def test_look_only_keeps_nothing(run, failing, rules):
    assert [run("watch", failing, "--rules", rules, "--look-only").out.splitlines()[0] for _ in range(2)] == [
        "1 alert, 1 new."
    ] * 2
    assert run("alerts", "list", failing, "--json").json["alerts"] == []


def test_the_example_of_rules_is_a_whole_file(run):
    answer = run("watch", "--rules-example")
    document = tomllib.loads(answer.out)
    assert answer.code == 0
    assert {rule["kind"] for rule in document["rule"]} == set(KINDS)


def test_the_log_can_be_named_as_elsewhere_too(run, failing, rules):
    assert run("watch", "--log", failing, "--rules", rules).code == 1


def test_an_alert_is_listed_acknowledged_and_closed(run, failing, rules):
    run("watch", failing, "--rules", rules)
    listed = run("alerts", "list", failing, "--json")
    alert = listed.json["alerts"][0]["id"]
    who = ("--actor", "Ada", "--purpose", "duty", "--role", "model risk")
    taken = run("alerts", "acknowledge", failing, alert[:10], *who)
    close = ("alerts", "close", failing, alert, *who, "--conclusion", "roll back", "--reason", "The gateway.")
    refused = run(*close)
    closed = run(*close, "--although", "It is gone.", "--evidence", "INC-7")
    assert (listed.code, taken.code, refused.code, closed.code) == (0, 0, 2, 0)
    assert "Say why it is closed all the same" in refused.err
    assert "It STILL FIRES" in closed.out
    assert run("alerts", "list", failing, "--state", "closed").out.count(alert) == 1
    assert run("watch", failing, "--rules", rules).code == 0


def test_alerts_are_drawn_over_time_and_of_none_that_is_said(run, failing, rules, tmp_path):
    assert run("alerts", "list", failing, "--picture", tmp_path / "x.svg").out.endswith("so no picture was drawn.\n")
    run("watch", failing, "--rules", rules)
    picture = tmp_path / "made" / "alerts.svg"
    shown = run("alerts", "list", failing, "--picture", picture).out
    assert f"Written: {picture}" in shown.replace("\n", "")
    assert "Alerts over time" in picture.read_text()
    assert run("alerts", "list", failing, "--picture", tmp_path / "x.pdf").code == 2


def test_nobody_closes_an_alert_without_a_name(run, failing, rules):
    run("watch", failing, "--rules", rules)
    alert = run("alerts", "list", failing, "--json").json["alerts"][0]["id"]
    answer = run("alerts", "acknowledge", failing, alert, "--role", "owner")
    assert (answer.code, "nobody says who does this" in answer.err) == (2, True)


def test_text_of_a_log_does_not_speak_to_the_terminal(run, make_log, rules):
    failed = [pl.lit("x").alias("error"), pl.lit("\x1b]0;owned\x07[red]\u202e").alias("model_version")]
    log = make_log(predictions=lambda frame: frame.with_columns(failed))
    shown = run("watch", log, "--rules", rules).out + run("alerts", "list", log).out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    run("watch", log, "--rules", rules, "--json").out.encode("ascii")


@pytest.fixture
def scheduled(rules, environment):
    """Return a function that starts a watch every second as a process of its own; ended when the test is."""
    started = []

    def start(log, *more):
        command = [sys.executable, "-u", "-m", "audit_lab", "watch", log, "--rules", rules, "--every", "1s", *more]
        own = {name: value for name, value in os.environ.items() if name.startswith("XDG_")}
        one = subprocess.Popen(
            [str(word) for word in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**environment, **own},
        )
        started.append(one)
        return one

    yield start
    for one in started:
        if one.poll() is None:
            one.kill()
        one.communicate(timeout=20)


def test_on_a_schedule_only_what_is_new_is_said_while_the_log_grows_until_a_signal(scheduled, make_log, failing):
    watching = scheduled(failing, "--json")
    first = json.loads(watching.stdout.readline())
    second = json.loads(watching.stdout.readline())
    more = pl.Series("error", ["x" if row in {10, 39} else None for row in range(40)])
    versions = pl.Series("model_version", ["2" if row == 39 else "1" for row in range(40)])
    make_log(failing.name, predictions=lambda frame: frame.with_columns(more, versions))
    deadline, third = time.monotonic() + 60, None
    while time.monotonic() < deadline and not (third and third["alerts"]):
        third = json.loads(watching.stdout.readline())
    watching.send_signal(signal.SIGTERM)
    _, err = watching.communicate(timeout=60)
    assert [len(first["alerts"]), len(second["alerts"])] == [1, 0]
    assert [alert["version"] for alert in third["alerts"]] == ["2"]
    assert watching.returncode == 1
    assert "stopped after" in err


def test_a_schedule_goes_on_after_an_error_and_stops_at_an_interrupt(scheduled, make_log):
    log = make_log()
    content = (log / "predictions" / "part-00000.parquet").read_bytes()
    (log / "predictions" / "part-00000.parquet").write_bytes(b"nothing")
    watching = scheduled(log, "--json")
    assert "not evaluated" in watching.stderr.readline()
    (log / "predictions" / "part-00000.parquet").write_bytes(content)
    assert json.loads(watching.stdout.readline())["alerts"] == []
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=60)
    assert watching.returncode == 3


def test_two_watches_in_parallel_raise_an_alert_once(scheduled, failing, run):
    both = [scheduled(failing, "--json") for _ in range(2)]
    said = [json.loads(one.stdout.readline()) for one in both]
    for one in both:
        one.send_signal(signal.SIGTERM)
        one.communicate(timeout=60)
    assert sorted(len(one["alerts"]) for one in said) == [0, 1]
    listed = run("alerts", "list", failing, "--json").json
    assert [entry["kind"] for entry in listed["entries"]] == ["alert"]
