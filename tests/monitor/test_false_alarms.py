"""How often rows without drift raise an alert, and how often drift does: rates against their binomial intervals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import stats

import audit_lab as al
from audit_lab.log.search.wide import wide
from audit_lab.monitor.drift import drift
from audit_lab.monitor.measures.chi_square import chi_square_survivals, pooled_chi_squares

START = datetime(2024, 1, 1, tzinfo=UTC)
WEEKS, PER_WEEK = 12, 300
COLUMNS = ["amount", "twin", "city", "flag"]


def interval(questions: int, rate: float = 0.05) -> tuple[float, float]:
    """Return between how many alarms the middle 99 % of honest runs lie."""
    return tuple(stats.binom(questions, rate).ppf([0.005, 0.995]))


def calm(random: np.random.Generator) -> pl.DataFrame:
    """Return rows without drift, of columns that depend on one another."""
    rows = WEEKS * PER_WEEK
    amount = random.normal(100, 15, rows)
    return pl.DataFrame(
        {
            "at": [START + timedelta(hours=float(hour)) for hour in np.linspace(0, WEEKS * 7 * 24 - 1, rows)],
            "amount": amount,
            "twin": np.round(amount / 10 + random.normal(0, 0.5, rows)),
            "city": random.choice(["Bern", "Oslo", "Rome", "Turku"], rows, p=[0.5, 0.3, 0.15, 0.05]),
            "flag": np.where(amount > 110, "high", "low"),
        }
    )


def asked(frame: pl.DataFrame, seed: int, **options):
    chosen = [name for name in frame.columns if name != "at"]
    return drift(frame.lazy(), time="at", columns=chosen, seed=seed, **options)


def shifted(frame: pl.DataFrame, random: np.random.Generator, kind: str) -> pl.DataFrame:
    """Return the rows with one stated shift in the last week."""
    last = pl.col("at") >= START + timedelta(weeks=WEEKS - 1)
    drawn = pl.Series(random.random(frame.height))
    shifts = {
        "half a standard deviation": pl.when(last).then(pl.col("amount") + 7.5).otherwise("amount").alias("amount"),
        "half as wide again": pl.when(last)
        .then(100 + (pl.col("amount") - 100) * 1.5)
        .otherwise("amount")
        .alias("amount"),
        "a category from 5 to 15 %": pl.when(last & (drawn < 0.105))
        .then(pl.lit("Turku"))
        .otherwise("city")
        .alias("city"),
        "5 % missing": pl.when(~(last & (drawn < 0.05))).then("twin").alias("twin"),
    }
    return frame.with_columns(shifts[kind])


SHIFTS = ("half a standard deviation", "half as wide again", "a category from 5 to 15 %", "5 % missing")


def test_rows_without_drift_raise_alerts_no_more_often_than_stated():
    questions = 40
    alarms = sum(asked(calm(np.random.default_rng(seed)), seed).alerts().height > 0 for seed in range(questions))
    assert interval(questions)[0] <= alarms <= interval(questions)[1]


def short_alarms(questions: int, rows: int) -> int:
    """Return how many questions about rows without drift raise an alert, against the first so many rows."""
    alarms = 0
    for seed in range(questions):
        frame = calm(np.random.default_rng(seed)).with_columns(
            twin=pl.Series(np.random.default_rng(900 + seed).normal(0, 1, WEEKS * PER_WEEK)),
            other=pl.Series(np.random.default_rng(1_900 + seed).normal(0, 1, WEEKS * PER_WEEK)),
        )
        alarms += asked(frame, seed, reference=(START, frame["at"][rows])).alerts().height > 0
    return alarms


def test_a_short_reference_raises_alerts_no_more_often_than_stated():
    assert short_alarms(40, 50) <= interval(40)[1]


@pytest.mark.soak
@pytest.mark.parametrize("rows", [50, 60, 100, 200, 400])
def test_short_references_raise_alerts_at_the_stated_rate(rows):
    assert short_alarms(300, rows) <= interval(300)[1]


def test_a_larger_stated_rate_is_kept_too():
    questions = 24
    frames = (calm(np.random.default_rng(500 + seed)) for seed in range(questions))
    alarms = sum(asked(frame, seed, false_alarms=0.5).alerts().height > 0 for seed, frame in enumerate(frames))
    assert interval(questions, 0.5)[0] <= alarms <= interval(questions, 0.5)[1]


@pytest.mark.parametrize("rows", [50, 51, 55])
def test_p_values_of_small_windows_beside_bins_that_were_made_equal_are_no_smaller_than_they_may(rows):
    random, windows = np.random.default_rng(3), 200_000
    reference = np.full((windows, 10), 306.0)
    drawn = random.multinomial(rows, random.dirichlet(reference[0], windows)).astype(float)
    statistics, degrees, _ = pooled_chi_squares(reference, drawn)
    p_values = chi_square_survivals(statistics, degrees)
    assert (degrees == 9).all()
    assert np.mean(p_values <= 0.001) <= 0.0015
    assert np.mean(p_values <= 0.0001) <= 0.0002


@pytest.mark.parametrize("kind", SHIFTS)
def test_a_stated_shift_is_found_where_it_is_nine_times_of_ten(kind):
    questions, found = 8, 0
    column = {"half": "amount", "a category": "city", "5 %": "twin"}
    (name,) = (column for start, column in column.items() if kind.startswith(start))
    for seed in range(questions):
        random = np.random.default_rng(1_000 + seed)
        alerts = asked(shifted(calm(random), random, kind), seed).alerts()
        last = START + timedelta(weeks=WEEKS - 1)
        found += alerts.filter(pl.col("column") == name, pl.col("window_start") >= last).height
    assert found >= stats.binom(questions, 0.9).ppf(0.01)


@pytest.mark.soak
@pytest.mark.parametrize("kind", SHIFTS)
def test_the_power_is_at_least_nine_tenths(kind):
    questions, found = 200, 0
    for seed in range(questions):
        random = np.random.default_rng(10_000 + seed)
        alerts = asked(shifted(calm(random), random, kind), seed).alerts()
        found += alerts.filter(pl.col("window_start") >= START + timedelta(weeks=WEEKS - 1)).height > 0
    assert found >= stats.binom(questions, 0.9).ppf(0.01)


@pytest.fixture(scope="module")
def flown(flights):
    store = al.open(flights)._store
    frame, features = wide(store, store.models()[0])
    rows = frame.to_native().select(pl.col("occurred_at").alias("at"), *features, "score", "decision").collect()
    return rows.gather_every(5)


@pytest.mark.soak
@pytest.mark.parametrize("every", ["1w", "1d"])
def test_shuffled_flights_raise_alerts_at_the_stated_rate(flown, every):
    questions = 1_000
    times = flown["at"].to_numpy()
    alarms = 0
    for seed in range(questions):
        mixed = pl.Series("at", np.random.default_rng(seed).permutation(times)).dt.replace_time_zone("UTC")
        alarms += asked(flown.with_columns(mixed), seed, every=every).alerts().height > 0
    assert interval(questions)[0] <= alarms <= interval(questions)[1]
