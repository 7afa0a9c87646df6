"""The sign-offs that a case's custody record knows of, and which of them are void: the case changed since."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.case.case_folder import REPORT_NAME
from audit_lab.case.follow_up import COMMENTS, STATUS_CHANGES

if TYPE_CHECKING:
    from audit_lab.case.case_folder import CaseFolder
    from audit_lab.seal.custody import CustodyLine, FileChange

__all__ = ["SIGNED_OFF", "VOID", "RecordedSignOff", "recorded_sign_offs"]

#: How the action of a custody line about a sign-off begins; what it means follows.
SIGNED_OFF = "signed off: "
#: Why a sign-off is void whose case says something else by now.
VOID = "the case changed after it was signed: export it again, and have that signed"
#: What goes on after a sign-off, which is about the investigation.
_GOES_ON = frozenset({COMMENTS.name, STATUS_CHANGES.name, REPORT_NAME})


@dataclass(frozen=True)
class RecordedSignOff:
    """A sign-off as custody knows it: what it means, when it was recorded, by whom, and of which attestation.

    `void` says why it no longer counts for the case as it is; None where it does.
    """

    meaning: str
    at: str
    by: str
    attestation_sha256: str
    void: str | None

    def __str__(self) -> str:
        """Return what was signed, who recorded it and when, as one line; whether it is void, `state` says."""
        return f"{self.meaning}, recorded by {self.by} at {self.at[:19]}Z"

    @property
    def state(self) -> str:
        """Whether it is valid for the case as it is now, as words."""
        return "valid for the case as it is, by custody" if self.void is None else f"VOID: {self.void}"


def recorded_sign_offs(case: CaseFolder) -> tuple[RecordedSignOff, ...]:
    """Return the sign-offs that were recorded in a case's custody, in order.

    Only a bundle says whether they were signed at all, by which key: custody is the word of whoever keeps the case.
    """
    lines, edited = case.custody, case.edited()
    return tuple(
        RecordedSignOff(
            line.action.removeprefix(SIGNED_OFF),
            line.at,
            line.actor,
            line.subject,
            VOID if _changed(lines[place + 1 :], edited) else None,
        )
        for place, line in enumerate(lines)
        if line.action.startswith(SIGNED_OFF)
    )


def _changed(later: tuple[CustodyLine, ...], edited: tuple[FileChange, ...]) -> bool:
    """Whether a file of the investigation is another by now than before these lines."""
    first: dict[str, str | None] = {}
    last: dict[str, str | None] = {}
    for change in [*(change for line in later for change in line.changes or ()), *edited]:
        first.setdefault(change.file, change.before)
        last[change.file] = change.after
    return any(first[name] != last[name] for name in last.keys() - _GOES_ON)
