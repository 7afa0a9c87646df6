"""A log without changes shows one in 5 % of cases, and a stated change shows in at least 90 %."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom

DAY = timedelta(days=1)
AT = datetime(2024, 2, 12, tzinfo=UTC)
at = pl.col("occurred_at")


def bounds(count):
    """Return the 99 % interval of how many of so many logs show a change."""
    return binom.ppf(0.005, count, 0.05), binom.ppf(0.995, count, 0.05)


def alarms(draw, onsets_of, count):
    return sum(bool(onsets_of(draw(seed), seed=seed).events) for seed in range(count))


def test_drawn_rows_without_a_change_show_one_at_the_stated_rate(quiet, onsets_of):
    least, most = bounds(40)
    assert least <= alarms(lambda seed: quiet(seed, days=70, rows=40), onsets_of, 40) <= most


@pytest.mark.soak
def test_a_thousand_drawn_logs_show_changes_at_the_stated_rate(quiet, onsets_of):
    least, most = bounds(1_000)
    assert least <= alarms(lambda seed: quiet(seed + 10_000), onsets_of, 1_000) <= most


@pytest.mark.soak
def test_a_thousand_times_the_same_real_rows_dealt_anew_show_changes_at_the_stated_rate(dealt, onsets_of):
    def deal(seed):
        whole = dealt(seed).select("occurred_at", "carrier", "distance_miles", "score")
        return whole.filter(at < datetime(2015, 4, 6, tzinfo=UTC))

    least, most = bounds(1_000)
    assert least <= alarms(deal, onsets_of, 1_000) <= most


#: The changes whose power is stated, in rows of about 60 a day over 84 days: what is changed, and how it is named.
SHIFTS = {
    "a share from 15 to 27 %, to the end": (
        lambda frame, lot: frame.with_columns(
            text=pl.when((at >= AT) & (pl.col("text") == "a") & (lot < 0.24))
            .then(pl.lit("c"))
            .otherwise(pl.col("text"))
        ),
        ("text", "share"),
        timedelta(days=100),
    ),
    "a mean by half a standard deviation, to the end": (
        lambda frame, _: frame.with_columns(
            score=pl.when(at >= AT).then(pl.col("score") + 0.08).otherwise(pl.col("score"))
        ),
        ("score", "mean"),
        timedelta(days=100),
    ),
    "a factor of 1.6 for a week": (
        lambda frame, _: frame.with_columns(
            number=pl.when((at >= AT) & (at < AT + 7 * DAY)).then(pl.col("number") * 1.6).otherwise(pl.col("number"))
        ),
        ("number", "mean"),
        timedelta(days=7),
    ),
    "a fifth missing for three days": (
        lambda frame, lot: frame.with_columns(
            number=pl.when(~((at >= AT) & (at < AT + 3 * DAY) & (lot < 0.2))).then(pl.col("number"))
        ),
        ("number", "missing rate"),
        timedelta(days=3),
    ),
    "half of the rows gone for ten days": (
        lambda frame, lot: frame.filter(~((at >= AT) & (at < AT + 10 * DAY) & (lot < 0.5))),
        ("rows", "rows"),
        timedelta(days=10),
    ),
}


def found_share(quiet, onsets_of, shift, seeds):
    """Return the share of logs in which a change is found in the right series, within two days of its date."""
    change, series, _ = SHIFTS[shift]
    hits = 0
    for seed in seeds:
        frame = quiet(seed + 500)
        lot = pl.Series(np.random.default_rng(seed).random(frame.height))
        found = onsets_of(change(frame, lot), seed=seed)
        hits += any((one.column, one.statistic) == series and abs(one.at - AT) <= 2 * DAY for one in found.onsets)
    return hits / len(seeds)


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_stated_change_is_found(quiet, onsets_of, shift):
    assert found_share(quiet, onsets_of, shift, range(10)) >= 0.9


@pytest.mark.soak
@pytest.mark.parametrize("shift", SHIFTS)
def test_a_stated_change_is_found_in_nine_of_ten_logs(quiet, onsets_of, shift):
    assert found_share(quiet, onsets_of, shift, range(200)) >= 0.9


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_change_that_ends_is_said_to(quiet, onsets_of, shift):
    change, series, length = SHIFTS[shift]
    frame = quiet(9)
    found = onsets_of(change(frame, pl.Series(np.random.default_rng(9).random(frame.height))))
    one = next(one for one in found.onsets if (one.column, one.statistic) == series and abs(one.at - AT) <= 2 * DAY)
    if length > timedelta(days=50):
        assert one.returned is None
        assert found.summary()[0].startswith("Since 2024-02-1")
    else:
        assert abs(one.returned - AT - length) <= DAY
