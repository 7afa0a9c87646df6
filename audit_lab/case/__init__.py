"""Cases: one investigation as a folder of plain files.

`CaseFile.create` opens a case about a log; `keep` turns a frame, chart, decision, replay, attribution or drift into an
exhibit that is named by its digest; `finding` states a claim and the exhibits it rests on; `conclude` answers the
question. Every act leaves a line in the hash-chained custody record. The export stands one room higher, in `evidence`.
"""

from __future__ import annotations

from audit_lab.case.casefile import CASES_VARIABLE, CaseFile
from audit_lab.case.conclusions import CaseFinding
from audit_lab.case.exhibit import Exhibit

__all__ = ["CASES_VARIABLE", "CaseFile", "CaseFinding", "Exhibit"]
