"""The rough, local time that a letter states, as spans of UTC: also on days when the clocks were changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.log.files.printable import printable

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["LetterTime", "duration_text", "read_letter_time", "read_within", "zone_named"]

_WITHIN = re.compile(r"(?P<count>[0-9]{1,6}(?:\.[0-9]{1,3})?) ?(?P<unit>m|min|h|d|w)")
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST_WITHIN = timedelta(days=3_660)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HOW = "Write it like 2015-07-06, 2015-07-06 09:00 or 2015-07-06T09:00:00+02:00."


@dataclass(frozen=True)
class LetterTime:
    """When a letter says that it happened.

    Attributes
    ----------
    spans
        Every reading of it in UTC, first and last moment: one for most times, two for a local time that happened twice
        or never, a whole day for a date.
    within
        How far off a decision may be and still match.
    zone
        Where it is local; UTC where the time states its own offset and no zone was given.
    text
        What was given, in words.
    notes
        What to know about how it was read.
    """

    spans: tuple[tuple[datetime, datetime], ...]
    within: timedelta
    zone: ZoneInfo
    text: str
    notes: tuple[str, ...] = ()

    def offset(self, moment: datetime) -> timedelta:
        """Return how far a moment lies from the nearest reading: below zero before it, above zero after it."""
        distances = [max(moment - last, timedelta(0)) + min(moment - first, timedelta(0)) for first, last in self.spans]
        return min(distances, key=abs)

    def local(self, moment: datetime) -> str:
        """Return a moment as the clocks in the letter's zone showed it, with its offset."""
        return moment.astimezone(self.zone).isoformat(sep=" ", timespec="seconds")


def read_letter_time(
    around: str | date | datetime, zone: str | None = None, within: str | timedelta = "2h"
) -> LetterTime:
    """Read the time of a letter.

    Parameters
    ----------
    around
        A date (the whole local day), a local time, or a time with its offset.
    zone
        The IANA name of the zone in which it is local, for example ``America/New_York``.
    within
        How far off a decision may be: ``30m``, ``2h``, ``1d``, ``1w`` or a timedelta.

    Raises
    ------
    MisuseError
        A part cannot be read, or the time is local and no zone is given.
    """
    allowed = read_within(within)
    given = _parsed(around)
    if isinstance(given, datetime) and given.tzinfo is not None:
        moment = given.astimezone(UTC)
        return LetterTime(((moment, moment),), allowed, zone_named(zone or "UTC"), given.isoformat(sep=" "))
    if zone is None:
        raise MisuseError(
            f"{around} is a local time, and nothing says where",
            "Give the zone as zone=... or --zone, like America/New_York (UTC, if that is what the letter means).",
        )
    place = zone_named(zone)
    try:
        if isinstance(given, datetime):
            return _local_moment(given, place, allowed)
        return _local_day(given, place, allowed)
    except OverflowError as error:
        raise MisuseError(f"{around} is no time that can be converted to UTC", _HOW) from error


def read_within(within: str | timedelta) -> timedelta:
    """Read how far off a time may be.

    Raises
    ------
    MisuseError
        It is not like ``30m``, ``2h``, ``1d`` or ``1w``, is negative, or is longer than ten years.
    """
    if isinstance(within, timedelta):
        allowed = within
    else:
        match = _WITHIN.fullmatch(str(within).strip())
        if match is None:
            raise MisuseError(f"within is {printable(repr(within))}", "Write it like 30m, 2h, 1d or 1w.")
        allowed = timedelta(**{_UNITS[match["unit"]]: float(match["count"])})
    if not timedelta(0) <= allowed <= _LONGEST_WITHIN:
        raise MisuseError(f"within is {within}", "Give zero to ten years, like 30m, 2h, 1d or 1w.")
    return allowed


def duration_text(duration: timedelta) -> str:
    """Return a duration in words, to the two largest units that tell it, for example ``1 hour 5 minutes``."""
    seconds = round(abs(duration).total_seconds())
    units = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
    parts = []
    for at, (name, size) in enumerate(units):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count:,} {name}{'' if count == 1 else 's'}")
            finer = units[at + 1] if at + 1 < len(units) else None
            if finer and seconds // finer[1]:
                count = seconds // finer[1]
                parts.append(f"{count} {finer[0]}{'' if count == 1 else 's'}")
            break
    return " ".join(parts) or "less than a second"


def zone_named(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name.

    Raises
    ------
    MisuseError
        There is none; the error names those that are nearly called so.
    """
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        near = get_close_matches(str(name), sorted(available_timezones()), n=3, cutoff=0.5)
        meant = f"Did you mean {' or '.join(near)}?" if near else "Give its IANA name, like America/New_York."
        raise MisuseError(f"there is no time zone {printable(str(name))!r}", meant) from error


def _parsed(around: str | date | datetime) -> date | datetime:
    if isinstance(around, date):
        return around
    text = around.strip() if isinstance(around, str) else ""
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else datetime.fromisoformat(text)
    except ValueError as error:
        raise MisuseError(f"around is {printable(repr(around))}, which is no date or time", _HOW) from error


def _readings(local: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
    """Return what a local time can mean in UTC, earlier first (PEP 495: fold 0 and 1 differ around a change)."""
    found = {local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return tuple(sorted(found))


def _local_moment(local: datetime, zone: ZoneInfo, within: timedelta) -> LetterTime:
    moments = _readings(local, zone)
    text = f"{local.isoformat(sep=' ', timespec='auto')} in {zone.key}"
    notes: tuple[str, ...] = ()
    if len(moments) > 1:
        shown = [moment.astimezone(zone) for moment in moments]
        both = " and ".join(each.isoformat(sep=" ") for each in shown)
        happened = all(each.replace(tzinfo=None) == local for each in shown)
        what = "happened twice, when the clocks were put back" if happened else "never was: the clocks were put forward"
        notes = (f"{text} {what}; it is read as {both}",)
    return LetterTime(tuple((moment, moment) for moment in moments), within, zone, text, notes)


def _local_day(day: date, zone: ZoneInfo, within: timedelta) -> LetterTime:
    first = _readings(datetime.combine(day, time()), zone)[0]
    last = _readings(datetime.combine(day + timedelta(days=1), time()), zone)[-1] - timedelta(microseconds=1)
    note = f"{day} is read as the whole day in {zone.key}: {first.isoformat()} to {last.isoformat()}"
    return LetterTime(((first, last),), within, zone, f"{day} in {zone.key}", (note,))
