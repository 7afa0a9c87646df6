"""The one error of the strict parsers: bytes that are not what they claim to be."""

from __future__ import annotations

from audit_lab.errors import AuditLabError

__all__ = ["MalformedError"]


class MalformedError(AuditLabError):
    """Bytes that a strict parser refuses; `code` is the stable reason."""

    def __init__(self, message: str, next_step: str, code: str) -> None:
        super().__init__(message, next_step)
        self.code = code
