"""SHAP in the sandbox's child: Shapley values of the whole model over the recorded features.

The values are interventional: a feature that is left out takes the values of the background rows. They are computed
over recorded values, so a one-hot encoded feature has one contribution. In probability they come from full
enumeration (up to 12 features: exact) or from seeded random orders (more: the standard error is a check). In log-odds,
which tree models alone offer, they come from shap's tree algorithm, which is exact there. shap's tree algorithm in
probability space is not used: it scales log-odds contributions for each background row, and these are not the Shapley
values of the probability (on models of 12 features they were off by 0.015, some with the wrong sign).
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from audit_lab.explain.attribution import Check
from audit_lab.explain.checks import check_additivity, check_familiarity
from audit_lab.explain.coding import decode, distinct
from audit_lab.replay.scoring import BoosterScorer, ModelFault, Scorer, loaded_model
from audit_lab.replay.signature import Signature
from audit_lab.sandbox.job import Answer, Job

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    import polars as pl

    Numbers = npt.NDArray[np.float64]

__all__ = ["attribute"]

#: Up to here every coalition is tried: 4,096 of them for each background row.
_MOST_ENUMERATED = 12
_ORDERS = 100
#: Half a percentage point; beyond it the sampled values are too rough to be quoted to three digits.
_STANDARD_ERROR = 0.005
_PROBABILITIES = ("probability", "multiclass")


def attribute(job: Job) -> Answer:
    """Task: explain the one row of table ``inputs`` against table ``background`` with file ``artifact``.

    The header gives ``signature``, ``artifact_format``, ``trusted_types``, ``output`` (``log-odds``, or else what the
    kind of output calls its score) and ``seed``. Where model and registry do not fit together, the answer's header has
    only ``fault`` (code and message).
    """
    signature = Signature.parse(job.header["signature"])
    row, background = job.tables["inputs"], job.tables["background"]
    try:
        scorer = loaded_model(job)
        if job.header["output"] == "log-odds":
            label = signature.output.positive
            algorithm, found = _tree(scorer, row, background)
        else:
            explained, label = scorer.explained(row)
            algorithm, found = _enumerate_or_sample(signature, explained, row, background, job.header["seed"])
    except ModelFault as fault:
        return Answer({"fault": {"code": fault.code, "message": fault.message}})
    checks = [
        check_additivity(found["contributions"], found["base_value"], found["prediction_value"]),
        *found.pop("checks"),
        check_familiarity(row, background, signature),
    ]
    return Answer(
        {
            **found,
            "label": label,
            "algorithm": algorithm,
            "library": "shap",
            "library_version": version("shap"),
            "checks": [[check.name, check.passed, check.detail] for check in checks],
        }
    )


def _enumerate_or_sample(
    signature: Signature,
    explained: Callable[[pl.DataFrame], Numbers],
    row: pl.DataFrame,
    background: pl.DataFrame,
    seed: int,
) -> tuple[str, dict[str, Any]]:
    names = signature.names
    codings = [distinct(row[name], background[name]) for name in names]
    reference = np.array([coding.background for coding in codings], dtype=np.float64).T
    own = np.array([[coding.row for coding in codings]], dtype=np.float64)

    def scores(codes: Numbers) -> Numbers:
        return explained(decode(codings, codes))

    shap = _shap()
    masker = shap.maskers.Independent(reference, max_samples=len(reference))
    varying = int((reference != own).any(axis=0).sum())
    checks: list[Check] = []
    if len(names) <= _MOST_ENUMERATED:
        algorithm = "exact enumeration of coalitions, interventional"
        values = shap.explainers.Exact(scores, masker)(own, silent=True) if varying else None
    else:
        algorithm = f"permutation sampling of {_ORDERS} orders, interventional"
        explainer = shap.explainers.Permutation(scores, masker, seed=seed)
        evaluations = _ORDERS * (2 * varying + 1)
        values = explainer(own, max_evals=evaluations, error_bounds=True, silent=True) if varying else None
        allowed = _STANDARD_ERROR
        if signature.output.kind not in _PROBABILITIES:
            # Half a percent of how far the scores spread takes the place of half a percentage point.
            allowed *= float(np.ptp(np.append(explained(background), explained(row))))
        deviation = np.zeros(len(names)) if values is None else values.error_std[0]
        checks.append(_check_sampling(names, deviation, allowed))
    prediction = float(explained(row)[0])
    return algorithm, {
        "contributions": [0.0] * len(names) if values is None else values.values[0].tolist(),
        "base_value": prediction if values is None else float(values.base_values[0]),
        "prediction_value": prediction,
        "checks": checks,
    }


def _tree(scorer: Scorer, row: pl.DataFrame, background: pl.DataFrame) -> tuple[str, dict[str, Any]]:
    if not isinstance(scorer, BoosterScorer):
        raise TypeError("log-odds are offered for boosters only; ask for the probability")
    own = scorer.encoded(row)
    reference = scorer.encoded(background).astype(np.float64)
    shap = _shap()
    explainer = shap.TreeExplainer(
        scorer.used(),
        shap.maskers.Independent(reference, max_samples=len(reference)),
        feature_perturbation="interventional",
        model_output="raw",
    )
    values = explainer.shap_values(own.astype(np.float64), check_additivity=False)[0]
    return "tree, interventional", {
        "contributions": values.tolist(),
        "base_value": float(np.ravel(explainer.expected_value)[0]),
        "prediction_value": float(scorer.margins(row)[0]),
        "checks": [],
    }


def _check_sampling(names: tuple[str, ...], deviation: Numbers, allowed: float) -> Check:
    """Test the sampling error; `deviation` is the spread of single draws, two for each order."""
    errors = deviation / np.sqrt(2 * _ORDERS)
    worst = int(np.argmax(errors))
    return Check(
        "sampling error",
        bool(errors[worst] <= allowed),
        f"the values are means over {_ORDERS} random orders; the largest standard error is {errors[worst]:.4f} "
        f"({names[worst]}), allowed {allowed:.4g}",
    )


def _shap() -> Any:
    """Import shap without its plots and without numba's compiler, which cost eight seconds and gain nothing on one row.

    Both are asked for in documented ways, and only around the import: numba reads the variable when it is imported,
    and shap does without matplotlib where that cannot be imported (None in `sys.modules` says so).
    """
    plots = "matplotlib" in sys.modules
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    if not plots:
        sys.modules["matplotlib"] = None  # type: ignore[assignment]
    try:
        import shap
    finally:
        del os.environ["NUMBA_DISABLE_JIT"]
        if not plots:
            del sys.modules["matplotlib"]
    return shap
