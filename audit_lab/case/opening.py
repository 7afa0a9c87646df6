"""What a case begins with where it is opened from an alert or a decision: its scope and its first exhibits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.search.query import instant

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FirstExhibit", "Opening", "Window", "opening_of"]

#: Two moments: text, dates or times; what states no zone is UTC.
Window = tuple[str | date | datetime | None, str | date | datetime | None]

_VERSIONS = {"model_version": pl.String, "rows": pl.Int64, "lineage": pl.String}


@dataclass(frozen=True)
class FirstExhibit:
    """A thing to keep, what to say of it, and the dated events that it shows."""

    thing: Any
    title: str
    note: str = ""
    query: str = ""
    events: tuple[tuple[datetime, str], ...] = ()


@dataclass(frozen=True)
class Opening:
    """What the case's file says of its scope, and what is kept first."""

    scope: Mapping[str, str]
    exhibits: tuple[FirstExhibit, ...] = field(default=())


def opening_of(alert: Any, decision: Any, timezone: str | None, window: Window | None = None) -> Opening:
    """Return what a case begins with.

    Parameters
    ----------
    alert
        An alert, or the entry that was kept of it; None for a case that is opened from none.
    decision
        A reconstructed decision; None likewise.
    timezone
        IANA name of the zone of local times; default: AUDIT_LAB_TIMEZONE, else UTC.
    window
        The first moment that is looked into, and the first one behind; an alert brings its own.

    Raises
    ------
    MisuseError
        Two of them are given that exclude each other, there is no such zone, or the window is none.
    """
    from audit_lab.dossier.moments import clock_of  # a case that is only read needs nothing of a dossier

    zone = {"timezone": clock_of(timezone).zone.key}
    if alert is not None and decision is not None:
        raise MisuseError("A case is opened from an alert or from a decision, and both are given", "Leave one out")
    if alert is not None:
        if window is not None:
            raise MisuseError("An alert brings its window, and another is given", "Leave the window out")
        return _from_alert(alert, zone)
    zone |= {} if window is None else _stated(window)
    return Opening(zone) if decision is None else _from_decision(decision, zone)


def _stated(window: Window) -> dict[str, str]:
    """Return the window that somebody states, as a case's file has it."""
    start, end = (instant(each, "the window") for each in window)
    if start is None or end is None or not start < end:
        raise MisuseError("A case's window has a beginning, and an end after it", "Give both, the earlier first")
    return {"window_start": start.isoformat(), "window_end": end.isoformat()}


def _from_alert(alert: Any, zone: Mapping[str, str]) -> Opening:
    payload = alert.payload("") if callable(alert.payload) else alert.payload
    start, end = payload["window_start"], payload["window_end"]
    said = {"model": payload["model"], "model_version": payload["version"], "window_start": start, "window_end": end}
    scope = {**zone, "opened_from": f"alert {payload['alert']}", **{name: each or "" for name, each in said.items()}}
    words = f"the window of the alert {payload['alert']}"
    events = [(datetime.fromisoformat(at), f"{what} of {words}") for at, what in ((start, "Start"), (end, "End")) if at]
    if hasattr(alert, "at"):
        events.append((alert.at, f"The alert {payload['alert']} was raised"))
    title = f"The alert that the case was opened from: {payload['rule']['name']}"
    first = FirstExhibit(alert, title, payload["what"], payload["query"], tuple(events))
    versions = payload["versions"] or {}
    lineage = {str(one.get("model_version", one.get("version"))): one for one in payload["lineage"]}
    rows = [
        {"model_version": name, "rows": count, "lineage": _words(lineage.get(name, {}))}
        for name, count in sorted(versions.items())
    ]
    if not rows:
        return Opening(scope, (first,))
    table = pl.DataFrame(rows, schema=_VERSIONS)
    second = FirstExhibit(table, f"Model versions in {words}, their rows and their lineage", query=payload["query"])
    return Opening(scope, (first, second))


def _from_decision(decision: Any, zone: Mapping[str, str]) -> Opening:
    row = decision.prediction
    scope = {**zone, "opened_from": f"decision {decision.place}"}
    scope |= {"model": str(row.get("model_name") or ""), "model_version": str(row.get("model_version") or "")}
    events = [(row["occurred_at"], f"The decision {decision.prediction_id} was made")] if row["occurred_at"] else []
    for event in decision.events:
        at, kind, summary = (event.get(name) for name in ("at", "kind", "summary"))
        if isinstance(at, datetime):
            events.append((at, f"{kind}: {summary}" if summary else str(kind)))
    query = f"log.decision({decision.place!r})"
    first = FirstExhibit(
        decision, f"The decision that the case was opened from: {decision.prediction_id}", "", query, tuple(events)
    )
    graph = FirstExhibit(
        decision.lineage_graph(), "Its way back to runs, commits and data", "", f"{query}.lineage_graph()"
    )
    return Opening(scope, (first, graph))


def _words(lineage: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in sorted(lineage.items()) if value)
