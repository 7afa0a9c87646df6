"""What an opened log says of itself: origin, tables, models, and the time that it spans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError, NotFoundError
from audit_lab.face.document import iso
from audit_lab.log.files.reading import collect

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["described", "model_with_inputs", "predicting_model"]


def described(store: LogStore) -> dict[str, Any]:
    """Return origin, notes, tables with their rows, models and time range, as JSON-safe values."""
    span = collect(
        store.table("predictions").select(
            pl.col("occurred_at").min().alias("first"),
            pl.col("occurred_at").max().alias("last"),
            pl.col("model_name").unique().drop_nulls().sort().implode().alias("models"),
        ),
        f"the predictions of {store.location}",
    ).row(0, named=True)
    return {
        "origin": store.origin,
        "path": store.location,
        "description": store.description,
        "notes": list(store.notes),
        "tables": store.source.tables(),
        "models": list(span["models"]),
        "first_time": iso(span["first"]),
        "last_time": iso(span["last"]),
    }


def predicting_model(store: LogStore, model: str | None) -> str:
    """Return the model whose predictions are meant, which need no inputs.

    Raises
    ------
    NotFoundError
        The log holds no prediction of it.
    MisuseError
        None was named and the log has several.
    """
    known = described(store)["models"]
    if model is None and len(known) == 1:
        return str(known[0])
    if model is not None and model not in known:
        raise NotFoundError(
            f"the log {store.location} holds no prediction of a model named {model!r}",
            f"Models with predictions: {', '.join(known) or 'none'}.",
        )
    return model_with_inputs(store, model)


def model_with_inputs(store: LogStore, model: str | None) -> str:
    """Return the model whose inputs are meant; it may be left out where the log has one.

    Raises
    ------
    MisuseError
        None was named and the log has several.
    """
    if model is not None:
        return model
    models = store.models()
    if len(models) == 1:
        return models[0]
    raise MisuseError(
        f"the log {store.location} has inputs of {len(models)} models ({', '.join(models) or 'none'})",
        "Name one, as model=... or --model.",
    )
