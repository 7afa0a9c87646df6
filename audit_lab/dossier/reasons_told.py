"""Why a decision came out as it did: what decided, the explanation, the reasons, and what would have flipped it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.dossier.content import Changed, Why
from audit_lab.dossier.outcomes import Attempt
from audit_lab.errors import ModelError
from audit_lab.explain.describing import Decided
from audit_lab.replay.decision_rules import LABEL_RULE, THRESHOLD_RULE, parse_rules
from audit_lab.replay.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.explain.attribution import Attribution
    from audit_lab.explain.counterfactual import Counterfactuals
    from audit_lab.explain.reasons import Reasons
    from audit_lab.replay.reconstruction import Reconstruction
    from audit_lab.replay.verdict import Replay

__all__ = ["decided_by", "why_of"]


def decided_by(parts: Reconstruction) -> str:
    """Return what made the system's decision, in a sentence."""
    row = parts.prediction
    rule, score = row["decision_rule"], (row["outputs"] or {}).get("score")
    if row["decision"] is None:
        return "What was decided is not on record."
    if rule is None:
        return "The log does not say whether the score, a rule or a person made the decision."
    if rule == LABEL_RULE:
        return "The label that the model gave made the decision; no other rule did."
    if rule == THRESHOLD_RULE:
        threshold = row["threshold"]
        threshold = (parts.model_version or {}).get("threshold") if threshold is None else threshold
        put = "The model's score" if score is None else f"The model's score of {score:.4g}"
        against = "its threshold" if threshold is None else f"the threshold of {threshold:g}"
        return f"{put} against {against} made the decision; no other rule did."
    when = _condition(parts, rule)
    said = f"{rule!r}" if when is None else f"{rule!r} ({when})"
    return f"The decision rule {said} made the decision, whatever the score."


def why_of(
    parts: Reconstruction,
    replay: Replay | Attempt,
    attribution: Attribution | Attempt,
    reasons: Reasons | Attempt | None,
    flips: Counterfactuals | Attempt | None,
) -> Why:
    """Return why the decision came out as it did.

    Parameters
    ----------
    parts, replay
        The decision, and whether it comes out again: an explanation of another answer is told as that.
    attribution, reasons, flips
        Answers, or why there are none; None where it was not asked.
    """
    by = decided_by(parts)
    if isinstance(attribution, Attempt):
        sentences: tuple[str, ...] = (f"There is no explanation: {attribution.sentence()}",)
    else:
        units = {each.name: each.unit for each in parts.signature.features} if parts.signature else {}
        threshold = (parts.model_version or {}).get("threshold")
        decided = Decided.of(parts.prediction, parts.final_decision, threshold)
        sentences = (*_cautions(parts, replay), *attribution.describe(units, decided))
    return Why(
        decided_by=by,
        sentences=sentences,
        is_explained=not isinstance(attribution, Attempt),
        reasons=() if reasons is None else tuple(_reasons(reasons)),
        changed=None if flips is None else _changed(flips),
    )


def _cautions(parts: Reconstruction, replay: Replay | Attempt) -> Iterator[str]:
    rule = parts.prediction["decision_rule"]
    if rule not in {None, LABEL_RULE, THRESHOLD_RULE}:
        yield f"A rule, {rule!r}, made the decision: what follows explains the model's score only."
    if not isinstance(replay, Attempt) and replay.verdict == Verdict.DIVERGED:
        yield "The replay does not give what is on record: what follows explains what the model gives now."
    if parts.final_decision != parts.prediction["decision"]:
        yield "A person changed the decision: what follows explains what the system gave before."


def _condition(parts: Reconstruction, rule: str) -> str | None:
    version = parts.model_version
    if version is None:
        return None
    try:
        rules = parse_rules(version["decision_rules"], f"{version['model_name']} {version['model_version']}")
    except ModelError:
        return None
    return next((each.when for each in rules if each.name == rule), None)


def _reasons(reasons: Reasons | Attempt) -> Iterator[str]:
    """Return the notice, line by line, without its first paragraph: what was decided stands elsewhere."""
    if isinstance(reasons, Attempt):
        yield f"No reasons can be given: {reasons.sentence()}"
        return
    for paragraph in reasons.notice().strip().split("\n\n")[1:]:
        yield from paragraph.splitlines()


def _changed(flips: Counterfactuals | Attempt) -> Changed:
    if isinstance(flips, Attempt):
        return Changed(is_found=False, sentences=(f"That cannot be told: {flips.sentence()}",))
    return Changed(bool(flips.found), tuple(flips.summary()[1:]))
