"""Explain one prediction: check what goes in, run the method in the sandbox, seal what comes out."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from audit_lab.errors import AuditLabError, MisuseError, ModelError
from audit_lab.explain.attribution import Attribution, Background, Check, Contribution
from audit_lab.explain.checks import check_background
from audit_lab.explain.explanation_cache import ExplanationCache
from audit_lab.explain.grouping import checked_groups, group_value, players_of
from audit_lab.explain.perturbation import PATH_DEPENDENT, PERTURBATIONS
from audit_lab.explain.question import question_digest, surroundings
from audit_lab.explain.sampling import BY_ROW, offered_sampling
from audit_lab.explain.stability import FURTHER_SEEDS
from audit_lab.replay.models.imports import libraries_of
from audit_lab.sandbox import Limits, warm_worker

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from audit_lab.explain.attribution import Value
    from audit_lab.explain.background import BackgroundRows
    from audit_lab.replay.artifacts.artifact import Artifact
    from audit_lab.replay.signature import Signature
    from audit_lab.sandbox import TaskResult, Worker

__all__ = ["TRAINING", "explain", "offered_output", "worker_of"]

_TASKS = {"shap": "audit_lab.explain.shap_task:attribute", "lime": "audit_lab.explain.lime_task:attribute"}
#: What the score, and the margin, of each kind of output is called; other kinds have none.
_MARGINS = {"probability": "log-odds", "margin": "margin", "regression": "value"}
_WITH_PATHS = ("xgboost", "lightgbm")
_SCORES = {"probability": "probability", "multiclass": "probability", "margin": "margin", "regression": "value"}
#: LIME's own default; stated in the attribution's algorithm.
_LIME_SAMPLES = 5000
_STEPS = {"explanation-not-offered": "Ask for interventional values, of the model's score."}
#: What path-dependent values are against.
TRAINING = Background("the model's training data, as its trees counted it", (), hashlib.sha256().hexdigest())


def explain(
    method: str,
    *,
    prediction_id: str,
    inputs: Mapping[str, Any],
    signature: Signature,
    artifact: Artifact,
    background: BackgroundRows,
    trusted_types: Collection[str] = (),
    seed: int = 0,
    output: Literal["probability", "log-odds", "margin", "value"] | None = None,
    perturbation: Literal["interventional", "path-dependent"] = "interventional",
    sampling: Literal["by-row", "shap"] = BY_ROW,
    max_evals: int | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    further_seeds: int = FURTHER_SEEDS,
    limits: Limits | None = None,
    cache: bool | ExplanationCache = True,
) -> Attribution:
    """Attribute the model's output for one prediction to its recorded inputs.

    Of several classes it is the probability of the one that the model gives this prediction.

    Parameters
    ----------
    method
        ``shap`` (Shapley values, interventional) or ``lime``.
    prediction_id
        The decision that is explained.
    inputs
        Recorded value of each feature of `signature`; more keys do not matter. NaN counts as missing.
    signature, artifact
        As the registry has them; the artifact's digest was checked when it was read.
    background
        What the decision is compared with.
    trusted_types
        Types in skops files that may be built, by name.
    seed
        Of LIME and of sampled Shapley values; enumeration does not use it.
    output
        By default the model's score, by what its kind calls it: ``probability``, ``margin`` or ``value``. ``log-odds``
        is offered for SHAP of models whose probability comes from one margin.
    perturbation
        What a feature that is left out takes: ``interventional``, the values of the background; ``path-dependent``, in
        SHAP of boosted trees of XGBoost and LightGBM, what their training data had in the branches of the trees. Then
        the log-odds are explained (or the margin, or the value), and the background is not used.
    sampling, max_evals
        How SHAP values are sampled where they are not exact: ``by-row``, orders of its own for each background row and
        as many as their error asks for; ``shap``, by shap's permutation explainer with this seed and `max_evals` (its
        own argument; 500, which is its default too), whose numbers are those of a direct call. Values that are exact
        stay so: no way of sampling changes them.
    groups
        Features that come and go together and have one contribution, such as columns that were recorded one-hot: name
        of each group, and its features. Each other feature has its own. Not offered for path-dependent values, which
        boosters give for single columns.
    further_seeds
        With how many other seeds LIME is run to tell how far its values depend on the seed; each costs what the
        explanation costs. With none, its checks `stability` and `spread` say that this was not tested.
    limits
        Of the child process; `Limits()` when omitted.
    cache
        Whether the same explanation of before may be returned, and this one kept for later; or where that is kept. See
        `ExplanationCache`.

    Raises
    ------
    MisuseError
        The method, its output or such groups are not offered.
    AuditLabError
        A feature is missing in the inputs or in the background, or has another type there.
    ModelError
        Code ``score-missing`` (the model gives labels and no score), ``score-not-finite``, or what does not fit between
        the artifact and the registry.
    SandboxError
        The model or the library failed in the child, or may not run here.
    """
    chosen = offered_output(method, output, artifact.artifact_format, signature.output.kind, perturbation)
    row, rows = _tables(prediction_id, inputs, signature, background)
    together = _groups(perturbation, signature, groups)
    players = len(players_of(signature, together))
    way = offered_sampling(method, sampling, max_evals, players, seed)
    kept = ExplanationCache() if cache is True else (cache or None)
    question = question_digest(
        prediction_id=prediction_id,
        row=row,
        signature=signature,
        artifact=artifact,
        background=background,
        trusted_types=trusted_types,
        parameters={
            "method": method,
            "output": chosen,
            "samples": str(_LIME_SAMPLES),
            "seed": str(seed),
            "perturbation": perturbation,
            "groups": repr(together),
            "sampling": repr(way),
            "further_seeds": str(further_seeds),
        },
    )
    before = kept.find(prediction_id, question) if kept else None
    values = _values(signature, together, row)
    if before is not None:
        return _with_values(before, values)
    result = worker_of(artifact, limits).run(
        _TASKS[method],
        header={
            "signature": signature.to_json(),
            "artifact_format": artifact.artifact_format,
            "trusted_types": sorted(trusted_types),
            "output": chosen,
            "perturbation": perturbation,
            "samples": _LIME_SAMPLES,
            "seed": seed,
            "sampling": way.by,
            "max_evals": way.max_evals,
            "groups": together,
            "further_seeds": further_seeds,
        },
        tables={"inputs": row, "background": rows},
    )
    _check_fault(prediction_id, result.header)
    _check_finite(prediction_id, result.header)
    found = _sealed(
        result,
        prediction_id=prediction_id,
        method=method,
        output=chosen,
        row=row,
        values=values,
        background=None if perturbation == PATH_DEPENDENT else background,
        seed=seed,
        artifact_sha256=artifact.sha256,
    )
    if kept:
        kept.keep(question, found)
    return found


def worker_of(artifact: Artifact, limits: Limits | None = None) -> Worker:
    """Return the warm child that explains an artifact, started where there is none: the one that replays use."""
    return warm_worker(
        {"artifact": artifact.content},
        limits=limits,
        must_isolate=artifact.trusted_by_digest,
        libraries=libraries_of(artifact.artifact_format),
        digests={"artifact": artifact.content_sha256},
    )


def _sealed(
    result: TaskResult,
    *,
    prediction_id: str,
    method: str,
    output: str,
    row: pl.DataFrame,
    values: Mapping[str, Value],
    background: BackgroundRows | None,
    seed: int,
    artifact_sha256: str,
) -> Attribution:
    found = result.header
    return Attribution(
        prediction_id=prediction_id,
        method=method,
        algorithm=found["algorithm"],
        output_explained=output,
        label=found["label"] or "the prediction",
        contributions=tuple(
            Contribution(name, value, float(contribution))
            for (name, value), contribution in zip(values.items(), found["contributions"], strict=True)
        ),
        base_value=found["base_value"],
        prediction_value=found["prediction_value"],
        background=Background(background.description, background.ids, background.sha256) if background else TRAINING,
        seed=seed,
        library=found["library"],
        library_version=found["library_version"],
        artifact_sha256=artifact_sha256,
        checks=(
            *(Check(name, passed, detail) for name, passed, detail in found["checks"]),
            *([check_background(background, row)] if background else []),
        ),
        isolation=result.isolation,
        environment=surroundings(),
    )


def _groups(
    perturbation: str, signature: Signature, groups: Mapping[str, Sequence[str]] | None
) -> dict[str, tuple[str, ...]]:
    """Return the groups of features, where they are offered."""
    found = checked_groups(signature, groups or {})
    if found and perturbation == PATH_DEPENDENT:
        raise MisuseError(
            f"groups of features are not offered for path-dependent values ({', '.join(found)}): the booster gives a "
            "value for each column, and what a group contributes as a whole is not their sum",
            "Use interventional values or LIME, or take the columns one by one (no groups, groups={}, --ungrouped).",
        )
    return found


def _values(signature: Signature, groups: Mapping[str, Sequence[str]], row: pl.DataFrame) -> dict[str, Value]:
    """Return the value of each feature, and of each group, that has a contribution."""
    values = row.row(0, named=True)
    players = players_of(signature, groups)
    return {
        name: group_value({member: values[member] for member in members}) if name in groups else values[members[0]]
        for name, members in players.items()
    }


def _with_values(found: Attribution, values: Mapping[str, Value]) -> Attribution:
    """Return an explanation that was read back with the values as recorded, whole floats among them."""
    contributions = (replace(each, value=values[each.feature]) for each in found.contributions)
    return replace(found, contributions=tuple(contributions))


def offered_output(method: str, output: str | None, artifact_format: str, kind: str, perturbation: str) -> str:
    """Return what is explained, where it is offered."""
    if method not in _TASKS:
        raise MisuseError(f"there is no explanation method {method!r}", f"Use one of {', '.join(sorted(_TASKS))}.")
    if kind not in _SCORES:
        raise ModelError(
            f"a model of the kind {kind} gives no score, so there is nothing to attribute",
            "Compare the decision with others (comparable), or ask the model's owner for its scores.",
            "score-missing",
        )
    if perturbation not in PERTURBATIONS:
        raise MisuseError(f"there is no perturbation {perturbation!r}", f"Use {' or '.join(PERTURBATIONS)}.")
    if perturbation == PATH_DEPENDENT:
        return _offered_by_paths(method, output, artifact_format, kind)
    if output is None or output == _SCORES[kind]:
        return _SCORES[kind]
    if output != "log-odds":
        raise MisuseError(f"an explanation of {output!r} is not offered", f"Use {_SCORES[kind]} or log-odds.")
    if method != "shap" or kind != "probability":
        raise MisuseError(
            f"log-odds are not offered for {method} of a {artifact_format} artifact of the kind {kind}",
            f"Explain the {_SCORES[kind]}, or use SHAP of a model that gives the probability of one label.",
        )
    return output


def _offered_by_paths(method: str, output: str | None, artifact_format: str, kind: str) -> str:
    explained = _MARGINS.get(kind)
    if method != "shap" or not artifact_format.startswith(_WITH_PATHS) or explained is None:
        raise MisuseError(
            f"path-dependent values are not offered for {method} of a {artifact_format} artifact of the kind {kind}",
            "Use interventional ones, or SHAP of a booster of XGBoost or LightGBM.",
        )
    if output not in {None, explained}:
        raise MisuseError(f"path-dependent values of {output!r} are not offered", f"Use {explained}.")
    return explained


def _check_fault(prediction_id: str, found: Mapping[str, Any]) -> None:
    fault = found.get("fault")
    if fault is not None:
        raise ModelError(
            f"the prediction {prediction_id} cannot be explained: {fault['message']}",
            _STEPS.get(str(fault["code"]), "Compare the registry's row with the artifact's owner."),
            str(fault["code"]),
        )


def _check_finite(prediction_id: str, found: Mapping[str, Any]) -> None:
    numbers = [found["base_value"], found["prediction_value"], *found["contributions"]]
    if not all(math.isfinite(number) for number in numbers):
        raise ModelError(
            f"the model gives scores for {prediction_id} or its background that are no numbers",
            "Replay the decision to see its score; a model without finite scores cannot be explained.",
            "score-not-finite",
        )


def _tables(
    prediction_id: str, inputs: Mapping[str, Any], signature: Signature, background: BackgroundRows
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the decision's row and the background: columns in signature order, same dtypes, NaN as null."""
    for place, names in (("inputs", inputs), ("background", background.frame.columns)):
        missing = [name for name in signature.names if name not in names]
        if missing:
            raise AuditLabError(
                f"the {place} of {prediction_id} have no feature {', '.join(missing)}",
                "Compare the recorded columns with the signature of the model version.",
            )
    if background.frame.is_empty() or background.frame.height != len(background.ids):
        raise AuditLabError(
            f"the background of {prediction_id} has {background.frame.height} rows and {len(background.ids)} ids",
            "Give it at least one row, and an id for each.",
        )
    rows = background.frame[list(signature.names)]
    # In Python: a query that polars plans takes longer than the hundred values of each feature.
    if any(column.dtype.is_float() and any(map(_is_nan, column.to_list())) for column in rows):
        rows = rows.with_columns(pl.col(pl.Float32, pl.Float64).fill_nan(None))
    values = {name: [None if _is_nan(inputs[name]) else inputs[name]] for name in signature.names}
    try:
        row = pl.DataFrame(values, schema=rows.schema)
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise AuditLabError(
            f"the inputs of {prediction_id} do not have the types of the background ({error})",
            "Compare the recorded types with the signature of the model version.",
        ) from error
    return row, rows


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
