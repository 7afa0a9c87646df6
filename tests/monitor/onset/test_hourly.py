"""Onsets by the hour where nights have few rows and weekends other mornings: those that are there, and no others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom

ZONE = "America/New_York"
START = datetime(2024, 2, 19, 5, tzinfo=UTC)  # a Monday's midnight; the clock changes on 10 March
AT = START + timedelta(days=25, hours=11)
HOURS = timedelta(hours=12)
at = pl.col("occurred_at")


def hourly(seed: int, days: int = 42) -> pl.DataFrame:
    """Return rows of a day and a night, with other weekends: how many, how large, and of which kind."""
    random = np.random.default_rng(seed)
    moments = [(START + timedelta(hours=hour)).astimezone(ZoneInfo(ZONE)) for hour in range(24 * days)]
    hour, weekend = (np.array(each) for each in zip(*((one.hour, one.weekday() >= 5) for one in moments), strict=True))
    light = np.exp(-0.5 * ((hour - 14) / 4) ** 2)
    rate = 30 * (0.02 + 0.98 * light) * np.where(weekend, np.where(hour < 12, 0.4, 0.8), 1.0)
    place = np.repeat(np.arange(hour.size), random.poisson(rate))
    moment = ((place + random.random(place.size)) * 3.6e9).astype(np.int64) + int(START.timestamp() * 1e6)
    first = random.random(place.size) < 0.3 + 0.3 * light[place]
    return pl.DataFrame(
        {
            "occurred_at": pl.Series(moment).cast(pl.Datetime("us", "UTC")),
            "number": random.lognormal(0, 0.6, place.size) + light[place],
            "text": np.where(first, "a", random.choice(list("bcd"), place.size, p=[0.6, 0.3, 0.1])),
            "score": random.beta(2, 5, place.size) + 0.1 * light[place] - 0.1 * (weekend & (hour < 12))[place],
        }
    ).sort("occurred_at")


SHIFTS = {
    "score": lambda frame, _: frame.with_columns(
        score=pl.when(at >= AT).then(pl.col("score") + 0.05).otherwise("score")
    ),
    "text": lambda frame, lot: frame.with_columns(
        text=pl.when((at >= AT) & (pl.col("text") == "a") & (lot < 0.24)).then(pl.lit("d")).otherwise("text")
    ),
    "number": lambda frame, _: frame.with_columns(
        number=pl.when(at.is_between(AT, AT + timedelta(days=3))).then(pl.col("number") * 1.6).otherwise("number")
    ),
    "rows": lambda frame, lot: frame.filter(~((at >= AT) & (lot < 0.4))),
}


def is_found(onsets_of, shift: str, seed: int) -> bool:
    frame = hourly(seed + 500)
    lot = pl.Series(np.random.default_rng(seed + 77).random(frame.height))
    found = onsets_of(SHIFTS[shift](frame, lot), every="1h", zone=ZONE, seed=seed)
    return any(one.column == shift and abs(one.at - AT) <= HOURS for one in found.onsets)


def test_the_pattern_of_the_hour_is_taken_away_though_nights_say_nothing(onsets_of):
    found = onsets_of(hourly(0), every="1h", zone=ZONE)
    assert found.events == ()
    assert not any("pattern of the hour is not removed" in fact for fact in found.facts)
    (said,) = (fact for fact in found.facts if fact.startswith("columns that have 10 rows on few days only at an hour"))
    assert said.endswith("not followed then: 7:00, 8:00, 20:00, 21:00, 22:00")


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_change_is_found_within_half_a_day(onsets_of, shift):
    assert is_found(onsets_of, shift, 1)


def flown(dealt, seed: int) -> pl.DataFrame:
    """Return real rows of 24 weeks dealt into six, each at its own weekday and time of day."""
    first = datetime(2015, 1, 5, tzinfo=UTC)
    frame = dealt(seed).select("occurred_at", "carrier", "distance_miles", "score")
    frame = frame.filter(at < first + timedelta(weeks=24))
    week = (at - first).dt.total_days() // 7
    return frame.with_columns(at - (week - week % 6) * timedelta(weeks=1)).sort("occurred_at", "carrier", "score")


@pytest.mark.parametrize("seed", [2, 4])
def test_real_rows_dealt_anew_show_no_change_by_the_hour(dealt, onsets_of, seed):
    found = onsets_of(flown(dealt, seed), every="1h", zone=ZONE, seed=seed)
    assert found.events == ()
    assert not any("pattern of the hour is not removed" in fact for fact in found.facts)


@pytest.mark.soak
def test_real_rows_dealt_anew_show_changes_by_the_hour_at_the_stated_rate(dealt, onsets_of):
    events = sum(bool(onsets_of(flown(dealt, seed), every="1h", zone=ZONE, seed=seed).events) for seed in range(60))
    assert events <= binom.ppf(0.995, 60, 0.05)


@pytest.mark.soak
@pytest.mark.parametrize("shift", SHIFTS)
def test_a_change_is_found_in_nine_of_ten_logs(onsets_of, shift):
    assert sum(is_found(onsets_of, shift, seed) for seed in range(20)) >= 18


@pytest.mark.soak
def test_logs_without_a_change_show_one_at_the_stated_rate(onsets_of):
    events = sum(bool(onsets_of(hourly(seed), every="1h", zone=ZONE, seed=seed).events) for seed in range(100))
    assert events <= binom.ppf(0.995, 100, 0.05)
