"""Go through the decisions of a group block by block, explain what can be explained, and add it up."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError, ModelError
from audit_lab.explain.checks import FLOAT32, FLOAT64
from audit_lab.explain.cohorts.assembly import features_of, points_of
from audit_lab.explain.cohorts.behind import Behind
from audit_lab.explain.cohorts.explained_blocks import explained_blocks
from audit_lab.explain.cohorts.fold import Fold
from audit_lab.explain.cohorts.result import CohortAttribution, LeftOut
from audit_lab.explain.cohorts.sieve import Sieve, chosen, in_blocks
from audit_lab.explain.cohorts.tally import Tally
from audit_lab.explain.cohorts.way import background_of, way_for
from audit_lab.explain.grouping import taken_apart
from audit_lab.explain.perturbation import INTERVENTIONAL, PATH_DEPENDENT
from audit_lab.explain.question import surroundings
from audit_lab.log.samplings import recorded_only
from audit_lab.replay.recorded_rows import CHUNK_ROWS
from audit_lab.replay.verdict import EFFECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import polars as pl

    from audit_lab.explain.background import BackgroundRows
    from audit_lab.explain.cohorts.asked import Asked, Resolved
    from audit_lab.explain.cohorts.result import DependenceBin, FeatureAttribution
    from audit_lab.replay.registered import Model
    from audit_lab.replay.runner import Runner

__all__ = ["ENDS", "SAMPLE", "attribute_cohort"]

#: Rows that are kept one by one: of the sample, and at each end of each feature.
SAMPLE, ENDS = 500, 5
_MOST_LISTED = 10
#: What one row can be the reason of; after anything else the version cannot be explained.
_OF_ROWS = ("model-error", "inputs-refused", "score-not-finite")


def attribute_cohort(
    asked: Asked,
    runner: Runner,
    *,
    perturbation: str | None = None,
    output: str | None = None,
    background: BackgroundRows | int = 100,
    seed: int = 0,
    rows: int | None = None,
    progress: Callable[[str, int], None] | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> CohortAttribution:
    """Explain the decisions of a group, and add their SHAP values up; memory does not grow with the group.

    Parameters
    ----------
    asked
        Which decisions; they must be of one version.
    runner
        Reads the version, and knows what keeps a row from being replayed.
    perturbation, output
        As for `audit_lab.explain.explain`; path-dependent where that is offered, unless something else is asked for.
    background
        What interventional values are against: rows, or how many of the version's decisions before the group.
    seed
        Of the background, of sampled values and of the sample.
    rows
        Explain at most so many, those with the smallest SHA-256 of ``seed|prediction_id``. Without it all are, or 200
        where each takes thousands of the model's scores.
    progress
        Called after each block with ``decisions`` and how many it has.
    chunk_rows
        How many rows are read at a time; no number depends on it.

    Raises
    ------
    MisuseError
        The decisions are of several versions; or what is asked for is not offered for this one, or out of range.
    NotFoundError
        No decision matches.
    ModelError
        None of them can be explained; `code` is that of most of them.
    LogError
        A table cannot be read.
    """
    if rows is not None and rows < 1:
        raise MisuseError(f"rows is {rows}", "Explain at least one, or leave it out for all.")
    resolved = asked.resolved(chunk_rows)
    sieve = Sieve(resolved, runner)
    ready = sieve.rows()
    first = next(ready, None)
    model = sieve.model
    if first is None or model is None:
        raise _nothing(sieve, resolved)
    way = way_for(model, perturbation, output)
    against = _against(asked, resolved, model, background, seed) if way.perturbation == INTERVENTIONAL else None
    most = rows if rows is not None else way.most
    sample = None
    passing: Iterator[pl.DataFrame] = chain([first], ready)
    if most is not None:
        sample = chosen(passing, most, seed)
        passing = iter((sample.rows,))
    fold = Fold(model.signature, seed=seed, sample=SAMPLE, ends=ENDS)
    tally = Tally(model.signature.output.kind, FLOAT32 if way.perturbation == PATH_DEPENDENT else FLOAT64)
    limits = runner.limits
    for block in explained_blocks(in_blocks(passing, way.block_rows), model, way, against, seed=seed, limits=limits):
        for refused, code, detail in block.refused:
            _check_refusal(code, detail, model)
            sieve.refuse(refused, code, detail)
            tally.refuse(refused["prediction_id"].to_list(), model)
        tally.add(block, fold)
        if progress is not None:
            progress("decisions", block.size)
    if tally.found is None:
        raise _nothing(sieve, resolved)
    found = tally.found
    features = features_of(fold, model.signature, asked, str(resolved.model_version))
    sampled = None if sample is None else (seed, sample.highest)
    behind = Behind(asked, runner, features, frozenset(tally.refused), sampled)
    return CohortAttribution(
        asked=asked.to_dict(),
        model_name=str(resolved.model_name),
        model_version=str(resolved.model_version),
        artifact_sha256=model.artifact.sha256,
        matching=resolved.predictions,
        explained=fold.rows,
        chosen=None if sample is None else sample.words(seed),
        left_out=_left_out(sieve),
        output_explained=found.output_explained,
        label=model.signature.output.positive,
        algorithm=tally.algorithm,
        perturbation=way.perturbation,
        library=found.library,
        library_version=found.library_version,
        seed=seed,
        background=found.background,
        base_value=found.base_value,
        output=fold.output,
        features=features,
        checks=tuple(tally.checks(fold, against)),
        kept=(SAMPLE, ENDS),
        points=points_of(fold, features),
        background_rows=against,
        isolation=found.isolation,
        environment=surroundings(),
        notes=(
            *_not_found(asked),
            *_sampled(asked),
            *_followed(resolved),
            *_notes(features, model),
            *_taken_apart(model),
        ),
        ask=behind.rows_of,
    )


def _against(
    asked: Asked, resolved: Resolved, model: Model, background: BackgroundRows | int, seed: int
) -> BackgroundRows:
    if not isinstance(background, int):
        return background
    if background < 1:
        raise MisuseError(f"the background has {background} rows", "Give it at least one.")
    return background_of(asked.store, model, asked.question.since or resolved.first, rows=background, seed=seed)


def _nothing(sieve: Sieve, resolved: Resolved) -> ModelError:
    """Return the error of a group of which nothing can be explained."""
    code, worst = max(sieve.obstacles.items(), key=lambda each: (each[1].rows, each[0]))
    listed = ", ".join(f"{each.rows:,} {name}" for name, each in sorted(sieve.obstacles.items()))
    effect = (worst.detail or EFFECTS.get(code, "")).rstrip(".")
    version = f"{resolved.model_name or 'no model'} {resolved.model_version or 'without a version'}"
    return ModelError(
        f"none of {resolved.predictions:,} decisions of {version} can be explained ({listed}): {effect}",
        "Ask for other decisions, or for what is wanting; audit-lab coverage says what that is.",
        code,
    )


def _check_refusal(code: str, detail: str, model: Model) -> None:
    """Tell a model that cannot be run from one that refuses some rows; the former would take as long for each block."""
    if code not in _OF_ROWS:
        raise ModelError(
            f"decisions of {model.name} cannot be explained: {detail.rstrip('.')}",
            "Ask for fewer, or give the model more (limits).",
            code,
        )


def _left_out(sieve: Sieve) -> tuple[LeftOut, ...]:
    ordered = sorted(sieve.obstacles.items(), key=lambda each: (-each[1].rows, each[0]))
    return tuple(
        LeftOut(code, each.rows, each.first_id, EFFECTS.get(code) or each.detail or code) for code, each in ordered
    )


def _sampled(asked: Asked) -> Iterator[str]:
    question = asked.question
    said = recorded_only(asked.store, question.model, question.since, question.until) if asked.ids is None else None
    if said is not None:
        yield f"{said[0].upper()}{said[1:]}."


def _followed(resolved: Resolved) -> list[str]:
    """Say of how many decisions the version is not stated, where that is the version that deployments name."""
    if resolved.model_version is None or not resolved.unstated:
        return []
    counted = f"{resolved.unstated:,} of {resolved.predictions:,} state no version"
    return [f"{counted}: that {resolved.model_version} decided follows from the deployments alone."]


def _notes(features: tuple[FeatureAttribution, ...], model: Model) -> Iterator[str]:
    """Yield what a reader must know of the inputs: features of one value, or of none, and unknown categories."""
    named = sorted(features, key=lambda each: each.feature)
    constant = [each.feature for each in named if each.is_constant and each.bins[0].kind != "missing"]
    missing = [each.feature for each in named if each.is_constant and each.bins[0].kind == "missing"]
    if constant:
        yield (
            f"The same value was recorded in all of these decisions for {_listed(constant)}: what that contributed "
            "says nothing of other values."
        )
    if missing:
        yield f"Missing in all of these decisions: {_listed(missing)}."
    known = {each.name: each.categories for each in model.signature.features if each.dtype == "str" and each.categories}
    for each in named:
        own = known.get(each.feature)
        unseen = [] if own is None else [one for one in each.bins if one.kind == "others" or _is_other(one, own)]
        count = sum(one.moments.rows for one in unseen)
        if count:
            yield f"{count:,} values of {each.feature} are no category that the model knows: it takes them as missing."


def _taken_apart(model: Model) -> list[str]:
    apart = taken_apart(model.signature)
    return [apart] if apart else []


def _not_found(asked: Asked) -> Iterator[str]:
    if asked.not_found:
        total = asked.not_found + len(asked.ids or ())
        yield f"{asked.not_found:,} of {total:,} ids that were given stand nowhere in the log."


def _is_other(one: DependenceBin, known: tuple[str, ...]) -> bool:
    return one.kind == "text" and one.text not in known


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return f"{', '.join(names[:_MOST_LISTED])}{more}"
