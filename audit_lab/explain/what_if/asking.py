"""Ask what the system would have made of other inputs of a reconstructed decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.explain.what_if.asked import Asked
from audit_lab.explain.what_if.attributing import explained_beside
from audit_lab.explain.what_if.beside import Beside
from audit_lab.explain.what_if.changes import checked_changes, missing_to_none, outside_categories
from audit_lab.explain.what_if.ready import cannot_be_run, ready_to_run
from audit_lab.explain.what_if.reasoning import Reasoned, reasons_beside
from audit_lab.explain.what_if.recorded_values import recorded_values
from audit_lab.explain.what_if.result import WhatIf
from audit_lab.explain.what_if.state import Input, Refusal, Remark, Side, value_words
from audit_lab.explain.what_if.trial import run_beside
from audit_lab.log.files.printable import printable
from audit_lab.replay.decision_rules import FEATURE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import polars as pl

    from audit_lab.explain.attribution import Value
    from audit_lab.explain.reasons import ReasonCodes
    from audit_lab.explain.what_if.trial import Ran
    from audit_lab.log.store import LogStore
    from audit_lab.replay.reconstruction import Reconstruction
    from audit_lab.replay.registered import Model
    from audit_lab.replay.runner import Runner

__all__ = ["ask_what_if"]

_OVERRIDES = (None, "override")


def ask_what_if(
    store: LogStore,
    decision: Reconstruction,
    runner: Callable[[], Runner],
    changes: Mapping[str, Any],
    *,
    asked: Asked | None = None,
    codes: ReasonCodes | None = None,
) -> WhatIf:
    """Run a decision's recorded inputs and changed ones through its version, and put the two side by side.

    A decision whose replay is not its record is answered all the same, and the answer says so first: the changed inputs
    are compared with what the artifact gives for the recorded ones now, since only then is it the change that makes the
    difference.

    Parameters
    ----------
    store, decision
        The log, and the decision.
    runner
        Makes what runs its version, in the way that `asked` states; it is kept for the next states.
    changes
        Feature to the value that takes the place of the recorded one; None: missing. None at all: the original.
    asked
        How both are explained, and how the question is put again; as `Asked()` has it when omitted.
    codes
        For reasons of both, where their decisions are adverse.

    Raises
    ------
    MisuseError
        A change cannot be meant, or an explanation is not offered.
    ModelError
        The recorded inputs cannot be run: they or the artifact are missing, or the model refuses them; `code` says
        which.
    LogError
        A table cannot be read.
    """
    asked = asked or Asked()
    ready = ready_to_run(store, decision, runner, asked)
    model, row = ready.model, ready.group.rows
    recorded = {name: missing_to_none(row[FEATURE + name][0]) for name in model.signature.names}
    dtypes = {name: row[FEATURE + name].dtype for name in recorded}
    meant = checked_changes(model.signature, dtypes, decision.inputs or {}, changes)
    unknown = [each.name for each in model.signature.features if outside_categories(each, meant.get(each.name))]
    states: list[Mapping[str, Value]] = [{}, {}]
    states += [meant, meant, *({**meant, name: None} for name in unknown)] if meant else []
    ran = run_beside(ready.runner, ready.group, states)
    original, changed = _both(decision, ran, has_changes=bool(meant))
    code, said = ready.replayed(ran)
    remarks = _remarks(store, decision, model, meant)
    remarks += _unknown_categories(model, meant, unknown, changed, ran.outcomes[4:])
    beside = Beside(store, decision, model, recorded, meant, original, changed if isinstance(changed, Side) else None)
    explained = explained_beside(beside, asked)
    reasons = Reasoned() if codes is None else reasons_beside(beside, codes, seed=asked.seed, limits=asked.limits)
    about = ready.runner.ran[ready.group.name]
    return WhatIf(
        prediction_id=decision.prediction_id,
        place=decision.place,
        model_name=str(decision.prediction["model_name"]),
        model_version=decision.version,
        artifact_sha256=model.version["artifact_sha256"],
        output_kind=model.signature.output.kind,
        positive=model.signature.output.positive,
        threshold=row["threshold"][0],
        inputs=tuple(
            Input(
                each.name, each.unit, recorded[each.name], meant.get(each.name, recorded[each.name]), each.name in meant
            )
            for each in model.signature.features
        ),
        recorded=_recorded(row),
        original=original,
        changed=changed,
        replay_code=code,
        replay_why=said,
        overridden_to=_overridden_to(decision),
        remarks=tuple(remarks),
        unrepeated=tuple(_unrepeated(ran, has_changes=bool(meant))),
        explained=explained,
        original_reasons=reasons.original,
        changed_reasons=reasons.changed,
        reasons_why_not=reasons.why_not,
        asked=asked,
        isolation=about.isolation,
        environment=about.environment,
        notes=(*about.notes, *(each.what for each in decision.findings if each.code == "registration-corrected")),
    )


def _both(decision: Reconstruction, ran: Ran, *, has_changes: bool) -> tuple[Side, Side | Refusal]:
    original = ran.outcomes[0]
    if isinstance(original, Refusal):
        raise cannot_be_run(decision, original.code, original.detail)
    return original, ran.outcomes[2] if has_changes else original


def _recorded(row: pl.DataFrame) -> Side:
    several = row["recorded_probabilities"][0]
    return Side(
        row["recorded_score"][0],
        row["recorded_label"][0],
        row["recorded_rule"][0],
        row["recorded_decision"][0],
        None if several is None else tuple(several),
    )


def _remarks(store: LogStore, decision: Reconstruction, model: Model, meant: Mapping[str, Value]) -> list[Remark]:
    name = str(decision.prediction["model_name"])
    changed = [feature for feature in model.signature.features if feature.name in meant]
    found = (recorded_values(store, name, feature, meant[feature.name]) for feature in changed)
    return [remark for remark in found if remark is not None]


def _unknown_categories(
    model: Model,
    meant: Mapping[str, Value],
    unknown: list[str],
    changed: Side | Refusal,
    without: tuple[Side | Refusal, ...],
) -> list[Remark]:
    """Say what the model makes of values that are no category that it knows: each beside the value left out."""
    remarks = []
    known = {feature.name: feature.categories or () for feature in model.signature.features}
    for name, other in zip(unknown, without, strict=True):
        feature = printable(name)
        said = (
            f"{value_words(meant[name])} is none of the {len(known[name])} categories of {feature} that the signature "
            f"names ({printable(', '.join(known[name]), 200)})."
        )
        if isinstance(changed, Refusal):
            said += " The model takes no such input."
        elif isinstance(other, Refusal):
            said += f" The model takes it; where {feature} is missing it gives no answer."
        elif changed.is_same(other):
            said += f" The model makes of it what it makes of a missing {feature}: all comes out the same."
        else:
            said += (
                f" The model makes something else of it than of a missing {feature}, which gives: {other.steps(None)}."
            )
        remarks.append(Remark(name, "unknown-category", said))
    return remarks


def _unrepeated(ran: Ran, *, has_changes: bool) -> list[str]:
    """Say of each row that was run twice, together with itself, whether other answers came out."""
    pairs = [("recorded", ran.outcomes[:2]), *([("changed", ran.outcomes[2:4])] if has_changes else [])]
    said = []
    for name, (first, second) in pairs:
        if isinstance(first, Side) and isinstance(second, Side) and first.is_same(second):
            continue
        if isinstance(first, Refusal) and isinstance(second, Refusal) and first.code == second.code:
            continue
        given = " and ".join(each.steps(None) if isinstance(each, Side) else each.code for each in (first, second))
        said.append(f"The model gives the same {name} inputs two answers: {given}.")
    return said


def _overridden_to(decision: Reconstruction) -> str | None:
    rows = [each for each in decision.overrides if each["kind"] in _OVERRIDES]
    return decision.final_decision if rows and decision.final_decision != decision.prediction["decision"] else None
