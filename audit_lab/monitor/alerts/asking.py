"""How a rule asks a log: through the questions that a user has, each put once in a round."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from audit_lab.monitor.alerts.alert import Alert

__all__ = ["QUESTIONS", "Asking", "Found", "Scope", "asked_again"]

#: The questions that rules ask, by the names under which `audit_lab.face.AuditLog` answers them.
QUESTIONS = ("drift", "drift_together", "operations", "onset", "performance", "fairness", "coverage", "verify")


class Asking:
    """The questions of one round: the same one is put once, however many rules ask it."""

    def __init__(self, questions: Mapping[str, Callable[..., Any]]) -> None:
        self._questions = questions
        self._answers: dict[str, Any] = {}

    def ask(self, question: str, **asked: Any) -> Any:
        """Return the answer to a question, as `asked_again` writes it."""
        words = asked_again(question, asked)
        if words not in self._answers:
            self._answers[words] = self._questions[question](**asked)
        return self._answers[words]


@dataclass(frozen=True)
class Scope:
    """Which windows may raise an alert: those that reach into [since, until), and that are over and covered wholly.

    `first` and `last` are the times of the model's first and newest prediction, None where it has none; `now` is the
    time of the round.
    """

    now: datetime
    since: datetime | None = None
    until: datetime | None = None
    first: datetime | None = None
    last: datetime | None = None

    def holds(self, start: datetime, end: datetime) -> bool:
        """Return whether a window reaches into the period; one of no length if it lies in it."""
        after = self.since is None or end > self.since or start >= self.since
        return after and (self.until is None or start < self.until)

    def is_whole(self, start: datetime, end: datetime, zone: str) -> bool:
        """Return whether a window is over, and each of its days is one from the first prediction's to the last's."""
        if self.first is None or self.last is None or end > self.now:
            return False
        place = ZoneInfo(zone)
        day = {"hour": 0, "minute": 0, "second": 0, "microsecond": 0}
        first, last = (one.astimezone(place).replace(**day, tzinfo=None) for one in (self.first, self.last))
        begin = first.replace(tzinfo=place).astimezone(UTC)
        return begin <= start and end <= (last + timedelta(days=1)).replace(tzinfo=place).astimezone(UTC)


@dataclass(frozen=True)
class Found:
    """What a rule saw: its alerts, how many windows and rows were looked at, and what must be known.

    `why_not` says why it could not be evaluated; then nothing was looked at.
    """

    alerts: tuple[Alert, ...] = ()
    windows: int = 0
    rows: int = 0
    facts: tuple[str, ...] = field(default=())
    why_not: str | None = None


def asked_again(question: str, asked: Mapping[str, Any]) -> str:
    """Return the Python that puts a question to `log`; what is None is left out."""
    given = ", ".join(f"{name}={value!r}" for name, value in asked.items() if value is not None)
    return f"log.{question}({given})"
