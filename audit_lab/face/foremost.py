"""The decisions of a period that matter most to a question: of some categories, furthest out, or near a threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import narwhals as nw

from audit_lab.errors import MisuseError
from audit_lab.face.description import predicting_model
from audit_lab.log.engines.answers import collected
from audit_lab.log.files.printable import printable
from audit_lab.log.search.wide import INPUT, Beside
from audit_lab.monitor.performance.mistaken import find_mistakes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    import polars as pl

    from audit_lab.face.decisions import Decisions
    from audit_lab.log.store import LogStore

__all__ = ["Foremost", "foremost_of", "mistaken_of"]

#: Where the columns of text that are no features stand.
_VALUES = {"decision": nw.col("decision"), "label": nw.col("outputs").struct.field("label")}
_MOST_NAMED, _LONGEST_NAME = 5, 60
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
    categories: Sequence[str | None] | None,
    limit: int,
    ask: Callable[..., Decisions],
) -> Foremost:
    """Choose decisions of ``since <= occurred_at < until``; parameters as for `AuditLog.foremost`.

    Of a numeric feature those are chosen whose value lies furthest from `usual` (the period's median, when None); of a
    column those with one of `categories`, where these are given; of anything else those whose score lies nearest to the
    threshold it was decided by. Sorting is the engine's: no more than `limit` rows are read.

    Raises
    ------
    MisuseError
        There is no such feature, or categories are asked of one that has none.
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
    among = ""
    if categories is not None:
        rows, among = _of_categories(rows, column, dtype, categories)
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
    ids, why = _by_threshold(rows, limit, told)
    return Foremost(ids, count, f"{among}{why}", ask)


def mistaken_of(
    store: LogStore,
    *,
    since: datetime,
    until: datetime,
    model: str | None,
    version: str | None,
    positive: str | None,
    limit: int,
    ask: Callable[..., Decisions],
) -> Foremost:
    """Choose decisions of a period that turned out wrong, those first that were surest; parameters as in `foremost_of`.

    Where none did, or no outcome is known, those nearest to their threshold.

    Raises
    ------
    MisuseError
        Nothing says what the model's outputs mean.
    """
    period: dict[str, Any] = {"since": since, "until": until, "version": version, "limit": limit}
    near = foremost_of(store, None, model=model, usual=None, categories=None, ask=ask, **period)
    found = find_mistakes(store, predicting_model(store, model), positive=positive, **period)
    if not found.ids.len():
        return replace(near, why=f"(none of the {found.known:,} whose outcome is known turned out wrong) {near.why}")
    counted = f"of {found.known:,} whose outcome is known {found.wrong:,} did"
    return Foremost(found.ids, near.rows, f"{found.order} ({counted})", ask)


def _of_categories(
    rows: nw.LazyFrame[Any], column: str | None, dtype: pl.DataType | None, categories: Sequence[str | None]
) -> tuple[nw.LazyFrame[Any], str]:
    """Return the rows that have one of some categories, None for missing, and words that say which."""
    if isinstance(categories, str):
        raise MisuseError(f"the categories are one text, {printable(categories)!r}", "Give a list of them.")
    if column is None or (column not in _VALUES if dtype is None else dtype.is_numeric()):
        raise MisuseError("categories are those of a column of text", "Name such a column, or no categories.")
    value = _VALUES[column] if dtype is None else nw.col(INPUT + column)
    named = [one for one in categories if one is not None]
    chosen = value.cast(nw.String()).is_in(named)
    missing = len(named) < len(categories)
    told = [printable(one, _LONGEST_NAME) for one in named[:_MOST_NAMED]] + ["missing"] * missing
    more = f" or one of {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    rows = rows.filter(chosen | value.is_null() if missing else chosen)
    return rows, f"where {column} is {' or '.join(told)}{more}, and "


def _by_threshold(rows: nw.LazyFrame[Any], limit: int, told: str) -> tuple[pl.Series, str]:
    """Choose those nearest their threshold, or, where none has one, the first by time; say which."""
    far = (nw.col("outputs").struct.field("score") - nw.col("threshold")).abs()
    scored = rows.select(_ID, "occurred_at", far.alias(_FAR)).filter(~nw.col(_FAR).is_null())
    ids = _first(scored.filter(~nw.col(_FAR).is_nan()), limit, told, descending=False)
    if ids.len():
        return ids, _NEAREST
    timed = rows.select(_ID, "occurred_at", nw.lit(0.0).alias(_FAR))
    return _first(timed, limit, told, descending=False), _FIRST


def _first(rows: nw.LazyFrame[Any], limit: int, told: str, *, descending: bool) -> pl.Series:
    """Return the ids of the first rows by distance, then by time and id, each once."""
    by = [_FAR, "occurred_at", _ID]
    ordered = rows.filter(~nw.col(_ID).is_null()).sort(by, descending=[descending, False, False]).head(limit)
    found = collected(ordered, told).sort(by, descending=[descending, False, False])
    return found[_ID].unique(maintain_order=True)
