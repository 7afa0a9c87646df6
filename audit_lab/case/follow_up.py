"""What accompanies an investigation: actions, the timeline, comments, and the case's status, each a TOML file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime  # noqa: TC003 - the record file reads the names of the fields' types

from audit_lab.case.record_file import Record, RecordFile
from audit_lab.errors import MisuseError

__all__ = [
    "ACTIONS",
    "ACTION_KINDS",
    "ACTION_STATES",
    "COMMENTS",
    "EVENTS",
    "EVENT_SOURCES",
    "STATUSES",
    "STATUS_CHANGES",
    "CaseAction",
    "CaseComment",
    "CaseEvent",
    "StatusChange",
]

ACTION_KINDS = ("corrective", "preventive")
ACTION_STATES = ("open", "in progress", "closed", "dropped")
EVENT_SOURCES = ("log", "stated")
#: Each status of a case, and those that may follow it.
STATUSES = {
    "open": ("under review", "closed"),
    "under review": ("open", "closed"),
    "closed": ("reopened",),
    "reopened": ("under review", "closed"),
}


@dataclass(frozen=True)
class CaseAction(Record):
    """What somebody does so that it is put right (corrective) or does not come again (preventive).

    `how` says how it was closed, or why it was dropped; empty before.
    """

    what: str
    kind: str
    owner: str
    due: date
    status: str
    how: str

    def __post_init__(self) -> None:
        """Refuse an action that nobody owns, of an unknown kind or status, or closed without saying how."""
        _said(self, "what", "owner")
        _one_of(self, "kind", ACTION_KINDS)
        _one_of(self, "status", ACTION_STATES)
        if (self.status in {"closed", "dropped"}) != bool(self.how.strip()):
            raise MisuseError(
                f"how: the action {self.id} is {self.status} and how is {self.how[:60]!a}",
                "Say how it was closed or why it was dropped, and nothing before that",
            )


@dataclass(frozen=True)
class CaseEvent(Record):
    """What happened when: from the log (then `exhibit` is the id of what shows it), or as somebody stated it."""

    at: datetime
    what: str
    source: str
    by: str
    exhibit: str

    def __post_init__(self) -> None:
        """Refuse an event that says nothing, or of the log without an exhibit that shows it."""
        _said(self, "what", "by")
        _one_of(self, "source", EVENT_SOURCES)
        if self.source == "log" and not self.exhibit:
            raise MisuseError(f"exhibit: nothing shows that {self.id} is of the log", "Name an exhibit, or state it")


@dataclass(frozen=True)
class CaseComment(Record):
    """What somebody says about the case, a finding, an action, an event or an exhibit."""

    at: datetime
    author: str
    about: str
    text: str

    def __post_init__(self) -> None:
        """Refuse a comment that says nothing, or without author."""
        _said(self, "text", "author", "about")


@dataclass(frozen=True)
class StatusChange(Record):
    """The status that a case was given: by whom, when and why."""

    at: datetime
    actor: str
    status: str
    why: str

    def __post_init__(self) -> None:
        """Refuse an unknown status, and one without a reason."""
        _one_of(self, "status", tuple(STATUSES))
        _said(self, "why", "actor")


ACTIONS = RecordFile("actions.toml", "action", CaseAction)
EVENTS = RecordFile("timeline.toml", "event", CaseEvent)
COMMENTS = RecordFile("comments.toml", "comment", CaseComment)
STATUS_CHANGES = RecordFile("status.toml", "status", StatusChange)


def _said(record: Record, *names: str) -> None:
    for name in names:
        if not str(getattr(record, name)).strip():
            raise MisuseError(f"{name}: {record.id} says nothing there", f"Give {name}")


def _one_of(record: Record, name: str, known: tuple[str, ...]) -> None:
    value = str(getattr(record, name))
    if value not in known:
        raise MisuseError(f"{name}: {value[:60]!a} is none", f"Use one of {', '.join(known)}")
