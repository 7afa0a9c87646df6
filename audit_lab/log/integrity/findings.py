"""What the check of a log collects: findings, what was checked, what was not, and what else to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from audit_lab.seal.report import Finding

if TYPE_CHECKING:
    from audit_lab.seal.malformed import MalformedError

__all__ = ["Examination"]

#: No more findings than this of one code are listed; the last of them says how many more there are.
_MOST_OF_A_CODE = 1_000

_RESTORE = "Restore it from a backup, and find out who had write access since it was sealed."
_SIGNED = "Ask whoever keeps the log for it exactly as it was signed."


@dataclass
class Examination:
    """The findings of one log so far, and the phrases for its report.

    `refused` is true once the log is not even what it claims to be: its checkpoint or its entries are not to be relied
    on, so that whatever holds beside them proves little.
    """

    findings: list[Finding] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refused: bool = False

    def find(self, code: str, file: str, meaning: str, next_step: str = _RESTORE) -> None:
        """Add a finding about what was sealed and is not as it was."""
        self.findings.append(Finding(code, file, meaning, next_step))

    def refuse(self, code: str, file: str, meaning: str, next_step: str = _SIGNED) -> None:
        """Add a finding that takes the ground from under all the others."""
        self.refused = True
        self.findings.append(Finding(code, file, meaning, next_step))

    def refuse_malformed(self, error: MalformedError, file: str) -> None:
        """Add what a strict parser said of a file that everything else rests on."""
        self.refuse(error.code, file, error.message, error.next_step)

    def listed(self) -> tuple[Finding, ...]:
        """Return the findings, each once; of a code that occurs very often, the first thousand and how many more."""
        shown: list[Finding] = []
        counts: dict[str, int] = {}
        for finding in dict.fromkeys(self.findings):
            counts[finding.code] = counts.get(finding.code, 0) + 1
            if counts[finding.code] <= _MOST_OF_A_CODE:
                shown.append(finding)
        shown += [
            Finding(code, "log", f"{count - _MOST_OF_A_CODE:,} more findings of this kind are not listed", _RESTORE)
            for code, count in counts.items()
            if count > _MOST_OF_A_CODE
        ]
        return tuple(shown)
