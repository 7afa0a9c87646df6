"""What comes after the score: another threshold, or other rules, that give the recorded label and decision."""

from __future__ import annotations

from dataclasses import replace
from math import comb
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import ModelError
from audit_lab.replay.causes.cause import Cause, Explanation, Tried
from audit_lab.replay.causes.chance import MOST_EXPECTED_BY_CHANCE
from audit_lab.replay.causes.search import concluded
from audit_lab.replay.decision_rules import FEATURE, MODEL_LABEL, decide, decides_by_threshold

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from audit_lab.replay.causes.trial import Setting
    from audit_lab.replay.registered import Model

__all__ = ["explain_step"]

#: A threshold that nobody registered is inferred from at least so many decisions on either side of it.
_FEWEST_FOR_A_THRESHOLD = 3
#: Kinds of change that alter labels.
_BY_LABEL = ("registered-threshold", "another-version", "another-threshold")
#: What a step's comparison looks at: everything up to it is the same already.
_COMPARED = {
    "label": (("recorded_label", "label"), ("recorded_rule", "decision_rule"), ("recorded_decision", "decision")),
    "rule": (("recorded_rule", "decision_rule"), ("recorded_decision", "decision")),
    "decision": (("recorded_decision", "decision"),),
}


def explain_step(
    step: str,
    setting: Setting,
    diverged: pl.DataFrame,
    beside: pl.DataFrame,
    thresholds: Collection[float],
) -> Explanation:
    """Find what threshold, rules or version give the recorded label, rule and decision from the same score.

    Parameters
    ----------
    step
        ``label``, ``rule`` or ``decision``.
    setting
        The version that the rows state, and the other registered versions of the same model.
    diverged
        Rows that parted from the record at that step, with ``score``, `MODEL_LABEL`, ``threshold`` and inputs; the
        first is the one in question.
    beside
        Rows of the version from the same time that did not part from it: what they say must stay true.
    thresholds
        Thresholds that stand on record elsewhere: of other versions, in configurations.
    """
    found: list[Cause] = []
    changes: dict[str, int] = {}
    model = setting.model
    rounded = _rounded_across(step, diverged, model)
    if rounded is not None:
        return rounded
    changed_ways = [
        *_of_registered_threshold(model, diverged),
        *_of_versions(model, setting.others),
        *_thresholds(model, setting.others, thresholds),
        *_without_rules(model),
    ]
    for kind, value, what, changed, threshold in changed_ways:
        changes[kind] = changes.get(kind, 0) + 1
        reproduced = _reproduced(step, changed, diverged, threshold)
        # Rows beside that did not diverge must come out as recorded, too: the change was in force for them as well.
        if reproduced is not None and reproduced[0] and _holds(step, changed, beside, threshold):
            found.append(Cause(kind, None, value, what, int(reproduced.sum()), diverged.height, exact=True))
    if step == "label" and decides_by_threshold(model.signature.output):
        changes["another-threshold"] = changes.get("another-threshold", 0) + 1
        inferred = _inferred(model, diverged, beside)
        # One on record that gives them all is the better answer; one that gives a part of them is none.
        on_record = any(each.kind == "another-threshold" and each.reproduced == diverged.height for each in found)
        if inferred is not None and not on_record:
            found.append(inferred)
    tried = tuple(
        Tried(kind, count, max((each.reproduced for each in found if each.kind == kind), default=0))
        for kind, count in changes.items()
    )
    whole = [each for each in found if each.reproduced == diverged.height]
    by_label = step == "label" and decides_by_threshold(model.signature.output)
    expected = sum(changes.get(kind, 0) for kind in _BY_LABEL) * _labels_by_chance(diverged, beside)
    if whole and by_label and expected > MOST_EXPECTED_BY_CHANCE:
        statement = _too_few(whole, diverged.height, beside.height)
        return Explanation(step, (), tuple(whole), tried, diverged.height, statement)
    # Registered alternatives are few, and what they decide is no coincidence of floating-point numbers.
    chance = MOST_EXPECTED_BY_CHANCE / (2 * max(1, sum(changes.values())))
    return concluded(step, found, tried, diverged.height, chance)


#: Kind, value, sentence, the version by whose rules is decided, and its threshold where that is another.
_Change = tuple[str, str, str, "Model", float | None]


def _of_registered_threshold(model: Model, diverged: pl.DataFrame) -> Iterator[_Change]:
    """Yield the version's own registered threshold, where predictions state another one."""
    own = model.version["threshold"]
    if own is not None and decides_by_threshold(model.signature.output) and (diverged["threshold"] != own).any():
        what = f"the registered threshold {own:g} was applied, not the one that the predictions state"
        yield "registered-threshold", f"{own:g}", what, model, own


def _rounded_across(step: str, diverged: pl.DataFrame, model: Model) -> Explanation | None:
    """Explain labels that parted because the threshold lies between two scores that are within the tolerance."""
    output = model.signature.output
    if step != "label" or not decides_by_threshold(output):
        return None
    recorded = pl.when(pl.col("recorded_score") >= pl.col("threshold"))
    by_record = recorded.then(pl.lit(output.positive)).otherwise(pl.lit(output.negative))
    other = pl.col("score") != pl.col("recorded_score")
    between = diverged.select((other & (by_record == pl.col("recorded_label"))).fill_null(value=False))
    counted = int(between.to_series().sum())
    if not counted or not between.to_series()[0]:
        return None
    apart = f"{diverged['distance'][0]:.1e}"
    what = f"the scores are {apart} apart, and the threshold lies between them; the record is consistent in itself"
    cause = Cause("precision", None, "on both sides of the threshold", what, counted, diverged.height, exact=False)
    return Explanation(step, (cause,), (), (Tried("precision", 1, counted),), diverged.height, f"Explained: {what}.")


def _of_versions(model: Model, others: Sequence[Model]) -> Iterator[_Change]:
    """Yield what other registered versions say about the way from score to decision."""
    name, own = model.version["model_version"], model.signature.output
    for other in others:
        version = str(other.version["model_version"])
        if other.artifact.sha256 == model.artifact.sha256:
            what = f"version {version}, which has the same artifact, decided, not version {name}"
            yield "another-version", version, what, other, other.version["threshold"]
        if other.rules != model.rules:
            what = f"the rules of version {version} were applied, not those of version {name}"
            yield "other-rules", f"rules of {version}", what, replace(model, rules=other.rules), None
        if other.signature.output.decisions != own.decisions:
            what = f"labels led to decisions as in version {version}, not as in version {name}"
            output = replace(own, decisions=other.signature.output.decisions)
            changed = replace(model, signature=replace(model.signature, output=output))
            yield "other-rules", f"decisions of {version}", what, changed, None


def _thresholds(model: Model, others: Sequence[Model], further: Collection[float]) -> Iterator[_Change]:
    """Yield the thresholds that stand on record elsewhere."""
    if not decides_by_threshold(model.signature.output):
        return
    known: dict[float, str] = {}
    for other in others:
        if other.version["threshold"] is not None:
            known.setdefault(float(other.version["threshold"]), f"that of version {other.version['model_version']}")
    for threshold in further:
        known.setdefault(threshold, "stated in a deployment's configuration")
    for threshold, source in known.items():
        if threshold != model.version["threshold"]:
            yield "another-threshold", f"{threshold:g}", f"the threshold was {threshold:g} ({source})", model, threshold


def _without_rules(model: Model) -> Iterator[_Change]:
    """Yield the version's own rules, less some of them."""
    if model.rules:
        yield "other-rules", "none", "no rule was applied", replace(model, rules=()), None
    for rule in model.rules if len(model.rules) > 1 else ():
        rest = tuple(each for each in model.rules if each != rule)
        what = f"the rule {rule.name} was not applied"
        yield "other-rules", f"without {rule.name}", what, replace(model, rules=rest), None


def _reproduced(step: str, model: Model, rows: pl.DataFrame, threshold: float | None) -> pl.Series | None:
    """Return which rows come out as recorded; None where the rules do not fit the rows."""
    if not all(FEATURE + name in rows.columns for name in model.signature.names):
        return None
    given = rows if threshold is None else rows.with_columns(threshold=pl.lit(threshold, dtype=pl.Float64))
    kept = given.select(
        "score",
        MODEL_LABEL,
        "threshold",
        *(FEATURE + name for name in model.signature.names),
        *(recorded for recorded, _ in _COMPARED["label"]),
    )
    try:
        decided = decide(kept, model.signature, model.rules, model.name)
    except ModelError:
        return None
    same = [
        pl.col(recorded).is_null() | pl.col(recorded).eq_missing(pl.col(replayed))
        for recorded, replayed in _COMPARED[step]
    ]
    return decided.select(pl.all_horizontal(same).alias("same"))["same"]


def _holds(step: str, model: Model, beside: pl.DataFrame, threshold: float | None) -> bool:
    if not beside.height:
        return True
    same = _reproduced(step, model, beside, threshold)
    return same is not None and bool(same.all())


def _labels_by_chance(diverged: pl.DataFrame, beside: pl.DataFrame) -> float:
    """Return how likely labels that were written over blindly are just those next to the threshold that was stated.

    Whatever moves a threshold changes the labels of the decisions nearest to it, and of these alone: of ``n`` decisions
    on one side of it, ``k`` chosen blindly are the ``k`` nearest with the chance of one in ``n`` over ``k``.
    """
    chance = 1.0
    for side in (pl.col("score") >= pl.col("threshold"), pl.col("score") < pl.col("threshold")):
        moved, stayed = diverged.filter(side).height, beside.filter(side).height
        chance /= comb(moved + stayed, moved)
    return chance


def _too_few(causes: Sequence[Cause], examined: int, beside: int) -> str:
    diverged = "the record" if examined == 1 else f"all {examined} diverged decisions examined"
    return (
        f"Not explained: {diverged} would come out if {causes[0].what}; but so they would, among {beside} decisions "
        "beside, if somebody had written over a few labels. More decisions of that time are needed to tell."
    )


def _inferred(model: Model, diverged: pl.DataFrame, beside: pl.DataFrame) -> Cause | None:
    """Return the bounds of a threshold that separates the recorded labels of all rows, None where none does.

    Between two labels a threshold can always be laid. That there was one is only said where it separates all rows,
    diverged or not, and where enough of either lie on the side that it moved into.
    """
    output = model.signature.output
    columns = ["score", "threshold", "recorded_label"]
    rows = pl.concat([diverged.select(columns), beside.select(columns)])
    labelled = rows.filter(
        pl.col("recorded_label").is_in([output.positive, output.negative]), pl.col("score").is_finite()
    )
    positive = pl.col("recorded_label") == output.positive
    lowest = labelled.filter(positive)["score"].min()
    highest = labelled.filter(~positive)["score"].max()
    if not isinstance(lowest, float) or not isinstance(highest, float) or lowest <= highest:
        return None
    for side in (pl.col("score") >= pl.col("threshold"), pl.col("score") < pl.col("threshold")):
        if diverged.filter(side).height and beside.filter(side).height < _FEWEST_FOR_A_THRESHOLD:
            return None
    decided = _reproduced("label", model, diverged, lowest)
    if diverged.height < _FEWEST_FOR_A_THRESHOLD or decided is None or not decided.all():
        return None
    if not _holds("label", model, beside, lowest):
        return None
    value = f"above {highest:.6g}, at most {lowest:.6g}"
    what = (
        f"the threshold was {value} (inferred: it separates the labels of all {labelled.height} decisions examined, of "
        f"which {beside.height} did not part from the record)"
    )
    return Cause("another-threshold", None, value, what, diverged.height, diverged.height, exact=True)
