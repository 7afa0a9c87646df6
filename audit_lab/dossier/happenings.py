"""What was recorded about a decision afterwards, and about its version before: in order of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.dossier.answer import decision_text
from audit_lab.dossier.content import Happening

if TYPE_CHECKING:
    from audit_lab.dossier.moments import Clock
    from audit_lab.replay.reconstruction import Reconstruction

__all__ = ["afterwards_of", "approvals_of", "last_change"]


def approvals_of(parts: Reconstruction, clock: Clock) -> tuple[Happening, ...]:
    """Return the acts on the version, in order of recording; those after the decision say so."""
    decided = parts.prediction["occurred_at"]
    return tuple(
        Happening(
            at=clock.at(row["recorded_at"]),
            what=row["act"] or "an act not named",
            who=_named(row["approver"], row["role"]),
            told="; ".join(
                each for each in (row["meaning"], row["reason"], _later(row["recorded_at"], decided)) if each
            ),
        )
        for row in parts.approvals
    )


def afterwards_of(parts: Reconstruction, clock: Clock) -> tuple[Happening, ...]:
    """Return overrides, contests, outcomes, explanations of record and events after the decision, in order of time."""
    found: list[tuple[Any, int, Happening]] = []

    def add(moment: Any, rank: int, what: str, who: str | None, told: str) -> None:
        found.append((moment, rank, Happening(clock.at(moment), what, who, told)))

    for row in parts.overrides:
        add(row["recorded_at"], 0, row["kind"] or "override", _named(row["actor"], row["role"]), _override(row))
    for row in parts.explanations:
        add(row["recorded_at"], 1, "explanation of record", None, _explanation(row))
    for row in reversed(parts.outcomes):
        add(row["observed_at"] or row["recorded_at"], 2, "outcome", row["source"], _outcome(row))
    for row in parts.events_after:
        add(row["at"], 3, f"event: {row['kind'] or 'of no kind'}", row["actor"], row["summary"] or "")
    timed = sorted((each for each in found if each[0] is not None), key=lambda each: (each[0], each[1]))
    return tuple(each[2] for each in [*(each for each in found if each[0] is None), *timed])


def last_change(parts: Reconstruction, clock: Clock) -> Happening | None:
    """Return what a person changed last about the decision and nothing corrects; None where it stands as it was."""
    if parts.final_decision == parts.prediction["decision"]:
        return None
    changes = [row for row in parts.overrides if row["corrected_by"] is None and row["decision_after"] is not None]
    if not changes:
        return Happening(clock.at(None), "override", None, "It was changed; by what is not on record.")
    row = changes[-1]
    return Happening(
        clock.at(row["recorded_at"]), row["kind"] or "override", _named(row["actor"], row["role"]), _override(row)
    )


def _override(row: dict[str, Any]) -> str:
    before, after = row["decision_before"], row["decision_after"]
    if after is None:
        change = "about no decision" if before is None else f"about {decision_text(before)}"
    elif after == before:
        change = f"{decision_text(after)} stands"
    else:
        change = f"{decision_text(before)} to {decision_text(after)}"
    reason = f": {row['reason']}" if row["reason"] else ", no reason recorded"
    return f"{change}{reason}{_corrected(row)}"


def _outcome(row: dict[str, Any]) -> str:
    told = [str(row[name]) for name in ("label", "value") if row[name] is not None]
    return f"{', '.join(told) or 'not stated'}{_corrected(row)}"


def _explanation(row: dict[str, Any]) -> str:
    base = "" if row["base_value"] is None else f", base value {row['base_value']:.4g}"
    return f"{row['method'] or 'no method'}{base}: {row['values'] or 'no values'}{_corrected(row)}"


def _corrected(row: dict[str, Any]) -> str:
    return "" if row["corrected_by"] is None else f" (corrected by {row['corrected_by']})"


def _later(at: Any, decided: Any) -> str:
    return "after this decision" if at is not None and decided is not None and at > decided else ""


def _named(person: str | None, role: str | None) -> str | None:
    if person is None:
        return role
    return f"{person} ({role})" if role else person
