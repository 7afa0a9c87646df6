"""Explain one prediction: check what goes in, run the method in the sandbox, seal what comes out."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from audit_lab.errors import AuditLabError, MisuseError, ModelError
from audit_lab.explain.attribution import Attribution, Background, Check, Contribution
from audit_lab.explain.checks import check_background
from audit_lab.sandbox import Limits, run_task

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from audit_lab.explain.background import BackgroundRows
    from audit_lab.replay.signature import Signature

__all__ = ["explain"]

_TASKS = {"shap": "audit_lab.explain.shap_task:attribute", "lime": "audit_lab.explain.lime_task:attribute"}
#: LIME's own default; stated in the attribution's algorithm.
_LIME_SAMPLES = 5000


def explain(
    method: str,
    *,
    prediction_id: str,
    inputs: Mapping[str, Any],
    signature: Signature,
    artifact: Path | bytes,
    artifact_format: str,
    artifact_sha256: str,
    background: BackgroundRows,
    seed: int = 0,
    output: Literal["probability", "log-odds"] = "probability",
    limits: Limits | None = None,
) -> Attribution:
    """Attribute the model's output for one prediction to its recorded inputs.

    Parameters
    ----------
    method
        ``shap`` (Shapley values, interventional) or ``lime``.
    prediction_id
        The decision that is explained.
    inputs
        Recorded value of each feature of `signature`; more keys do not matter. NaN counts as missing.
    signature, artifact_format, artifact_sha256
        As the registry has them.
    artifact
        The model's file or its bytes; it must have `artifact_sha256`.
    background
        What the decision is compared with.
    seed
        Of LIME and of sampled Shapley values; enumeration does not use it.
    output
        ``log-odds`` is offered for SHAP of boosters only.
    limits
        Of the child process; `Limits()` when omitted.

    Raises
    ------
    MisuseError
        The method or its output is not offered.
    AuditLabError
        A feature is missing in the inputs or in the background, or has another type there.
    ModelError
        Code ``artifact-digest-mismatch`` or ``score-not-finite``.
    SandboxError
        The model or the library failed in the child.
    """
    _check_offer(method, output, artifact_format)
    content = artifact if isinstance(artifact, bytes) else artifact.read_bytes()
    _check_artifact(content, artifact_sha256)
    row, rows = _tables(prediction_id, inputs, signature, background)
    result = run_task(
        _TASKS[method],
        header={
            "signature": signature.to_json(),
            "artifact_format": artifact_format,
            "output": output,
            "samples": _LIME_SAMPLES,
            "seed": seed,
        },
        tables={"inputs": row, "background": rows},
        files={"artifact": content},
        limits=limits,
    )
    found = result.header
    _check_finite(prediction_id, found)
    values = row.row(0, named=True)
    return Attribution(
        prediction_id=prediction_id,
        method=method,
        algorithm=found["algorithm"],
        output_explained=output,
        label=signature.output.positive or "",
        contributions=tuple(
            Contribution(name, values[name], contribution)
            for name, contribution in zip(signature.names, found["contributions"], strict=True)
        ),
        base_value=found["base_value"],
        prediction_value=found["prediction_value"],
        background=Background(background.description, background.ids, background.sha256),
        seed=seed,
        library=found["library"],
        library_version=found["library_version"],
        artifact_sha256=artifact_sha256,
        checks=(
            *(Check(name, passed, detail) for name, passed, detail in found["checks"]),
            check_background(background),
        ),
        isolation=result.isolation,
    )


def _check_offer(method: str, output: str, artifact_format: str) -> None:
    if method not in _TASKS:
        raise MisuseError(f"there is no explanation method {method!r}", f"Use one of {', '.join(sorted(_TASKS))}.")
    if output not in ("probability", "log-odds"):
        raise MisuseError(f"an explanation of {output!r} is not offered", "Use probability or log-odds.")
    if output == "log-odds" and (method != "shap" or not artifact_format.startswith("xgboost")):
        raise MisuseError(
            f"log-odds are not offered for {method} of a {artifact_format} artifact",
            "Explain the probability, or use SHAP of a booster.",
        )


def _check_artifact(content: bytes, artifact_sha256: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != artifact_sha256:
        raise ModelError(
            f"the artifact to be explained has SHA-256 {found[:12]}… instead of the recorded {artifact_sha256[:12]}…",
            "Explain with the registered file; another file explains another model.",
            "artifact-digest-mismatch",
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
    rows = background.frame.select(signature.names).with_columns(pl.selectors.float().fill_nan(None))
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
