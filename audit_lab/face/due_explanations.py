"""Explanations that were to be computed after their decision, and are not in the log yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.files.reading import collect
from audit_lab.log.index.shelf import table_rows
from audit_lab.log.schema import TIME

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["due_explanations"]

#: The kind of event by which a recorder says that an explanation is to be computed.
_DUE = "recorder.explanation-due"
_COLUMNS: dict[str, Any] = {
    "prediction_id": pl.String,
    "occurred_at": TIME,
    "model_name": pl.String,
    "model_version": pl.String,
}


def due_explanations(store: LogStore, model: str | None) -> pl.DataFrame:
    """Return what is due, in order of time; parameters and columns as for `AuditLog.explanations_due`.

    Raises
    ------
    LogError
        A table cannot be read.
    """
    present = store.source.tables()
    if "events" not in present or "predictions" not in present:
        return pl.DataFrame(schema=_COLUMNS)
    due = table_rows(store, "events", pl.col("kind") == _DUE)["subject"].drop_nulls().unique()
    if "explanations" in present:
        wanted = pl.col("prediction_id").is_in(due.implode())
        done = collect(
            store.table("explanations").filter(wanted).select("prediction_id"), f"the explanations of {store.location}"
        )
        due = due.filter(~due.is_in(done["prediction_id"].implode()))
    rows = store.table("predictions").filter(pl.col("prediction_id").is_in(due.implode())).select(*_COLUMNS)
    found = collect(rows, f"the predictions of {store.location}").unique("prediction_id")
    return (found if model is None else found.filter(model_name=model)).sort("occurred_at", "prediction_id")
