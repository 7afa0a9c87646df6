"""Drift as a log answers it: with the way back from a window to the decisions in it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import NotFoundError
from audit_lab.monitor.beside import window_bins
from audit_lab.monitor.bins import MISSING, NEW, OTHER, CategoryBins, NumericBins
from audit_lab.monitor.drift import Drift
from audit_lab.monitor.windows import utc

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from audit_lab.face.decisions import Decisions
    from audit_lab.face.foremost import Foremost

__all__ = ["DriftOfLog", "drift_of_log"]


@dataclass(frozen=True, eq=False, repr=False)
class DriftOfLog(Drift):
    """A drift that leads back to the decisions of its log.

    Attributes
    ----------
    model
        The model that was named in the question, or None where the log has one.
    ask
        ``log.decisions``, which the log's journal of access knows of.
    choose
        ``log.foremost``, too.
    """

    model: str | None
    ask: Callable[..., Decisions] = field(repr=False)
    choose: Callable[..., Foremost] = field(repr=False)

    def foremost(
        self, column: str, window_start: datetime, last_start: datetime | None = None, *, limit: int = 25
    ) -> Foremost:
        """Return the decisions of windows that matter most to a column.

        Of a numeric feature these are the furthest out; of a column of text those with a category whose share rose
        beyond chance there, where there is one, nearest to their threshold; of anything else the nearest to it.

        Parameters
        ----------
        column
            One that was measured; of a numeric feature the usual value is the reference's median.
        window_start, last_start, limit
            As in `decisions`.

        Raises
        ------
        NotFoundError
            No window starts then, or no such column was measured.
        """
        asked = self.asking(window_start, last_start)
        chosen = self.choosing(column, window_start, last_start)
        return self.choose(**chosen, **asked, model=self.model, limit=limit)

    def choosing(self, column: str, window_start: datetime, last_start: datetime | None = None) -> dict[str, Any]:
        """Return what `log.foremost` is asked of a column in windows: ``column`` and ``usual``, or ``categories``.

        Raises
        ------
        NotFoundError
            No such column was measured, or no window starts then.
        """
        self._known(column)
        if column in _BESIDE:
            return {"column": None}
        bins = self.counts[self.columns.index(column)].bins
        if isinstance(bins, CategoryBins):
            risen = self._risen(column, bins, window_start, last_start)
            return {"column": column} | ({"categories": risen} if risen else {})
        usual = bins.median if isinstance(bins, NumericBins) else None
        is_usual = column != "score" and usual is not None and math.isfinite(usual)
        return {"column": column} | ({"usual": usual} if is_usual else {})

    def _risen(
        self, column: str, bins: CategoryBins, window_start: datetime, last_start: datetime | None
    ) -> list[str | None]:
        """Return the categories that rose beyond chance in windows, those that rose most first; None for missing."""
        starts = list(self.cut.starts)
        self.asking(window_start, last_start)
        first, last = (starts.index(utc(one)) for one in (window_start, last_start or window_start))
        held = window_bins(self, column, starts[first], None if first == last else self.cut.ends[last])
        beyond = held.filter(pl.col("window_share") > pl.col("chance_high"))
        rise = pl.col("window_share") - pl.col("reference_share")
        found: list[str | None] = []
        for name in beyond.sort(rise, descending=True)["bin"].head(_MOST_CATEGORIES):
            if name == NEW:
                long = self.counts[self.columns.index(column)].long.drop_nulls("key")
                mine = long.filter(pl.col("window").is_between(first, last), ~pl.col("key").is_in(list(bins.index)))
                frequent = mine.group_by("key").agg(pl.col("rows").sum()).sort("rows", "key", descending=[True, False])
                found += frequent["key"].head(_MOST_CATEGORIES).to_list()
            elif name != OTHER:
                found.append(None if name == MISSING else name)
        return found

    def decisions(
        self, window_start: datetime, last_start: datetime | None = None, *, limit: int | None = None
    ) -> Decisions:
        """Return the decisions of a window, or of those from one to another, asked of the log, first ones first.

        Parameters
        ----------
        window_start, last_start
            Where the first and the last window start; of windows by version, one is asked for.
        limit
            At most so many, the first by time.

        Raises
        ------
        NotFoundError
            No window starts then.
        """
        asked = self.asking(window_start, last_start)
        version = asked.pop("version", None)
        what = None if version is None else pl.col("model_version") == version if version else _NO_VERSION
        return self.ask(what, **asked, model=self.model, limit=limit)

    def asking(self, window_start: datetime, last_start: datetime | None = None) -> dict[str, Any]:
        """Return what `log.decisions` is asked for windows: ``since``, ``until``, and of one by version ``version``.

        Raises
        ------
        NotFoundError
            No window starts then.
        """
        starts = list(self.cut.starts)
        first, last = utc(window_start), utc(last_start or window_start)
        for start in (first, last):
            if start not in starts:
                message = f"No window starts at {start:%Y-%m-%d %H:%M}"
                raise NotFoundError(message, "Take a window_start from Drift.volume.")
        asked: dict[str, Any] = {"since": first, "until": self.cut.ends[starts.index(last)]}
        if self.cut.by_version:
            asked["version"] = self.cut.by_version[starts.index(first)]
        return asked


#: So many categories that rose are asked for.
_MOST_CATEGORIES = 5
#: What stands beside the predictions that decisions are chosen from.
_BESIDE = ("outcome", "outcome_value")
_NO_VERSION = pl.col("model_version").is_null()


def drift_of_log(
    drift: Drift, model: str | None, ask: Callable[..., Decisions], choose: Callable[..., Foremost]
) -> DriftOfLog:
    """Return a drift that was measured, connected with its log by `ask` and `choose`."""
    measured = {one.name: getattr(drift, one.name) for one in fields(Drift)}
    return DriftOfLog(**measured, model=model, ask=ask, choose=choose)
