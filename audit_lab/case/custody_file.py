"""The custody record of a case, ``custody.jsonl``: appended to, never rewritten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError
from audit_lab.log.files.durable import write_bytes
from audit_lab.seal.custody import NO_LINE, CustodyLine, FileChange, parse_custody, time_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

__all__ = ["CUSTODY_NAME", "Act", "CustodyFile"]

CUSTODY_NAME = "custody.jsonl"


@dataclass(frozen=True)
class Act:
    """What is done to a case: the action, what it is about, and the files that it changes."""

    action: str
    subject: str
    changes: tuple[FileChange, ...] = ()


@dataclass(frozen=True)
class CustodyFile:
    """The record of one case and the clock that dates its lines.

    `later` are names that stand beside the record only after its first line: where one does and there is no line, the
    record was lost, and none is begun in its place.
    """

    path: Path
    clock: Callable[[], datetime]
    later: tuple[str, ...] = ()

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

    def following(self, acts: Sequence[Act], actor: str, why: str) -> tuple[CustodyLine, ...]:
        """Return the record with a line for each act, bound to the last one; the caller holds the case's lock.

        Raises
        ------
        AuditLabError
            The clock stands before the last line, or the record was lost.
        """
        lines = list(self.lines())
        if not lines and any((self.path.parent / name).exists() for name in self.later):
            raise AuditLabError(
                f"The case in {self.path.parent} has no custody record: who did what to it is lost",
                f"Restore {self.path.name} as it was; no other record takes its place",
            )
        at = time_text(self.clock())
        if lines and at < lines[-1].at:
            raise AuditLabError(
                f"The clock says {at}, which is before the last custody line of {self.path}", "Set the clock right"
            )
        for act in acts:
            lines.append(
                CustodyLine(
                    number=len(lines) + 1,
                    at=at,
                    actor=actor,
                    action=act.action,
                    subject=act.subject,
                    why=why,
                    previous=lines[-1].digest if lines else NO_LINE,
                    changes=tuple(sorted(act.changes, key=lambda change: change.file)),
                )
            )
        return tuple(lines)

    def write(self, lines: Sequence[CustodyLine]) -> None:
        """Write the whole record, so that a reader sees the new lines or none of them."""
        write_bytes(self.path, b"".join(line.to_bytes() + b"\n" for line in lines))
