"""One row per prediction with its features beside it: the frame that drift and cohorts look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["wide"]

_OWN = ("prediction_id", "occurred_at", "model_name", "model_version", "score", "label", "decision")


def wide(store: LogStore, model: str) -> tuple[pl.LazyFrame, list[str]]:
    """Join a model's predictions with their inputs; never multiplies rows.

    Returns
    -------
    frame, features
        `frame` has its id, time, model, version, score, label and decision and a column for each
        feature; a feature that bears one of those names is prefixed with ``inputs.``. Predictions without inputs, or
        whose id stands twice among them, have nulls there.
    """
    predictions = (
        store.table("predictions")
        .filter(pl.col("model_name") == model)
        .with_columns(
            score=pl.col("outputs").struct.field("score"),
            label=pl.col("outputs").struct.field("label"),
        )
        .select(_OWN)
    )
    if model not in store.models():
        return predictions, []
    inputs = store.inputs(model).drop("recorded_at")
    names = [name for name in inputs.collect_schema().names() if name != "prediction_id"]
    renamed = {name: f"inputs.{name}" if name in _OWN else name for name in names}
    once = inputs.filter(pl.len().over("prediction_id") == 1).rename(renamed)
    return predictions.join(once, on="prediction_id", how="left"), list(renamed.values())
