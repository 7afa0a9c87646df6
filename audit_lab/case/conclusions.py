"""What an investigation claims: findings that rest on exhibits, and the conclusion."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.case.record_file import CORRECT_IT
from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.seal.strict_json import members, parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = [
    "CONCLUSION_NAME",
    "CONFIDENCES",
    "FINDINGS_NAME",
    "CaseFinding",
    "findings_content",
    "read_conclusion",
    "read_findings",
]

CONFIDENCES = ("high", "medium", "low")

FINDINGS_NAME = "findings.json"
CONCLUSION_NAME = "conclusion.txt"

_WORDS = {"supported_by": "a list of exhibits' ids"}


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
    path = folder / FINDINGS_NAME
    if not path.exists():
        return ()
    entries = parse_json(path.read_bytes(), str(path))
    if not isinstance(entries, list):
        raise AuditLabError(f"{path} should be a list", "Restore the case's folder as it was")
    return tuple(_finding(entry, f"{path}: finding {number}") for number, entry in enumerate(entries, start=1))


def findings_content(findings: Sequence[CaseFinding]) -> bytes:
    """Return the file of these findings: JSON that a person can read."""
    values = [finding.to_dict() for finding in findings]
    return (json.dumps(values, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _finding(entry: Any, place: str) -> CaseFinding:
    value = members(entry, frozenset(CaseFinding.__annotations__), place)
    for name, each in value.items():
        listed = isinstance(each, list) and all(isinstance(support, str) for support in each)
        if not (listed if name == "supported_by" else isinstance(each, str)):
            raise AuditLabError(f"{place}, {name}: it should be {_WORDS.get(name, 'a text')}", CORRECT_IT)
    try:
        return CaseFinding(**{**value, "supported_by": tuple(value["supported_by"])})
    except MisuseError as error:
        raise AuditLabError(f"{place}: {error.message}", CORRECT_IT) from error


def read_conclusion(folder: Path) -> str | None:
    """Read the conclusion of the case in `folder`; None when there is none."""
    path = folder / CONCLUSION_NAME
    try:
        return path.read_bytes().decode() if path.exists() else None
    except UnicodeDecodeError as error:
        raise AuditLabError(f"{path} is not UTF-8", CORRECT_IT) from error
