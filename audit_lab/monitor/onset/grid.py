"""The windows that a log is cut into: days or hours of a named time zone, daylight saving included."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.schema import TIME
from audit_lab.monitor.windows import window_length

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

__all__ = ["Grid", "cut_short", "grid_of", "reference_windows"]

#: Window lengths that onsets are dated by, and what a sentence calls them.
_NOUNS = {"1d": "day", "1h": "hour"}
_HOUR = timedelta(hours=1)
_TWO = 2
#: So many of the windows between begin no later than the first may, and end no earlier than the last.
_MOST = 0.9
#: The search compares every window with every other one; more than this takes minutes.
_MOST_WINDOWS = 1_100
#: The default reference: so many days, or half of the windows where there are fewer.
_REFERENCE_DAYS = 56


@dataclass(frozen=True)
class Grid:
    """Windows one after another: ``bounds[i] <= time < bounds[i + 1]``, in UTC, cut at midnights or hours of `zone`."""

    every: str
    zone: str
    bounds: tuple[datetime, ...]

    @property
    def size(self) -> int:
        """How many windows there are."""
        return len(self.bounds) - 1

    @property
    def noun(self) -> str:
        """What a sentence calls a window."""
        return _NOUNS[self.every]

    @cached_property
    def instants(self) -> NDArray[np.int64]:
        """The bounds in microseconds from 1970, int64, shape (size + 1,)."""
        return pl.Series(self.bounds, dtype=TIME).dt.timestamp("us").to_numpy()

    @cached_property
    def hours(self) -> NDArray[np.float64]:
        """How long each window is, in hours: a day on which the clock changes has 23 or 25."""
        return np.diff(self.instants) / 3.6e9

    @cached_property
    def weekdays(self) -> NDArray[np.int64]:
        """The weekday of each window where the zone is, Monday 0."""
        return self._local.dt.weekday().cast(pl.Int64).to_numpy() - 1

    @cached_property
    def hours_of_day(self) -> NDArray[np.int64]:
        """The hour at which each window begins where the zone is."""
        return self._local.dt.hour().cast(pl.Int64).to_numpy()

    def name(self, window: int) -> str:
        """Return how a window is written: its day, or its hour with the offset from UTC."""
        start = self.bounds[window].astimezone(ZoneInfo(self.zone))
        return f"{start:%Y-%m-%d}" if self.every == "1d" else f"{start:%Y-%m-%d %H:%M%z}"

    def windows_of(self, times: pl.Series) -> NDArray[np.int64]:
        """Return the number of the window that each time lies in; `times` lie within the grid and are not null."""
        found = np.searchsorted(self.instants, times.cast(TIME).dt.timestamp("us").to_numpy(), side="right") - 1
        return found.astype(np.int64)

    @cached_property
    def _local(self) -> pl.Series:
        return pl.Series(self.bounds[:-1], dtype=TIME).dt.convert_time_zone(self.zone)


def grid_of(every: str, zone: str, first: datetime, last: datetime) -> Grid:
    """Cut the time from `first` to `last`, both included, into windows of a zone.

    Raises
    ------
    MisuseError
        `every` is neither ``1d`` nor ``1h``, there is no such zone, or there are more than 1,100 windows.
    """
    if every not in _NOUNS:
        message = f"{every!r} is not a window that onsets are dated by"
        raise MisuseError(message, "Use 1d or 1h.")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"{zone!r} is not a time zone"
        raise MisuseError(message, "Name one of the IANA database, like Europe/Berlin.") from error
    bounds = _bounds(every, zone, first, last)
    if len(bounds) - 1 > _MOST_WINDOWS:
        message = (
            f"There are {len(bounds) - 1:,} {_NOUNS[every]}s, and changes are looked for in {_MOST_WINDOWS:,} at most"
        )
        raise MisuseError(message, "Narrow it by since and until, or use longer windows.")
    return Grid(every, zone, tuple(bounds))


def cut_short(grid: Grid, hours: pl.DataFrame) -> tuple[bool, bool]:
    """Return whether the first window seems to begin late, and the last to end early: later than nine in ten others.

    Of hours neither is: a part of an hour differs from the whole in its number of rows alone, and no series of volume
    has the windows at the ends.

    Parameters
    ----------
    hours
        ``hour`` and ``rows``, as in `audit_lab.monitor.onset.search.find_onsets`.
    """
    if grid.every == "1h":
        return False, False
    if grid.size <= _TWO:
        return True, True
    window = pl.Series("window", np.clip(grid.windows_of(hours["hour"]), 0, grid.size - 1))
    into = (hours["hour"].dt.timestamp("us") - pl.Series(grid.instants[window.to_numpy()])).alias("into")
    spans = pl.DataFrame([window, into]).group_by("window").agg(first=pl.col("into").min(), last=pl.col("into").max())
    inner = spans.filter(pl.col("window").is_between(1, grid.size - 2))
    if inner.is_empty():
        return True, True
    first, last = (spans.filter(pl.col("window") == place).row(0, named=True) for place in (0, grid.size - 1))
    late, early = inner["first"].quantile(_MOST, "higher"), inner["last"].quantile(1 - _MOST, "lower")
    return first["first"] > late, last["last"] < early


def reference_windows(grid: Grid, given: tuple[datetime, datetime] | None) -> range:
    """Return the windows that give bins and distances: those of a period, or the first 8 weeks, or half, by default.

    Raises
    ------
    MisuseError
        The period holds no window.
    """
    if given is None:
        days = _REFERENCE_DAYS * (24 if grid.every == "1h" else 1)
        return range(min(days, max(grid.size // 2, 1)))
    inside = [place for place, start in enumerate(grid.bounds[:-1]) if given[0] <= start < given[1]]
    if not inside:
        message = f"The reference from {given[0]:%Y-%m-%d %H:%M} to {given[1]:%Y-%m-%d %H:%M} holds no {grid.noun}"
        raise MisuseError(message, f"The rows go from {grid.bounds[0]:%Y-%m-%d} to {grid.bounds[-1]:%Y-%m-%d}.")
    return range(inside[0], inside[-1] + 1)


def _bounds(every: str, zone: str, first: datetime, last: datetime) -> list[datetime]:
    """Return the starts of the windows and the end of the last; a day without a midnight begins as the clock jumps."""
    if every == "1d":
        length = window_length(every, zone)
        starts = length.starts(first, last)
        return [*starts, length.after(starts[-1])]
    span = (
        pl.Series([first, last], dtype=TIME).dt.convert_time_zone(zone).dt.truncate(every).dt.convert_time_zone("UTC")
    )
    hours: list[datetime] = pl.datetime_range(span[0], span[1] + _HOUR, every, time_unit="us", eager=True).to_list()
    return hours
