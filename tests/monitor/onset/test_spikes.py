"""Spikes: days far beyond the level about them are dated, at the stated rate and with the stated power."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom, norm

from audit_lab.monitor.onset.changes import find_changes
from audit_lab.monitor.onset.spikes import departures, levels_apart

DAY = timedelta(days=1)
AT = datetime(2024, 2, 14, tzinfo=UTC)
at = pl.col("occurred_at")


def lost(frame, seed, start, days, share, *, usual=0.08):
    """Return rows of which a share has no number for some days, and a usual one on all others."""
    lot = pl.Series(np.random.default_rng(seed).random(frame.height))
    within = (at >= start) & (at < start + days * DAY)
    return frame.with_columns(
        number=pl.when(lot >= pl.when(within).then(share).otherwise(usual)).then(pl.col("number"))
    )


def found_of(onsets_of, frame, seed=0):
    return onsets_of(frame.select("occurred_at", "number", "text"), seed=seed)


def alarms(draw, onsets_of, seeds):
    return sum(bool(found_of(onsets_of, draw(seed), seed).spikes) for seed in seeds)


def most(count):
    """Return the upper end of the 99 % interval of how many of so many logs show a spike at 5 %."""
    return binom.ppf(0.995, count, 0.05)


def test_a_day_is_told_and_its_level_and_its_rows_are_those_of_the_log(quiet, onsets_of):
    frame = lost(quiet(3), 3, AT, 1, 0.38)
    (event,) = found_of(onsets_of, frame).spikes
    (one,) = event.onsets
    assert (event.kind, one.kind, one.column, one.statistic) == ("spike", "spike", "number", "missing rate")
    assert (one.at, one.returned, one.until, one.since) == (AT, AT + DAY, AT + DAY, AT - 14 * DAY)
    day = frame.filter(at >= AT, at < AT + DAY)
    assert one.after == pytest.approx(day["number"].null_count() / day.height)
    beside = frame.filter(at >= AT - 14 * DAY, at < AT + 15 * DAY).filter((at < AT) | (at >= AT + DAY))
    assert one.before == pytest.approx(beside["number"].null_count() / beside.height)
    assert (one.before_rows, one.after_rows, one.unit) == (beside.height, day.height, "share of rows")


def test_the_kind_is_in_the_table_the_sentence_and_the_json(quiet, onsets_of):
    found = found_of(onsets_of, lost(quiet(3), 3, AT, 1, 0.38))
    told = [*found.events, *found.spikes]
    assert found.table()["kind"].to_list() == [one.kind for event in told for one in event.onsets]
    assert [one["kind"] for one in found.to_dict()["spikes"]] == ["spike"] * len(found.spikes)
    (sentence,) = [one for one in found.summary() if one.startswith("Spike, ")]
    assert sentence.startswith("Spike, 2024-02-14: number: the share without a value rose from ")


def test_what_is_told_as_a_level_that_came_and_went_is_not_told_again(quiet, onsets_of):
    found = found_of(onsets_of, lost(quiet(2), 2, AT, 4, 0.5, usual=0.0))
    (level,) = [one for one in found.onsets if one.statistic == "missing rate" and not one.is_return]
    assert (level.at, level.returned) == (AT, AT + 4 * DAY)
    assert found.spikes == ()


def test_a_change_that_lasts_is_no_spike(quiet, onsets_of):
    frame = quiet(3).with_columns(
        text=pl.when((at >= AT) & (pl.col("text") == "b")).then(pl.lit("a")).otherwise(pl.col("text"))
    )
    found = found_of(onsets_of, frame)
    assert [one.at for one in found.events] == [AT]
    assert found.spikes == ()


def test_a_level_is_taken_away_and_what_is_short_belongs_to_the_one_before():
    values = np.concatenate([np.zeros(30), np.full(3, 9.0), np.zeros(20), np.full(30, 5.0)])
    left = levels_apart(values, find_changes(values, 10.0))
    np.testing.assert_array_equal(left, np.where((np.arange(83) >= 30) & (np.arange(83) < 33), 9.0, 0.0))


def test_how_far_a_window_lies_knows_nothing_of_the_spikes():
    values = np.random.default_rng(4).normal(3, 2, (200, 1))
    values[[50, 51, 120]] += 40
    found = departures(values, np.zeros(1))
    clean = np.delete(found.apart[:, 0], [50, 51, 120])
    assert found.apart[[50, 51, 120], 0] == pytest.approx([20, 20, 20], abs=4)
    assert np.std(clean) == pytest.approx(1, abs=0.2)
    np.testing.assert_allclose(found.p_values, 2 * norm.sf(np.abs(found.apart)), rtol=1e-9)


def test_a_share_is_never_surer_than_sampling_lets_it_be():
    quiet_days = np.zeros((60, 1))
    quiet_days[30] = 4.0
    found = departures(quiet_days, np.ones(1))
    assert found.apart[30, 0] == 4.0
    assert departures(np.zeros((60, 1)), np.zeros(1)).p_values.min() == 1.0


def test_drawn_rows_without_a_spike_show_one_no_more_often_than_stated(quiet, onsets_of):
    assert alarms(lambda seed: quiet(seed + 3_000, days=70, rows=40), onsets_of, range(40)) <= most(40)


def test_days_that_vary_more_than_sampling_are_no_spikes(quiet, onsets_of):
    def draw(seed):
        generator = np.random.default_rng(seed)
        frame = quiet(seed + 4_000, days=70, rows=60)
        share = np.clip(0.3 + 0.12 * generator.standard_normal(71), 0, 1)
        day = (frame["occurred_at"] - datetime(2024, 1, 1, tzinfo=UTC)).dt.total_days().to_numpy()
        gone = pl.Series(generator.random(frame.height) < share[day])
        return frame.with_columns(number=pl.when(~gone).then(pl.col("number")))

    assert alarms(draw, onsets_of, range(12)) <= most(12)


@pytest.mark.soak
def test_a_thousand_drawn_logs_show_spikes_no_more_often_than_stated(quiet, onsets_of):
    assert alarms(lambda seed: quiet(seed + 20_000), onsets_of, range(1_000)) <= most(1_000)


@pytest.mark.soak
def test_three_hundred_times_the_same_real_rows_dealt_anew_show_spikes_no_more_often_than_stated(dealt, onsets_of):
    def alarm(seed):
        whole = dealt(seed).select("occurred_at", "carrier", "outcome_value")
        return bool(onsets_of(whole, seed=seed, with_volume=False).spikes)

    assert sum(alarm(seed) for seed in range(300)) <= most(300)


def found_share(quiet, onsets_of, days, share, seeds):
    """Return in how many logs of 250 rows a day the lost days are a spike, or a level that came and went."""
    hits = 0
    for seed in seeds:
        start = AT + (seed % 20) * DAY
        frame = lost(quiet(seed + 700, days=70, rows=250), seed, start, days, share, usual=0.02)
        found = found_of(onsets_of, frame, seed)
        mine = [one for one in (*found.spike_onsets, *found.onsets) if one.statistic == "missing rate"]
        hits += any((one.at, one.returned) == (start, start + days * DAY) for one in mine)
    return hits / len(seeds)


@pytest.mark.parametrize("days", [1, 2, 4])
def test_days_that_lose_an_eighth_instead_of_a_fiftieth_are_found(quiet, onsets_of, days):
    assert found_share(quiet, onsets_of, days, 0.13, range(10)) >= 0.9


@pytest.mark.soak
@pytest.mark.parametrize("days", [1, 2, 4])
def test_days_that_lose_an_eighth_are_found_in_nine_of_ten_logs(quiet, onsets_of, days):
    assert found_share(quiet, onsets_of, days, 0.13, range(200)) >= 0.9
