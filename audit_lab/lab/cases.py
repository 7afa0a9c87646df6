"""The cases below the server's root folder, as the panel shows them; reading one changes nothing in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError
from audit_lab.lab.folders import find_cases, inside, name_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.case import CaseFile
    from audit_lab.case.recorded_sign_offs import RecordedSignOff
    from audit_lab.lab.messages import CaseAnswer, CaseEntry, CasesAnswer, Problem

__all__ = ["ServedCases", "check_case"]

_MOST_FILES = 10_000
_CLOSED = frozenset({"closed", "dropped"})


class ServedCases:
    """The cases below one root folder.

    Parameters
    ----------
    root
        The server's root folder.
    problem
        Makes what the panel shows of an error.
    """

    def __init__(self, root: Path, problem: Callable[[AuditLabError], Problem]) -> None:
        self._root = root.resolve()
        self._problem = problem

    def list_cases(self) -> CasesAnswer:
        """Find every case and say how it stands, or why it cannot be read."""
        found = find_cases(self._root)
        return {"cases": [self._entry(folder) for folder in found.folders], "complete": found.complete}

    def read(self, name: str) -> CaseAnswer:
        """Return all that one case says."""
        folder = inside(self._root, name)
        check_case(folder)
        return {"path": name, "case": _opened(folder).to_dict()}

    def _entry(self, folder: Path) -> CaseEntry:
        name = name_in(self._root, folder)
        try:
            check_case(folder)
            case = _opened(folder)
            signed = _signed_off(case)
            return {
                "path": name,
                "case_id": case.case_id,
                "question": case.about.question,
                "log": case.about.log_origin,
                "actor": case.about.actor,
                "status": case.status,
                "exhibits": len(case.exhibits),
                "findings": len(case.findings),
                "open_actions": sum(action.status not in _CLOSED for action in case.actions),
                "is_concluded": case.conclusion is not None,
                "edited": [change.file for change in case.edited()],
                "sign_offs": [str(each) for each in signed if each.void is None],
                "void_sign_offs": [str(each) for each in signed if each.void is not None],
                "problem": None,
            }
        except AuditLabError as error:
            return {
                "path": name,
                "case_id": None,
                "question": None,
                "log": None,
                "actor": None,
                "status": None,
                "exhibits": 0,
                "findings": 0,
                "open_actions": 0,
                "is_concluded": False,
                "edited": [],
                "sign_offs": [],
                "void_sign_offs": [],
                "problem": self._problem(error),
            }


def check_case(folder: Path) -> None:
    """Refuse a case that holds links, or what is no plain file: what they lead to is not the case's.

    Raises
    ------
    AuditLabError
        Names the first such file; or the folder holds more files than a case has.
    """
    seen = 0
    for at, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            seen += 1
            path = Path(at, name)
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                message = f"{path.relative_to(folder)} of the case {folder.name} is no plain file"
                raise AuditLabError(message, "Do not trust this case: ask whoever made it for its own files.")
            if seen > _MOST_FILES:
                message = f"The case {folder.name} holds more than {_MOST_FILES:,} files"
                raise AuditLabError(message, "Look at it on the command line: audit-lab case show.")


def _signed_off(case: CaseFile) -> tuple[RecordedSignOff, ...]:
    from audit_lab.case.recorded_sign_offs import recorded_sign_offs

    return recorded_sign_offs(case)


def _opened(folder: Path) -> CaseFile:
    from audit_lab.case import CaseFile  # looked up when it is asked for: a server's start needs nothing of a case

    try:
        return CaseFile.open(folder)
    except OSError as error:
        message = f"The case {folder.name} cannot be read ({error.strerror})"
        raise AuditLabError(message, "Check who may read its folder.") from error
