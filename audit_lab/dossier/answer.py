"""The answer in three sentences: what was decided, why, and how far that holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.dossier.wanting import NOT_CHECKED
from audit_lab.explain.describing import amount_text, output_text
from audit_lab.replay.verdict import Verdict

if TYPE_CHECKING:
    from audit_lab.dossier.content import Happening, Integrity, Reproduction, Wanting
    from audit_lab.dossier.moments import Clock
    from audit_lab.explain.attribution import Attribution
    from audit_lab.explain.reasons import Reasons
    from audit_lab.replay.reconstruction import Reconstruction

__all__ = ["NOT_ON_RECORD", "decision_text", "held", "pushed", "what_was_decided"]

NOT_ON_RECORD = "not on record"
_MOST_PUSHES = 3
_NO_INFLUENCE = 1e-9

_AGAIN = {
    Verdict.EXACT: "Run again, the recorded model gives the recorded answer to the last bit.",
    Verdict.WITHIN_TOLERANCE: "Run again, the recorded model gives the recorded answer within the stated tolerance.",
    Verdict.DIVERGED: "Run again, the recorded model does NOT give what is on record.",
    Verdict.UNREPLAYABLE: "It can NOT be run again.",
}


def decision_text(decision: str | None) -> str:
    """Return a decision as sentences have it."""
    return NOT_ON_RECORD if decision is None else repr(decision)


def what_was_decided(parts: Reconstruction, clock: Clock, changed: Happening | None) -> str:
    """Return when what was decided about whom, by which version, and what stands."""
    row = parts.prediction
    version = parts.version or "(version not stated)"
    if parts.version is not None and parts.followed is not None:
        version += " (no version is stated; the deployments name this one alone)"
    who = f"{row['model_name'] or 'a model not named'} {version}"
    about = f" about {row['subject_id']}" if row["subject_id"] else ""
    when = clock.at(row["occurred_at"]).words()
    began = f"On {when}" if row["occurred_at"] is not None else f"{when[:1].upper()}{when[1:]}"
    decided = "made a decision that is not on record" if row["decision"] is None else f"decided {row['decision']!r}"
    said = f"{began}, {who} {decided}{about}."
    if changed is not None:
        by = changed.who or "a person not named"
        said += f" Afterwards {by} changed that; what stands is {decision_text(parts.final_decision)}."
    return said


def pushed(decided_by: str, attribution: Attribution | None, reasons: Reasons | None) -> str:
    """Return what decided, and what weighed most in it."""
    if reasons is not None and reasons.reasons:
        named = "; ".join(each.text for each in reasons.reasons)
        return f"{decided_by} Principal reasons: {named}."
    if attribution is None:
        return f"{decided_by} What weighed most in the score cannot be told."
    ranked = [each for each in attribution.ranked() if abs(each.contribution) > _NO_INFLUENCE][:_MOST_PUSHES]
    if not ranked:
        return f"{decided_by} No input moved {output_text(attribution)} against the decisions compared with."
    named = ", ".join(f"{each.feature} ({amount_text(attribution, each.contribution)})" for each in ranked)
    return f"{decided_by} Of the inputs, these moved {output_text(attribution)} most: {named}."


def held(replay: Reproduction, wanting: tuple[Wanting, ...], integrity: Integrity) -> str:
    """Return whether it comes out again, what is missing, and whether the log was checked."""
    codes = [each.code for each in wanting if each.kind != "integrity"]
    missing = "Nothing that should be on record was found missing."
    if codes:
        count = "One thing is" if len(codes) == 1 else f"{len(codes)} things are"
        named = ", ".join(codes[:_MOST_PUSHES]) + (", ..." if len(codes) > _MOST_PUSHES else "")
        missing = f"{count} missing or not as it should be: {named} (page 2)."
    checked = (
        "The log's integrity was not checked."
        if integrity.verdict == NOT_CHECKED
        else f"The log's integrity was checked: {integrity.verdict}."
    )
    return f"{_AGAIN[Verdict(replay.verdict)]} {missing} {checked}"
