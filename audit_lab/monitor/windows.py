"""Windows of time: how a log is cut into hours, days, weeks or months, and how a window is called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.schema import TIME

if TYPE_CHECKING:
    from collections.abc import Mapping

    import narwhals as nw

__all__ = ["WINDOWS", "WindowLength", "day", "utc", "window_length"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = 12
_HOURS = 24
_DAYS_OF_WEEK = 7
#: 1970-01-01 was a Thursday.
_DAYS_FROM_MONDAY = 3
_MICROSECONDS_OF_DAY = 86_400_000_000
#: For each window of fixed length, how far the epoch lies behind the start of its own window, and the length.
_MICROSECONDS = {
    "1h": (0, 3_600_000_000),
    "1d": (0, _MICROSECONDS_OF_DAY),
    "1w": (_DAYS_FROM_MONDAY * _MICROSECONDS_OF_DAY, _DAYS_OF_WEEK * _MICROSECONDS_OF_DAY),
}


@dataclass(frozen=True)
class WindowLength:
    """One length of window: the polars interval `every` and the `noun` a sentence calls it by.

    All windows are cut in UTC; a week starts on Monday.
    """

    every: str
    noun: str
    shape: str

    def number(self, time: str, *, by_polars: bool) -> nw.Expr:
        """Return the number of the window that a UTC time lies in: the same one on every engine.

        Hours, days and weeks are counted from the one of 1970-01-01, months from January of the year 0.
        """
        import narwhals as nw

        moment = nw.col(time).dt
        if self.every == "1mo":
            return moment.year().cast(nw.Int64) * _MONTHS + moment.month().cast(nw.Int64) - 1
        if by_polars:
            shift, length = _MICROSECONDS[self.every]
            return (moment.timestamp("us") + shift) // length
        day = _days(moment)
        if self.every == "1h":
            return day * _HOURS + moment.hour().cast(nw.Int64)
        return day if self.every == "1d" else (day + _DAYS_FROM_MONDAY) // _DAYS_OF_WEEK

    def number_of(self, moment: datetime) -> int:
        """Return the number of the window that a moment in UTC lies in."""
        if self.every == "1mo":
            return moment.year * _MONTHS + moment.month - 1
        shift, length = _MICROSECONDS[self.every]
        return ((moment - _EPOCH) // timedelta(microseconds=1) + shift) // length

    def start(self, number: int) -> datetime:
        """Return the start of the window of a number."""
        if self.every == "1mo":
            return datetime(number // _MONTHS, number % _MONTHS + 1, 1, tzinfo=UTC)
        shift, length = _MICROSECONDS[self.every]
        return _EPOCH + timedelta(microseconds=number * length - shift)

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


def _days(moment: Any) -> nw.Expr:
    """Return the days from 1970-01-01 to a date of the proleptic Gregorian calendar.

    Engines agree on a date's year and its day in the year, and not on numbering days.
    """
    import narwhals as nw

    years = moment.year().cast(nw.Int64) - 1
    leap_days = years // 4 - years // 100 + years // 400
    number: nw.Expr = years * 365 + leap_days + moment.ordinal_day().cast(nw.Int64) - 1 - 719_162
    return number


def utc(moment: datetime) -> datetime:
    """Return a moment in UTC; one without a time zone is taken to be UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def day(moment: datetime) -> str:
    """Return the day of a window's end as people say it: an end at midnight means the day before."""
    return f"{moment - timedelta(microseconds=1):%Y-%m-%d}"
