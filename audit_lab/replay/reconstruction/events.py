"""The events of a model: those that are not known to be about another one."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.index.shelf import derived, table_rows

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["EVENTS_AROUND", "events_around", "times_of_events"]

#: How long before and after a decision events are told.
EVENTS_AROUND = timedelta(days=14)

_MODEL_KINDS = ("model", "model_version")


def events_around(store: LogStore, model_name: str | None, at: datetime | None) -> tuple[dict[str, Any], ...]:
    """Return the events of a model within `EVENTS_AROUND` of a moment, in order of time.

    Raises
    ------
    LogError
        The events cannot be read.
    """
    if at is None:
        return ()
    first, last = at - EVENTS_AROUND, at + EVENTS_AROUND
    if _is_small(store):
        times, events = _events(store, model_name)
        near = events.slice((start := bisect_left(times, first)), bisect_right(times, last) - start)
    else:
        near = _concerning(store, model_name, pl.col("at").is_between(first, last))
    return tuple(near.iter_rows(named=True))


def times_of_events(store: LogStore, model_name: str | None, first: datetime, last: datetime) -> pl.Series:
    """Return the times of a model's events from `EVENTS_AROUND` before one moment to as long after another, sorted.

    Raises
    ------
    LogError
        The events cannot be read.
    """
    if _is_small(store):
        return _events(store, model_name)[1]["at"]
    within = pl.col("at").is_between(first - EVENTS_AROUND, last + EVENTS_AROUND)
    return _concerning(store, model_name, within)["at"]


def _is_small(store: LogStore) -> bool:
    return store.shelf is not None and store.shelf.small("events") is not None


def _events(store: LogStore, model_name: str | None) -> tuple[list[datetime], pl.DataFrame]:
    def made() -> tuple[list[datetime], pl.DataFrame]:
        frame = _concerning(store, model_name, pl.col("at").is_not_null())
        return frame["at"].to_list(), frame

    return derived(store, ("events of", model_name), ("events", "model_versions", "deployments"), made)


def _concerning(store: LogStore, model_name: str | None, chosen: pl.Expr) -> pl.DataFrame:
    """Return chosen events without those about another model, its versions, its runs and its deployments."""
    others = derived(
        store,
        ("other models", model_name),
        ("model_versions", "deployments"),
        lambda: _other_models(store, model_name),
    )
    of_model = pl.col("subject_kind").is_in(_MODEL_KINDS).fill_null(value=False)
    named = pl.col("subject").fill_null("").str.split("@").list.first()
    mine = named == pl.lit(model_name) if model_name is not None else pl.lit(value=False)
    rows = table_rows(store, "events", chosen).filter(pl.when(of_model).then(mine).otherwise(pl.lit(value=True)))
    theirs = rows.join(others, on=["subject_kind", "subject"], how="anti")
    return theirs.sort("at", "event_id")


def _other_models(store: LogStore, model_name: str | None) -> pl.DataFrame:
    """Return the subjects that are known to belong to another model: its runs and deployments."""
    runs = table_rows(store, "model_versions").select(pl.lit("run").alias("subject_kind"), "run_id", "model_name")
    slots = table_rows(store, "deployments").select(
        pl.lit("deployment").alias("subject_kind"), "deployment_id", "model_name"
    )
    names = ["subject_kind", "subject", "model_name"]
    subjects = pl.concat(
        [
            runs.rename(dict(zip(runs.columns, names, strict=True))),
            slots.rename(dict(zip(slots.columns, names, strict=True))),
        ]
    )
    own = pl.col("model_name").eq_missing(pl.lit(model_name, dtype=pl.String))
    mine = subjects.filter(own).select("subject_kind", "subject")
    return (
        subjects.filter(~own)
        .select("subject_kind", "subject")
        .unique()
        .join(mine, on=["subject_kind", "subject"], how="anti")
    )
