"""The one report of every verification, of a log or of a bundle: verdict, findings, what was checked and what not."""

from __future__ import annotations

import enum
import html
from dataclasses import dataclass
from typing import Any

from audit_lab.errors import IntegrityError
from audit_lab.seal.hidden_letters import spelling

__all__ = ["Finding", "Verdict", "Verification", "settle"]


class Verdict(enum.StrEnum):
    """How a verification ended."""

    VERIFIED = "VERIFIED"
    """Everything that was checked holds, and something outside the signer's reach anchors it."""
    UNANCHORED = "UNANCHORED"
    """Everything that was checked holds, but whoever has the key could have made it all today."""
    STALE = "STALE"
    """Valid, and older than what this verifier has already seen."""
    FAILED = "FAILED"
    """Examined, and found wanting."""
    REFUSED = "REFUSED"
    """Not examined further: it is not safely what it claims to be."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: a stable code, the file (or row, or index), what it means, what to do next."""

    code: str
    file: str
    meaning: str
    next_step: str

    def __str__(self) -> str:
        """Return the finding as one line."""
        return f"{self.code}: {self.file}: {self.meaning}. {self.next_step}"


@dataclass(frozen=True)
class Verification:
    """What a verification found.

    Attributes
    ----------
    subject
        What was verified, as it was named.
    verdict
        How it ended.
    findings
        Everything that is wrong; empty for VERIFIED and UNANCHORED.
    checked
        What was checked, a phrase each.
    not_checked
        What was not checked, and why, a phrase each.
    anchors
        What outside the signer's reach holds it in time (timestamps, witnesses, a remembered checkpoint).
    signers
        Names and key ids of the accepted signatures.
    notes
        What every reader must know beside the verdict.
    """

    subject: str
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    checked: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()
    anchors: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing was found wanting (VERIFIED or UNANCHORED)."""
        return self.verdict in {Verdict.VERIFIED, Verdict.UNANCHORED}

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a JSON-safe dictionary."""
        return {
            "subject": self.subject,
            "verdict": self.verdict.value,
            "findings": [
                {"code": found.code, "file": found.file, "meaning": found.meaning, "next_step": found.next_step}
                for found in self.findings
            ],
            "checked": list(self.checked),
            "not_checked": list(self.not_checked),
            "anchors": list(self.anchors),
            "signers": list(self.signers),
            "notes": list(self.notes),
        }

    @spelling
    def _repr_html_(self) -> str:
        """Show the report in a notebook; nothing in it is taken as markup."""
        parts = [f"<p><b>{self.verdict}</b> {html.escape(self.subject)}</p>"]
        lists = {
            "Found": [str(found) for found in self.findings],
            "Checked": self.checked,
            "Not checked": self.not_checked,
            "Anchors": self.anchors,
            "Signed by": self.signers,
            "Note": self.notes,
        }
        for title, lines in lists.items():
            if lines:
                items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
                parts.append(f"<p>{title}</p><ul>{items}</ul>")
        return "".join(parts)


def settle(report: Verification) -> Verification:
    """Return a report that holds; raise `IntegrityError`, carrying the report, for one that does not."""
    if report.holds:
        return report
    count = len(report.findings)
    first = report.findings[0] if report.findings else None
    names = "" if first is None else f": {first.code} in {first.file}: {first.meaning}"
    more = f" (and {count - 1} more)" if count > 1 else ""
    raise IntegrityError(
        f"{report.subject} is {report.verdict}{names}{more}",
        "Read every finding in the report before relying on it" if first is None else first.next_step,
        report,
    )
