"""What follows from an investigation is written down: actions, events, comments, and the status of the case."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from audit_lab.case.case_folder import CaseFolder
from audit_lab.case.custody_file import Act
from audit_lab.case.folder_lock import folder_lock
from audit_lab.case.follow_up import (
    ACTIONS,
    COMMENTS,
    EVENTS,
    STATUS_CHANGES,
    STATUSES,
    CaseAction,
    CaseComment,
    CaseEvent,
    StatusChange,
)
from audit_lab.errors import MisuseError, NotFoundError

if TYPE_CHECKING:
    from audit_lab.case.exhibit import Exhibit

__all__ = ["FollowedCase"]

_DAY = "Write a day like 2026-12-01"
_TIME = "Write a time with its zone like 2026-12-01T09:30:00+01:00"


class FollowedCase(CaseFolder):
    """A case with its actions, timeline, comments and status."""

    def action(self, what: str, *, kind: str, owner: str, due: date | str) -> CaseAction:
        """Agree an action.

        Parameters
        ----------
        what
            What is to be done.
        kind
            ``corrective`` (it puts right what happened) or ``preventive`` (it keeps it from coming again).
        owner
            Who does it.
        due
            The day by which it is done.

        Raises
        ------
        MisuseError
            A part of it is missing or none, or the case is closed.
        """
        with folder_lock(self.folder):
            self._check_open()
            actions = self.actions
            agreed = CaseAction(ACTIONS.next_id("A", actions), what, kind, owner, _day(due), "open", "")
            self._commit(Act("action agreed", agreed.id), contents={ACTIONS.name: ACTIONS.content((*actions, agreed))})
        return agreed

    def change_action(self, action: CaseAction | str, status: str, how: str = "") -> CaseAction:
        """Say how far an action is; ``closed`` and ``dropped`` need `how` it was closed or why it was dropped.

        Raises
        ------
        NotFoundError
            The case has no such action.
        MisuseError
            The status is none, or `how` is missing.
        """
        wanted = action if isinstance(action, str) else action.id
        with folder_lock(self.folder):
            actions = self.actions
            if wanted not in {each.id for each in actions}:
                raise NotFoundError(f"{wanted!r} names no action of the case {self.case_id}", "Give one that it has")
            changed = tuple(replace(each, status=status, how=how) if each.id == wanted else each for each in actions)
            if changed != actions:
                self._commit(Act(f"action {status}", wanted), contents={ACTIONS.name: ACTIONS.content(changed)})
        return next(each for each in changed if each.id == wanted)

    def event(
        self, at: datetime | str, what: str, *, exhibit: Exhibit | str | int | None = None, by: str | None = None
    ) -> CaseEvent:
        """Put an event on the timeline; the same event again changes nothing.

        Parameters
        ----------
        at
            When it happened, with a zone.
        what
            What happened.
        exhibit
            The exhibit that shows it, for what stands in the log; without one it is as somebody states it.
        by
            Who states it; default: the case's actor.

        Raises
        ------
        MisuseError
            The time has no zone, nothing is said, or the case is closed.
        NotFoundError
            There is no such exhibit.
        """
        source = "stated" if exhibit is None else "log"
        shown = "" if exhibit is None else self.exhibit(exhibit).id
        with folder_lock(self.folder):
            self._check_open()
            events = EVENTS.read(self.folder)
            stated = CaseEvent(EVENTS.next_id("E", events), _moment(at), what, source, by or self.actor, shown)
            for event in events:
                if replace(event, id=stated.id) == stated:
                    return event
            self._commit(Act("event dated", stated.id), contents={EVENTS.name: EVENTS.content((*events, stated))})
        return stated

    def comment(self, text: str, about: Exhibit | str = "case") -> CaseComment:
        """Comment on the case, or on the finding, action, event, comment or exhibit that `about` names.

        Raises
        ------
        NotFoundError
            The case has none of that name.
        MisuseError
            The text is empty.
        """
        with folder_lock(self.folder):
            comments = self.comments
            named = {each.id for group in (self.findings, self.actions, self.timeline, comments) for each in group}
            subject = about if isinstance(about, str) and about in {*named, "case"} else self.exhibit(about).id
            made = CaseComment(COMMENTS.next_id("C", comments), self.clock().astimezone(UTC), self.actor, subject, text)
            self._commit(Act("commented", made.id), contents={COMMENTS.name: COMMENTS.content((*comments, made))})
        return made

    def change_status(self, status: str, why: str) -> StatusChange:
        """Give the case another status, and say why.

        Parameters
        ----------
        status
            ``under review``, ``closed``, ``reopened``, or back to ``open`` from a review. A closed case takes comments,
            sign-offs and changes of its actions; everything else waits until it is reopened.
        why
            The reason.

        Raises
        ------
        MisuseError
            The status is none, does not follow on the present one, or no reason is given.
        """
        with folder_lock(self.folder):
            changes, before = self.status_changes, self.status
            changed = StatusChange(
                STATUS_CHANGES.next_id("S", changes), self.clock().astimezone(UTC), self.actor, status, why
            )
            if status not in STATUSES[before]:
                allowed = " or ".join(STATUSES[before])
                raise MisuseError(
                    f"The case {self.case_id} is {before} and cannot become {status}", f"Make it {allowed}"
                )
            content = STATUS_CHANGES.content((*changes, changed))
            self._commit(Act(f"status: {status}", before), contents={STATUS_CHANGES.name: content})
        return changed

    def _check_open(self) -> None:
        if self.status == "closed":
            raise MisuseError(f"The case {self.case_id} is closed", "Reopen it first: change_status('reopened', why)")


def _day(due: date | str) -> date:
    try:
        found = date.fromisoformat(due) if isinstance(due, str) else due
    except ValueError as error:
        raise MisuseError(f"{due!r} is no day", _DAY) from error
    return found.date() if isinstance(found, datetime) else found


def _moment(at: datetime | str) -> datetime:
    try:
        found = datetime.fromisoformat(at) if isinstance(at, str) else at
    except ValueError as error:
        raise MisuseError(f"{at!r} is no time", _TIME) from error
    if found.tzinfo is None:
        raise MisuseError(f"{at} has no zone", _TIME)
    return found.astimezone(UTC)
