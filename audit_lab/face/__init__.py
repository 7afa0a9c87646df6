"""The two objects that users hold, `AuditLog` and `Decision`: thin, they only delegate to the rooms below."""

from __future__ import annotations

from audit_lab.face.audit_log import AuditLog
from audit_lab.face.decision import Decision
from audit_lab.face.opening import open_log

__all__ = ["AuditLog", "Decision", "open_log"]
