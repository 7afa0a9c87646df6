"""The completeness statement: which predictions cannot be replayed, why, and what the log itself lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from audit_lab.log.engines.answers import collected, collected_all
from audit_lab.log.schema import TIME
from audit_lab.replay.coded_predictions import CodedPredictions
from audit_lab.replay.verdict import EFFECTS

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["Coverage", "coverage", "sequence_gaps"]

#: The code of a prediction that nothing keeps from being replayed.
REPLAYABLE = "replayable"

_GROUP = ("model_name", "model_version", "code")


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
    """State which predictions of a log can be replayed, without running any model.

    Counted by the log's engine: only the counts come back.
    """
    frames = CodedPredictions(store).frames()
    what = f"the predictions of {store.location}"
    counted = collected_all([_counted(frame) for frame in frames], what)
    firsts = [first for frame, groups in zip(frames, counted, strict=True) for first in _first_ids(frame, groups)]
    table = _table(_together(counted), _together(collected_all(firsts, what)))
    return Coverage(table, sequence_gaps(store), _not_checked(store))


def _counted(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    times = nw.col("occurred_at")
    return frame.group_by(*_GROUP).agg(
        nw.len().alias("predictions"), times.min().alias("first_time"), times.count().alias("timed")
    )


def _first_ids(frame: nw.LazyFrame[Any], counted: pl.DataFrame) -> list[nw.LazyFrame[Any]]:
    """Return, for each group, the smallest id among its first rows by time; a row without a time comes first."""
    questions = []
    for row in counted.iter_rows(named=True):
        same = [nw.col(name).is_null() if row[name] is None else nw.col(name) == row[name] for name in _GROUP]
        untimed = row["timed"] < row["predictions"]
        same.append(nw.col("occurred_at").is_null() if untimed else nw.col("occurred_at") == row["first_time"])
        names = [nw.lit(row[name], nw.String()).alias(name) for name in _GROUP]
        first = frame.filter(*same).select(nw.col("prediction_id").min().alias("first_id"))
        questions.append(first.with_columns(*names))
    return questions


def _together(answers: list[pl.DataFrame]) -> pl.DataFrame:
    schema = {**dict.fromkeys(_GROUP, pl.String), "predictions": pl.UInt32, "timed": pl.UInt32}
    if not answers:
        return pl.DataFrame(schema={**schema, "first_time": TIME, "first_id": pl.String})
    return pl.concat(
        [answer.cast({name: schema[name] for name in answer.columns if name in schema}) for answer in answers]
    )


def _table(counted: pl.DataFrame, firsts: pl.DataFrame) -> pl.DataFrame:
    joined = counted.join(firsts, on=list(_GROUP), how="left", nulls_equal=True, validate="1:1")
    return (
        joined.with_columns(pl.col("code").fill_null(REPLAYABLE))
        .select(*_GROUP, "predictions", "first_id")
        .sort("model_name", "model_version", "code")
    )


def sequence_gaps(store: LogStore) -> pl.DataFrame:
    """Return each break in a writer's numbering of its predictions."""
    frame = store.frame("predictions").filter(~nw.col("sequence").is_null())
    before = frame.select("writer_id", "sequence", "occurred_at").with_columns(
        after=nw.col("sequence").shift(1).over("writer_id", order_by="sequence"),
        last_seen=nw.col("occurred_at").shift(1).over("writer_id", order_by="sequence"),
    )
    breaks = collected(before.filter(nw.col("sequence") - nw.col("after") > 1), f"the predictions of {store.location}")
    return breaks.select(
        "writer_id",
        "after",
        pl.col("sequence").alias("before"),
        (pl.col("sequence") - pl.col("after") - 1).alias("lost"),
        "last_seen",
        pl.col("occurred_at").alias("next_seen"),
    ).sort("writer_id", "after")


def _not_checked(store: LogStore) -> tuple[str, ...]:
    beyond = "decisions that were never logged after a writer's last number, or by a writer that is not in this log."
    counted = store.frame("predictions").select(nw.col("sequence").count())
    if collected(counted, f"the predictions of {store.location}").item():
        return (beyond,)
    return ("lost predictions: no writer numbered them, so a gap cannot be seen.", beyond)
