"""Drift of one model's inputs, score and decision, as a user asks for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.face.description import predicting_model
from audit_lab.log.erasure.erased import erased_ids
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.search.query import instant
from audit_lab.log.search.wide import wide
from audit_lab.monitor.drift import drift

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from audit_lab.log.store import LogStore
    from audit_lab.monitor.drift import Drift

__all__ = ["drift_of"]

#: What is measured of a prediction itself, and the column that it comes from.
_OWN = {"score": "predictions.outputs", "decision": "predictions.decision"}
_MEASURED = ("outputs", "decision")


def drift_of(
    store: LogStore,
    columns: Sequence[str] | None,
    every: str,
    reference: tuple[str | date | datetime | None, str | date | datetime | None] | None,
    model: str | None,
) -> tuple[Drift, set[str]]:
    """Return the drift, and the columns that it was computed from; parameters as for `AuditLog.drift`.

    Raises
    ------
    MisuseError
        The reference lacks its beginning or its end.
    """
    predicting = predicting_model(store, model)
    features = wide(store, predicting)[1]
    span = None
    if reference is not None:
        since, until = instant(reference[0], "reference"), instant(reference[1], "reference")
        if since is None or until is None:
            raise MisuseError(
                "the reference needs a beginning and an end", "Give both, like ('2015-01-01', '2015-04-01')."
            )
        span = (since, until)
    chosen = list(columns) if columns is not None else [*features, *_OWN]
    gone = _erased(store, predicting)

    def rows(since: datetime | None, until: datetime | None) -> nw.LazyFrame[Any]:
        found = wide(store, predicting, since, until)[0]
        return found if gone.is_empty() else found.filter(~nw.col("prediction_id").is_in(gone.to_list()))

    moved = drift(rows, time="occurred_at", columns=chosen, every=every, reference=span)
    if not gone.is_empty():
        left_out = f"{gone.len():,} predictions are left out: values of theirs were erased, which is no drift"
        moved = replace(moved, facts=(*moved.facts, left_out))
    return moved, {_OWN.get(name, f"inputs.{name}") for name in chosen}


def _erased(store: LogStore, model: str) -> pl.Series:
    """Return the ids of the model's predictions that any value was erased of that drift is measured on."""
    inputs = INPUTS_PREFIX + model
    erased = [erased_ids(store, "predictions", _MEASURED)]
    if model in store.models():
        erased.append(erased_ids(store, inputs, store.inputs(model).collect_schema().names()))
    return pl.concat(erased).unique().sort()
