"""Windows of time: how a log is cut into hours, days, weeks or months, and how a window is called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.schema import TIME

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["WINDOWS", "WindowLength", "day", "utc", "window_length"]


@dataclass(frozen=True)
class WindowLength:
    """One length of window: the polars interval `every` and the `noun` a sentence calls it by.

    All windows are cut in UTC; a week starts on Monday.
    """

    every: str
    noun: str
    shape: str

    def truncate(self, time: pl.Expr) -> pl.Expr:
        """Return the start of the window that a time lies in."""
        return time.dt.truncate(self.every)

    def starts(self, first: datetime, last: datetime) -> list[datetime]:
        """Return the start of every window from the one of `first` to the one of `last`, empty windows included."""
        bounds = pl.Series([first, last], dtype=TIME).dt.truncate(self.every)
        return pl.datetime_range(bounds[0], bounds[1], self.every, time_unit="us", eager=True).to_list()

    def after(self, start: datetime, count: int = 1) -> datetime:
        """Return the start of the window `count` windows after the one that starts at `start`."""
        amount = f"{count}{self.every.lstrip('1')}"
        moved: datetime = pl.Series([start], dtype=TIME).dt.offset_by(amount)[0]
        return moved

    def name(self, start: datetime) -> str:
        """Return what a sentence calls the window that starts at `start`: ``the week of 2015-06-29``."""
        return self.shape.format(start)


WINDOWS: Mapping[str, WindowLength] = {
    length.every: length
    for length in (
        WindowLength("1h", "hour", "the hour from {0:%Y-%m-%d %H:%M} UTC"),
        WindowLength("1d", "day", "{0:%Y-%m-%d}"),
        WindowLength("1w", "week", "the week of {0:%Y-%m-%d}"),
        WindowLength("1mo", "month", "the month {0:%Y-%m}"),
    )
}


def window_length(every: str) -> WindowLength:
    """Return the window length that `every` names.

    Raises
    ------
    MisuseError
        `every` is not one of ``1h``, ``1d``, ``1w``, ``1mo``.
    """
    if every not in WINDOWS:
        message = f"{every!r} is not a length of window"
        raise MisuseError(message, f"Use one of {', '.join(WINDOWS)}.")
    return WINDOWS[every]


def utc(moment: datetime) -> datetime:
    """Return a moment in UTC; one without a time zone is taken to be UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def day(moment: datetime) -> str:
    """Return the day of a window's end as people say it: an end at midnight means the day before."""
    return f"{moment - timedelta(microseconds=1):%Y-%m-%d}"
