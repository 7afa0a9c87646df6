"""The state of every alert that was ever kept, derived from its entries: open, acknowledged or closed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import NotFoundError
from audit_lab.log.files.printable import printable
from audit_lab.log.schema import TIME
from audit_lab.monitor.alerts.alert import bounded
from audit_lab.monitor.alerts.continuing import courses_of
from audit_lab.seal.hidden_letters import spelling, spelling_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from audit_lab.monitor.alerts.continuing import Course
    from audit_lab.monitor.alerts.entry import Entry

__all__ = ["ACKNOWLEDGED", "CLOSED", "OPEN", "Alerts", "derived"]

OPEN, ACKNOWLEDGED, CLOSED = "open", "acknowledged", "closed"
_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("id", "state", "severity", "rule", "kind", "model", "version"), pl.String),
    **dict.fromkeys(("first_seen", "last_seen"), TIME),
    "windows": pl.Int64,
    **dict.fromkeys(("window_start", "window_end"), TIME),
    **dict.fromkeys(("column", "measure"), pl.String),
    **dict.fromkeys(("value", "low", "high"), pl.Float64),
    "threshold": pl.String,
    "rows": pl.Int64,
    **dict.fromkeys(("what", "query", "digest"), pl.String),
    "raised_at": TIME,
    "last_raised_at": TIME,
    "kept": pl.String,
    "told": pl.List(pl.String),
    "not_told": pl.List(pl.String),
    **dict.fromkeys(("conclusion", "reviewed_by", "reason"), pl.String),
}
#: The columns of `Alerts.windows`, and where those that are texts, times or numbers of a payload come from.
_WINDOWS: dict[str, Any] = {
    **dict.fromkeys(("alert", "id", "state", "severity", "rule", "kind", "model", "version"), pl.String),
    **dict.fromkeys(("window_start", "window_end"), TIME),
    **dict.fromkeys(("column", "measure"), pl.String),
    **dict.fromkeys(("value", "low", "high"), pl.Float64),
    "threshold": pl.String,
    "rows": pl.Int64,
    **dict.fromkeys(("what", "query", "digest"), pl.String),
    "raised_at": TIME,
    "kept": pl.String,
}
_SHOWN = ("severity", "state", "rule", "column", "first_seen", "last_seen", "windows", "value", "threshold", "id")


@dataclass(frozen=True, eq=False)
class Alerts:
    """The alerts of a log, each with its state; `AuditLog.alerts` makes it.

    Attributes
    ----------
    table
        One row for each alert, in order of when it was raised, however many adjoining windows it went on for: ``id``,
        ``state``, ``first_seen`` and ``last_seen`` (start of its first window, end of its last), ``windows`` (how
        many), what it states of the window where it was worst, ``digest`` (of the payload that it began with),
        ``raised_at`` and ``last_raised_at``, ``kept`` ("journal" or "log"), ``told`` and ``not_told`` (whom),
        ``conclusion``, ``reviewed_by`` and ``reason`` of the last review.
    windows
        One row for each window of each alert, with the evidence that was kept of it last: ``alert`` (the id of the
        alert that it belongs to), ``id`` (its own), the alert's ``state``, what it states, ``digest``, ``raised_at``
        and ``kept``.
    courses
        The alerts with the entries of their windows, by id.
    entries
        All that is kept, in order of time.
    facts
        What must be known of the record.
    asked
        The arguments of the question, those that were given.
    decisions_of
        Reconstructs decisions that are named by ids or places, as ``log.decisions`` does; None where no log was asked.
    foremost_of
        Chooses the decisions of a period that matter most, as ``log.foremost`` does; None where no log was asked.
    """

    table: pl.DataFrame
    windows: pl.DataFrame
    courses: Mapping[str, Course]
    entries: tuple[Entry, ...]
    facts: tuple[str, ...]
    asked: Mapping[str, Any] = field(default_factory=dict)
    decisions_of: Callable[..., Any] | None = field(default=None, repr=False)
    foremost_of: Callable[..., Any] | None = field(default=None, repr=False)

    @property
    def states(self) -> dict[str, str]:
        """The state of each alert, by its id and by those of its windows."""
        return dict(self.windows.select("id", "state").iter_rows())

    def course(self, alert: str) -> Course:
        """Return an alert with all of its windows, named as in `raised` by its own id or one of a window.

        Raises
        ------
        NotFoundError
            There is none, or there are several.
        """
        name = self.raised(alert).alerts[0]
        return next(one for one in self.courses.values() if any(each.alerts[0] == name for each in one.entries))

    def raised(self, alert: str) -> Entry:
        """Return the entry by which a window was raised, named by its id or the first eight or more digits of it.

        Raises
        ------
        NotFoundError
            There is none, or there are several.
        """
        named = [entry for entry in self.entries if entry.kind == "alert" and entry.alerts[0].startswith(alert)]
        ids = {entry.alerts[0] for entry in named}
        if len(ids) != 1 or len(alert) < _SHORTEST_ID:
            what = "is no alert of this log" if not ids else "names several alerts"
            raise NotFoundError(f"{printable(alert)!r} {what}", "`audit-lab alerts list` shows each with its id.")
        return named[0]

    @spelling_text
    def __repr__(self) -> str:
        """Return the summary, with what it is about."""
        return f"Alerts: {' '.join(self.summary())}"

    @spelling_text
    def summary(self) -> list[str]:
        """Return plain sentences: how many are open, acknowledged and closed, who could not be told, and facts."""
        counts = {state: self.table.filter(state=state).height for state in (OPEN, ACKNOWLEDGED, CLOSED)}
        said = [f"{self.table.height} alerts: {', '.join(f'{count} {state}' for state, count in counts.items())}."]
        longer = self.table.filter(pl.col("windows") > 1)
        if longer.height:
            most = max(longer["windows"].to_list())
            said.append(f"{longer.height} of them went on for several windows, {most} at most.")
        untold = self.table.filter(pl.col("not_told").list.len() > 0).height
        if untold:
            said.append(f"Of {untold} alerts somebody could not be told.")
        return [*said, *self.facts]

    def to_dict(self) -> dict[str, Any]:
        """Return them JSON-safe, with every entry."""
        return {
            "summary": self.summary(),
            "facts": list(self.facts),
            "alerts": _plain(self.table),
            "windows": _plain(self.windows),
            "entries": [
                {
                    "kind": one.kind,
                    "at": one.at.isoformat(),
                    "actor": one.actor,
                    "kept": one.kept,
                    "digest": one.digest,
                    "payload": dict(one.payload),
                }
                for one in self.entries
            ],
        }

    @spelling
    def _repr_html_(self) -> str:
        """Return them as a table in HTML; every text is escaped."""
        said = "".join(f"<li>{escape(printable(sentence, 400))}</li>" for sentence in self.summary())
        head = "".join(f"<th>{name}</th>" for name in _SHOWN)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(printable(str(value)))}</td>' for value in row)}</tr>"
            for row in self.table.select(_SHOWN).iter_rows()
        )
        return f"<div><ul>{said}</ul><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


_SHORTEST_ID = 8


def derived(entries: list[Entry], facts: tuple[str, ...] = ()) -> Alerts:
    """Derive the alerts and the state of each: closed by its last review, acknowledged, or else open.

    A review or an acknowledgement of one window is one of the alert that the window belongs to. A window that was
    closed, and was kept once more after that as worse, is open again.
    """
    every: list[Entry] = []
    raised: dict[str, Entry] = {}
    said: dict[str, list[Entry]] = {"review": [], "acknowledgement": []}
    told: list[Entry] = []
    for entry in entries:
        if entry.kind == "alert":
            every.append(entry)
            raised.setdefault(entry.alerts[0], entry)
        elif entry.kind == "notification":
            told.append(entry)
        else:
            said[entry.kind].append(entry)
    sound = {
        kind: [one for one in mine if one.alerts[0] in raised and one.payload["digest"] == raised[one.alerts[0]].digest]
        for kind, mine in said.items()
    }
    strays = sum(len(said[kind]) - len(sound[kind]) for kind in said)
    closed: dict[str, datetime] = {}
    for review in sound["review"]:
        named = raised[review.alerts[0]]
        closed.setdefault(named.payload.get("continues") or named.alerts[0], review.at)
    courses, apart = courses_of(every, closed)
    of = {one.alerts[0]: course.id for course in courses.values() for one in course.entries}
    reviews = {of[one.alerts[0]]: one for one in sound["review"]}
    places = {id(one): place for place, one in enumerate(entries)}
    for name, review in list(reviews.items()):
        after = [one for one in courses[name].renewed if places[id(one)] > places[id(review)]]
        if after:
            courses[name] = replace(courses[name], reopened=min(after, key=lambda one: places[id(one)]))
            del reviews[name]
    acknowledged = {
        course.id
        for one in sound["acknowledgement"]
        if (course := courses[of[one.alerts[0]]]).reopened is None or places[id(one)] > places[id(course.reopened)]
    }
    known = _told(told, of)
    states = {name: CLOSED if name in reviews else ACKNOWLEDGED if name in acknowledged else OPEN for name in courses}
    order = {name: place for place, name in enumerate(raised)}
    ordered = sorted(courses.values(), key=lambda one: order[one.id])
    rows = [_row(one, states[one.id], reviews.get(one.id), known.get(one.id, {})) for one in ordered]
    windows = [
        {**_stated(one), "alert": course.id, "id": one.alerts[0], "state": states[course.id]}
        for course in ordered
        for one in course.latest
    ]
    notes = (
        f"{strays} acknowledgements or reviews name no alert that is kept, or another digest of it, and close none.",
        f"{apart} alerts state that they continue one that they do not adjoin, or that was closed: they stand alone.",
    )
    told_too = tuple(note for note, count in zip(notes, (strays, apart), strict=True) if count)
    frames = (pl.DataFrame(rows, schema=_SCHEMA), pl.DataFrame(windows, schema=_WINDOWS))
    return Alerts(*frames, courses, tuple(entries), (*facts, *told_too))


def _told(notifications: list[Entry], of: Mapping[str, str]) -> dict[str, dict[str, bool]]:
    """Return whom each alert was told to, and whether the last attempt was taken."""
    told: dict[str, dict[str, bool]] = {}
    for entry in notifications:
        for name in entry.alerts:
            told.setdefault(of.get(name, name), {})[str(entry.payload["target"])] = bool(entry.payload["sent"])
    return told


def _stated(entry: Entry) -> dict[str, Any]:
    """Return what an entry states of its window."""
    payload = entry.payload
    texts = ("model", "version", "column", "measure", "threshold")
    stated = {text: None if payload[text] is None else bounded(payload[text]) for text in texts}
    times = ("window_start", "window_end")
    return {
        **stated,
        "what": printable(payload["what"], 600),
        "query": payload["query"],
        **{each: None if payload[each] is None else datetime.fromisoformat(payload[each]) for each in times},
        **{number: payload[number] for number in ("value", "low", "high")},
        "rows": None if payload["rows"] is None else int(payload["rows"]),
        "severity": entry.severity,
        "rule": payload["rule"]["name"],
        "kind": payload["rule"]["kind"],
        "digest": entry.digest,
        "raised_at": entry.at,
        "kept": entry.kept,
    }


def _row(course: Course, state: str, review: Entry | None, told: dict[str, bool]) -> dict[str, Any]:
    return {
        **_stated(course.worst),
        "id": course.id,
        "state": state,
        "severity": course.begun.severity,
        "first_seen": course.first_seen,
        "last_seen": course.last_seen,
        "windows": len(course.entries),
        "digest": course.begun.digest,
        "raised_at": course.begun.at,
        "last_raised_at": max(one.at for one in (*course.entries, *course.renewed)),
        "kept": course.begun.kept,
        "told": sorted(target for target, sent in told.items() if sent),
        "not_told": sorted(target for target, sent in told.items() if not sent),
        "conclusion": None if review is None else review.payload["conclusion"],
        "reviewed_by": None if review is None else review.payload["actor"],
        "reason": None if review is None else review.payload["reason"],
    }


def _plain(table: pl.DataFrame) -> list[dict[str, Any]]:
    return [
        {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
        for row in table.to_dicts()
    ]
