"""How long outcomes take to arrive, and which windows are still waiting for theirs.

Outcomes that have not arrived are no evidence that they never will, so the delays of those that have are too short. The
estimate of Kaplan and Meier takes both into account: an outcome that is missing was not there up to the prediction's
age, and nothing more is known of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = [
    "FEWEST_OUTCOMES",
    "MATURE_SHARE",
    "QUANTILES",
    "TOO_FEW",
    "Arrival",
    "Delays",
    "delay_quantiles",
    "delays_of",
    "expected_share",
    "kaplan_meier",
    "step_of",
    "waiting",
]

#: A window is mature when at least this share of the outcomes that it can expect is to have arrived by now.
MATURE_SHARE = 0.95
#: A window of fewer outcomes than this says nothing about a model: of two rows, an AUC is 0 or 1.
FEWEST_OUTCOMES, TOO_FEW = 10, "too few outcomes"
#: The quantiles by which the delays are told.
QUANTILES = {"shortest": 0.0, "median": 0.5, "p90": 0.9, "p99": 0.99, "longest": 1.0}

#: Delays are counted in steps of the first of these of which the log's span has not more than `_MOST_STEPS`.
_STEPS = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(days=1))
_MOST_STEPS = 20_000


@dataclass(frozen=True)
class Delays:
    """The time from a prediction to its outcome, of those that have one.

    Parameters
    ----------
    rows
        How many have both times.
    before
        How many outcomes were observed before their prediction was made.
    quantiles
        By the names of `QUANTILES`; the nearest observed delay. Empty without rows.
    """

    rows: int
    before: int
    quantiles: Mapping[str, timedelta]


@dataclass(frozen=True, eq=False)
class Arrival:
    """The share of outcomes that have arrived by an age, of those that ever will, by steps of `step`."""

    step: timedelta
    share: NDArray[np.float64]

    def by(self, ages: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the share that is to have arrived by each age, in steps."""
        if not self.share.size:
            return np.zeros(ages.size)
        found: NDArray[np.float64] = self.share[np.clip(ages, 0, self.share.size - 1)]
        return found


def step_of(span: timedelta) -> timedelta:
    """Return in which steps delays within a span are counted."""
    return next((step for step in _STEPS if span / step <= _MOST_STEPS), _STEPS[-1])


def delay_quantiles(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Return one row: how many have both times, how many outcomes came before, and each of `QUANTILES`."""
    delay = (pl.col("observed_at") - pl.col("occurred_at")).dt.total_microseconds()
    return rows.select(
        delay.count().alias("rows"),
        (delay < 0).sum().alias("before"),
        *(delay.quantile(at, "nearest").alias(name) for name, at in QUANTILES.items()),
    )


def delays_of(found: pl.DataFrame) -> Delays:
    """Return the delays of a collected `delay_quantiles`."""
    row = found.row(0, named=True)
    known = {name: timedelta(microseconds=int(row[name])) for name in QUANTILES if row[name] is not None}
    return Delays(int(row["rows"]), int(row["before"]), known)


def waiting(rows: pl.LazyFrame, horizon: datetime, step: timedelta) -> pl.LazyFrame:
    """Count rows by window, version, age at a moment and delay, both in whole steps; delay null without an outcome.

    Parameters
    ----------
    rows
        ``window_start``, ``model_version``, ``occurred_at``, ``known_at`` and ``has_outcome``.
    """
    size = int(step / timedelta(microseconds=1))
    age = (pl.lit(horizon) - pl.col("occurred_at")).dt.total_microseconds() // size
    delay = (pl.col("known_at") - pl.col("occurred_at")).dt.total_microseconds() // size
    return (
        rows.with_columns(
            age.clip(lower_bound=0).alias("age"),
            pl.when(pl.col("has_outcome")).then(delay.clip(lower_bound=0)).alias("delay"),
        )
        .group_by("window_start", "model_version", "age", "delay", "has_outcome")
        .agg(pl.len().cast(pl.Int64).alias("rows"))
    )


def kaplan_meier(counted: pl.DataFrame, step: timedelta) -> Arrival:
    """Return the share of outcomes that have arrived by each age, of those that ever will.

    ``1 - product over steps of (1 - arrivals / rows still waiting)``, divided by what it comes to at the longest delay
    that was seen: an outcome that takes longer than any did yet is not reckoned with. Source: Kaplan and Meier, JASA 53
    (1958).

    Parameters
    ----------
    counted
        As `waiting` counts them.
    """
    known = counted.drop_nulls("age").filter(~pl.col("has_outcome") | pl.col("delay").is_not_null())
    rows = known["rows"].to_numpy().astype(np.float64)
    until = known.select(pl.coalesce("delay", "age")).to_series().to_numpy()
    arrived = known["has_outcome"].to_numpy()
    if not arrived.any():
        return Arrival(step, np.zeros(0))
    longest = int(until[arrived].max())
    size = int(until.max()) + 1
    arrivals = np.bincount(until[arrived], weights=rows[arrived], minlength=size)
    leaving = np.bincount(until, weights=rows, minlength=size)
    at_risk = np.cumsum(leaving[::-1])[::-1]
    waiting_still = np.cumprod(1 - np.divide(arrivals, at_risk, out=np.zeros(size), where=at_risk > 0))
    share = (1 - waiting_still)[: longest + 1]
    return Arrival(step, share / share[-1])


def expected_share(counted: pl.DataFrame, arrival: Arrival) -> float | None:
    """Return the share of the outcomes that these rows can expect that is to have arrived; None where unknown."""
    known = counted.drop_nulls("age")
    rows = known["rows"].to_numpy().astype(np.float64)
    if not rows.sum() or not arrival.share.size:
        return None
    if known["has_outcome"].all():
        return 1.0
    return float((arrival.by(known["age"].to_numpy()) * rows).sum() / rows.sum())
