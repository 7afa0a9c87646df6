"""Windows of time: how a log is cut into hours, days, weeks or months, and how a window is called."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import narwhals as nw

__all__ = ["WINDOWS", "WindowLength", "day", "duration", "utc", "window_length"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = 12
_HOURS = 24
_DAYS_OF_WEEK = 7
_DURATION_DIGITS = 5
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
    """One length of window: the polars interval `every`, the `noun` and `shape` that sentences call it by, the `zone`.

    Days, weeks (from Monday) and months begin at midnight of the zone, so that a day has 23 or 25 hours where the clock
    is changed; hours are all of one length.
    """

    every: str
    noun: str
    shape: str
    zone: str = "UTC"

    def number(self, time: str, *, by_polars: bool) -> nw.Expr:
        """Return the number of the window of UTC that a UTC time lies in: the same one on every engine.

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
        """Return the number of the window that a moment lies in, as its zone counts them."""
        local = self._local(moment)
        if self.every == "1mo":
            return local.year * _MONTHS + local.month - 1
        shift, length = _MICROSECONDS[self.every]
        return ((local - _EPOCH) // timedelta(microseconds=1) + shift) // length

    def start(self, number: int) -> datetime:
        """Return the start of the window of a number, in UTC."""
        if self.every == "1mo":
            return self._universal(datetime(number // _MONTHS, number % _MONTHS + 1, 1, tzinfo=UTC))
        shift, length = _MICROSECONDS[self.every]
        return self._universal(_EPOCH + timedelta(microseconds=number * length - shift))

    def starts(self, first: datetime, last: datetime) -> list[datetime]:
        """Return the start of every window from the one of `first` to the one of `last`, empty windows included."""
        return [self.start(number) for number in range(self.number_of(first), self.number_of(last) + 1)]

    def after(self, start: datetime, count: int = 1) -> datetime:
        """Return the start of the window `count` windows after the one that starts at `start`."""
        return self.start(self.number_of(start) + count)

    def name(self, start: datetime) -> str:
        """Return what a sentence calls the window that starts at `start`: ``the week of 2015-06-29``."""
        local = start.astimezone(ZoneInfo(self.zone))
        return self.shape.format(local, self.zone if self.zone == "UTC" else f"{local:%z} ({self.zone})")

    def _local(self, moment: datetime) -> datetime:
        """Return what the zone's calendar and clock say at a moment, as if it were UTC; hours are those of UTC."""
        if self.zone == "UTC" or self.every == "1h":
            return moment
        return moment.astimezone(ZoneInfo(self.zone)).replace(tzinfo=UTC)

    def _universal(self, local: datetime) -> datetime:
        """Undo `_local`; a midnight that the clock skips is the moment at which it is changed."""
        if self.zone == "UTC" or self.every == "1h":
            return local
        return local.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)


WINDOWS: Mapping[str, WindowLength] = {
    length.every: length
    for length in (
        WindowLength("1h", "hour", "the hour from {0:%Y-%m-%d %H:%M} {1}"),
        WindowLength("1d", "day", "{0:%Y-%m-%d}"),
        WindowLength("1w", "week", "the week of {0:%Y-%m-%d}"),
        WindowLength("1mo", "month", "the month {0:%Y-%m}"),
    )
}


def window_length(every: str, zone: str = "UTC") -> WindowLength:
    """Return the window length that `every` names, cut by the calendar and clock of an IANA time zone.

    Raises
    ------
    MisuseError
        `every` is not one of ``1h``, ``1d``, ``1w``, ``1mo``, or there is no such zone.
    """
    if every not in WINDOWS:
        message = f"{every!r} is not a length of window"
        raise MisuseError(message, f"Use one of {', '.join(WINDOWS)}.")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"There is no time zone {zone!r}"
        raise MisuseError(message, "Name one of the IANA database, like Europe/Berlin, or UTC.") from error
    return replace(WINDOWS[every], zone=zone)


def duration(text: str, name: str) -> timedelta:
    """Return a length of time: a whole number of hours, days or weeks, as ``36h``, ``10d`` or ``4w``.

    Raises
    ------
    MisuseError
        The text is none, or names more than a century.
    """
    units = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
    number, unit = text[:-1], text[-1:]
    if unit not in units or not number.isdecimal() or not number.isascii() or len(number) > _DURATION_DIGITS:
        message = f"{name} is {text!r}, which is no length of time"
        raise MisuseError(message, "Write it like 36h, 10d or 4w.")
    return int(number) * units[unit]


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


def day(moment: datetime, zone: str = "UTC") -> str:
    """Return the day of a window's end as people of a zone say it: an end at midnight means the day before."""
    return f"{(moment - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)):%Y-%m-%d}"
