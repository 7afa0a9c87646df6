"""The verification of a case's own log, as an exhibit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from audit_lab.seal.report import Verification

__all__ = ["LOG_REPORT", "LOG_REPORT_KIND", "log_report"]

LOG_REPORT_KIND = "verification"
LOG_REPORT = "verification.json"


def log_report(report: Verification, log_origin: str) -> dict[str, Any]:
    """Return the report on the log of that name, without the folder in which the log happens to stand.

    Raises
    ------
    MisuseError
        The report is about something else.
    """
    subject = f"log {log_origin}"
    if not report.subject.startswith(f"{subject} at "):
        raise MisuseError(
            f"The verification is about {report.subject}, and the case about the log {log_origin}",
            "Keep what verify() of the case's own log returned",
        )
    return replace(report, subject=subject).to_dict()
