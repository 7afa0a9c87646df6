"""The principal reasons of the original, and of the changed inputs as if they had been recorded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from audit_lab.errors import AuditLabError, ModelError, SandboxError
from audit_lab.explain.reasons import reasons_of_decision

if TYPE_CHECKING:
    from audit_lab.explain.reasons import ReasonCodes, Reasons
    from audit_lab.explain.what_if.beside import Beside
    from audit_lab.explain.what_if.state import Side
    from audit_lab.replay.reconstruction import Reconstruction
    from audit_lab.sandbox import Limits

__all__ = ["Reasoned", "reasons_beside"]


@dataclass(frozen=True)
class Reasoned:
    """The reasons of both, None of what the model refused; or why there are none, in a sentence."""

    original: Reasons | None = None
    changed: Reasons | None = None
    why_not: str | None = None


def reasons_beside(beside: Beside, codes: ReasonCodes, *, seed: int, limits: Limits | None) -> Reasoned:
    """Return the reasons of both rows, against the same reference.

    Raises
    ------
    MisuseError
        The codes do not fit the version.
    LogError
        The reference cannot be read.
    """
    artifact = beside.model.artifact
    asked: dict[str, Any] = {
        "seed": seed,
        "limits": limits,
        "trust": [f"sha256:{artifact.sha256}"] if artifact.trusted_by_digest else [],
        "trusted_types": beside.model.trusted_types,
    }
    try:
        original = reasons_of_decision(beside.store, beside.decision, codes, **asked)
        if beside.changed is None or not beside.changes:
            return Reasoned(original, None if beside.changed is None else original)
        supposed = _supposed(beside, beside.changed)
        return Reasoned(original, reasons_of_decision(beside.store, supposed, codes, **asked))
    except (ModelError, SandboxError) as error:
        return Reasoned(why_not=f"No reasons can be given: {error.message}.")
    except AuditLabError as error:
        if type(error) is not AuditLabError:
            raise
        return Reasoned(why_not=f"No reasons can be given: {error.message}.")


def _supposed(beside: Beside, changed: Side) -> Reconstruction:
    """Return the decision as it would be on record if the changed inputs had been given; nobody overrode that."""
    prediction = beside.decision.prediction
    outputs = dict(prediction["outputs"] or {})
    outputs |= {name: getattr(changed, name) for name in ("score", "label") if name in outputs}
    return replace(
        beside.decision,
        prediction={
            **prediction,
            "outputs": outputs or None,
            "decision": changed.decision,
            "decision_rule": changed.rule,
        },
        inputs={**(beside.decision.inputs or {}), **beside.changes},
        overrides=(),
        final_decision=changed.decision,
    )
