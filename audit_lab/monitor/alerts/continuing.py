"""Continuing alerts: what the same rule sees of the same thing in adjoining windows is one alert, not a new one a week.

A window's alert continues another one of the same rule, model, version and column where their windows adjoin and nobody
has closed that one; its entry names the first of them, and no entry is changed. A closed alert is not continued: what
fires after it begins anew. A window that has worsened since it was kept, or a run of failures that has grown, is kept
once more under its id: the first entry stays, and the last says how far it has come.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from audit_lab.monitor.alerts.alert import Alert
    from audit_lab.monitor.alerts.entry import Entry

__all__ = [
    "CONTINUED_KINDS",
    "WORSE_BY",
    "Course",
    "Window",
    "belonging",
    "courses_of",
    "has_worsened",
    "renewing",
    "window_of",
]

#: The kinds of rules that look window by window. An onset is a date, and each its own alert; a silence is one window
#: that grows until a prediction comes.
CONTINUED_KINDS = frozenset({"drift", "drift together", "volume", "operations", "performance", "fairness", "coverage"})
#: Failures in adjoining windows are one run, which keeps its id, from its first window on, while it grows.
_FAILURES = "operations"
#: How many times as far a value without an interval must be for an alert to have worsened.
WORSE_BY = 2.0
_Subject = tuple[str, str, str | None, str | None, str]


@dataclass(frozen=True)
class Window:
    """One window of an alert: its id, what it is of, from when to when, and by what value."""

    id: str
    subject: _Subject
    start: datetime | None
    end: datetime | None
    value: float | None
    low: float | None
    high: float | None
    worse: Literal["higher", "lower"]

    @property
    def can_continue(self) -> bool:
        """Whether its rule looks window by window, and this is one."""
        return self.subject[1] in CONTINUED_KINDS and self.start is not None and self.end is not None


@dataclass(frozen=True)
class Course:
    """A continuing alert: the entries of its windows, the one that it began with first, then in order of time.

    `renewed` are later entries of the same windows, each worse or longer than the one before; `reopened` is the first
    of them after a review that had closed the alert.
    """

    entries: tuple[Entry, ...]
    renewed: tuple[Entry, ...] = ()
    reopened: Entry | None = None

    @property
    def _all(self) -> tuple[Entry, ...]:
        return (*reversed(self.renewed), *self.entries)

    @property
    def begun(self) -> Entry:
        """The entry that it began with, whose id is the alert's."""
        return self.entries[0]

    @property
    def id(self) -> str:
        """The alert's id."""
        return self.begun.alerts[0]

    @property
    def latest(self) -> tuple[Entry, ...]:
        """The last entry of each of its windows, in the order of its entries."""
        last = {one.alerts[0]: one for one in (*self.entries, *self.renewed)}
        return tuple(last[one.alerts[0]] for one in self.entries)

    @property
    def windows(self) -> tuple[Window, ...]:
        """Its windows as they were seen last, in the order of its entries."""
        return tuple(window_of(one.payload) for one in self.latest)

    @property
    def first_seen(self) -> datetime | None:
        """The start of its first window; None where its rule looks at everything."""
        return min((one.start for one in self.windows if one.start is not None), default=None)

    @property
    def last_seen(self) -> datetime | None:
        """The end of its last window."""
        return max((one.end for one in self.windows if one.end is not None), default=None)

    @property
    def worst(self) -> Entry:
        """The entry of the window whose value is furthest; of as far ones the last renewed, or else the first."""
        return _worst(self._all)

    def worst_told(self, places: Mapping[int, int], told: Mapping[str, int]) -> Entry | None:
        """Return the worst entry that was there when its window was told of last; None where none was told.

        Parameters
        ----------
        places
            The place of each entry, by its identity, in the order in which all of them were kept.
        told
            At which place somebody was told last, by the id of a window. What was told before the alert was
            reopened does not count.
        """
        since = -1 if self.reopened is None else places[id(self.reopened)]
        mine = [one for one in self._all if places[id(one)] < told.get(one.alerts[0], -1) > since]
        return _worst(mine) if mine else None


def window_of(payload: Mapping[str, Any]) -> Window:
    """Return the window of an alert's payload."""
    rule, times = payload["rule"], (payload["window_start"], payload["window_end"])
    start, end = (None if one is None else datetime.fromisoformat(one) for one in times)
    numbers = (payload["value"], payload["low"], payload["high"])
    subject = (rule["name"], rule["kind"], payload["model"], payload["version"], payload["column"])
    lower = rule["kind"] == "coverage" or payload["threshold"].startswith("below ")
    return Window(payload["alert"], subject, start, end, *numbers, "lower" if lower else "higher")


def has_worsened(before: Window, now: Window) -> bool:
    """Return whether a window is worse than one before beyond doubt.

    Where both have an interval, that of `now` lies wholly beyond that of `before`; else its value is at least twice the
    former one (at most half, where less is worse).
    """
    sign = 1.0 if now.worse == "higher" else -1.0
    far, near = (now.low, before.high) if sign > 0 else (now.high, before.low)
    if far is not None and near is not None:
        return sign * far > sign * near
    if before.value is None or now.value is None:
        return False
    if sign > 0:
        return now.value >= WORSE_BY * before.value and now.value > before.value
    return now.value <= before.value / WORSE_BY and now.value < before.value


def courses_of(entries: Sequence[Entry], closed: Mapping[str, datetime]) -> tuple[dict[str, Course], int]:
    """Return the continuing alerts that entries make up, by id, and how many name one that they do not continue.

    Parameters
    ----------
    entries
        Of the kind "alert", in order of when they were raised; of one id the first counts, and those that renew it.
    closed
        When each alert was first closed, by id: what was raised later does not continue it.

    Returns
    -------
    tuple
        An entry that names an alert that is not kept, of something else, not adjoining or closed stands by itself, so
        that nobody hides an alert behind another one.
    """
    first: dict[str, Entry] = {}
    renewed: dict[str, list[Entry]] = {}
    for entry in entries:
        name = entry.alerts[0]
        before = [first[name], *renewed[name]][-1] if name in first else None
        if before is None:
            first[name], renewed[name] = entry, []
        elif _renews(window_of(before.payload), window_of(entry.payload)):
            renewed[name].append(entry)
    followers: dict[str, list[Entry]] = {}
    for entry in first.values():
        begun = entry.payload.get("continues")
        if begun is not None and (begun not in closed or entry.at <= closed[begun]):
            followers.setdefault(begun, []).append(entry)
    courses, joined = {}, set()
    for name, entry in first.items():
        if entry.payload.get("continues") is None:
            windows = _reached(entry, followers.get(name, ()))
            joined |= {one.alerts[0] for one in windows}
            courses[name] = Course((entry, *sorted(windows, key=lambda one: str(one.payload["window_start"]))))
    alone = [name for name in first if name not in courses and name not in joined]
    courses |= {name: Course((first[name],)) for name in alone}
    return {name: _with_renewed(course, renewed) for name, course in courses.items()}, len(alone)


def renewing(alerts: Iterable[Alert], courses: Iterable[Course]) -> frozenset[str]:
    """Return the ids of what fires that is kept already, and has worsened or grown since.

    Parameters
    ----------
    alerts
        What fires.
    courses
        The alerts that are kept.
    """
    kept = {one.id: one for course in courses for one in course.windows}
    fired = [window_of(one.payload("")) for one in alerts]
    return frozenset(one.id for one in fired if one.id in kept and _renews(kept[one.id], one))


def belonging(alerts: Iterable[Alert], courses: Iterable[Course], closed: Iterable[str]) -> dict[str, str]:
    """Return which alert each of those that fire belongs to: its own id, or that of the one that it continues.

    Parameters
    ----------
    alerts
        What fires.
    courses, closed
        The alerts that are kept, and the ids of those that were closed.
    """
    shut = set(closed)
    of: dict[str, str] = {}
    places: dict[tuple[_Subject, str, datetime | None], str] = {}
    for course in courses:
        for one in course.windows:
            of[one.id] = course.id
            if course.id not in shut and one.can_continue:
                places.setdefault((one.subject, "start", one.start), course.id)
                places.setdefault((one.subject, "end", one.end), course.id)
    fired = [window_of(one.payload("")) for one in alerts]
    for run in _runs(one for one in fired if one.id not in of):
        before = places.get((run[0].subject, "end", run[0].start))
        after = places.get((run[0].subject, "start", run[-1].end))
        of |= dict.fromkeys((one.id for one in run), before or after or run[0].id)
    return {one.id: of[one.id] for one in fired}


def _renews(before: Window, now: Window) -> bool:
    """Return whether a window is to be kept once more: it is worse, or a run of failures that has grown."""
    if before.subject != now.subject or before.start != now.start:
        return False
    grown = now.subject[1] == _FAILURES and None not in (before.end, now.end) and before.end < now.end  # type: ignore[operator]
    return grown or has_worsened(before, now)


def _with_renewed(course: Course, renewed: Mapping[str, Sequence[Entry]]) -> Course:
    return replace(course, renewed=tuple(one for entry in course.entries for one in renewed[entry.alerts[0]]))


def _runs(windows: Iterable[Window]) -> Iterator[list[Window]]:
    """Group windows so that in each group every one adjoins the one before; what cannot continue is a group alone."""
    run: list[Window] = []
    for one in sorted(windows, key=lambda one: (str(one.subject), one.start is not None, one.start)):
        if run and one.can_continue and (run[-1].subject, run[-1].end) == (one.subject, one.start):
            run.append(one)
            continue
        if run:
            yield run
        run = [one]
    if run:
        yield run


def _reached(begun: Entry, followers: Sequence[Entry]) -> list[Entry]:
    """Return which of the entries that name an alert are reached from its first window, each adjoining one before."""
    starts: dict[tuple[_Subject, datetime | None], list[Entry]] = {}
    ends: dict[tuple[_Subject, datetime | None], list[Entry]] = {}
    for entry in followers:
        window = window_of(entry.payload)
        if window.can_continue:
            starts.setdefault((window.subject, window.start), []).append(entry)
            ends.setdefault((window.subject, window.end), []).append(entry)
    reached: dict[str, Entry] = {}
    frontier = [window_of(begun.payload)]
    while frontier:
        window = frontier.pop()
        beside = starts.pop((window.subject, window.end), []) + ends.pop((window.subject, window.start), [])
        for entry in beside:
            if window.can_continue and entry.alerts[0] not in reached:
                reached[entry.alerts[0]] = entry
                frontier.append(window_of(entry.payload))
    return list(reached.values())


def _worst(entries: Sequence[Entry]) -> Entry:
    def far(entry: Entry) -> float:
        window = window_of(entry.payload)
        if window.value is None:
            return float("-inf")
        return window.value if window.worse == "higher" else -window.value

    return max(entries, key=far)
