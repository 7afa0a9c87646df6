from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

import audit_lab as al


@pytest.fixture(scope="module")
def found(flights):
    return al.open(flights).drift()


def test_the_merger_is_the_first_sentence(found):
    assert found.summary()[0].startswith("carrier: category US (7.1% of the reference) vanished after 2015-06-30 ")


def test_the_merger_is_dated_to_the_last_row_of_the_carrier(found):
    (gone,) = found.vanished
    assert gone.last_seen is not None
    assert (gone.category, gone.last_seen.date().isoformat(), gone.returned) == ("US", "2015-06-30", None)


def test_the_planted_change_of_unit_is_an_episode_with_its_week_and_factor(found):
    (change,) = (one for one in found.changes if one.kind == "unit")
    assert (change.column, change.factor, change.conversion) == ("distance_miles", 1.609344, "mile -> km")
    assert (change.start, change.end) == (datetime(2015, 9, 7, tzinfo=UTC), datetime(2015, 9, 14, tzinfo=UTC))
    episodes = {(one.start, one.end): one.what for one in found.episodes if one.column == "distance_miles"}
    assert episodes[change.start, change.end].startswith("consistent with mile -> km")


def days(first, end):
    return datetime.fromisoformat(first).replace(tzinfo=UTC), datetime.fromisoformat(end).replace(tzinfo=UTC)


#: What is planted, or happened, in the rows: predictions without inputs, and a unit; the merger has a test of its own.
NAMED = {
    ("new default", "carrier", "(missing)", *days("2015-03-30", "2015-04-02")),
    ("missing values", "departure_hour", "(missing)", *days("2015-03-30", "2015-04-02")),
    ("missing values", "distance_miles", "(missing)", *days("2015-03-30", "2015-04-02")),
    ("unit", "distance_miles", None, *days("2015-09-07", "2015-09-14")),
}
STEADY = ["carrier", "distance_miles", "departure_hour"]


def named(changes):
    return {(one.kind, one.column, one.after, one.start, one.end) for one in changes if one.kind != "vanished category"}


def vanished(changes):
    return [(one.column, one.before) for one in changes if one.kind == "vanished category"]


@pytest.mark.parametrize(
    "asked",
    [
        {"every": "1mo"},
        {"every": "version", "columns": [*STEADY, "score"]},
        {"every": "1d", "columns": [*STEADY, "decision", "score"]},
        pytest.param({"every": "1d"}, marks=pytest.mark.soak),
        pytest.param({"every": "version"}, marks=pytest.mark.soak),
        pytest.param({"every": "1w", "reference": "rolling:4"}, marks=pytest.mark.soak),
        pytest.param({"every": "1mo", "reference": "rolling:2"}, marks=pytest.mark.soak),
        pytest.param({"every": "1w", "zone": "America/Denver"}, marks=pytest.mark.soak),
    ],
    ids=str,
)
def test_a_year_has_the_same_names_at_every_width_and_no_other(flights, asked):
    changes = al.open(flights).drift(**asked).changes
    told = named(changes)
    if "zone" in asked:  # its days begin seven hours later
        assert {one[:2] for one in told} == {one[:2] for one in NAMED}
        assert len(told) == len(NAMED)
    else:
        assert told == NAMED
    fixed = "reference" not in asked and asked["every"] != "version"
    assert vanished(changes) == ([("carrier", "US")] if fixed else [])


def test_the_week_has_the_same_names(found):
    assert named(found.changes) == NAMED
    assert vanished(found.changes) == [("carrier", "US")]
    (missing,) = (one for one in found.changes if one.kind == "new default")
    assert (missing.before, missing.rows, missing.where) == ("B6", 42, None)


def test_a_year_of_days_of_features_that_are_computed_daily_has_no_name(flights):
    assert al.open(flights).drift(["carrier_delay_rate_7d", "carrier_mean_delay_7d"], every="1mo").changes == ()


def test_a_category_that_comes_and_goes_is_a_fact_and_no_change(flights):
    found = al.open(flights).drift(["decision"], every="1d")
    assert len([one for one in found.vanished if one.category == "late"]) > 10
    assert found.changes == ()
    (fact,) = [fact for fact in found.facts if "comes and goes" in fact]
    assert fact.startswith("category late of decision comes and goes: it vanished and returned ")


def test_look_back_features_are_said_to_be_no_evidence(found):
    assert {"carrier_delay_rate_7d", "carrier_mean_delay_7d"} <= set(found.restless)


def test_a_hundred_thousand_rows_and_eight_columns_take_seconds_at_most(flights):
    log = al.open(flights)
    started = time.process_time()
    log.drift()
    assert time.process_time() - started < 10


@pytest.mark.parametrize("every", ["1d", "1w", "1mo", "version"])
def test_a_thousand_loans_of_which_nothing_is_planted_have_no_name(credit, every):
    assert al.open(credit).drift(every=every).changes == ()
