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
    episodes = [(one.start, one.end) for one in found.episodes if one.column == "distance_miles"]
    assert episodes == [(change.start, change.end)]


def test_look_back_features_are_said_to_be_no_evidence(found):
    assert {"carrier_delay_rate_7d", "carrier_mean_delay_7d"} <= set(found.restless)


def test_a_hundred_thousand_rows_and_eight_columns_take_seconds_at_most(flights):
    log = al.open(flights)
    started = time.process_time()
    log.drift()
    assert time.process_time() - started < 10
