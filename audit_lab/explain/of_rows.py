"""Explain many rows of one artifact at once, in the space of its margins where it has any: for windows and groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from audit_lab.errors import AuditLabError, MisuseError, ModelError
from audit_lab.explain.attribution import Background, Check
from audit_lab.explain.checks import FLOAT32, FLOAT64
from audit_lab.explain.explainer import TRAINING, offered_output, worker_of
from audit_lab.explain.perturbation import INTERVENTIONAL, PATH_DEPENDENT
from audit_lab.explain.question import surroundings

if TYPE_CHECKING:
    from collections.abc import Collection

    from audit_lab.explain.background import BackgroundRows
    from audit_lab.replay.artifacts.artifact import Artifact
    from audit_lab.replay.signature import Signature
    from audit_lab.sandbox import Limits

__all__ = ["RowAttributions", "explain_rows"]

_TASK = "audit_lab.explain.shap_task:attribute_rows"


@dataclass(frozen=True)
class RowAttributions:
    """SHAP values of many rows.

    Parameters
    ----------
    contributions
        One column for each feature, float64, one row for each that was given, in their order.
    base_value
        Where the values of each row start.
    prediction_values
        The model's output of each row, float64: its margin, or its score where that is explained.
    output_explained, algorithm, library, library_version, background, artifact_sha256, isolation, environment
        As in `Attribution`.
    checks
        ``additivity``: whether each row adds up, and how many do not. Of scores also those of sampled values.
    """

    contributions: pl.DataFrame
    base_value: float
    prediction_values: pl.Series
    output_explained: str
    algorithm: str
    library: str
    library_version: str
    background: Background
    artifact_sha256: str
    checks: tuple[Check, ...]
    isolation: dict[str, str]
    environment: dict[str, str]


def explain_rows(
    inputs: pl.DataFrame,
    *,
    signature: Signature,
    artifact: Artifact,
    background: BackgroundRows | None = None,
    perturbation: Literal["interventional", "path-dependent"] = PATH_DEPENDENT,
    output: str | None = None,
    seed: int = 0,
    trusted_types: Collection[str] = (),
    limits: Limits | None = None,
) -> RowAttributions:
    """Attribute the model's margin, or its score, for each row to its recorded inputs.

    Parameters
    ----------
    inputs
        A column for each feature of `signature`, of the recorded types; NaN counts as missing.
    signature, artifact, trusted_types, limits
        As for `explain`.
    background
        What ``interventional`` values are against; ``path-dependent`` ones need none.
    perturbation
        As for `explain`. Of margins against a background, boosters of XGBoost and LightGBM give all rows at once; other
        models are asked for their log-odds row by row.
    output
        What is explained, as for `explain`; ``log-odds`` when omitted where values are interventional. The score (a
        probability, a value) is enumerated or sampled row by row: a thousandth of the speed.
    seed
        Of sampled values of a score.

    Raises
    ------
    MisuseError
        This is not offered for the artifact, or there is no background where one is needed.
    AuditLabError
        A feature is missing, or there are no rows.
    ModelError
        What does not fit between artifact and registry, or code ``score-not-finite``.
    SandboxError
        The model or the library failed in the child.
    """
    wanted = output or ("log-odds" if perturbation == INTERVENTIONAL else None)
    output = offered_output("shap", wanted, artifact.artifact_format, signature.output.kind, perturbation)
    tables = {"inputs": _features(inputs, signature)}
    if perturbation == INTERVENTIONAL:
        if background is None:
            raise MisuseError("interventional values are against a background, and none is given", "Give one.")
        tables["background"] = _features(background.frame, signature)
    result = worker_of(artifact, limits).run(
        _TASK,
        header={
            "signature": signature.to_json(),
            "artifact_format": artifact.artifact_format,
            "trusted_types": sorted(trusted_types),
            "perturbation": perturbation,
            "output": output,
            "seed": seed,
        },
        tables=tables,
    )
    found = result.header
    if (fault := found.get("fault")) is not None:
        step = "Ask for other values, or compare the registry's row with the artifact's owner."
        raise ModelError(f"the rows cannot be explained: {fault['message']}", step, str(fault["code"]))
    table = result.tables["contributions"]
    values = table.to_numpy()
    if values.shape != (inputs.height, len(signature.names) + 2) or not np.isfinite(values).all():
        raise ModelError(
            "the model gives contributions that are no finite numbers, one for each feature of each row",
            "Replay the rows to see their scores; a model without finite scores cannot be explained.",
            "score-not-finite",
        )
    return RowAttributions(
        contributions=table[list(signature.names)],
        base_value=float(values[0, -2]),
        prediction_values=table[:, -1].alias("prediction_value"),
        output_explained=output,
        algorithm=found["algorithm"],
        library=found["library"],
        library_version=found["library_version"],
        background=TRAINING
        if background is None or perturbation == PATH_DEPENDENT
        else Background(background.description, background.ids, background.sha256),
        artifact_sha256=artifact.sha256,
        checks=(
            _check_rows(values, FLOAT32 if perturbation == PATH_DEPENDENT else FLOAT64),
            *(Check(name, passed, detail) for name, passed, detail in found.get("checks", ())),
        ),
        isolation=result.isolation,
        environment=surroundings(),
    )


def _features(frame: pl.DataFrame, signature: Signature) -> pl.DataFrame:
    missing = [name for name in signature.names if name not in frame.columns]
    if missing or frame.is_empty():
        what = f"have no feature {', '.join(missing)}" if missing else "are none"
        raise AuditLabError(f"the rows to explain, or those of the background, {what}", "Give the recorded inputs.")
    schema = frame.schema
    return frame.select(
        pl.col(name).fill_nan(None) if schema[name].is_float() else pl.col(name) for name in signature.names
    )


def _check_rows(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], precision: float) -> Check:
    """Test each row as `check_additivity` tests one; the last two columns are base value and prediction."""
    base, prediction = values[:, -2], values[:, -1]
    distance = np.abs(values[:, :-1].sum(axis=1) - prediction)
    wrong = int((distance > precision * np.maximum(1.0, np.maximum(np.abs(prediction), np.abs(base)))).sum())
    rows = f"{wrong} of {len(values)} rows do not add up" if wrong else f"each of {len(values)} rows adds up"
    return Check(
        "additivity",
        not wrong,
        f"{rows} to the prediction (largest difference {distance.max():.1e}, allowed {precision:.0e})",
    )
