"""Which version served each flight, what it said, and what the log kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from builder.delay_versions import CANARY, HOTFIX, PRIMARY
from builder.draws import uniform, uuid7
from builder.faults import WRITERS, day_start
from builder.flights import FEATURES

if TYPE_CHECKING:
    from builder.delay_versions import DelayVersion
    from builder.faults import FaultPlan

__all__ = ["MODEL", "Served", "serve", "within"]

MODEL = "delay-risk"
ENDPOINT = "/v1/delay-risk"

_WRITER_A_SHARE = 0.6
_RECORDED_AFTER = timedelta(seconds=2)


@dataclass(frozen=True)
class Served:
    """What was served and what of it reached the log.

    `scored` has one row per flight, lost ones included; `without_inputs`, `lost` and `shared_id` mark its rows.
    """

    scored: pl.DataFrame
    without_inputs: pl.Series
    lost: pl.Series
    shared_id: pl.Series

    @property
    def kept(self) -> pl.DataFrame:
        """The rows whose prediction reached the log."""
        return self.scored.filter(~self.lost)

    @property
    def with_inputs(self) -> pl.DataFrame:
        """The rows whose inputs reached the log."""
        return self.scored.filter(~(self.lost | self.without_inputs))


def within(first: date, days: int, column: str = "date") -> pl.Expr:
    """Select whole days: from `first`, as many as `days`."""
    return pl.col(column).is_between(first, first + timedelta(days=days), closed="left")


def serve(flights: pl.DataFrame, versions: dict[str, DelayVersion], plan: FaultPlan) -> Served:
    """Score every flight with the version that served it, then plant what the log lacks or doubles.

    Parameters
    ----------
    flights
        In the order in which they are scored.
    versions
        Version name to version.
    plan
        Where the faults are.
    """
    arrived = _as_arrived(flights, plan)
    routed = arrived.with_columns(_version_of(arrived, plan))
    parts = []
    for name, version in versions.items():
        rows = routed.filter(pl.col("version") == name)
        scores = version.scores(rows)
        parts.append(rows.with_columns(scores, pl.lit(version.threshold).alias("threshold")))
    scored = pl.concat(parts).sort("occurred_at", "row")
    scored = _with_writers(scored)
    scored = scored.with_columns(_label(), pl.Series("prediction_id", _ids(scored, plan.seed)))
    scored, shared_id = _share_an_id(scored, plan)
    without_inputs = scored.select(
        within(plan.inputs_missing_from, plan.inputs_missing_days) & (pl.col("carrier") == plan.inputs_missing_carrier)
    ).to_series()
    return Served(scored, without_inputs, _lost(scored, plan), shared_id)


def _as_arrived(flights: pl.DataFrame, plan: FaultPlan) -> pl.DataFrame:
    """Return the flights with one feature in the other unit for the planned week."""
    change = plan.unit_change
    value = pl.col(change.feature)
    converted = (value * change.factor).round(6)
    return flights.with_columns(
        pl.when(within(plan.unit_from, plan.unit_days)).then(converted).otherwise(value).alias(change.feature)
    )


def _version_of(flights: pl.DataFrame, plan: FaultPlan) -> pl.Series:
    """Return the version that served each flight: the primary slot, or a share of traffic beside it."""
    at = flights["occurred_at"]
    version = np.full(flights.height, PRIMARY[0][1], dtype=object)
    for from_time, name in PRIMARY[1:]:
        version[(at >= from_time).to_numpy()] = name
    draw = uniform(flights["row"].to_numpy(), "traffic split")
    beside = (
        (HOTFIX, plan.hotfix_from, plan.hotfix_days, plan.hotfix_share),
        (CANARY, plan.canary_from, plan.canary_days, plan.canary_share),
    )
    for name, first, days, share in beside:
        during = at.is_between(day_start(first), day_start(first + timedelta(days=days)), closed="left")
        version[during.to_numpy() & (draw < share)] = name
    return pl.Series("version", version, dtype=pl.String)


def _label() -> pl.Expr:
    late = pl.col("score") >= pl.col("threshold")
    return pl.when(late).then(pl.lit("late")).otherwise(pl.lit("on time")).alias("label")


def _with_writers(scored: pl.DataFrame) -> pl.DataFrame:
    """Give each prediction its writer and that writer's next sequence number, and invent its latency."""
    rows = scored["row"].to_numpy()
    writer = np.where(uniform(rows, "writer") < _WRITER_A_SHARE, *WRITERS)
    latency = np.round(3.0 + 2.5 * -np.log1p(-uniform(rows, "latency")), 1)
    return scored.with_columns(
        pl.Series("writer_id", writer),
        pl.Series("latency_ms", latency),
        (pl.col("occurred_at") + _RECORDED_AFTER).alias("recorded_at"),
    ).with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("writer_id").alias("sequence"))


def _ids(scored: pl.DataFrame, seed: int) -> list[str]:
    times: list[datetime] = scored["occurred_at"].to_list()
    return uuid7(times, [f"{MODEL}:{seed}:{row}" for row in scored["row"]])


def _share_an_id(scored: pl.DataFrame, plan: FaultPlan) -> tuple[pl.DataFrame, pl.Series]:
    """Give one prediction of the planned day the id of another flight's, made earlier that day."""
    day = scored.with_row_index("place").filter(pl.col("date") == plan.duplicate_on)
    first = day.row(day.height // 3, named=True)
    second = day.filter((pl.col("place") > first["place"]) & (pl.col("carrier") != first["carrier"])).row(0, named=True)
    place = pl.int_range(pl.len())
    doubled = scored.with_columns(
        pl.when(place == second["place"])
        .then(pl.lit(first["prediction_id"]))
        .otherwise(pl.col("prediction_id"))
        .alias("prediction_id")
    )
    return doubled, doubled.select(place.is_in([first["place"], second["place"]])).to_series()


def _lost(scored: pl.DataFrame, plan: FaultPlan) -> pl.Series:
    """Mark the predictions that one writer lost: successive sequence numbers from noon of the planned day."""
    noon = day_start(plan.gap_on) + timedelta(hours=12)
    of_writer = pl.col("writer_id") == plan.gap_writer
    start = scored.filter(of_writer & (pl.col("occurred_at") >= noon))["sequence"][0]
    lost = of_writer & pl.col("sequence").is_between(start, start + plan.gap_length, closed="left")
    return scored.select(lost).to_series()


def log_tables(served: Served) -> dict[str, pl.DataFrame]:
    """Return the tables ``predictions``, ``inputs/delay-risk`` and ``outcomes`` of what reached the log."""
    kept = served.kept
    predictions = kept.select(
        "prediction_id",
        "occurred_at",
        pl.lit(MODEL).alias("model_name"),
        pl.col("version").alias("model_version"),
        _subject().alias("subject_id"),
        pl.struct("score", "label").alias("outputs"),
        "threshold",
        pl.col("label").alias("decision"),
        pl.lit("threshold").alias("decision_rule"),
        pl.lit("production").alias("environment"),
        pl.lit(ENDPOINT).alias("endpoint"),
        pl.col("writer_id").str.replace("writer", "node").alias("node"),
        pl.lit("ntp").alias("clock_source"),
        "latency_ms",
        pl.lit("low").alias("risk_tier"),
        pl.lit("every prediction").alias("sampling_rule"),
        pl.lit(1.0).alias("sampling_rate"),
        "sequence",
        "writer_id",
        "recorded_at",
    )
    outcomes = kept.sort("observed_at", "row").select(
        "prediction_id",
        "observed_at",
        pl.when("late").then(pl.lit("late")).otherwise(pl.lit("on time")).alias("label"),
        pl.col("delay_minutes").alias("value"),
        pl.lit("bts-on-time-2015").alias("source"),
        pl.col("observed_at").alias("recorded_at"),
    )
    inputs = served.with_inputs.select("prediction_id", "recorded_at", *FEATURES)
    return {"predictions": predictions, f"inputs/{MODEL}": inputs, "outcomes": outcomes}


def _subject() -> pl.Expr:
    """Return the pseudonym of a flight: its row number, permuted by a multiplication modulo a prime."""
    permuted = (pl.col("row") * 4_870_847) % 9_999_991
    return pl.lit("flight-") + permuted.cast(pl.String).str.zfill(7)
