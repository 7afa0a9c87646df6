"""Onsets as a log answers them: with the way from days to the decisions in them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import NotFoundError
from audit_lab.monitor.onset.search import Onsets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from audit_lab.face.foremost import Foremost
    from audit_lab.monitor.onset.events import Onset

__all__ = ["OnsetsOfLog", "onsets_of_log"]

_MEDIAN = "quantile 0.5"


@dataclass(frozen=True, eq=False, repr=False)
class OnsetsOfLog(Onsets):
    """Onsets that lead to the decisions of their log.

    Attributes
    ----------
    asked
        The arguments of the question, those that were given.
    features
        The model's features, which decisions can be chosen by.
    choose
        ``log.foremost``, which the log's journal of access knows of.
    """

    asked: Mapping[str, Any]
    features: tuple[str, ...]
    choose: Callable[..., Foremost] = field(repr=False)

    def days(self, onset: Onset, beside: int = 3) -> pl.DataFrame:
        """Return the windows of an onset's interval and so many to either side, with its series' values.

        Returns
        -------
        polars.DataFrame
            ``window_start``, ``window_end``, ``value``, ``rows``, and ``place``: "before" the interval, "may be the
            first", "the first" (the likeliest window), or "after" the interval.
        """
        series = self.series(onset.column, onset.statistic, onset.category)
        start = pl.col("window_start")
        place = (
            pl.when(start == onset.at)
            .then(pl.lit("the first"))
            .when(start < onset.earliest)
            .then(pl.lit("before"))
            .when(start > onset.latest)
            .then(pl.lit("after"))
            .otherwise(pl.lit("may be the first"))
        )
        inside = series.with_row_index("row").filter(start.is_between(onset.earliest, onset.latest))["row"].to_list()
        first, last = (inside[0], inside[-1]) if inside else (0, 0)
        numbered = series.with_columns(place=place).with_row_index("row")
        near = pl.col("row").is_between(max(first - beside, 0), last + beside)
        return numbered.filter(near).drop("row")

    def choosing(self, onset: Onset) -> dict[str, Any]:
        """Return what `log.foremost` is asked of an onset: ``column`` and, of it, the ``usual`` or what rose."""
        if onset.column not in (*self.features, "score", "decision"):
            return {"column": None}
        if onset.category is not None and onset.after > onset.before:
            return {"column": onset.column, "categories": [onset.category]}
        has_median = (onset.column, _MEDIAN, None) in set(self.searched().iter_rows())
        if onset.column == "score" or not has_median:
            return {"column": onset.column}
        before = self.series(onset.column, _MEDIAN).filter(
            pl.col("window_start").is_between(onset.since, onset.at, closed="left")
        )
        usual = before["value"].median()
        return {"column": onset.column} | ({} if usual is None else {"usual": float(usual)})  # type: ignore[arg-type]

    def foremost(self, onset: Onset, since: datetime, until: datetime, *, limit: int = 25) -> Foremost:
        """Return the decisions of ``since <= occurred_at < until`` that matter most to an onset.

        Raises
        ------
        NotFoundError
            It is none of these.
        """
        if onset not in (*self.onsets, *self.spike_onsets):
            raise NotFoundError("the onset is none of these", "Take one of Onsets.onsets or Onsets.spike_onsets.")
        asked = {**self.choosing(onset), "model": self.asked.get("model"), "limit": limit}
        return self.choose(since=since, until=until, **asked)


def onsets_of_log(
    found: Onsets, asked: Mapping[str, Any], features: tuple[str, ...], choose: Callable[..., Foremost]
) -> OnsetsOfLog:
    """Return onsets that were found, connected with their log by `choose`."""
    asked = {name: _plain(value) for name, value in asked.items() if value is not None}
    mine = {one.name: getattr(found, one.name) for one in fields(Onsets)}
    return OnsetsOfLog(**mine, asked=asked, features=features, choose=choose)


def _plain(value: Any) -> Any:
    """Return what Python writes out again: a time as text, each of a pair of them too."""
    if isinstance(value, tuple):
        return tuple(_plain(each) for each in value)
    return value.isoformat() if hasattr(value, "isoformat") else value
