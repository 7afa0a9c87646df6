"""An alert that goes on: adjoining windows of the same thing are one alert, until somebody closes it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.monitor.alerts.alert import Alert
from audit_lab.monitor.alerts.continuing import belonging, has_worsened, renewing, window_of
from audit_lab.monitor.alerts.entry import ENTRY_KINDS, ENTRY_MEMBERS, Entry, entry_of, raised_entry
from audit_lab.monitor.alerts.keeping import alerts_file
from audit_lab.monitor.alerts.notifying import BEGUN, WORSENED, pending
from audit_lab.monitor.alerts.raised import raise_new
from audit_lab.monitor.alerts.rule_file import rule_of
from audit_lab.monitor.alerts.rules import RuleSet, Webhook
from audit_lab.monitor.alerts.states import derived
from audit_lab.monitor.alerts.watch_result import Watch
from audit_lab.seal.malformed import MalformedError

MONDAY = datetime(2025, 6, 2, tzinfo=UTC)
WEEK = timedelta(weeks=1)
RULE = rule_of({"name": "moved", "kind": "drift", "at_least": "major", "notify": ["ops"]})
RULES = RuleSet((RULE,), (Webhook("ops", "https://example.org"),))
SAID = {"actor": "Ada", "role": "model risk", "conclusion": "no action", "reason": "Known."}


def fired(week: int, value: float = 0.3, rule=RULE, column: str = "income", **options):
    start = MONDAY + week * WEEK
    given = ("loans", None, start, start + WEEK, column, "psi", value, "at least major", 100, f"week {week}", "log")
    return Alert(rule, *given, **options)


class Held(list):
    """A record in memory."""

    def keep(self, entries):
        self.extend(entries)
        return ()


def round_of(held: Held, *alerts: Alert, hours: int = 0):
    """Make a round in which some alerts fire, with a record in memory; return what was raised."""
    kept = derived(list(held))
    closed = [name for name, state in kept.states.items() if state == "closed"]
    of = belonging(alerts, kept.courses.values(), closed)
    at = MONDAY + timedelta(weeks=50, hours=hours)
    more = renewing(alerts, kept.courses.values())
    watch = Watch(alerts, (), RuleSet(RULES.rules), kept.states, "log", at, belongs=of, renewed=more)
    return raise_new(watch, list(held), held, actor="watch", wait=lambda _: None)


def closed(held: Held, hours: int) -> None:
    (course,) = [one for one in derived(list(held)).courses.values() if derived(list(held)).states[one.id] == "open"]
    payload = {"format": ENTRY_KINDS["review"], "alert": course.id, "digest": course.begun.digest, "measured": {}}
    payload |= {"actor": "x", "role": "y", "conclusion": "no action", "reason": "z", "although": "", "evidence": []}
    payload["software"] = "s"
    held.append(Entry("review", MONDAY + timedelta(weeks=50, hours=hours), "x", "low", "closed", payload))


def spans(held: Held) -> list[tuple[int, int, int, str]]:
    """Return first and last week, number of windows and state of each alert."""
    table = derived(list(held)).table
    return [
        ((first - MONDAY) // WEEK, (last - MONDAY) // WEEK, windows, state)
        for first, last, windows, state in table.select("first_seen", "last_seen", "windows", "state").iter_rows()
    ]


def test_three_weeks_on_end_are_one_alert_round_by_round_as_in_one():
    held, once = Held(), Held()
    for week in (3, 4, 5):
        round_of(held, *(fired(each) for each in range(3, week + 1)), hours=week)
    round_of(once, fired(3), fired(4), fired(5))
    assert spans(held) == spans(once) == [(3, 6, 3, "open")]
    assert [one.payload["continues"] for one in held] == [None, fired(3).id, fired(3).id]


def test_a_quiet_week_ends_it_and_what_comes_after_is_another():
    held = Held()
    round_of(held, fired(1), fired(2), fired(4))
    assert spans(held) == [(1, 3, 2, "open"), (4, 5, 1, "open")]


@pytest.mark.parametrize(
    "other",
    [
        fired(2, column="city"),
        fired(2, rule=rule_of({"name": "other", "kind": "drift"})),
        fired(2, rule=rule_of({"name": "moved", "kind": "drift together"})),
        Alert(RULE, "cards", None, MONDAY + 2 * WEEK, MONDAY + 3 * WEEK, "income", "psi", 1.0, "", 1, "", ""),
        Alert(RULE, "loans", "2", MONDAY + 2 * WEEK, MONDAY + 3 * WEEK, "income", "psi", 1.0, "", 1, "", ""),
    ],
)
def test_another_column_rule_model_or_version_is_another_alert(other):
    held = Held()
    round_of(held, fired(1), other)
    assert [windows for _, _, windows, _ in spans(held)] == [1, 1]


def test_an_onset_s_dates_do_not_continue_one_another():
    rule = rule_of({"name": "since when", "kind": "onset"})
    held = Held()
    round_of(held, fired(1, rule=rule), fired(2, rule=rule))
    assert [windows for _, _, windows, _ in spans(held)] == [1, 1]


def test_an_earlier_week_that_is_found_later_belongs_to_it_too():
    held = Held()
    round_of(held, fired(5))
    round_of(held, fired(3), fired(4), fired(5), hours=1)
    assert spans(held) == [(3, 6, 3, "open")]
    assert (
        derived(list(held)).courses[fired(5).id].begun.payload["window_start"] == fired(5).payload("")["window_start"]
    )


def test_a_closed_alert_begins_anew():
    held = Held()
    round_of(held, fired(1), fired(2))
    closed(held, hours=1)
    raised = round_of(held, fired(1), fired(2), fired(3), hours=2)
    round_of(held, fired(4), hours=3)
    assert spans(held) == [(1, 3, 2, "closed"), (3, 5, 2, "open")]
    assert [one.id for one in raised.watch.standing] == [fired(3).id]


def test_a_round_says_which_windows_are_new_and_which_go_on():
    held = Held()
    round_of(held, fired(1))
    watch = round_of(held, fired(1), fired(2), fired(7), hours=1).watch
    assert watch.table.select("alert", "state").rows() == [
        (fired(1).id, "open"),
        (fired(1).id, "continues"),
        (fired(7).id, "new"),
    ]
    assert watch.summary()[0] == "2 alerts over 3 windows, 1 new."
    assert watch.only_new().exit_code == 1


def test_the_evidence_of_each_window_is_kept_and_the_worst_one_is_shown():
    held = Held()
    round_of(held, fired(1, 0.3), fired(2, 0.9), fired(3, 0.4))
    found = derived(list(held))
    assert found.windows.select("alert", "value", "what").rows() == [
        (fired(1).id, 0.3, "week 1"),
        (fired(1).id, 0.9, "week 2"),
        (fired(1).id, 0.4, "week 3"),
    ]
    assert found.table.select("id", "value", "window_start").rows() == [(fired(1).id, 0.9, MONDAY + 2 * WEEK)]
    assert found.summary()[1] == "1 of them went on for several windows, 3 at most."


FAILURES = rule_of({"name": "failures", "kind": "operations", "notify": ["ops"]})
NAMED = RuleSet((RULE, FAILURES), RULES.targets)


def failing_until(hours: int, value: float, start: int = 0):
    """Return failures of version 1 that have gone on for some hours from a week on, at such a rate."""
    begun = MONDAY + start * WEEK
    given = (FAILURES, "loans", "1", begun, begun + timedelta(hours=hours), "failed-predictions", "error rate", value)
    return Alert(*given, "none may fail", 100, f"{hours} hours", "log", value * 0.9, value * 1.1)


def told_at(held: Held, hours: int) -> list[tuple[str, str]]:
    """Return of what, and why, somebody is told at an hour of the rounds; it counts as told after that."""
    news = [one for _, some in pending(derived(list(held)), NAMED) for one in some]
    payload = {"format": ENTRY_KINDS["notification"], "target": "ops", "by": "webhook", "sent": True}
    payload |= {"attempts": 1, "why": "", "alerts": [name for one in news for name in one.ids]}
    if news:
        held.append(Entry("notification", MONDAY + timedelta(weeks=50, hours=hours), "x", "low", "told", payload))
    return [(one.worst.summary, one.why) for one in news]


def test_failures_that_go_on_are_one_alert_whose_last_evidence_is_shown_and_told_only_as_worse():
    held, said = Held(), []
    for hour, rate in enumerate([0.02, 0.02, 0.021, 0.05, 0.05, 0.2], start=1):
        round_of(held, failing_until(hour, rate), hours=hour)
        said.append(told_at(held, hour))
    assert said == [[("1 hours", BEGUN)], [], [], [("4 hours", WORSENED)], [], [("6 hours", WORSENED)]]
    found = derived(list(held))
    row = found.table.row(0, named=True)
    assert (found.table.height, row["windows"], row["value"], row["what"]) == (1, 1, 0.2, "6 hours")
    assert (row["first_seen"], row["last_seen"]) == (MONDAY, MONDAY + timedelta(hours=6))
    assert found.windows.select("id", "value").rows() == [(failing_until(1, 0.02).id, 0.2)]
    assert row["digest"] == held[0].digest


def test_the_same_evidence_again_is_kept_once_and_milder_evidence_not_at_all():
    held = Held()
    for hour, value in enumerate([0.3, 0.3, 0.2, 0.59]):
        watch = round_of(held, fired(1, value), hours=hour).watch
        assert bool(watch.new) is (hour == 0)
    assert len(held) == 1
    watch = round_of(held, fired(1, 0.6), hours=9).watch
    assert watch.table["state"].to_list() == ["continues"]
    assert watch.summary()[0] == "1 alert, 0 new, 1 worse than before or longer."
    assert [one.payload["value"] for one in held] == [0.3, 0.6]
    assert len({one.event_id for one in held}) == 2


def test_raised_latency_in_adjoining_windows_is_one_alert():
    given = {"name": "slow", "kind": "operations", "findings": ["latency"]}
    held = Held()
    round_of(held, *(fired(week, rule=rule_of(given), column="latency") for week in (1, 2)))
    assert spans(held) == [(1, 3, 2, "open")]


def test_what_was_closed_and_grows_is_open_again_and_told_anew():
    held = Held()
    round_of(held, failing_until(1, 0.02), hours=1)
    assert told_at(held, 1) == [("1 hours", BEGUN)]
    closed(held, hours=2)
    quiet = round_of(held, failing_until(1, 0.02), hours=3).watch
    assert (quiet.exit_code, quiet.new) == (0, ())
    assert set(derived(list(held)).states.values()) == {"closed"}
    again = round_of(held, failing_until(2, 0.02), hours=4).watch
    assert again.exit_code == 1
    (row,) = derived(list(held)).table.iter_rows(named=True)
    assert (row["state"], row["reviewed_by"], row["windows"]) == ("open", None, 1)
    assert told_at(held, 5) == [("2 hours", BEGUN)]
    assert told_at(held, 6) == []
    closed(held, hours=7)
    assert set(derived(list(held)).states.values()) == {"closed"}


def test_an_entry_of_a_known_id_that_is_no_worse_changes_nothing():
    held = Held()
    round_of(held, fired(1, 0.5))
    closed(held, hours=1)
    late = MONDAY + timedelta(weeks=50, hours=2)
    held.append(raised_entry(fired(1, 0.6).payload("x"), "high", late, "x"))
    found = derived(list(held))
    assert found.states == {fired(1).id: "closed"}
    assert found.table["value"].to_list() == [0.5]


@pytest.mark.parametrize("write", [False, True])
def test_a_silence_is_told_again_when_it_has_lasted_twice_as_long(make_log, rules, now, tmp_path, write):
    folder, options = make_log(), {}
    if write:
        options = {"write": True, "vault": tmp_path / "vault", "passphrase": b"tests"}
        al.seal_log(folder, actor="keeper", origin="tests-loans", vault=tmp_path / "vault", passphrase=b"tests")
    inbox, asked = (
        tmp_path / "inbox",
        '[[rule]]\nname = "quiet"\nkind = "silence"\nlonger_than = "1h"\nnotify = ["file"]\n',
    )
    command = f'["/bin/sh", "-c", "cat >> {inbox}"]'
    asked = rules(asked + f'[[notify]]\nname = "file"\nkind = "mail"\ncommand = {command}\n', begin="format = 1\n")
    newest = al.open(folder).predictions.collect()["occurred_at"].max()
    new = []
    for hours in (2, 3, 3.9, 4, 7, 9):
        found = al.open(folder).raise_alerts(asked, now=newest + timedelta(hours=hours), **options)
        new.append((len(found.watch.new), len(found.deliveries)))
    assert new == [(1, 1), (0, 0), (0, 0), (1, 1), (0, 0), (1, 1)]
    row = al.open(folder).alerts(write=write).table.row(0, named=True)
    assert (row["value"], row["windows"], row["kept"]) == (9 * 3600, 1, "log" if write else "journal")
    assert inbox.read_text().count("it has worsened since it was told of last") == 2


def told(held: Held) -> list[tuple[str, str]]:
    """Return of which window, and why, somebody would be told now; it counts as told after that."""
    news = [one for _, some in pending(derived(list(held)), RULES) for one in some]
    payload = {"format": ENTRY_KINDS["notification"], "target": "ops", "by": "webhook", "sent": True}
    payload |= {"attempts": 1, "why": "", "alerts": [name for one in news for name in one.ids]}
    if news:
        held.append(Entry("notification", MONDAY + timedelta(weeks=60), "x", "low", "told", payload))
    return [(one.worst.summary, one.why) for one in news]


def test_it_is_told_when_it_begins_and_when_it_has_worsened_twofold_and_not_between():
    held, said = Held(), []
    for week, value in enumerate([0.3, 0.4, 0.59, 0.6, 0.6, 1.1, 1.3]):
        round_of(held, fired(week, value), hours=week)
        said.append(told(held))
    assert said == [[("week 0", BEGUN)], [], [], [("week 3", WORSENED)], [], [], [("week 6", WORSENED)]]


def test_of_many_weeks_in_one_round_the_worst_is_told_once():
    held = Held()
    round_of(held, *(fired(week, value) for week, value in enumerate([0.3, 0.9, 2.5, 0.4])))
    assert [told(held), told(held)] == [[("week 2", BEGUN)], []]


@pytest.mark.parametrize(
    ("kind", "before", "now", "worse"),
    [
        ("above", (0.5, 0.4, 0.6), (0.7, 0.61, 0.8), True),
        ("above", (0.5, 0.4, 0.6), (1.5, 0.55, 2.0), False),
        ("below", (0.7, 0.65, 0.75), (0.6, 0.55, 0.64), True),
        ("below", (0.7, 0.65, 0.75), (0.3, 0.1, 0.66), False),
        ("below", (0.08, None, None), (0.04, None, None), True),
        ("below", (0.08, None, None), (0.05, None, None), False),
        ("below", (0.0, None, None), (0.0, None, None), False),
        ("above", (0.0, None, None), (0.1, None, None), True),
        ("above", (None, None, None), (0.1, None, None), False),
    ],
)
def test_worse_is_beyond_the_whole_interval_or_twice_as_far(kind, before, now, worse):
    rule = rule_of({"name": "auc", "kind": "performance", "measure": "auc", "below": 0.8})

    def window(value, low, high):
        alert = Alert(rule, "m", None, MONDAY, MONDAY + WEEK, "auc", "auc", value, f"{kind} 0.8", 9, "", "", low, high)
        return window_of(alert.payload(""))

    assert has_worsened(window(*before), window(*now)) is worse


def test_an_alert_hides_behind_no_other_one():
    held = Held()
    round_of(held, fired(1), fired(9, column="city"))
    for week, column in ((5, "income"), (2, "city")):
        payload = fired(week, column=column).payload("x", fired(1).id)
        held.append(raised_entry(payload, "high", MONDAY + timedelta(weeks=50), "x"))
    found = derived(list(held))
    assert found.table["windows"].to_list() == [1, 1, 1, 1]
    assert found.facts == (
        "2 alerts state that they continue one that they do not adjoin, or that was closed: they stand alone.",
    )


def test_an_alert_that_was_raised_after_the_review_is_not_closed_by_it():
    held = Held()
    round_of(held, fired(1))
    closed(held, hours=1)
    late = MONDAY + timedelta(weeks=50, hours=2)
    held.append(raised_entry(fired(2).payload("x", fired(1).id), "high", late, "x"))
    assert derived(list(held)).states == {fired(1).id: "closed", fired(2).id: "open"}


def test_an_alert_of_the_former_format_is_read_and_stands_alone():
    former = {**fired(1).payload("audit_lab 0"), "format": "audit_lab.alert/1"}
    del former["continues"]
    entry = entry_of("alert", json.dumps(former), MONDAY, "x", "journal")
    assert derived([entry]).states == {fired(1).id: "open"}
    held = Held([entry])
    round_of(held, fired(1), fired(2))
    assert spans(held) == [(1, 3, 2, "open")]


@pytest.mark.parametrize("changed", [{"continues": 3}, {"continues": fired(1).id}, {"format": "audit_lab.alert/1"}])
def test_an_alert_that_continues_itself_or_no_id_is_malformed(changed):
    assert "continues" in ENTRY_MEMBERS["alert"]
    with pytest.raises(MalformedError):
        entry_of("alert", json.dumps(fired(1).payload("x") | changed), MONDAY, "x", "log")


@pytest.fixture
def lasting(make_log):
    """Return a log of four days on none of which a prediction can be replayed."""
    at = pl.lit(MONDAY) + pl.duration(days=pl.int_range(pl.len()) // 10, minutes=pl.int_range(pl.len()))

    def spread(frame):
        return frame.with_columns(at.cast(frame.schema[name]).alias(name) for name in ("occurred_at", "recorded_at"))

    return make_log("lasting", predictions=spread, artifact=b"another")


@pytest.fixture
def daily(rules):
    return rules('[[rule]]\nname = "replayable"\nkind = "coverage"\nbelow = 0.95\nevery = "1d"\n')


@pytest.mark.parametrize("write", [False, True])
def test_journal_lines_and_events_of_the_log_make_up_the_same_alert(lasting, daily, now, tmp_path, write):
    options = {}
    if write:
        options = {"write": True, "vault": tmp_path / "vault", "passphrase": b"tests"}
        al.seal_log(lasting, actor="keeper", origin="tests-loans", vault=tmp_path / "vault", passphrase=b"tests")
    for days in (1, 2, 3):
        until = MONDAY + timedelta(days=days)
        al.open(lasting).raise_alerts(daily, until=until, now=now + timedelta(hours=days), **options)
    log = al.open(lasting)
    found = log.alerts(write=write)
    assert found.table.select("windows", "kept").rows() == [(3, "log" if write else "journal")]
    assert found.table["last_seen"][0] - found.table["first_seen"][0] == timedelta(days=3)
    assert alerts_file(log.origin).exists() is not write


def test_closing_any_window_closes_the_alert_by_what_all_of_them_show(lasting, daily, now):
    log = al.open(lasting)
    log.raise_alerts(daily, now=now)
    last = log.alerts().windows["id"][-1]
    review = log.revalidate(last, **SAID, although="The gateway was away.", now=now)
    assert review.alert == log.alerts().table["id"][0] != last
    assert review.entry.payload["measured"]["windows"] == 4
    assert set(log.alerts().states.values()) == {"closed"}
    assert log.watch(daily, now=now).exit_code == 0
