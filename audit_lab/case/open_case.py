"""Which case is open in this session, so that a view can be kept without naming it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.case.about import ABOUT_NAME
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from pathlib import Path

    from audit_lab.case.casefile import CaseFile

__all__ = ["forget_cases", "note_open", "open_case"]

_MAKE_ONE = "Open one with al.Case.create(...) or al.Case.open(folder), or name it: view.keep(case)"

#: The cases that this process opened, by their folders; the newest object for each.
_opened: dict[Path, CaseFile] = {}


def note_open(case: CaseFile) -> None:
    """Remember that a case was opened in this session."""
    _opened[case.folder.resolve()] = case


def forget_cases() -> None:
    """Forget which cases were opened in this session; their folders stay as they are."""
    _opened.clear()


def open_case() -> CaseFile:
    """Return the one case that was opened in this session, stands where it stood, and is not closed.

    Raises
    ------
    MisuseError
        There is none, or there are several.
    """
    standing = [case for place, case in _opened.items() if (place / ABOUT_NAME).is_file()]
    found = [case for case in standing if case.status != "closed"]
    if not found:
        closed = ", ".join(case.case_id for case in standing)
        raise MisuseError(f"No case is open here{f' ({closed}: closed)' if closed else ''}", _MAKE_ONE)
    if len(found) > 1:
        named = ", ".join(sorted(case.case_id for case in found))
        raise MisuseError(f"{len(found)} cases are open here: {named}", "Name the one that is meant: view.keep(case)")
    return found[0]
