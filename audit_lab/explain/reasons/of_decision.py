"""The reasons of a reconstructed decision: who decided, and what pushed the score against a declared reference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import ModelError
from audit_lab.explain.attribution import Check
from audit_lab.explain.describing import amount_text, level_text, output_text
from audit_lab.explain.explainer import explain
from audit_lab.explain.grouping import taken_apart
from audit_lab.explain.of_decision import explain_decision
from audit_lab.explain.reasons.choice import choose, pushing
from audit_lab.explain.reasons.principal import Push, Reason, Reasons, Reference
from audit_lab.explain.reasons.reference import ALL, check_reference, choose_reference
from audit_lab.explain.reasons.trial import answer, replace_each, replace_together
from audit_lab.log.files.printable import printable
from audit_lab.log.files.reading import collect
from audit_lab.replay.decision_rules import LABEL_RULE, THRESHOLD_RULE
from audit_lab.replay.registered import load_judged
from audit_lab.replay.verdict import EFFECTS

if TYPE_CHECKING:
    from collections.abc import Collection

    from audit_lab.explain.attribution import Attribution
    from audit_lab.explain.reasons.codes import ReasonCodes
    from audit_lab.explain.reasons.trial import Answered
    from audit_lab.log.store import LogStore
    from audit_lab.replay.reconstruction import Reconstruction
    from audit_lab.replay.registered import Model
    from audit_lab.sandbox import Limits

__all__ = ["reasons_of_decision"]

_NUMBERS = ("float", "int")
_SAME_SCORE = 1e-6
_LONGEST = 300
#: Gaps after which the recorded inputs are not those that were scored.
_BARRED = frozenset({"erased", "inputs-redacted"})


@dataclass(frozen=True)
class _Asked:
    """One question: the decision, its version and the codes."""

    store: LogStore
    decision: Reconstruction
    model: Model
    codes: ReasonCodes
    reference: str
    seed: int
    limits: Limits | None

    @property
    def threshold(self) -> float | None:
        stated: float | None = self.decision.prediction["threshold"]
        known: float | None = self.model.version["threshold"]
        return known if stated is None else stated


def reasons_of_decision(
    store: LogStore,
    decision: Reconstruction,
    codes: ReasonCodes,
    *,
    reference: str = ALL,
    seed: int = 0,
    limits: Limits | None = None,
    trust: Collection[str] = (),
    trusted_types: Collection[str] = (),
) -> Reasons:
    """Return the principal reasons of a decision, relative to a stated reference.

    Parameters
    ----------
    store, decision
        The log, and the decision.
    codes
        Which feature stands for which reason, and which decisions are adverse.
    reference
        One of `REFERENCES`: which decisions the reasons are relative to.
    seed
        Of the reference, and of the explanation.
    limits
        What the model may use.
    trust, trusted_types
        Artifacts and types in skops files that may run, as for a replay.

    Raises
    ------
    MisuseError
        The codes do not fit the version, or the reference is unknown or cannot be told for it.
    ModelError
        The decision, its inputs or its artifact are missing, or nothing says which way of the score is adverse; `code`
        says which.
    SandboxError
        The model did not come to an end of its own.
    """
    row = decision.judged
    model = load_judged(store, decision, trust=trust, trusted_types=trusted_types)
    codes.check(row["model_name"], row["model_version"], model.signature, model.rules)
    found = _reasons(_Asked(store, decision, model, codes, reference, seed, limits))
    # Whoever reads the reasons must know that the version they are of is not on the decision's own record.
    return found if decision.followed is None else replace(found, why=f"{found.why} {decision.followed.said}")


def _reasons(asked: _Asked) -> Reasons:
    decision, codes, row = asked.decision, asked.codes, asked.decision.judged
    recorded, standing = row["decision"], decision.final_decision
    if recorded is None or standing is None:
        raise _refused(decision, "decision-missing", "nothing says what was decided, or what was made of it since")
    check_reference(asked.reference, asked.model.signature.output.kind, asked.threshold)
    begun = Reasons(
        prediction_id=decision.prediction_id,
        occurred_at=None if row["occurred_at"] is None else row["occurred_at"].isoformat(timespec="seconds"),
        model_name=row["model_name"],
        model_version=row["model_version"],
        recorded=recorded,
        standing=standing,
        basis="not-adverse",
        why="",
        codes_version=codes.version,
        codes_sha256=codes.sha256,
    )
    if recorded != standing:
        return _by_a_person(asked, begun)
    if recorded not in codes.adverse:
        adverse = ", ".join(map(repr, codes.adverse))
        return replace(
            begun, why=f"The decision is {recorded!r}; reasons are owed for {adverse} only, so none is given."
        )
    return _by_the_system(asked, begun)


def _by_a_person(asked: _Asked, begun: Reasons) -> Reasons:
    """Say what a person changed: it is no matter of the score, which led to the other decision."""
    changes = [row for row in asked.decision.overrides if row["corrected_by"] is None and row["decision_after"]]
    last = changes[-1] if changes else {}
    who = f"a person ({printable(last['role'])})" if last.get("role") else "a person"
    words = f"; the record says: {printable(last['reason'], _LONGEST)!r}" if last.get("reason") else ""
    changed = f"The system decided {begun.recorded!r}; {who} changed that to {begun.standing!r}{words}."
    if begun.standing not in asked.codes.adverse:
        basis = "changed" if begun.recorded in asked.codes.adverse else "not-adverse"
        return replace(begun, basis=basis, why=f"{changed} That is no adverse decision, so no reason is given.")
    reason = Reason(None, f"No reason is mapped for what {who} decided{words}.")
    return replace(begun, basis="override", why=changed, reasons=(reason,))


def _by_the_system(asked: _Asked, begun: Reasons) -> Reasons:
    decision, model, row = asked.decision, asked.model, asked.decision.prediction
    inputs = _inputs(decision, model)
    schema = asked.store.inputs(row["model_name"]).collect_schema()
    found = answer(model, inputs, asked.threshold, schema, asked.limits)
    differing = [
        f"{name} {again!r} instead of {was!r}"
        for name, was, again in (
            ("decision", row["decision"], found.decision),
            ("decision rule", row["decision_rule"], found.rule),
        )
        if was is not None and was != again
    ]
    if differing:
        why = f"Run again, the model gives the {' and the '.join(differing)}, so no reason can be given. Replay it."
        return replace(begun, basis="not-reproduced", why=why)
    by_label = model.signature.output.decision(found.label)
    if found.rule not in {THRESHOLD_RULE, LABEL_RULE}:
        begun = _by_a_rule(asked, begun, found)
        if by_label not in asked.codes.adverse:
            alone = "" if by_label is None else f" By its score alone the decision would have been {by_label!r}."
            return replace(begun, why=f"{begun.why}{alone} So no input is named as a reason of the score.")
        reasons = _by_score(asked, begun, found, inputs)
        return replace(reasons, reasons=begun.reasons, secondary=reasons.reasons)
    score = replace(begun, basis="score", why="The model's score decided; no rule and no person did.")
    return _by_score(asked, score, found, inputs)


def _by_a_rule(asked: _Asked, begun: Reasons, found: Answered) -> Reasons:
    name = str(found.rule)
    when = next((rule.when for rule in asked.model.rules if rule.name == name), None)
    said = printable(name) if when is None else f"{printable(name)} ({printable(when, _LONGEST)})"
    entry = asked.codes.rule(name)
    reason = Reason(None, f"No reason is mapped for the rule {said}.")
    if entry is not None:
        reason = Reason(entry.code, entry.reason, caution=entry.caution)
    return replace(begun, basis="rule", why=f"The rule {said} decided, whatever the score.", reasons=(reason,))


def _by_score(asked: _Asked, begun: Reasons, found: Answered, inputs: dict[str, Any]) -> Reasons:
    """Add the reasons of the score."""
    sign = _sign(asked, found)
    attribution = _attribution(asked, inputs, sign)
    reference = _reference(asked, attribution)
    effects = replace_each(asked.model, inputs, reference, asked.threshold, asked.limits)
    units = {feature.name: feature.unit for feature in asked.model.signature.features}
    # An explanation of the other side's probability points the other way.
    towards = -sign if attribution.label == asked.model.signature.output.negative else sign
    pushes, joint = pushing(
        Push(
            each.feature,
            each.value_text,
            units[each.feature],
            towards * each.contribution,
            sign * effects[each.feature],
        )
        for each in attribution.contributions
    )
    together = None
    if joint:
        moved = replace_together(asked.model, inputs, reference, joint, threshold=asked.threshold, limits=asked.limits)
        together = sign * moved
    principal, further = choose(pushes, asked.codes, _directions(asked.model, inputs, reference))
    background = attribution.background
    return replace(
        begun,
        reasons=principal,
        further=further,
        joint=tuple(joint),
        joint_effect=together,
        joint_text=None if together is None else amount_text(attribution, together),
        direction=_direction(asked, attribution, found, sign),
        reference=Reference(asked.reference, background.description, background.rows, background.sha256),
        attribution_sha256=attribution.digest,
        checks=(*attribution.checks, _same_model(asked, attribution, found), *_apart(asked)),
    )


def _apart(asked: _Asked) -> list[Check]:
    """Say that features are taken one by one, where the signature declares otherwise: each has a reason of its own."""
    apart = taken_apart(asked.model.signature)
    return [Check("features one by one", passed=True, detail=apart.rstrip("."))] if apart else []


def _attribution(asked: _Asked, inputs: dict[str, Any], sign: int) -> Attribution:
    """Explain the score against the reference; by the explanation that everybody gets where that is the same."""
    model = asked.model
    if asked.reference == ALL and not (model.artifact.trusted_by_digest or model.trusted_types):
        return explain_decision(asked.store, asked.decision, "shap", seed=asked.seed, limits=asked.limits)
    rows = choose_reference(
        asked.store,
        asked.decision,
        model,
        asked.reference,
        adverse=asked.codes.adverse,
        sign=sign,
        threshold=asked.threshold,
        seed=asked.seed,
    )
    return explain(
        "shap",
        prediction_id=asked.decision.prediction_id,
        inputs=inputs,
        signature=model.signature,
        artifact=model.artifact,
        background=rows,
        trusted_types=model.trusted_types,
        seed=asked.seed,
        limits=asked.limits,
    )


def _inputs(decision: Reconstruction, model: Model) -> dict[str, Any]:
    codes = [gap.code for gap in decision.gaps if gap.code in EFFECTS]
    if decision.inputs is None or not _BARRED.isdisjoint(codes):
        code = "erased" if "erased" in codes else next(iter(codes), "inputs-missing")
        raise _refused(decision, code, EFFECTS[code].rstrip("."))
    missing = [name for name in model.signature.names if name not in decision.inputs]
    if missing:
        raise _refused(decision, "inputs-incomplete", f"the recorded inputs lack {', '.join(map(printable, missing))}")
    return decision.inputs


def _sign(asked: _Asked, found: Answered) -> int:
    """Return 1 where a higher score is adverse, -1 where a lower one is; of several classes it is the given one's."""
    output = asked.model.signature.output
    return 1 if output.kind == "multiclass" or found.label == output.positive else -1


def _reference(asked: _Asked, attribution: Attribution) -> pl.DataFrame:
    """Return the recorded features of the background's rows, in its order."""
    name, ids = asked.decision.prediction["model_name"], attribution.background.rows
    order = pl.LazyFrame({"prediction_id": ids, "_order": range(len(ids))})
    rows = order.join(asked.store.inputs(name), on="prediction_id", how="inner").sort("_order")
    found = collect(rows.select(asked.model.signature.names), f"inputs/{name}")
    if found.height != len(ids) or not ids:
        raise _refused(
            asked.decision, "reference-incomplete", f"{found.height} rows of inputs were found for the {len(ids)} "
            "decisions of the reference"
        )  # fmt: skip
    return found


def _directions(model: Model, inputs: dict[str, Any], reference: pl.DataFrame) -> dict[str, str | None]:
    """Return of each number whether it lies above or below the median of the reference."""
    sides: dict[str, str | None] = {}
    for feature in model.signature.features:
        value = inputs[feature.name]
        if feature.dtype not in _NUMBERS or value is None:
            continue
        middle = reference[feature.name].cast(pl.Float64).fill_nan(None).median()
        if isinstance(middle, float):
            sides[feature.name] = "higher" if value > middle else "lower" if value < middle else None
    return sides


def _direction(asked: _Asked, attribution: Attribution, found: Answered, sign: int) -> str:
    output, threshold = asked.model.signature.output, asked.threshold
    decision, label = output.decision(found.label), found.label
    put = f"The model put {output_text(attribution)} at {level_text(attribution, attribution.prediction_value)}"
    if output.kind == "multiclass":
        return f"{put}, more than of any other class; {label!r} means {decision!r}, so more of it is adverse."
    limit = "the threshold" if threshold is None else level_text(attribution, threshold)
    where, way = ("from", "higher") if sign > 0 else ("below", "lower")
    upward = " on" if sign > 0 else ""
    return f"{put}; {where} {limit}{upward} the label is {label!r}, which means {decision!r}: a {way} score is adverse."


def _same_model(asked: _Asked, attribution: Attribution, found: Answered) -> Check:
    """Test that what was explained is what was run: artifact and score."""
    explained, ran = attribution.prediction_value, found.score
    same = attribution.artifact_sha256 == asked.model.artifact.sha256 and ran is not None
    close = ran is not None and abs(explained - ran) <= _SAME_SCORE * max(1.0, abs(explained))
    detail = f"the explanation is of the score {explained:.9g}, and the model that decided, run again, gives {ran!r}"
    return Check("same score", bool(same and close), detail)


def _refused(decision: Reconstruction, code: str, why: str) -> ModelError:
    return ModelError(
        f"no reasons can be given for {decision.prediction_id}: {why}",
        "Ask whoever owns the log, or the model, for what is missing; show the decision to see its gaps.",
        code,
    )
