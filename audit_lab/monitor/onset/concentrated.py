"""Where missing values concentrate: which categories had more of them on those days than the other rows had."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.monitor.onset.events import Concentration, Onset, OnsetEvent
from audit_lab.monitor.onset.series import MISSING
from audit_lab.monitor.onset.tallies import MOMENT, CategoryTally

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from audit_lab.monitor.onset.grid import Grid
    from audit_lab.monitor.onset.tallies import Reader, Tally

__all__ = ["with_concentrations"]

#: The level of the test, over all categories of an event together (Bonferroni).
_LEVEL = 0.05
#: The rows of what lasts for more windows are not read once more.
_LONGEST = 60
#: A category is looked at if it has so many rows in those windows.
_FEWEST_ROWS = 5


def with_concentrations(
    events: Sequence[OnsetEvent], read: Reader, grid: Grid, tallies: Sequence[Tally], places: Sequence[str] | None
) -> tuple[OnsetEvent, ...]:
    """Say of each rise of a missing rate that came and went which categories it concentrates in, the surest first.

    Parameters
    ----------
    events
        The events; the rows of such a rise are read once more, window by window.
    read
        Returns the rows of a time range.
    grid
        The windows.
    tallies
        The columns that were counted; those of categories are looked at.
    places
        Which of them; all when None.

    Notes
    -----
    Of all rows of those windows some lack a value. If these lay anywhere, a category would have as many of them as the
    hypergeometric distribution gives: Fisher's exact test, one-sided (Agresti, *Categorical Data Analysis*, 2013,
    section 3.5).
    """
    texts = [one.name for one in tallies if isinstance(one, CategoryTally) and not one.is_scattered]
    names = [name for name in texts if places is None or name in places]
    known: dict[tuple[str, datetime, datetime], tuple[Concentration, ...]] = {}

    def told(one: Onset) -> Onset:
        if one.statistic != MISSING or one.is_return or one.returned is None or one.after <= one.before:
            return one
        bounds = grid.bounds[one.window : grid.bounds.index(one.returned) + 1]
        if len(bounds) > _LONGEST + 1:
            return one
        key = one.column, one.at, one.returned
        if key not in known:
            known[key] = _concentrations(
                _counted(one.column, read, bounds, [name for name in names if name != one.column])
            )
        return replace(one, concentrated=known[key])

    return tuple(OnsetEvent(tuple(told(one) for one in event.onsets)) for event in events)


def _counted(column: str, read: Reader, bounds: Sequence[datetime], names: Sequence[str]) -> pl.DataFrame:
    """Return ``column``, ``category``, ``rows`` and ``missing`` over some windows, a window in memory at a time."""
    parts = []
    for start, end in pairwise(bounds):
        frame = read(start, end).filter(pl.col(MOMENT) >= start, pl.col(MOMENT) < end)
        value = pl.col(column)
        # As everywhere in onsets, what is not finite is missing too.
        gone = value.is_null() | ~value.is_finite() if frame.schema[column].is_float() else value.is_null()
        for name in names:
            counted = frame.group_by(pl.col(name).alias("category")).agg(rows=pl.len(), missing=gone.sum())
            parts.append(
                counted.select(
                    pl.lit(name).alias("column"),
                    pl.col("category").cast(pl.String),
                    pl.col("rows", "missing").cast(int),
                )
            )
    schema = {"column": pl.String, "category": pl.String, "rows": pl.Int64, "missing": pl.Int64}
    every = pl.concat(parts) if parts else pl.DataFrame(schema=schema)
    return every.group_by("column", "category").sum().sort("column", "category")


def _concentrations(counted: pl.DataFrame) -> tuple[Concentration, ...]:
    from scipy.stats import hypergeom

    looked_at = counted.filter(pl.col("category").is_not_null(), pl.col("rows") >= _FEWEST_ROWS)
    totals = {
        column: (rows, missing)
        for column, rows, missing in counted.group_by("column").agg(pl.col("rows", "missing").sum()).iter_rows()
    }
    found = []
    for column, category, rows, missing in looked_at.iter_rows():
        all_rows, all_missing = totals[column]
        p_value = float(hypergeom.sf(missing - 1, all_rows, all_missing, rows)) * looked_at.height
        if p_value <= _LEVEL:
            found.append(
                Concentration(column, category, rows, missing, all_rows - rows, all_missing - missing, p_value)
            )
    return tuple(sorted(found, key=lambda one: (one.p_value, one.column, one.category)))
