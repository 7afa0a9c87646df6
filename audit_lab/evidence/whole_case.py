"""Whether a case's folder is whole, before it leaves; and its custody record as a bundle carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.case.case_folder import EXHIBITS_FOLDER
from audit_lab.case.kept_files import digest_of
from audit_lab.errors import AuditLabError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.case.casefile import CaseFile
    from audit_lab.seal.custody import CustodyLine

__all__ = ["EXPORTED", "carried_custody", "check_whole"]

#: What custody says of an export; the line's subject is the archive's digest.
EXPORTED = "exported"

_DIGITS = 12


def check_whole(case: CaseFile) -> None:
    """Refuse to export a case whose exhibits are not as they were kept, or that names exhibits which it does not have.

    Raises
    ------
    AuditLabError
        A file of an exhibit was changed or is gone; a finding or an event rests on an exhibit that is not there.
    """
    exhibits = case.exhibits
    for exhibit in exhibits:
        for name, digest in exhibit.files.items():
            if digest_of(exhibit.folder / name) != digest:
                raise AuditLabError(
                    f"{EXHIBITS_FOLDER}/{exhibit.folder.name}/{name} of the case {case.case_id} is not as it was kept, "
                    "and nothing was exported",
                    "Restore the case's folder as it was, or take the exhibit out and keep it anew",
                )
    there = {exhibit.id for exhibit in exhibits}
    named = [(f"finding {each.id}", support) for each in case.findings for support in each.supported_by]
    named += [(f"event {each.id}", each.exhibit) for each in case.timeline if each.exhibit]
    for what, support in named:
        if support not in there:
            raise AuditLabError(
                f"The {what} of the case {case.case_id} rests on {support[:_DIGITS]}, which is no exhibit of it, and "
                "nothing was exported",
                "Restore the exhibit, or name another one that the case keeps",
            )


def carried_custody(lines: Sequence[CustodyLine]) -> tuple[CustodyLine, ...]:
    """Return a record up to the last act that was no export: a case that is exported twice carries the same record.

    Exports that something else followed stay in it.
    """
    end = len(lines)
    while end > 0 and lines[end - 1].action == EXPORTED:
        end -= 1
    return tuple(lines[:end])
