"""The decisions of a period that matter most to a question: those nearest their threshold, or furthest out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import narwhals as nw

from audit_lab.errors import MisuseError
from audit_lab.face.description import predicting_model
from audit_lab.log.engines.answers import collected
from audit_lab.log.search.wide import INPUT, Beside

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import polars as pl

    from audit_lab.face.decisions import Decisions
    from audit_lab.log.store import LogStore

__all__ = ["Foremost", "foremost_of"]

_ID, _FAR, _VALUE = "prediction_id", "__far", "__value"
_SCORED = ("score", "decision", "label")
_NEAREST = "nearest their threshold, since they would have been decided otherwise the soonest"
_FIRST = "first by time, since none has a score and a threshold"


@dataclass(frozen=True, eq=False)
class Foremost:
    """The decisions of a period that matter most, of how many, and why these.

    Attributes
    ----------
    ids
        Their ids, those that matter most first.
    rows
        How many predictions the period has.
    why
        How they were chosen, and why so, to be said after "those".
    """

    ids: pl.Series
    rows: int
    why: str
    ask: Callable[..., Decisions] = field(repr=False)

    @property
    def decisions(self) -> Decisions:
        """The decisions themselves, asked of the log."""
        return self.ask(self.ids)

    @property
    def sentence(self) -> str:
        """How many there are, and which of them these are."""
        if self.rows <= self.ids.len():
            return f"All {self.rows:,} decisions, those first that lie {self.why}."
        return f"Of {self.rows:,} decisions the {self.ids.len()} that lie {self.why}."


def foremost_of(
    store: LogStore,
    column: str | None,
    *,
    since: datetime,
    until: datetime,
    model: str | None,
    version: str | None,
    usual: float | None,
    limit: int,
    ask: Callable[..., Decisions],
) -> Foremost:
    """Choose decisions of ``since <= occurred_at < until``; parameters as for `AuditLog.foremost`.

    Of a numeric feature those are chosen whose value lies furthest from `usual` (the period's median, when None); of
    anything else those whose score lies nearest to the threshold it was decided by. Sorting is the engine's: no more
    than `limit` rows are read.

    Raises
    ------
    MisuseError
        There is no such feature.
    """
    if limit < 1:
        raise MisuseError(f"limit is {limit}", "Give 1 or more.")
    named = predicting_model(store, model)
    beside = Beside(store, (named,) if named in store.models() else (), since, until)
    if column is not None and column not in (*_SCORED, *beside.dtypes):
        known = ", ".join((*_SCORED, *beside.dtypes))
        raise MisuseError(f"there is no column {column!r} of {named}", f"Columns are {known}.")
    dtype = beside.dtypes.get(column or "")
    rows = (
        beside.frame([str(column)]) if dtype is not None else beside.predictions().filter(nw.col("model_name") == named)
    )
    if version is not None:
        own = nw.col("model_version")
        rows = rows.filter(own == version if version else own.is_null())
    told = f"the predictions of {store.location}"
    count = int(collected(rows.select(nw.len().alias("rows")), told)["rows"][0] or 0)
    if dtype is not None and dtype.is_numeric():
        value = nw.col(INPUT + str(column)).cast(nw.Float64())
        there = rows.select(_ID, "occurred_at", value.alias(_VALUE)).filter(~nw.col(_VALUE).is_null())
        there = there.filter(~nw.col(_VALUE).is_nan())
        if usual is None:
            middle = collected(there.select(nw.col(_VALUE).median()), told)[_VALUE][0]
            usual = None if middle is None else float(middle)
        if usual is not None and math.isfinite(usual):
            ranked = there.with_columns((nw.col(_VALUE) - usual).abs().alias(_FAR))
            ids = _first(ranked, limit, told, descending=True)
            if ids.len():
                return Foremost(ids, count, f"furthest from the usual {column} of {usual:.4g}", ask)
    far = (nw.col("outputs").struct.field("score") - nw.col("threshold")).abs()
    scored = rows.select(_ID, "occurred_at", far.alias(_FAR)).filter(~nw.col(_FAR).is_null())
    ids = _first(scored.filter(~nw.col(_FAR).is_nan()), limit, told, descending=False)
    if ids.len():
        return Foremost(ids, count, _NEAREST, ask)
    timed = rows.select(_ID, "occurred_at", nw.lit(0.0).alias(_FAR))
    return Foremost(_first(timed, limit, told, descending=False), count, _FIRST, ask)


def _first(rows: nw.LazyFrame[Any], limit: int, told: str, *, descending: bool) -> pl.Series:
    """Return the ids of the first rows by distance, then by time and id, each once."""
    by = [_FAR, "occurred_at", _ID]
    ordered = rows.filter(~nw.col(_ID).is_null()).sort(by, descending=[descending, False, False]).head(limit)
    found = collected(ordered, told).sort(by, descending=[descending, False, False])
    return found[_ID].unique(maintain_order=True)
