"""The two objects that users hold, `AuditLog` and `Decision`: thin, they only delegate to the rooms below.

What a name needs is imported when the name is first used: whoever checks a signature needs no table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.first_use import imported_on_first_use

if TYPE_CHECKING:
    from audit_lab.face.audit_log import AuditLog
    from audit_lab.face.decision import Decision
    from audit_lab.face.opening import open_log

__all__ = ["AuditLog", "Decision", "open_log"]

_HOMES = {"AuditLog": "audit_log", "Decision": "decision", "open_log": "opening"}

__getattr__ = imported_on_first_use(__name__, _HOMES)
