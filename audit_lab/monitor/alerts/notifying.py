"""Tell people of new alerts: each is recorded before anybody is told, and so is whether they could be told."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.log.files.printable import printable
from audit_lab.monitor.alerts.entry import ENTRY_KINDS, Entry
from audit_lab.monitor.alerts.mail_program import hand_over
from audit_lab.monitor.alerts.rules import Webhook
from audit_lab.monitor.alerts.webhook import post

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from audit_lab.monitor.alerts.rules import RuleSet, Target

__all__ = ["Delivery", "deliver", "pending"]

#: More alerts at once are counted, and stand in the record.
_MOST_TOLD = 100
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
_MESSAGE_FORMAT = "audit_lab.alerts/1"


@dataclass(frozen=True)
class Delivery:
    """Whether somebody was told of some alerts, in how many attempts, and why not."""

    target: str
    by: str
    alerts: tuple[str, ...]
    attempts: int
    why_not: str | None

    @property
    def sent(self) -> bool:
        """Whether it was taken."""
        return self.why_not is None

    @property
    def summary(self) -> str:
        """The delivery as a sentence."""
        count = f"{len(self.alerts)} alert{'' if len(self.alerts) == 1 else 's'}"
        if self.sent:
            return f"{self.target} was told of {count}"
        return f"{self.target} was NOT told of {count}, after {self.attempts} attempts: {self.why_not}"

    def entry(self, at: datetime, actor: str) -> Entry:
        """Return the entry that records it."""
        payload = {
            "format": ENTRY_KINDS["notification"],
            "alerts": list(self.alerts),
            "target": self.target,
            "by": self.by,
            "sent": self.sent,
            "attempts": self.attempts,
            "why": self.why_not or "",
        }
        return Entry("notification", at, actor, "low" if self.sent else "medium", self.summary, payload)


def pending(entries: Iterable[Entry], rules: RuleSet) -> list[tuple[Target, list[Entry]]]:
    """Return whom the rules tell of alerts that they have not been told of, nor were tried to be.

    An alert whose process was stopped between its record and the message is among them. What the rules of now do not
    name is left alone.
    """
    tried: set[tuple[str, str]] = set()
    raised: dict[str, Entry] = {}
    for entry in entries:
        if entry.kind == "notification":
            tried |= {(str(entry.payload["target"]), name) for name in entry.alerts}
        elif entry.kind == "alert":
            raised.setdefault(entry.alerts[0], entry)
    told_by = {rule.name: rule.notify for rule in rules.rules}
    found = []
    for target in rules.targets:
        mine = [
            entry
            for name, entry in raised.items()
            if target.name in told_by.get(entry.payload["rule"]["name"], ()) and (target.name, name) not in tried
        ]
        if mine:
            found.append((target, mine))
    return found


def deliver(
    target: Target, entries: Sequence[Entry], origin: str, at: datetime, wait: Callable[[float], object] = time.sleep
) -> Delivery:
    """Tell one target of some alerts, as often as it says, with longer pauses between.

    Parameters
    ----------
    target
        Whom, and how.
    entries
        The alerts; at most 100 are told in full, the others counted.
    origin, at
        The log's name, and the time of the round.
    wait
        Waits some seconds.
    """
    told, omitted = entries[:_MOST_TOLD], max(len(entries) - _MOST_TOLD, 0)
    why: str | None = None
    attempts = 0
    for attempt in range(target.attempts):
        if attempt:
            wait(min(_FIRST_PAUSE_S * 2 ** (attempt - 1), _LONGEST_PAUSE_S))
        attempts += 1
        if isinstance(target, Webhook):
            why = post(target, _document(told, omitted, origin, at))
        else:
            why = hand_over(target, _subject(entries, origin), _lines(told, omitted, origin))
        if why is None:
            break
    by = "webhook" if isinstance(target, Webhook) else "mail"
    return Delivery(target.name, by, tuple(entry.alerts[0] for entry in entries), attempts, why)


def _document(told: Sequence[Entry], omitted: int, origin: str, at: datetime) -> bytes:
    document: dict[str, Any] = {
        "format": _MESSAGE_FORMAT,
        "log": origin,
        "at": at.isoformat(),
        "alerts": [{**entry.payload, "severity": entry.severity} for entry in told],
        "omitted": omitted,
    }
    return json.dumps(document, allow_nan=False).encode("ascii")


def _subject(entries: Sequence[Entry], origin: str) -> str:
    count = f"{len(entries)} alert{'' if len(entries) == 1 else 's'}"
    name = printable(origin).encode("ascii", "backslashreplace").decode()
    return f"audit_lab: {count} in {name}"


def _lines(told: Sequence[Entry], omitted: int, origin: str) -> list[str]:
    said = [f"Log: {printable(origin)}", ""]
    for entry in told:
        said += [f"{entry.severity}: {printable(entry.summary, 600)}", f"  rule {entry.payload['rule']['name']}"]
        said += [f"  alert {entry.alerts[0]}", f"  {printable(entry.payload['query'], 1_200)}", ""]
    if omitted:
        said.append(f"And {omitted} more: `audit-lab alerts list` shows them all.")
    return said
