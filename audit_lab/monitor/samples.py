"""A sample of whole rows that everybody who asks again gets too, on every engine."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import polars as pl

from audit_lab.log.engines.answers import collected
from audit_lab.log.schema import TIME
from audit_lab.monitor.counts import MEASURED, TIME_COLUMN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

__all__ = ["in_order", "places_within", "sample_spans", "sampled_rows", "spans_of"]

#: Rows are taken from so many short spans of time that lie evenly over the whole.
_SPANS = 64


def sample_spans(start: datetime, end: datetime, rows: int, limit: int) -> list[tuple[datetime, datetime]]:
    """Return the spans of time whose rows are taken as a sample; parameters as for `sampled_rows`."""
    step = (end - start) / _SPANS
    share = max(step * min(limit / rows, 1.0), timedelta(microseconds=1))
    return [(start + place * step, start + place * step + share) for place in range(_SPANS)]


def sampled_rows(held: nw.LazyFrame[Any], start: datetime, end: datetime, rows: int, limit: int) -> pl.DataFrame:
    """Return about `limit` of the rows of ``start <= time < end``, or all where they are no more, in order of time.

    The rows of 64 spans of time are taken, evenly placed and so long that they should hold the limit; where they hold
    more than twice as many, every k-th of those in order. No chance is in it, and no engine's order.

    Parameters
    ----------
    held
        Prepared rows, which have a time.
    start, end
        Between which they lie.
    rows
        How many they are.
    limit
        How many are wanted.
    """
    if rows > limit:
        spans = sample_spans(start, end, rows, limit)
        moment = nw.col(TIME_COLUMN)
        held = held.filter(
            nw.any_horizontal(*((moment >= first) & (moment < last) for first, last in spans), ignore_nulls=True)
        )
    return in_order(collected(held, MEASURED), limit)


def in_order(found: pl.DataFrame, limit: int) -> pl.DataFrame:
    """Return sampled rows in the order of time and their values; of more than twice `limit`, every k-th."""
    found = found.sort(found.columns, nulls_last=True)
    return found.gather_every(math.ceil(found.height / limit)) if found.height > 2 * limit else found


def spans_of(start: datetime, end: datetime, rows: int, limit: int) -> list[tuple[datetime, datetime]]:
    """Return what `sample_spans` does, ascending and without overlap; the whole span where all rows are taken."""
    if rows <= limit:
        return [(start, end)]
    found: list[tuple[datetime, datetime]] = []
    for first, last in sample_spans(start, end, rows, limit):
        if found and first < found[-1][1]:  # of a span of microseconds
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def places_within(times: pl.Series, spans: Sequence[tuple[datetime, datetime]]) -> NDArray[np.int64]:
    """Return which rows lie in some spans of time, as `spans_of` returns them."""
    bounds = pl.Series([moment for span in spans for moment in span], dtype=TIME)
    if not times.null_count() and times.is_sorted():
        edges = times.search_sorted(bounds, side="left").to_numpy().astype(np.int64).reshape(-1, 2)
        return np.concatenate([np.arange(first, last) for first, last in edges])
    moments = times.to_physical().fill_null(np.iinfo(np.int64).min).to_numpy()
    return np.flatnonzero(np.searchsorted(bounds.to_physical().to_numpy(), moments, side="right") % 2)
