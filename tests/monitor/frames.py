"""Frames with drift that is known, because it was put there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

START = datetime(2015, 1, 5, tzinfo=UTC)
WEEKS = 30
PER_WEEK = 700
LAST = START + timedelta(weeks=WEEKS)


def steady(seed: int = 0, weeks: int = WEEKS, per_week: int = PER_WEEK) -> pl.DataFrame:
    """Return rows that do not drift: a carrier, a skewed distance, a flag; evenly over Monday to Sunday."""
    random = np.random.default_rng(seed)
    rows = weeks * per_week
    seconds = (np.arange(rows) + 0.5) * (7 * 86_400 / per_week)
    return pl.DataFrame(
        {
            "at": pl.Series([START + timedelta(seconds=float(second)) for second in seconds]).cast(
                pl.Datetime("us", "UTC")
            ),
            "carrier": random.choice(["AA", "DL", "US", "WN"], size=rows, p=[0.4, 0.3, 0.1, 0.2]),
            "distance": np.round(np.exp(random.normal(6.4, 0.7, size=rows))),
            "late": random.random(rows) < 0.2,
        }
    )


def changed(frame: pl.DataFrame, since: datetime, until: datetime, **columns: pl.Expr) -> pl.DataFrame:
    """Return the frame with columns replaced by other expressions between two times."""
    inside = pl.col("at").is_between(since, until, closed="left")
    return frame.with_columns(
        pl.when(inside).then(expression).otherwise(pl.col(name)).alias(name) for name, expression in columns.items()
    )


def without(frame: pl.DataFrame, carrier: str, since: datetime, until: datetime) -> pl.DataFrame:
    """Return the frame in which one carrier's rows are another's between two times."""
    renamed = pl.when(pl.col("carrier") == carrier).then(pl.lit("AA")).otherwise(pl.col("carrier"))
    return changed(frame, since, until, carrier=renamed)
