"""The predictions of a period that turned out wrong, those that were surest of it first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.files.reading import collect
from audit_lab.monitor.performance.cells import SAID, coded
from audit_lab.monitor.performance.meaning import meaning_of
from audit_lab.monitor.performance.rows import Judged, JudgedRows

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.log.store import LogStore

__all__ = ["Mistakes", "find_mistakes"]

_ID = "prediction_id"
_BEYOND = "furthest beyond their threshold, on the side that turned out wrong"
_APART = "furthest from what came true"


@dataclass(frozen=True, eq=False)
class Mistakes:
    """The ids of predictions that turned out wrong, how many did, of how many with a known outcome, and the order.

    Of a model that puts out a number `wrong` is how many have an error at all, which those with the largest begin.
    """

    ids: pl.Series
    wrong: int
    known: int
    order: str


def find_mistakes(
    store: LogStore,
    model: str,
    *,
    since: datetime,
    until: datetime,
    version: str | None = None,
    positive: str | None = None,
    limit: int = 25,
) -> Mistakes:
    """Return the predictions of ``since <= occurred_at < until`` whose label is not the one that is known to be true.

    Parameters
    ----------
    store, model, positive
        As in :func:`~audit_lab.monitor.performance.measuring.measure_performance`.
    version
        Only its predictions; "" is one that is not stated.
    limit
        At most so many ids: of two labels those whose score lies furthest from the threshold, of several those whose
        probability of the true one is lowest, of numbers those with the largest error.

    Raises
    ------
    MisuseError
        The registry does not say what the outputs mean, and `positive` was not given.
    """
    meaning = meaning_of(store, model, positive)
    judged = JudgedRows(store, Judged(model, since, until, columns=("threshold",)), meaning)
    code = coded(judged, meaning)
    rows = code.rows(judged.frame(since, until), None)
    if version is not None:
        own = pl.col("model_version")
        rows = rows.filter(own == version if version else own.is_null())
    if code.kind == "number":
        wrong, far = pl.col("error").is_not_null(), pl.col("error").abs()
    else:
        wrong = (pl.col(SAID["label"]) != pl.col("truth")).fill_null(value=False)
        is_binary = code.kind == "binary"
        far = (pl.col("score") - pl.col("threshold")).abs() if is_binary else 1 - pl.col("p_true")
    told = f"the predictions of {store.location}"
    counts = rows.select(wrong=wrong.sum().cast(pl.Int64), known=pl.col("is_labelled").sum().cast(pl.Int64))
    counted = collect(counts, told).row(0, named=True)
    ranked = rows.filter(wrong).select(_ID, "occurred_at", far=far.fill_nan(None))
    ordered = ranked.sort("far", "occurred_at", _ID, descending=[True, False, False], nulls_last=True)
    ids = collect(ordered.select(_ID).head(limit), told)[_ID]
    return Mistakes(ids, counted["wrong"], counted["known"], _BEYOND if code.kind == "binary" else _APART)
