"""The two objects that users hold, `AuditLog` and `Decision`: thin, they only delegate to the rooms below.

What a name needs is imported when the name is first used: whoever checks a signature needs no table.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audit_lab.face.audit_log import AuditLog
    from audit_lab.face.decision import Decision
    from audit_lab.face.opening import open_log

__all__ = ["AuditLog", "Decision", "open_log"]

_HOMES = {"AuditLog": "audit_log", "Decision": "decision", "open_log": "opening"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
