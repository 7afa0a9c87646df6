"""Flights as a scoring service would have seen them: an invented hour, and features known before departure."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from builder.draws import uniform
from builder.sources import read_flights

__all__ = ["FEATURES", "OUTCOME_DELAY", "PRIOR_DELAY_MINUTES", "PRIOR_FLIGHTS", "PRIOR_LATE_RATE", "scored_flights"]

FEATURES = (
    "carrier",
    "distance_miles",
    "departure_hour",
    "weekday",
    "carrier_delay_rate_7d",
    "carrier_mean_delay_7d",
)

#: An outcome is known this long after the scheduled departure.
OUTCOME_DELAY = timedelta(days=1)

#: What is assumed of a carrier before anything is known: as many flights, late at this rate, by this mean delay.
PRIOR_FLIGHTS = 10
PRIOR_LATE_RATE = 0.2
PRIOR_DELAY_MINUTES = 9.0

_FIRST_DAY = date(2015, 1, 1)
_DAYS = 365
_WINDOW_DAYS = 7
#: Flights of the day before are not all over when a flight is scored, so the window ends two days before.
_KNOWN_AFTER_DAYS = 2

#: Invented: how many of 100 flights leave in each hour from 5 to 22.
_FIRST_HOUR = 5
_HOUR_SHARES = (4, 8, 8, 7, 6, 6, 6, 6, 6, 5, 6, 5, 7, 6, 5, 4, 3, 2)


def scored_flights() -> pl.DataFrame:
    """Return every flight with its invented times and its features, in the order in which they are scored.

    Returns
    -------
    pl.DataFrame
        The columns of :func:`builder.sources.read_flights`, `FEATURES`, ``occurred_at`` (when it is scored: two to
        four hours before departure, always on the flight's own date in UTC), ``departs_at`` and ``observed_at``.
    """
    flights = _with_carrier_history(_with_times(read_flights()))
    return flights.sort("occurred_at", "row")


def _with_times(flights: pl.DataFrame) -> pl.DataFrame:
    """Add the invented times; 05:00 less four hours and a minute is still the same day."""
    rows = flights["row"].to_numpy()
    steps = np.cumsum(_HOUR_SHARES) / sum(_HOUR_SHARES)
    hours = _FIRST_HOUR + np.searchsorted(steps, uniform(rows, "departure hour"), side="right")
    minutes = np.floor(uniform(rows, "departure minute") * 60).astype(np.int64)
    lead_ms = 7_200_000 + np.floor(uniform(rows, "lead time") * 7_200_000).astype(np.int64)
    departs_at = pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC") + pl.duration(
        hours=pl.Series("hours", hours), minutes=pl.Series("minutes", minutes)
    )
    return flights.with_columns(
        pl.Series("departure_hour", hours.astype(np.int64)),
        pl.col("date").dt.weekday().cast(pl.Int64).alias("weekday"),
        departs_at.alias("departs_at"),
        (departs_at + OUTCOME_DELAY).alias("observed_at"),
        (departs_at - pl.duration(milliseconds=pl.Series("lead", lead_ms))).alias("occurred_at"),
    )


def _with_carrier_history(flights: pl.DataFrame) -> pl.DataFrame:
    """Add the two features that look back: seven days of the carrier, ending two days before the flight."""
    carriers = sorted(flights["carrier"].unique())
    code = np.searchsorted(np.array(carriers), flights["carrier"].to_numpy())
    day = (flights["date"] - _FIRST_DAY).dt.total_days().to_numpy()
    left = flights["delay_minutes"].is_not_null().to_numpy()
    sums = {
        "flights": np.ones(len(day)),
        "late": flights["late"].to_numpy().astype(np.float64),
        "left": left.astype(np.float64),
        "delay": flights["delay_minutes"].fill_null(0.0).to_numpy(),
    }
    known = {name: _window_sums(code, day, values, len(carriers)) for name, values in sums.items()}
    rate = (known["late"] + PRIOR_FLIGHTS * PRIOR_LATE_RATE) / (known["flights"] + PRIOR_FLIGHTS)
    mean = (known["delay"] + PRIOR_FLIGHTS * PRIOR_DELAY_MINUTES) / (known["left"] + PRIOR_FLIGHTS)
    return flights.with_columns(
        pl.Series("carrier_delay_rate_7d", np.round(rate, 4)),
        pl.Series("carrier_mean_delay_7d", np.round(mean, 2)),
    )


def _window_sums(code: np.ndarray, day: np.ndarray, values: np.ndarray, carriers: int) -> np.ndarray:
    """Return, for each flight, the sum of `values` over its carrier's flights in the window known to it."""
    daily = np.zeros((carriers, _DAYS))
    np.add.at(daily, (code, day), values)
    until = np.concatenate([np.zeros((carriers, 1)), np.cumsum(daily, axis=1)], axis=1)
    end = np.maximum(day - _KNOWN_AFTER_DAYS + 1, 0)
    start = np.maximum(end - _WINDOW_DAYS, 0)
    sums: np.ndarray = until[code, end] - until[code, start]
    return sums
