"""Cases: one investigation as a folder of plain files.

`CaseFile.create` opens a case about a log; `keep` turns a frame, chart, decision, replay, attribution or drift into an
exhibit that is named by its digest; `finding` states a claim and the exhibits it rests on; `conclude` answers the
question; `action`, `event`, `comment` and `change_status` say what follows, and `draft_report` drafts the incident
report. Every act leaves a line in the hash-chained custody record. The export stands one room higher, in `evidence`.

What a name needs is imported when the name is first used: a verifier needs the tables alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.first_use import imported_on_first_use

if TYPE_CHECKING:
    from audit_lab.case.case_folder import CaseEditedWarning
    from audit_lab.case.casefile import CASES_VARIABLE, CaseFile
    from audit_lab.case.conclusions import CaseFinding
    from audit_lab.case.exhibit import Exhibit

__all__ = ["CASES_VARIABLE", "CaseEditedWarning", "CaseFile", "CaseFinding", "Exhibit"]

_HOMES = {
    "CASES_VARIABLE": "casefile",
    "CaseEditedWarning": "case_folder",
    "CaseFile": "casefile",
    "CaseFinding": "conclusions",
    "Exhibit": "exhibit",
}

__getattr__ = imported_on_first_use(__name__, _HOMES)
