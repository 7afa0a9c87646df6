"""A sample of whole rows that everybody who asks again gets too, on every engine."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import narwhals as nw

from audit_lab.log.engines.answers import collected
from audit_lab.monitor.counts import MEASURED, TIME_COLUMN

if TYPE_CHECKING:
    from datetime import datetime

    import polars as pl

__all__ = ["sample_spans", "sampled_rows"]

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
    found = collected(held, MEASURED)
    found = found.sort(found.columns, nulls_last=True)
    return found.gather_every(math.ceil(found.height / limit)) if found.height > 2 * limit else found
