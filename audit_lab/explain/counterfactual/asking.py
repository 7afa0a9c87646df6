"""Ask for the counterfactuals of a reconstructed decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError, ModelError
from audit_lab.explain.counterfactual.axis import Axis, axis_of
from audit_lab.explain.counterfactual.constraints import Constraints
from audit_lab.explain.counterfactual.group_axis import group_axis
from audit_lab.explain.counterfactual.judge import Judge
from audit_lab.explain.counterfactual.nearest import apart, nearest_flips
from audit_lab.explain.counterfactual.result import Attempts, Counterfactual, Counterfactuals
from audit_lab.explain.counterfactual.supported import supported_values
from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.single import recorded_row
from audit_lab.replay.verdict import EFFECTS, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from audit_lab.explain.counterfactual.judge import State
    from audit_lab.explain.counterfactual.supported import Supported
    from audit_lab.log.store import LogStore
    from audit_lab.replay.reconstruction import Reconstruction
    from audit_lab.replay.runner import Prepared, Runner
    from audit_lab.replay.signature import Signature

__all__ = ["find_counterfactuals"]

_MOST_WANTED, _MOST_CHANGES, _MOST_CANDIDATES = 100, 8, 1_000_000
_OVERRIDES = (None, "override")


def find_counterfactuals(
    store: LogStore,
    decision: Reconstruction,
    runner: Runner,
    k: int = 3,
    *,
    constraints: Constraints | None = None,
    target: str | None = None,
    window: tuple[datetime | None, datetime | None] | None = None,
    between: bool = False,
    most_changes: int = 3,
    most_candidates: int = 20_000,
    progress: Callable[[str, int], None] | None = None,
) -> Counterfactuals:
    """Find the nearest changes of a decision's inputs with which the system would have decided otherwise.

    The decision is replayed first: only of one that comes out as recorded can be said what would flip it. There is no
    chance in the search: the same log, question and libraries give the same answer.

    Parameters
    ----------
    store, decision
        The log, and the decision.
    runner
        Runs its version.
    k
        How many at most; each with another set of changed features, none holding all features of a nearer one.
    constraints
        What may change.
    target
        The decision that is wanted; any other than that of the record where None.
    window
        In whose values count as supported: since and until (exclusive). Before the decision where None, or at any time
        where fewer than 20 decisions were taken before it.
    between
        Whether numbers may take values between those seen, in steps of the finest decimal that was recorded.
    most_changes
        How many features may change at once.
    most_candidates
        How many candidates are run at most.
    progress
        Called after each batch with a word and the number of candidates; an error that it raises ends the search.

    Raises
    ------
    ModelError
        The decision does not replay as recorded, or the version makes no decision; `code` says which.
    MisuseError
        A constraint cannot be meant, or a number is out of its range.
    LogError
        A table cannot be read.
    """
    for number, most, what in (
        (k, _MOST_WANTED, "counterfactuals"),
        (most_changes, _MOST_CHANGES, "changes"),
        (most_candidates, _MOST_CANDIDATES, "candidates"),
    ):
        if not 1 <= number <= most:
            raise MisuseError(f"{number} is no number of {what}", f"Ask for 1 to {most:,}.")
    constraints = constraints or Constraints()
    if decision.signature is not None:
        constraints.check(decision.signature)
    group, own = _replayed(store, decision, runner)
    if group.model is None:  # pragma: no cover - what was replayed has a model
        raise ModelError(decision.prediction_id, "Replay it.", "version-not-registered")
    signature = group.model.signature
    constraints.check(signature)
    if target == own["decision"]:
        raise MisuseError(f"the decision is {target!r} already", "Name another one, or none.")
    data = supported_values(store, decision, signature.names, window)
    axes, fixed = _axes(group, signature, data, constraints, between=between)
    judge = Judge(runner, group, axes, own, target=target, limit=most_candidates, progress=progress)
    found = nearest_flips(judge, k, most_changes, len(signature.features))
    told, unstable = _verified(judge, found.states, signature.names)
    ran = runner.ran[group.name]
    return Counterfactuals(
        prediction_id=decision.prediction_id,
        place=decision.place,
        model_name=str(decision.prediction["model_name"]),
        model_version=decision.version,
        artifact_sha256=group.model.version["artifact_sha256"],
        inputs={name: group.ready[FEATURE + name][0] for name in signature.names},
        score=own["score"],
        label=own["label"],
        rule=own["rule"],
        decision=own["decision"],
        threshold=group.ready["threshold"][0],
        target=target,
        overridden_to=_overridden_to(decision),
        wanted=k,
        found=told,
        constraints=constraints,
        data=data,
        between=between,
        tried=Attempts(
            candidates=judge.tried,
            limit=most_candidates,
            most_changes=most_changes,
            exhaustive_changes=found.exhaustive_changes,
            allowed={axis.name: len(axis.values) for axis in axes},
            fixed=fixed,
            refused=dict(sorted(judge.refused.items())),
            unstable=unstable,
        ),
        isolation=ran.isolation,
        notes=ran.notes,
    )


def _replayed(store: LogStore, decision: Reconstruction, runner: Runner) -> tuple[Prepared, dict[str, Any]]:
    """Return the decision's row ready to run, and what it comes out as.

    Raises
    ------
    ModelError
        It does not come out as recorded, or as no decision.
    """
    (group,) = runner.prepared(recorded_row(store, decision))
    result = runner.replayed([group]).row(0, named=True)
    code, named = result["code"], f"the prediction {decision.prediction_id}"
    if result["verdict"] == Verdict.UNREPLAYABLE:
        raise ModelError(
            f"what would flip {named} cannot be told, for it cannot be replayed: {EFFECTS[code].rstrip('.')}",
            "Replay it to see what is missing.",
            code,
        )
    if result["verdict"] == Verdict.DIVERGED:
        raise ModelError(
            f"what would flip {named} cannot be told, for its replay is not its record ({code}): whatever decided it "
            "is not what would be asked",
            "Replay it to see where they part, and ask for a counterfactual where they do not.",
            code,
        )
    if result["replayed_decision"] is None:
        raise ModelError(
            f"{group.name} gives a score and decides nothing, so there is nothing to flip",
            "Declare its threshold and labels in the registry, or look at its score.",
            "decision-missing",
        )
    return group, {name: result[f"replayed_{name}"] for name in ("score", "label", "rule", "decision")}


def _axes(
    ready: Prepared, signature: Signature, data: Supported, constraints: Constraints, *, between: bool
) -> tuple[list[Axis], dict[str, str]]:
    """Return the features that may change, in the model's order, and why the others may not."""
    row = ready.ready
    axes: list[Axis] = []
    fixed: dict[str, str] = {}
    own = {name: row[FEATURE + name][0] for name in signature.names}
    for feature in signature.features:
        group = next((each for each in constraints.one_of if feature.name in each), None)
        if group is not None:
            # A group is one axis, which stands where the first of its columns does.
            members = [name for name in signature.names if name in group]
            if feature.name == members[0]:
                together = group_axis(members, own, data.values, constraints)
                axes += [together] if isinstance(together, Axis) else []
                fixed |= {} if isinstance(together, Axis) else dict.fromkeys(members, together)
            continue
        column = row[FEATURE + feature.name]
        made = axis_of(feature, column[0], data.values[feature.name], column.dtype, constraints, between=between)
        if isinstance(made, Axis):
            axes.append(made)
        else:
            fixed[feature.name] = made
    return axes, fixed


def _verified(judge: Judge, states: tuple[State, ...], names: Sequence[str]) -> tuple[tuple[Counterfactual, ...], int]:
    """Run what was found once more, together with the recorded row, and return what comes out the same."""
    if not states:
        return (), 0
    own, *again = judge.again(states)
    told = []
    for state, second in zip(states, again, strict=True):
        first = judge.known[state]
        if own is None or own.flips or second != first or first.decision is None:
            continue
        changes = [change for number, place in state for change in judge.axes[number].changes(place)]
        told.append(
            Counterfactual(
                tuple(sorted(changes, key=lambda change: names.index(change.feature))),
                apart(judge.axes, state, len(names)),
                first.score,
                first.label,
                first.rule,
                first.decision,
            )
        )
    return tuple(told), len(states) - len(told)


def _overridden_to(decision: Reconstruction) -> str | None:
    """Return what a person made of the decision; None where nobody changed it."""
    rows: list[Mapping[str, Any]] = [each for each in decision.overrides if each["kind"] in _OVERRIDES]
    return decision.final_decision if rows and decision.final_decision != decision.prediction["decision"] else None
