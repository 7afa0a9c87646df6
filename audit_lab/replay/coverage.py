"""The completeness statement: which predictions cannot be replayed, why, and what the log itself lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import ModelError
from audit_lab.log.query import Question, find
from audit_lab.log.reading import collect
from audit_lab.replay.batch import load_registered, repeated_ids
from audit_lab.replay.verdict import EFFECTS

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["Coverage", "coverage", "sequence_gaps"]

#: The code of a prediction that nothing keeps from being replayed.
REPLAYABLE = "replayable"


@dataclass(frozen=True)
class Coverage:
    """What share of a log can be replayed, and why the rest cannot.

    Parameters
    ----------
    table
        ``model_name``, ``model_version``, ``code`` (``replayable`` or a key of `EFFECTS`), ``predictions``,
        ``first_id``.
    sequence_gaps
        ``writer_id``, ``after``, ``before``, ``lost``, ``last_seen``, ``next_seen``: breaks in a writer's numbering.
    not_checked
        What this statement cannot speak of.
    """

    table: pl.DataFrame
    sequence_gaps: pl.DataFrame
    not_checked: tuple[str, ...]

    @property
    def predictions(self) -> int:
        """Predictions in the log."""
        return int(self.table["predictions"].sum())

    @property
    def replayable(self) -> int:
        """Predictions that nothing keeps from being replayed."""
        return int(self.table.filter(pl.col("code") == REPLAYABLE)["predictions"].sum())

    @property
    def lost(self) -> int:
        """Predictions that were numbered by their writer and are not in the log."""
        return int(self.sequence_gaps["lost"].sum())

    def summary(self) -> list[str]:
        """Return the statement in plain sentences."""
        share = self.replayable / self.predictions if self.predictions else 0.0
        lines = [f"{self.replayable:,} of {self.predictions:,} predictions ({share:.3%}) can be replayed."]
        lines += [
            f"{row['predictions']:,} of {row['model_name']} {row['model_version'] or 'without a version'} cannot: "
            f"{EFFECTS[row['code']]} First: {row['first_id']}."
            for row in self.table.filter(pl.col("code") != REPLAYABLE).iter_rows(named=True)
        ]
        lines += [
            f"{row['lost']:,} predictions of {row['writer_id']} are lost: its numbering goes from {row['after']:,} "
            f"({row['last_seen']:%Y-%m-%d %H:%M} UTC) to {row['before']:,} ({row['next_seen']:%Y-%m-%d %H:%M} UTC)."
            for row in self.sequence_gaps.iter_rows(named=True)
        ]
        return [*lines, *(f"Not checked: {what}" for what in self.not_checked)]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-safe values."""
        gaps = self.sequence_gaps.with_columns(pl.col("last_seen", "next_seen").dt.to_string("iso:strict"))
        return {
            "predictions": self.predictions,
            "replayable": self.replayable,
            "lost": self.lost,
            "reasons": self.table.to_dicts(),
            "sequence_gaps": gaps.to_dicts(),
            "not_checked": list(self.not_checked),
        }


def coverage(store: LogStore) -> Coverage:
    """State which predictions of a log can be replayed, without running any model."""
    predictions = find(store, Question()).select(
        "prediction_id", "place", "model_name", "model_version", "error", pl.col("outputs").struct.field("score")
    )
    repeated = repeated_ids(store)
    with_inputs = [
        collect(
            store.inputs(model).select("prediction_id", pl.lit(model).alias("model_name")),
            f"the inputs of {store.path}",
        )
        for model in store.models()
    ]
    empty = pl.DataFrame(schema={"prediction_id": pl.String, "model_name": pl.String})
    recorded = pl.concat([empty, *with_inputs]).unique().with_columns(has_inputs=True)
    versions = predictions.select("model_name", "model_version").unique().drop_nulls()
    codes = [_version_code(store, name, version) for name, version in versions.iter_rows()]
    wanting = versions.with_columns(pl.Series("version_code", codes, dtype=pl.String))
    table = (
        predictions.join(recorded, on=["prediction_id", "model_name"], how="left", maintain_order="left")
        .join(wanting, on=["model_name", "model_version"], how="left", maintain_order="left")
        .with_columns(
            code=pl.when(pl.col("error").is_not_null())
            .then(pl.lit("prediction-failed"))
            .when(pl.col("prediction_id").is_in(repeated.implode()))
            .then(pl.lit("ambiguous-id"))
            .when(pl.col("model_version").is_null())
            .then(pl.lit("version-not-stated"))
            .when(pl.col("version_code").is_not_null())
            .then(pl.col("version_code"))
            .when(pl.col("has_inputs").is_null())
            .then(pl.lit("inputs-missing"))
            .when(pl.col("score").is_null())
            .then(pl.lit("output-missing"))
            .otherwise(pl.lit(REPLAYABLE))
        )
        .group_by("model_name", "model_version", "code")
        .agg(pl.len().alias("predictions"), pl.col("prediction_id").first().alias("first_id"))
        .sort("model_name", "model_version", "code")
    )
    return Coverage(table, sequence_gaps(store), _not_checked(store))


def _version_code(store: LogStore, name: str, version: str) -> str | None:
    try:
        load_registered(store, name, version)
    except ModelError as error:
        return error.code
    return None


def sequence_gaps(store: LogStore) -> pl.DataFrame:
    """Return each break in a writer's numbering of its predictions."""
    frame = store.table("predictions").filter(pl.col("sequence").is_not_null())
    frame = frame.select("writer_id", "sequence", "occurred_at")
    rows = collect(frame, f"the predictions of {store.path}").sort("writer_id", "sequence")
    before = rows.with_columns(
        after=pl.col("sequence").shift(1).over("writer_id"), last_seen=pl.col("occurred_at").shift(1).over("writer_id")
    )
    return (
        before.filter(pl.col("sequence") - pl.col("after") > 1)
        .select(
            "writer_id",
            "after",
            pl.col("sequence").alias("before"),
            (pl.col("sequence") - pl.col("after") - 1).alias("lost"),
            "last_seen",
            pl.col("occurred_at").alias("next_seen"),
        )
        .sort("writer_id", "after")
    )


def _not_checked(store: LogStore) -> tuple[str, ...]:
    beyond = "decisions that were never logged after a writer's last number, or by a writer that is not in this log."
    numbered = collect(
        store.table("predictions").select(pl.col("sequence").is_not_null().any()), "the predictions"
    ).item()
    if numbered:
        return (beyond,)
    return ("lost predictions: no writer numbered them, so a gap cannot be seen.", beyond)
