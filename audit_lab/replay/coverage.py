"""The completeness statement: which predictions cannot be replayed, why, and what the log itself lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.query import Question, find
from audit_lab.log.reading import collect
from audit_lab.replay.readiness import examined, repeated_ids
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
        if not self.predictions:
            return ["The log holds no prediction.", *(f"Not checked: {what}" for what in self.not_checked)]
        share = self.replayable / self.predictions
        lines = [f"{self.replayable:,} of {self.predictions:,} predictions ({share:.3%}) can be replayed."]
        lines += [
            f"{row['predictions']:,} of {row['model_name'] or 'no model'} "
            f"{row['model_version'] or 'without a version'} cannot: "
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
    predictions = find(store, Question())
    groups = [
        group.rows.select("_order", "prediction_id", "model_name", "model_version", "code")
        for group in examined(store, predictions, repeated_ids(store))
    ]
    empty = pl.DataFrame(schema={"model_name": pl.String, "model_version": pl.String, "code": pl.String})
    rows = pl.concat(groups).sort("_order") if groups else empty.with_columns(prediction_id=pl.lit(""))
    table = (
        rows.with_columns(pl.col("code").fill_null(REPLAYABLE))
        .group_by("model_name", "model_version", "code", maintain_order=True)
        .agg(pl.len().alias("predictions"), pl.col("prediction_id").first().alias("first_id"))
        .sort("model_name", "model_version", "code")
    )
    return Coverage(table, sequence_gaps(store), _not_checked(store))


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
