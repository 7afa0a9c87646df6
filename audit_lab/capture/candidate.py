"""One column proposed for one role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit_lab.capture.column_profile import ColumnProfile

__all__ = ["Candidate", "best_first", "few", "first_that_holds", "listed", "seen_values"]


@dataclass(frozen=True)
class Candidate:
    """One column for one role, how sure that is (0 to 1), and why; `unit` where it holds times or durations."""

    column: str
    confidence: float
    why: str
    unit: str | None = None


def few(column: ColumnProfile) -> bool:
    """Whether a column takes few distinct values, as names of models and decisions do."""
    return column.plain and bool(column.values)


def seen_values(column: ColumnProfile) -> str:
    """Say how many values a column with few takes, and which."""
    count = len(column.values or ())
    sampled = "" if column.whole else " in the sample"
    return f"{count} value{'' if count == 1 else 's'}{sampled} ({listed(column)})"


def listed(column: ColumnProfile) -> str:
    """List the first values of a column."""
    return ", ".join(column.examples) + (", ..." if len(column.values or ()) > len(column.examples) else "")


def best_first(candidates: list[Candidate]) -> list[Candidate]:
    """Sort candidates by confidence; equals keep the order of their columns."""
    return sorted(candidates, key=lambda candidate: -candidate.confidence)


def first_that_holds(column: ColumnProfile, *judgements: tuple[bool, float, str]) -> Candidate | None:
    """Return the first judgement (does it hold, how surely, why) that holds of a column."""
    return next((Candidate(column.name, surely, why) for holds, surely, why in judgements if holds), None)
