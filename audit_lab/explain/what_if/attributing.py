"""Explain recorded and changed inputs against one background, with one seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from audit_lab.errors import AuditLabError, ModelError, SandboxError
from audit_lab.explain.explainer import explain, offered_output
from audit_lab.explain.grouping import taken_apart
from audit_lab.explain.of_decision import background_of
from audit_lab.explain.perturbation import INTERVENTIONAL
from audit_lab.log.files.printable import printable
from audit_lab.log.index.shelf import derived

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from audit_lab.explain.attribution import Attribution, Value
    from audit_lab.explain.what_if.asked import Asked
    from audit_lab.explain.what_if.beside import Beside

__all__ = ["Explained", "explained_beside"]

_SAME_SCORE = 1e-6
_SCORES = ("probability", "margin", "value")


@dataclass(frozen=True)
class Explained:
    """The attributions of both rows; or why there are none, in a sentence. The second is None where it was refused.

    `doubts` are sentences about what keeps them from being read side by side.
    """

    original: Attribution | None = None
    changed: Attribution | None = None
    why_not: str | None = None
    doubts: tuple[str, ...] = ()

    @property
    def is_comparable(self) -> bool:
        """Whether both explain the same output, so that the one can be subtracted from the other."""
        return self.original is not None and self.changed is not None and self.original.label == self.changed.label


def explained_beside(beside: Beside, asked: Asked) -> Explained:
    """Explain the recorded inputs, and the changed ones in the same way.

    The first attribution is the one that `Decision.explain` gives, where that explains the same output and the
    signature declares no groups: same bytes, same digest. The second says in its id and its first note that its inputs
    are no record. Both are kept in the user's cache in the decision's own folder, so that erasing the decision removes
    them.

    Parameters
    ----------
    beside
        Both rows; each attribution is checked against the score that came of its row.
    asked
        How to explain.

    Raises
    ------
    MisuseError
        The method or its output is not offered.
    LogError
        The background cannot be read.
    """
    method, model, decision = asked.explain, beside.model, beside.decision
    if method is None:
        return Explained()
    kind = model.signature.output.kind
    try:
        offered_output(method, asked.output, model.artifact.artifact_format, kind, INTERVENTIONAL)
        if decision.prediction["occurred_at"] is None:
            return Explained(why_not="The decision has no time, so no background of earlier ones can be declared.")
        background = background_of(beside.store, decision, model.signature.names, asked.seed)
        given: dict[str, Any] = {
            "prediction_id": decision.prediction_id,
            "signature": model.signature,
            "artifact": model.artifact,
            "trusted_types": model.trusted_types,
            "background": background,
            "seed": asked.seed,
            "output": asked.output,
            "limits": asked.limits,
        }
        key = (
            *("what-if original", decision.place, method, asked.output, asked.seed, asked.limits),
            *(model.artifact.content_sha256, model.signature.to_json(), model.trusted_types),
            *(background.content_sha256, background.description, repr(sorted(beside.inputs.items()))),
        )
        original = derived(beside.store, key, (), lambda: explain(method, inputs=beside.inputs, **given))
        changed = None if beside.changed is None else original
        if changed is not None and beside.changes:
            found = explain(method, inputs={**beside.inputs, **beside.changes}, **given)
            changed = _named(found, beside.changes)
    except (ModelError, SandboxError) as error:
        return Explained(why_not=f"There is no attribution: {error.message}.")
    except AuditLabError as error:
        if type(error) is not AuditLabError:
            raise
        return Explained(why_not=f"There is no attribution: {error.message}.")
    return Explained(original, changed, None, tuple(_doubts(original, changed, beside)))


def _named(changed: Attribution, changes: Mapping[str, Value]) -> Attribution:
    """Say of the attribution of changed inputs, wherever it is shown, that it is of no decision that was taken."""
    what = f"What if: these are not the recorded inputs, for {', '.join(map(printable, changes))} was changed."
    return replace(changed, prediction_id=f"{changed.prediction_id} (what if)", notes=(what, *changed.notes))


def _doubts(original: Attribution, changed: Attribution | None, beside: Beside) -> Iterator[str]:
    if apart := taken_apart(beside.model.signature):
        yield apart
    if changed is not None and original.label != changed.label:
        yield (
            f"The attributions are not of the same output: the original's is of {printable(original.label)!r}, that of "
            f"the changed inputs of {printable(changed.label)!r}, so they are not subtracted."
        )
    for name, found, side in (("original", original, beside.original), ("changed", changed, beside.changed)):
        if found is None or side is None or side.score is None or found.output_explained not in _SCORES:
            continue
        if not abs(found.prediction_value - side.score) <= _SAME_SCORE * max(1.0, abs(side.score)):
            yield (
                f"The attribution of the {name} inputs is of the score {found.prediction_value:.9g}, and what decides "
                f"gives {side.score:.9g}: it does not explain this score."
            )
