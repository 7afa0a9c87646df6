"""The two objects that users hold, `AuditLog` and `Decision`: thin, they only delegate to the rooms below."""

from __future__ import annotations

from audit_lab.face.audit_log import AuditLog, open_log
from audit_lab.face.decision import Decision

__all__ = ["AuditLog", "Decision", "open_log"]
