"""Tell people of new alerts: each is recorded before anybody is told, and so is whether they could be told.

An alert that goes on is told of when it begins, and again only when it has worsened
(:func:`~audit_lab.monitor.alerts.continuing.has_worsened`) over the worst that was told of before.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.log.files.printable import printable
from audit_lab.monitor.alerts.continuing import has_worsened, window_of
from audit_lab.monitor.alerts.entry import ENTRY_KINDS, Entry
from audit_lab.monitor.alerts.mail_program import hand_over
from audit_lab.monitor.alerts.rules import Webhook
from audit_lab.monitor.alerts.webhook import post
from audit_lab.seal.hidden_letters import spelling_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from audit_lab.monitor.alerts.continuing import Course
    from audit_lab.monitor.alerts.rules import RuleSet, Target
    from audit_lab.monitor.alerts.states import Alerts

__all__ = ["BEGUN", "WORSENED", "Delivery", "News", "deliver", "pending"]

#: Why somebody is told of an alert.
BEGUN, WORSENED = "begun", "worsened"

#: More alerts at once are counted, and stand in the record.
_MOST_TOLD = 100
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
_MESSAGE_FORMAT = "audit_lab.alerts/2"
#: So many ids, at most, stand in one record of who was told.
_MOST_IDS = 500


@dataclass(frozen=True)
class News:
    """An alert that somebody is told of, and why: it has begun, or it has worsened since they were told last."""

    course: Course
    why: str = BEGUN

    @property
    def worst(self) -> Entry:
        """The entry of its worst window: that is what is told."""
        return self.course.worst

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids that the record of the message names: of the alert, and of the window that was told."""
        return tuple(dict.fromkeys((self.course.id, self.worst.alerts[0])))

    @property
    def span(self) -> dict[str, Any]:
        """How long it has gone on, JSON-safe."""
        seen = {"first_seen": self.course.first_seen, "last_seen": self.course.last_seen}
        times = {name: None if moment is None else moment.isoformat() for name, moment in seen.items()}
        return {"begun_as": self.course.id, "why": self.why, "windows": len(self.course.entries), **times}


@dataclass(frozen=True)
class Delivery:
    """Whether somebody was told of some alerts, in how many attempts, and why not.

    `ids` name the alerts and, where that is another one, the window of each that was told.
    """

    target: str
    by: str
    alerts: tuple[str, ...]
    ids: tuple[str, ...]
    attempts: int
    why_not: str | None

    @property
    def sent(self) -> bool:
        """Whether it was taken."""
        return self.why_not is None

    @property
    @spelling_text
    def summary(self) -> str:
        """The delivery as a sentence."""
        count = f"{len(self.alerts)} alert{'' if len(self.alerts) == 1 else 's'}"
        if self.sent:
            return f"{self.target} was told of {count}"
        return f"{self.target} was NOT told of {count}, after {self.attempts} attempts: {self.why_not}"

    def entries(self, at: datetime, actor: str) -> list[Entry]:
        """Return the entries that record it: one, or more where it names more ids than fit."""
        payload = {
            "format": ENTRY_KINDS["notification"],
            "target": self.target,
            "by": self.by,
            "sent": self.sent,
            "attempts": self.attempts,
            "why": self.why_not or "",
        }
        severity = "low" if self.sent else "medium"
        return [
            Entry("notification", at, actor, severity, self.summary, {**payload, "alerts": list(some)})
            for some in (self.ids[start : start + _MOST_IDS] for start in range(0, len(self.ids), _MOST_IDS))
        ]


def pending(alerts: Alerts, rules: RuleSet) -> list[tuple[Target, list[News]]]:
    """Return whom the rules tell of what: of alerts that they have not been told of, nor were tried to be, or worse.

    An alert whose process was stopped between its record and the message is among them. What the rules of now do not
    name is left alone.
    """
    places = {id(one): place for place, one in enumerate(alerts.entries)}
    tried: dict[str, dict[str, int]] = {}
    for place, entry in enumerate(alerts.entries):
        if entry.kind == "notification":
            tried.setdefault(str(entry.payload["target"]), {}).update(dict.fromkeys(entry.alerts, place))
    told_by = {rule.name: rule.notify for rule in rules.rules}
    found = []
    for target in rules.targets:
        known = tried.get(target.name, {})
        mine = []
        for course in alerts.courses.values():
            if target.name not in told_by.get(course.begun.payload["rule"]["name"], ()):
                continue
            before = course.worst_told(places, known)
            if before is None:
                mine.append(News(course))
            elif has_worsened(window_of(before.payload), window_of(course.worst.payload)):
                mine.append(News(course, WORSENED))
        if mine:
            found.append((target, mine))
    return found


def deliver(
    target: Target, news: Sequence[News], origin: str, at: datetime, wait: Callable[[float], object] = time.sleep
) -> Delivery:
    """Tell one target of some alerts, as often as it says, with longer pauses between.

    Parameters
    ----------
    target
        Whom, and how.
    news
        The alerts; at most 100 are told in full, the others counted.
    origin, at
        The log's name, and the time of the round.
    wait
        Waits some seconds.
    """
    told, omitted = news[:_MOST_TOLD], max(len(news) - _MOST_TOLD, 0)
    why: str | None = None
    attempts = 0
    for attempt in range(target.attempts):
        if attempt:
            wait(min(_FIRST_PAUSE_S * 2 ** (attempt - 1), _LONGEST_PAUSE_S))
        attempts += 1
        if isinstance(target, Webhook):
            why = post(target, _document(told, omitted, origin, at))
        else:
            why = hand_over(target, _subject(news, origin), _lines(told, omitted, origin))
        if why is None:
            break
    by = "webhook" if isinstance(target, Webhook) else "mail"
    ids = tuple(name for one in news for name in one.ids)
    return Delivery(target.name, by, tuple(one.course.id for one in news), ids, attempts, why)


def _document(told: Sequence[News], omitted: int, origin: str, at: datetime) -> bytes:
    document: dict[str, Any] = {
        "format": _MESSAGE_FORMAT,
        "log": origin,
        "at": at.isoformat(),
        "alerts": [{**one.worst.payload, "severity": one.worst.severity, **one.span} for one in told],
        "omitted": omitted,
    }
    return json.dumps(document, allow_nan=False).encode("ascii")


def _subject(news: Sequence[News], origin: str) -> str:
    count = f"{len(news)} alert{'' if len(news) == 1 else 's'}"
    name = printable(origin).encode("ascii", "backslashreplace").decode()
    return f"audit_lab: {count} in {name}"


def _lines(told: Sequence[News], omitted: int, origin: str) -> list[str]:
    said = [f"Log: {printable(origin)}", ""]
    for one in told:
        entry, course = one.worst, one.course
        said += [f"{entry.severity}: {printable(entry.summary, 600)}", f"  rule {entry.payload['rule']['name']}"]
        if one.why == WORSENED:
            said.append("  it has worsened since it was told of last")
        if len(course.entries) > 1:
            span = f"from {course.first_seen:%Y-%m-%d %H:%M} to {course.last_seen:%Y-%m-%d %H:%M} UTC"
            said.append(f"  {len(course.entries)} windows {span}; this is the worst of them")
        said += [f"  alert {course.id}", f"  {printable(entry.payload['query'], 1_200)}", ""]
    if omitted:
        said.append(f"And {omitted} more: `audit-lab alerts list` shows them all.")
    return said
