"""How the rows of a log are put into windows: by the calendar of a zone, around a moment, or by version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import narwhals as nw
import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.schema import TIME
from audit_lab.monitor.counts import TIME_COLUMN, VERSION_COLUMN
from audit_lab.monitor.windows import WINDOWS, day, duration, utc, window_length

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from audit_lab.monitor.windows import WindowLength

__all__ = ["AROUND_LENGTHS", "BY_VERSION", "Around", "Cut", "around_cut", "calendar_cut", "version_cut"]

#: What `every` is where each version of a model is a window of its own.
BY_VERSION = "version"
#: Lengths of windows that can be counted from a moment; months differ in length.
AROUND_LENGTHS = ("1h", "1d", "1w")
#: Other engines find a row's window by comparing its time with each start; with more windows that takes too long.
_MOST_COMPARED = 2_000
#: Most windows around a moment.
_MOST_AROUND = 10_000


@dataclass(frozen=True)
class Around:
    """A moment, as that of a decision, and how much before it and from it on is looked at, as ``4w``."""

    moment: datetime
    before: str = "4w"
    after: str = "0d"


@dataclass(frozen=True)
class Cut:
    """Windows: the start and end of each (UTC, excluded), what a sentence calls each, and how rows find theirs.

    Windows of time adjoin; those of versions may overlap. `by_version` are the versions, `length` the calendar's
    windows, `around` the moment that they are counted from, `zone` whose days sentences speak of.
    """

    noun: str
    names: tuple[str, ...]
    starts: tuple[datetime, ...]
    ends: tuple[datetime, ...]
    zone: str = "UTC"
    length: WindowLength | None = None
    by_version: tuple[str, ...] = ()
    around: Around | None = None

    @property
    def bounds(self) -> list[datetime]:
        """The start of each window, and the end of the last."""
        return [*self.starts, self.ends[-1]]

    def name(self, start: datetime) -> str:
        """Return what a sentence calls the window that starts at `start`."""
        return self.names[self.starts.index(start)] if start in self.starts else self.moment(start)

    def moment(self, moment: datetime) -> str:
        """Write a moment in the zone."""
        return f"{moment.astimezone(ZoneInfo(self.zone)):%Y-%m-%d %H:%M} {self.zone}"

    def date(self, moment: datetime) -> str:
        """Write the day of a moment in the zone."""
        return f"{moment.astimezone(ZoneInfo(self.zone)):%Y-%m-%d}"

    def last_day(self, end: datetime) -> str:
        """Write the day of a window's end in the zone; an end at midnight means the day before."""
        return day(end, self.zone)

    def numbered(self, rows: nw.LazyFrame[Any], called: str) -> nw.LazyFrame[Any]:
        """Add a column that is `called` so: the position of each row's window; rows in no window are left out."""
        placed = self._placed(rows, called)
        if self.length is not None:
            return placed
        return placed.filter((nw.col(called) >= 0) & (nw.col(called) < len(self.starts)))

    def _placed(self, rows: nw.LazyFrame[Any], called: str) -> nw.LazyFrame[Any]:
        if self.by_version:
            return rows.with_columns(self._of_version().alias(called))
        by_polars = rows.implementation.is_polars()
        if self.length is not None and (self.zone == "UTC" or self.length.every == "1h"):
            number = self.length.number(TIME_COLUMN, by_polars=by_polars) - self.length.number_of(self.starts[0])
            return rows.with_columns(number.alias(called))
        if by_polars:
            bounds = pl.lit(pl.Series(self.bounds, dtype=TIME))
            place = bounds.search_sorted(pl.col(TIME_COLUMN), side="right").cast(pl.Int64) - 1
            placed: nw.LazyFrame[Any] = nw.from_native(rows.to_native().with_columns(place.alias(called)))
            return placed
        if len(self.starts) > _MOST_COMPARED:
            message = f"{len(self.starts):,} windows in the zone {self.zone} are too many for this engine"
            raise MisuseError(message, "Cut them in UTC, take longer windows, or ask without engine=.")
        reached = nw.sum_horizontal(*((nw.col(TIME_COLUMN) >= start).cast(nw.Int64) for start in self.bounds))
        return rows.with_columns((reached - 1).alias(called))

    def _of_version(self) -> nw.Expr:
        version = nw.col(VERSION_COLUMN)
        places = [
            nw.when(version == name if name else version.is_null()).then(nw.lit(place))
            for place, name in enumerate(self.by_version)
        ]
        return (nw.coalesce(*places) if len(places) > 1 else places[0]).cast(nw.Int64)


def calendar_cut(length: WindowLength, starts: Sequence[datetime]) -> Cut:
    """Return the adjoining windows of a calendar that begin at `starts`."""
    ends = (*starts[1:], length.after(starts[-1]))
    names = tuple(length.name(start) for start in starts)
    return Cut(length.noun, names, tuple(starts), ends, length.zone, length)


def around_cut(around: Around, every: str, zone: str) -> Cut:
    """Return windows counted from a moment: those before end with it, those after begin with it.

    Raises
    ------
    MisuseError
        `every` has no fixed length, or before and after are no multiples of it, or both nothing.
    """
    if every not in AROUND_LENGTHS:
        message = f"windows around a decision cannot be {every!r} long"
        raise MisuseError(message, f"Use one of {', '.join(AROUND_LENGTHS)}.")
    window_length(every, zone)
    step, moment = duration(every, "every"), utc(around.moment)
    counts = []
    for name, text in (("before", around.before), ("after", around.after)):
        span = duration(text, name)
        if span % step:
            message = f"{name} is {text!r}, which is no multiple of windows of {every}"
            raise MisuseError(message, "Give a multiple, or shorter windows.")
        counts.append(span // step)
    earlier, later = counts
    if not 0 < earlier + later <= _MOST_AROUND:
        message = f"{earlier + later:,} windows around a decision cannot be compared"
        raise MisuseError(message, f"Give before and after so that they hold 1 to {_MOST_AROUND:,} windows.")
    noun = WINDOWS[every].noun
    starts = tuple(moment + place * step for place in range(-earlier, later))
    names = tuple(_counted(place, noun) for place in range(-earlier, later))
    return Cut(noun, names, starts, tuple(start + step for start in starts), zone, around=around)


def version_cut(found: Sequence[tuple[str | None, datetime, datetime]]) -> Cut:
    """Return one window for each version: its name, None where none is stated, and its first and last row's time."""
    ordered = sorted(found, key=lambda one: (one[1], one[0] or ""))
    return Cut(
        noun="version",
        names=tuple(f"version {name}" if name else "the rows without a version" for name, _, _ in ordered),
        starts=tuple(first for _, first, _ in ordered),
        ends=tuple(last + timedelta(microseconds=1) for _, _, last in ordered),
        by_version=tuple(name or "" for name, _, _ in ordered),
    )


def _counted(place: int, noun: str) -> str:
    if place in {-1, 0}:
        return f"the {noun} {'before' if place else 'from'} the decision{'' if place else ' on'}"
    return f"{noun} {-place} before the decision" if place < 0 else f"{noun} {place + 1} from the decision on"
