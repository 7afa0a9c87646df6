"""Storms: days on which flights of some carriers are cancelled, moved by seed over the real log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.stats import hypergeom

DAY = timedelta(days=1)
FIRST = datetime(2015, 1, 5, tzinfo=UTC)
LARGE = ["AA", "DL", "EV", "MQ", "OO", "UA", "US", "WN"]
at = pl.col("occurred_at")


@dataclass(frozen=True)
class Storm:
    """Rows with a storm: outcomes of carriers lost on some days, and flights that were not even predicted."""

    frame: pl.DataFrame
    start: datetime
    end: datetime
    carriers: tuple[str, ...]


def stormy(frame, seed):
    """Plant a storm by seed: one to three days after the winter's, at large carriers that have 30 % of the flights."""
    generator = np.random.default_rng((5, seed))
    start = FIRST + timedelta(weeks=int(generator.integers(13, 23)), days=int(generator.integers(0, 7)))
    end = start + int(generator.integers(1, 4)) * DAY
    order = generator.permutation(LARGE).tolist()
    flown = np.cumsum([frame.filter(carrier=name).height for name in order])
    carriers = tuple(sorted(order[: int(np.searchsorted(flown, 0.3 * frame.height)) + 1]))
    cancelled, unpredicted = (pl.Series(generator.random(frame.height)) for _ in range(2))
    struck = at.is_between(start, end, closed="left") & pl.col("carrier").is_in(carriers)
    held = frame.with_columns(outcome_value=pl.when(~(struck & (cancelled < 0.7))).then(pl.col("outcome_value")))
    return Storm(held.filter(~(struck & (unpredicted < 0.4))), start, end, carriers)


def ask(onsets_of, storm):
    frame = storm.frame.select("occurred_at", "carrier", "outcome_value")
    return onsets_of(frame, followed_by_volume=["outcome_value"])


def check(storm, found):
    """Hold what was found against the storm; return whether the volume is told to have fallen, too."""
    events = [*found.spikes, *(event for event in found.events if not event.is_return)]
    (event,) = (
        event
        for event in events
        for one in event.onsets
        if (one.column, one.statistic, one.at) == ("outcome_value", "missing rate", storm.start)
    )
    cancelled = next(one for one in event.onsets if one.statistic == "missing rate")
    assert (cancelled.at, cancelled.returned) == (storm.start, storm.end)
    assert cancelled.after > cancelled.before + 0.05
    carriers = {one.category for one in cancelled.concentrated}
    assert carriers <= set(storm.carriers)
    assert len(carriers) >= max(len(storm.carriers) - 1, 1)
    (told,) = (one for one in found.summary() if f"{storm.start:%Y-%m-%d}" in one and "without a value rose" in one)
    assert all(f"carrier {name} (in " in told for name in carriers)
    volume = [one for one in event.onsets if (one.column, one.statistic) == ("outcome_value", "rows")]
    return bool(volume) and all(one.after < 0.9 * one.before for one in volume)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_storm_is_dated_and_its_carriers_are_named(real_rows, onsets_of, seed):
    storm = stormy(real_rows, seed)
    assert check(storm, ask(onsets_of, storm))


@pytest.mark.soak
def test_storms_are_dated_and_their_carriers_named_wherever_they_are(real_rows, onsets_of):
    missed, silent = [], []
    for seed in range(100, 200):
        storm = stormy(real_rows, seed)
        try:
            if not check(storm, ask(onsets_of, storm)):
                silent.append(seed)
        except (AssertionError, ValueError):
            missed.append(seed)
    assert len(missed) <= 5, missed
    assert len(silent) <= 15, silent


def test_what_is_said_of_a_carrier_is_what_the_rows_hold(real_rows, onsets_of):
    storm = stormy(real_rows, 1)
    found = ask(onsets_of, storm)
    one = next(one for one in (*found.spike_onsets, *found.onsets) if one.at == storm.start and one.concentrated)
    place = one.concentrated[0]
    within = storm.frame.filter(at.is_between(storm.start, storm.end, closed="left"))
    mine = within.filter(carrier=place.category)
    gone = within["outcome_value"].null_count()
    assert (place.rows, place.missing) == (mine.height, mine["outcome_value"].null_count())
    assert (place.other_rows, place.other_missing) == (within.height - place.rows, gone - place.missing)
    looked_at = within.group_by("carrier").len().filter(pl.col("len") >= 5).height
    chance = hypergeom.sf(place.missing - 1, within.height, gone, place.rows)
    assert place.p_value == pytest.approx(chance * looked_at)


def test_values_lost_anywhere_are_said_to_concentrate_nowhere(real_rows, onsets_of):
    start = FIRST + timedelta(weeks=15, days=2)
    lot = pl.Series(np.random.default_rng(3).random(real_rows.height))
    lost = at.is_between(start, start + 2 * DAY, closed="left") & (lot < 0.25)
    frame = real_rows.with_columns(outcome_value=pl.when(~lost).then(pl.col("outcome_value")))
    found = ask(onsets_of, Storm(frame, start, start + 2 * DAY, ()))
    one = next(one for one in (*found.spike_onsets, *found.onsets) if one.at == start and "missing" in one.statistic)
    assert one.concentrated == ()
