"""The real year of flights: the merger, the storms and the planted faults are dated and named."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

import audit_lab as al

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def log(flights):
    return al.open(flights)


@pytest.fixture(scope="module")
def year(log):
    return log.onset()


@pytest.fixture(scope="module")
def truth(flights):
    return json.loads((flights.parent / "TRUTH.json").read_text())


def day(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_merger_is_in_the_first_sentence_with_its_day_and_column(year):
    assert year.summary()[0].startswith(
        "Since 2015-07-01: carrier: US vanished (6.9% before), AA rose from 9.2% to 15.9%"
    )
    event = next(event for event in year.events if event.onsets[0].category == "US")
    assert event.columns[0] == "carrier"
    assert abs(event.at - day("2015-07-01")) <= 2 * DAY
    assert (event.earliest, event.latest, event.returned) == (day("2015-07-01"), day("2015-07-01"), None)


def test_the_storms_of_february_are_an_event_of_cancellations_and_of_volume(year):
    cancelled = next(one for one in year.onsets if (one.column, one.statistic) == ("outcome_value", "missing rate"))
    event = next(event for event in year.events if any(one is cancelled for one in event.onsets))
    assert cancelled.at < day("2015-02-15") < cancelled.returned
    assert day("2015-01-20") < cancelled.at
    assert cancelled.returned < day("2015-03-15")
    assert cancelled.after > 3 * cancelled.before
    flown = next(one for one in event.onsets if (one.column, one.statistic) == ("outcome_value", "rows"))
    assert flown.after < flown.before - 10


def test_single_storms_are_spikes_of_cancellations_with_their_days_and_one_of_volume(year):
    cancelled = [one for one in year.spike_onsets if (one.column, one.statistic) == ("outcome_value", "missing rate")]
    winter = {(one.at, one.returned): one for one in cancelled if one.at < day("2015-03-15")}
    juno, linus = (day("2015-01-26"), day("2015-01-28")), (day("2015-02-01"), day("2015-02-03"))
    assert {juno, linus, (day("2015-02-09"), day("2015-02-10")), (day("2015-03-05"), day("2015-03-06"))} <= set(winter)
    assert all(one.after > 0.1 > one.before + 0.05 for one in winter.values())
    event = next(event for event in year.spikes if winter[linus] in event.onsets)
    flown = next(one for one in event.onsets if (one.column, one.statistic) == ("outcome_value", "rows"))
    assert flown.after < flown.before - 60


def test_the_storms_of_february_are_told_with_their_days_and_their_carriers(year):
    told = [one for one in year.summary() if "without a value rose" in one]
    (winter,) = (one for one in told if one.startswith("2015-01-26 "))
    assert "until 2015-03-06: outcome_value: the share without a value rose from 1.4% to 5.3%" in winter
    assert "above all carrier MQ (in 108 of its 696 rows, and in 4.6% of the others)" in winter
    assert any(one.startswith("Spike, 2015-02-01, until 2015-02-02: ") for one in told)
    (ninth,) = (one for one in told if one.startswith("Spike, 2015-02-09: "))
    assert "carrier B6 (in 9 of its 15 rows, and in 9.3% of the others)" in ninth
    assert not any("outcome late (in" in one for one in told)  # what became of a flight is no place


def test_the_planted_change_of_unit_has_its_week_and_its_factor(year):
    found = [one for one in year.onsets if one.column == "distance_miles" and one.factor and not one.is_return]
    assert {one.statistic for one in found} >= {"mean", "quantile 0.5"}
    event = next(event for event in year.events if any(one is found[0] for one in event.onsets))
    assert (event.at, event.returned) == (day("2015-09-07"), day("2015-09-14"))
    assert all(abs(one.at - event.at) <= DAY for one in found)
    assert {one.returned for one in found} == {day("2015-09-14")}
    assert {(one.factor, one.conversion) for one in found} == {(1.609344, "mile -> km")}


def test_the_days_without_inputs_of_one_carrier_are_found(year):
    gone = [one for one in year.onsets if one.statistic == "missing rate" and one.at == day("2015-03-30")]
    assert len({one.column for one in gone}) == 6
    assert {one.returned for one in gone} == {day("2015-04-02")}


def test_an_onset_names_the_rows_behind_it(log, year):
    gone = next(one for one in year.onsets if one.category == "US")
    assert gone.expression == "inputs.\"carrier\" = 'US'"
    assert log.find(gone.expression, since=gone.at, until=gone.until).is_empty()
    assert log.find(gone.expression, since=gone.since, until=gone.at).height == round(gone.before * gone.before_rows)
    assert gone.before_rows == log.find("inputs.carrier is not null", since=gone.since, until=gone.at).height


def test_the_question_is_in_the_journal(flights, tmp_path):
    journal = tmp_path / "journal.jsonl"
    asked = al.open(flights, actor="ada", purpose="test", journal=journal)
    asked.onset(["carrier"], since="2015-06-01", until="2015-08-01")
    asked.operations(every="1mo")
    asked.segments(["carrier"], since="2015-07-01", until="2015-08-01")
    text = journal.read_text()
    assert [kind for kind in ("onset", "operations", "segments") if f'"kind":"{kind}"' in text.replace(" ", "")] == [
        "onset",
        "operations",
        "segments",
    ]
    assert "inputs.carrier" in text
