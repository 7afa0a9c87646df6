"""Moments as a letter needs them: as the clocks in a zone showed them, beside UTC."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from audit_lab.log.letter.local_time import zone_named

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["TIMEZONE_VARIABLE", "Clock", "Moment", "clock_of"]

#: The environment variable that names the zone where none is given.
TIMEZONE_VARIABLE = "AUDIT_LAB_TIMEZONE"

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October"),
    *("November", "December"),
)
_NOT_RECORDED = "at a time not on record"


@dataclass(frozen=True)
class Moment:
    """One moment.

    Parameters
    ----------
    utc
        ISO 8601 with its offset, to the microsecond; None where none is on record.
    local
        What the clocks in the zone showed, in words and to the second, with the zone's name and offset.
    zone
        The IANA name of the zone.
    """

    utc: str | None
    local: str
    zone: str

    def words(self) -> str:
        """Return it as local time with the zone's name, and UTC."""
        if self.utc is None:
            return _NOT_RECORDED
        moment = datetime.fromisoformat(self.utc)
        if self.zone == "UTC":
            return self.local
        same_day = _day(moment) == self.local.partition(",")[0]
        beside = "" if same_day else f"{_day(moment)}, "
        return f"{self.local}, that is {beside}{moment:%H:%M:%S} UTC"

    def short(self) -> str:
        """Return local date and time to the minute, for a table that names the zone elsewhere."""
        if self.utc is None:
            return "no time"
        return self.local_iso[:16].replace("T", " ")

    @property
    def local_iso(self) -> str:
        """Local time as ISO 8601; empty where no time is on record."""
        if self.utc is None:
            return ""
        return datetime.fromisoformat(self.utc).astimezone(zone_named(self.zone)).isoformat()


@dataclass(frozen=True)
class Clock:
    """A zone, and why it is that one."""

    zone: ZoneInfo
    why: str

    def at(self, moment: datetime | None) -> Moment:
        """Return a moment as this clock shows it."""
        if moment is None:
            return Moment(None, _NOT_RECORDED, self.zone.key)
        utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        try:
            local = utc.astimezone(self.zone)
        except OverflowError:  # at the ends of the calendar
            local = utc
        shown = f"{_day(local)}, {local:%H:%M:%S}"
        if self.zone.key == "UTC":
            text = f"{shown} UTC"
        else:
            name, offset = local.tzname() or "", f"{local:%z}"
            abbreviation = "" if name[:1] in "+-" else f" {name}"
            text = f"{shown}{abbreviation} ({self.zone.key}, UTC{offset[:3]}:{offset[3:5]})"
        return Moment(utc.isoformat(timespec="microseconds"), text, self.zone.key)


def clock_of(timezone: str | None) -> Clock:
    """Return the clock of a zone.

    Parameters
    ----------
    timezone
        An IANA name; default: the one in AUDIT_LAB_TIMEZONE, else UTC.

    Raises
    ------
    MisuseError
        There is no such zone.
    """
    if timezone is not None:
        return Clock(zone_named(timezone), f"Local times are those of {timezone}, as was asked.")
    named = os.environ.get(TIMEZONE_VARIABLE)
    if named:
        return Clock(zone_named(named), f"Local times are those of {named}, as {TIMEZONE_VARIABLE} says.")
    return Clock(zone_named("UTC"), "All times are UTC, since no time zone was asked for.")


def _day(moment: datetime) -> str:
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"
