"""What an investigation claims: findings that rest on exhibits, and the conclusion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.log.files.durable import write_bytes
from audit_lab.seal.strict_json import canonical_json, members, parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["CONFIDENCES", "CaseFinding", "read_conclusion", "read_findings", "write_conclusion", "write_findings"]

CONFIDENCES = ("high", "medium", "low")

_FINDINGS = "findings.json"
_CONCLUSION = "conclusion.txt"


@dataclass(frozen=True)
class CaseFinding:
    """One claim, the ids of the exhibits that it rests on, and how sure the investigator is."""

    id: str
    claim: str
    supported_by: tuple[str, ...]
    confidence: str

    def __post_init__(self) -> None:
        """Refuse a claim that is empty, rests on nothing, or gives an unknown confidence."""
        if not self.claim.strip() or not self.supported_by:
            raise MisuseError("A finding needs a claim and at least one exhibit", "Keep the exhibit that shows it")
        if self.confidence not in CONFIDENCES:
            raise MisuseError(f"{self.confidence!r} is no confidence", f"Use one of {', '.join(CONFIDENCES)}")

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON-safe values."""
        return {**self.__dict__, "supported_by": list(self.supported_by)}


def read_findings(folder: Path) -> tuple[CaseFinding, ...]:
    """Read the findings of the case in `folder`.

    Raises
    ------
    AuditLabError
        The file is not what the case wrote.
    """
    path = folder / _FINDINGS
    if not path.exists():
        return ()
    entries = parse_json(path.read_bytes(), str(path))
    if not isinstance(entries, list):
        raise AuditLabError(f"{path} should be a list", "Restore the case's folder as it was")
    known = frozenset(CaseFinding.__annotations__)
    values = [members(entry, known, str(path)) for entry in entries]
    return tuple(CaseFinding(**{**value, "supported_by": tuple(value["supported_by"])}) for value in values)


def write_findings(folder: Path, findings: Sequence[CaseFinding]) -> None:
    """Write the findings of the case in `folder`."""
    write_bytes(folder / _FINDINGS, canonical_json([finding.to_dict() for finding in findings]) + b"\n")


def read_conclusion(folder: Path) -> str | None:
    """Read the conclusion of the case in `folder`; None when there is none."""
    path = folder / _CONCLUSION
    return path.read_text(encoding="utf-8") if path.exists() else None


def write_conclusion(folder: Path, text: str) -> None:
    """Write the conclusion of the case in `folder`."""
    write_bytes(folder / _CONCLUSION, text.encode())
