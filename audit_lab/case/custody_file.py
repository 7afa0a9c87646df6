"""The custody record of a case, ``custody.jsonl``: appended to, never rewritten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError
from audit_lab.log.files.durable import write_bytes
from audit_lab.seal.custody import NO_LINE, CustodyLine, parse_custody, time_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

__all__ = ["CUSTODY_NAME", "CustodyFile"]

CUSTODY_NAME = "custody.jsonl"


@dataclass(frozen=True)
class CustodyFile:
    """The record of one case and the clock that dates its lines."""

    path: Path
    clock: Callable[[], datetime]

    def lines(self) -> tuple[CustodyLine, ...]:
        """Read every line.

        Raises
        ------
        MalformedError
            The chain is broken.
        """
        if not self.path.exists():
            return ()
        return parse_custody(self.path.read_bytes(), str(self.path))

    def append(self, actor: str, action: str, subject: str, why: str) -> CustodyLine:
        """Append a line bound to the last one; the caller holds the case's lock.

        Raises
        ------
        AuditLabError
            The clock stands before the last line.
        """
        lines = self.lines()
        last = lines[-1] if lines else None
        at = time_text(self.clock())
        if last is not None and at < last.at:
            raise AuditLabError(
                f"The clock says {at}, which is before the last custody line of {self.path}", "Set the clock right"
            )
        line = CustodyLine(
            number=len(lines) + 1,
            at=at,
            actor=actor,
            action=action,
            subject=subject,
            why=why,
            previous=last.digest if last else NO_LINE,
        )
        write_bytes(self.path, b"".join(each.to_bytes() + b"\n" for each in (*lines, line)))
        return line
