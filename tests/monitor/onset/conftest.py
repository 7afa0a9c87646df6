"""Rows for onsets: drawn without any change, real ones dealt anew, and changes planted in them by seed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.face.windowed_rows import windowed_rows
from audit_lab.monitor.onset.search import find_onsets

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.monitor.onset import Onsets

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000
_BUSY = np.array([1.0, 1.0, 1.0, 1.0, 1.05, 0.75, 0.9])
_FEATURES = ("distance_miles", "carrier_mean_delay_7d")
_FACTORS = (1.609344, 0.3048, 0.45359237, 60.0, 100.0, 1000.0, 1.852)


def asked(frame: pl.DataFrame, **options) -> Onsets:
    """Ask for the onsets of every column of a frame."""
    hour = pl.col("occurred_at").dt.truncate("1h").alias("hour")
    hours = frame.group_by(hour).agg(rows=pl.len().cast(pl.Int64)).sort("hour")
    columns = [name for name in frame.columns if name != "occurred_at"]

    def read(start: datetime, end: datetime) -> pl.DataFrame:
        return frame.filter(pl.col("occurred_at") >= start, pl.col("occurred_at") < end)

    return find_onsets(read, hours, columns, **options)


@pytest.fixture(scope="session")
def onsets_of() -> Callable[..., Onsets]:
    return asked


@pytest.fixture(scope="session")
def quiet() -> Callable[..., pl.DataFrame]:
    """Return what draws rows without any change but the week's pattern: a long-tailed number, a text, a score."""

    def draw(seed: int, days: int = 84, rows: int = 60) -> pl.DataFrame:
        generator = np.random.default_rng(seed)
        day = np.repeat(np.arange(days), generator.poisson(rows * _BUSY[np.arange(days) % 7]))
        moment = ((day + generator.random(day.size)) * _DAY).astype(np.int64)
        return pl.DataFrame(
            {
                "occurred_at": pl.Series(moment).cast(pl.Datetime("us", "UTC"))
                + (MONDAY - datetime(1970, 1, 1, tzinfo=UTC)),
                "number": generator.lognormal(0, 0.6, day.size) + 0.5 * _BUSY[day % 7],
                "text": generator.choice(list("abcd"), day.size, p=[0.5, 0.25, 0.15, 0.1]),
                "score": generator.beta(2, 5, day.size),
            }
        ).sort("occurred_at")

    return draw


@dataclass(frozen=True)
class Planted:
    """Rows with three changes: a category that goes over into another, a storm, and a feature in another unit."""

    frame: pl.DataFrame
    gone: str
    into: str
    merger: datetime
    storm: tuple[datetime, datetime]
    feature: str
    factor: float
    unit: tuple[datetime, datetime]


@pytest.fixture(scope="session")
def real_rows(flights) -> pl.DataFrame:
    """Return the flights of the first 26 whole weeks of 2015, before the real merger and the planted unit change."""
    columns = ["carrier", "distance_miles", "departure_hour", "carrier_mean_delay_7d", "score", "outcome_value"]
    rows = windowed_rows(al.open(flights)._store, None, "2015-01-05", "2015-07-01")
    return rows.reader(columns)(datetime(2015, 1, 5, tzinfo=UTC), datetime(2015, 6, 29, tzinfo=UTC))


@pytest.fixture(scope="session")
def dealt(real_rows) -> Callable[[int], pl.DataFrame]:
    """Return what deals the real rows anew: each keeps its weekday and time of day, and falls into any week."""

    def deal(seed: int) -> pl.DataFrame:
        generator = np.random.default_rng(seed)
        first = datetime(2015, 1, 5, tzinfo=UTC)
        within = (pl.col("occurred_at") - first).dt.total_microseconds() % (7 * _DAY)
        week = pl.Series(generator.integers(0, 25, real_rows.height)) * (7 * _DAY)
        moment = (within + week).cast(pl.Duration("us")) + pl.lit(first).cast(pl.Datetime("us", "UTC"))
        return real_rows.with_columns(occurred_at=moment).sort("occurred_at", "carrier", "score")

    return deal


@pytest.fixture(scope="session")
def planted(dealt) -> Callable[[int], Planted]:
    """Return what plants a merger, a storm and a change of unit by seed, at dates, carriers, features and factors."""

    def plant(seed: int) -> Planted:
        generator = np.random.default_rng(seed)
        frame = dealt(seed)
        first = datetime(2015, 1, 5, tzinfo=UTC)
        weeks = 2 + 7 * generator.permutation(3) + generator.integers(0, 6, 3)
        merger, storm, unit = (first + timedelta(weeks=int(week), days=int(generator.integers(0, 7))) for week in weeks)
        storm_end = storm + timedelta(days=int(generator.integers(3, 6)))
        unit_end = unit + timedelta(days=7)
        gone, into = generator.choice(["AA", "DL", "WN", "UA", "OO", "EV", "US"], 2, replace=False).tolist()
        feature, factor = str(generator.choice(_FEATURES)), float(generator.choice(_FACTORS))
        at = pl.col("occurred_at")
        stormy = (at >= storm) & (at < storm_end)
        lost = pl.Series(generator.random(frame.height))
        frame = frame.with_columns(
            carrier=pl.when((at >= merger) & (pl.col("carrier") == gone))
            .then(pl.lit(into))
            .otherwise(pl.col("carrier")),
            outcome_value=pl.when(~(stormy & (lost < 0.2))).then(pl.col("outcome_value")),
            **{
                feature: pl.when((at >= unit) & (at < unit_end))
                .then(pl.col(feature) * factor)
                .otherwise(pl.col(feature))
            },
        ).filter(~(stormy & (lost > 0.75)))
        return Planted(frame, gone, into, merger, (storm, storm_end), feature, factor, (unit, unit_end))

    return plant
