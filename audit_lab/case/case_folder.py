"""The folder of a case: what stands in it, and the one way in which anything in it is changed."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.case.about import ABOUT_NAME, CaseAbout
from audit_lab.case.conclusions import (
    CONCLUSION_NAME,
    FINDINGS_NAME,
    CaseFinding,
    read_conclusion,
    read_findings,
)
from audit_lab.case.custody_file import CUSTODY_NAME, Act, CustodyFile
from audit_lab.case.exhibit import Exhibit, read_exhibits
from audit_lab.case.folder_lock import folder_lock
from audit_lab.case.follow_up import ACTIONS, COMMENTS, EVENTS, STATUS_CHANGES
from audit_lab.case.kept_files import changed_files, digest_of
from audit_lab.errors import NotFoundError
from audit_lab.log.files.durable import write_bytes
from audit_lab.seal.custody import FileChange
from audit_lab.seal.digests import sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Self

    from audit_lab.case.follow_up import CaseAction, CaseComment, CaseEvent, StatusChange
    from audit_lab.seal.custody import CustodyLine

__all__ = ["EDITED", "EXHIBITS_FOLDER", "REPORT_NAME", "CaseEditedWarning", "CaseFolder", "utc_now"]

EXHIBITS_FOLDER = "exhibits"
REPORT_NAME = "report.md"
#: What custody says of files that were changed past the case.
EDITED = "edited by hand"

_OWN = (
    *(ABOUT_NAME, FINDINGS_NAME, CONCLUSION_NAME, REPORT_NAME),
    *(ACTIONS.name, EVENTS.name, COMMENTS.name, STATUS_CHANGES.name),
)
_SHORTEST_PREFIX = 8


class CaseEditedWarning(UserWarning):
    """A file of a case was changed past the case, by hand or by a write that was cut off."""


def utc_now() -> datetime:
    """Return the time of the system's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class CaseFolder:
    """One investigation as it stands in plain files under `folder`.

    Nothing is held in memory, so that two processes may work on the same case. `actor` and `purpose` go into the
    custody record with every act.
    """

    folder: Path
    about: CaseAbout
    actor: str
    purpose: str
    clock: Callable[[], datetime] = utc_now

    @classmethod
    def open(
        cls,
        folder: Path | str,
        *,
        actor: str | None = None,
        purpose: str | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> Self:
        """Open the case that stands in `folder`; opening it to read leaves no custody line.

        Raises
        ------
        AuditLabError
            There is no case, or its record is damaged.
        """
        place = Path(folder)
        about = CaseAbout.read(place)
        return cls(place, about, actor or about.actor, purpose or about.purpose, clock)

    @property
    def case_id(self) -> str:
        """The case's id."""
        return self.about.case_id

    @property
    def exhibits(self) -> tuple[Exhibit, ...]:
        """The exhibits, in the order in which they were kept."""
        return read_exhibits(self.folder / EXHIBITS_FOLDER)

    @property
    def findings(self) -> tuple[CaseFinding, ...]:
        """The findings, in the order in which they were stated."""
        return read_findings(self.folder)

    @property
    def conclusion(self) -> str | None:
        """The conclusion, when there is one."""
        return read_conclusion(self.folder)

    @property
    def actions(self) -> tuple[CaseAction, ...]:
        """The corrective and preventive actions, in the order in which they were agreed."""
        return ACTIONS.read(self.folder)

    @property
    def timeline(self) -> tuple[CaseEvent, ...]:
        """What happened when, by time."""
        return tuple(sorted(EVENTS.read(self.folder), key=lambda event: (event.at, len(event.id), event.id)))

    @property
    def comments(self) -> tuple[CaseComment, ...]:
        """The comments, in the order in which they were made."""
        return COMMENTS.read(self.folder)

    @property
    def status_changes(self) -> tuple[StatusChange, ...]:
        """Every status that the case was given, with who, when and why; none while nobody gave it one."""
        return STATUS_CHANGES.read(self.folder)

    @property
    def status(self) -> str:
        """``open``, ``under review``, ``closed`` or ``reopened``."""
        changes = self.status_changes
        return changes[-1].status if changes else "open"

    @property
    def custody(self) -> tuple[CustodyLine, ...]:
        """Who did what, when and why; reading checks the chain."""
        return self._custody_file.lines()

    def edited(self) -> tuple[FileChange, ...]:
        """Return the files that differ from what custody knows of them: edited by hand, or by a write cut off."""
        return changed_files(self.folder, self.custody, _own_files(self.folder))

    def note_edits(self) -> tuple[FileChange, ...]:
        """Write a custody line about files that were edited by hand, where there are any, and return them."""
        with folder_lock(self.folder):
            edited = self.edited()
            if edited:
                self._commit()
        return edited

    def record(self, action: str, subject: str) -> None:
        """Append a line to the custody record."""
        with folder_lock(self.folder):
            self._commit(Act(action, subject))

    def kept(self, exhibit: Exhibit) -> CustodyLine | None:
        """Return the custody line that says who kept an exhibit, when and why; None where custody does not say."""
        return next(
            (each for each in self.custody if (each.action, each.subject) == ("exhibit kept", exhibit.id)), None
        )

    def exhibit(self, named: Exhibit | str | int) -> Exhibit:
        """Return the exhibit of that number, or of that id: its first eight digits or more.

        Raises
        ------
        NotFoundError
            It names no exhibit of this case.
        """
        wanted = named.id if isinstance(named, Exhibit) else str(named)
        short = len(wanted) < _SHORTEST_PREFIX
        found = [
            each for each in self.exhibits if (str(each.number) == wanted if short else each.id.startswith(wanted))
        ]
        if len(found) != 1:
            raise NotFoundError(
                f"{wanted!r} names no exhibit of the case {self.case_id}", "Give an exhibit that the case keeps"
            )
        return found[0]

    def _commit(self, *acts: Act, contents: Mapping[str, bytes] | None = None, added: Iterable[str] = ()) -> None:
        """Write files and the custody lines about them; the caller holds the case's lock.

        What was edited by hand since the last act gets a line of its own first. `contents` and the files `added`, which
        stand there already, belong to the last act. The clock is looked at before anything is written.
        """
        written, there = dict(contents or {}), tuple(added)
        edited = tuple(change for change in self.edited() if change.file not in there)
        changes = [
            FileChange(name, digest_of(self.folder / name), sha256(content)) for name, content in written.items()
        ]
        changes += [FileChange(name, None, digest_of(self.folder / name)) for name in there]
        done = list(acts)
        if done:
            done[-1] = Act(
                done[-1].action, done[-1].subject, tuple(each for each in changes if each.before != each.after)
            )
        if edited:
            names = ", ".join(change.file for change in edited)
            done.insert(0, Act(EDITED, names, edited))
            warnings.warn(
                f"{names} of the case {self.case_id} changed since custody last saw it: by hand, or a write was cut "
                "off; custody says so now",
                CaseEditedWarning,
                stacklevel=4,
            )
        lines = self._custody_file.following(done, self.actor, self.purpose)
        for name, content in written.items():
            write_bytes(self.folder / name, content)
        self._custody_file.write(lines)

    @property
    def _custody_file(self) -> CustodyFile:
        return CustodyFile(self.folder / CUSTODY_NAME, self.clock, (EXHIBITS_FOLDER, *_OWN[1:]))  # all but case.toml

    def to_dict(self) -> dict[str, Any]:
        """Return all that the case says as JSON-safe values, without the folder in which it stands."""
        return {
            "case": {"id": self.case_id, "question": self.about.question, "log": self.about.log_origin},
            "scope": self.about.scope(),
            "status": self.status,
            "status_changes": [each.to_dict() for each in self.status_changes],
            "exhibits": [each.to_dict() for each in self.exhibits],
            "findings": [each.to_dict() for each in self.findings],
            "conclusion": self.conclusion,
            "actions": [each.to_dict() for each in self.actions],
            "timeline": [each.to_dict() for each in self.timeline],
            "comments": [each.to_dict() for each in self.comments],
            "edited": [vars(each) for each in self.edited()],
        }


def _own_files(folder: Path) -> list[str]:
    """Return the names of the files that a case has, there or not, and of those of its exhibits that are there."""
    exhibits = (path for path in (folder / EXHIBITS_FOLDER).glob("[0-9]*/**/*") if path.is_file())
    return [*_OWN, *(path.relative_to(folder).as_posix() for path in exhibits)]
