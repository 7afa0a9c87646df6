"""SHAP in the sandbox's child: Shapley values of the whole model over the recorded features.

The values are interventional: a feature that is left out takes the values of the background rows. They are computed
over recorded values, so a one-hot encoded feature has one contribution. In probability they come from full
enumeration (up to 12 features: exact) or from seeded random orders (more: the standard error is a check). In log-odds,
which tree models alone offer, they come from shap's tree algorithm, which is exact there. shap's tree algorithm in
probability space is not used: it scales log-odds contributions for each background row, and these are not the Shapley
values of the probability (on models of 12 features they were off by 0.015, some with the wrong sign).
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.explain.attribution import Check
from audit_lab.explain.checks import FLOAT32, FLOAT64, check_additivity, check_determinism, check_familiarity
from audit_lab.explain.coding import decode, distinct
from audit_lab.explain.perturbation import PATH_DEPENDENT
from audit_lab.explain.tree_values import TreeValues, import_shap, interventional, path_dependent
from audit_lab.replay.scoring import ModelFault, Scorer, loaded_model
from audit_lab.replay.signature import Signature
from audit_lab.sandbox.job import Answer, Job

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]

__all__ = ["attribute", "attribute_rows"]

#: Up to here every coalition is tried: 4,096 of them for each background row.
_MOST_ENUMERATED = 12
_ORDERS = 100
#: With more features than this that differ from the background, fewer orders are drawn: each asks the model as often.
_WIDE, _FEWEST_ORDERS = 50, 10
#: Half a percentage point; beyond it the sampled values are too rough to be quoted to three digits.
_STANDARD_ERROR = 0.005
_PROBABILITIES = ("probability", "multiclass")


def attribute(job: Job) -> Answer:
    """Task: explain the one row of table ``inputs`` against table ``background`` with file ``artifact``.

    The header gives ``signature``, ``artifact_format``, ``trusted_types``, ``output`` (``log-odds``, or else what the
    kind of output calls its score), ``perturbation`` and ``seed``. Where model and registry do not fit together, the
    answer's header has only ``fault`` (code and message).
    """
    signature = Signature.parse(job.header["signature"])
    row, background = job.tables["inputs"], job.tables["background"]
    by_paths = job.header.get("perturbation") == PATH_DEPENDENT
    try:
        scorer = loaded_model(job)
        explained, label = scorer.explained(row)
        if by_paths or job.header["output"] == "log-odds":
            label = signature.output.positive
            trees = path_dependent(scorer, row) if by_paths else interventional(scorer, row, background)
            algorithm, found = trees.algorithm, _of_trees(trees)
        else:
            algorithm, found = _enumerate_or_sample(signature, explained, row, background, job.header["seed"])
        rows = pl.concat([row, background])
        repeated = check_determinism(explained(rows), explained(rows))
    except ModelFault as fault:
        return Answer({"fault": {"code": fault.code, "message": fault.message}})
    precision = FLOAT32 if by_paths else FLOAT64
    checks = [
        check_additivity(found["contributions"], found["base_value"], found["prediction_value"], precision),
        *found.pop("checks"),
        repeated,
        *([] if by_paths else [check_familiarity(row, background, signature)]),
    ]
    return Answer(
        {
            "library": "shap",
            "library_version": version("shap"),
            **found,
            "label": label,
            "algorithm": algorithm,
            "checks": [[check.name, check.passed, check.detail] for check in checks],
        }
    )


def attribute_rows(job: Job) -> Answer:
    """Task: explain each row of table ``inputs``; the header is that of `attribute`.

    The answer is table ``contributions``: a column for each feature, then the base value and the output of each row.
    Margins come from trees, all rows at once; scores row by row, with ``checks`` in the header where they are sampled.
    """
    inputs = job.tables["inputs"]
    names = Signature.parse(job.header["signature"]).names
    by_paths = job.header.get("perturbation") == PATH_DEPENDENT
    try:
        scorer = loaded_model(job)
        if not by_paths and job.header.get("output", "log-odds") != "log-odds":
            return _of_scores(scorer, inputs, job.tables["background"], job.header["seed"])
        trees = path_dependent(scorer, inputs) if by_paths else interventional(scorer, inputs, job.tables["background"])
    except ModelFault as fault:
        return Answer({"fault": {"code": fault.code, "message": fault.message}})
    columns = [pl.Series(name, trees.values[:, place]) for place, name in enumerate(names)]
    ends = [np.full(inputs.height, trees.base), trees.margins]
    table = pl.DataFrame([*columns, *(pl.Series(f"_{end}", column) for end, column in enumerate(ends))])
    header = {"algorithm": trees.algorithm, "library": trees.library, "library_version": trees.library_version}
    return Answer(header, {"contributions": table})


def _of_scores(scorer: Scorer, inputs: pl.DataFrame, background: pl.DataFrame, seed: int) -> Answer:
    """Explain the score of one row after the other; each check is told once, as of the rows that fail it."""
    names = scorer.signature.names
    rows, failed, algorithm = [], dict[str, list[str]](), ""
    for place in range(inputs.height):
        row = inputs[place : place + 1]
        explained, _ = scorer.explained(row)
        algorithm, found = _enumerate_or_sample(scorer.signature, explained, row, background, seed)
        rows.append([*found["contributions"], found["base_value"], found["prediction_value"]])
        for check in found["checks"]:
            failed.setdefault(check.name, []).extend([] if check.passed else [check.detail])
    columns = [*names, "_0", "_1"]
    table = pl.DataFrame(np.array(rows).reshape(-1, len(columns)), schema=columns, orient="row")
    checks = [[name, not details, _told(details, inputs.height)] for name, details in failed.items()]
    header = {"algorithm": algorithm, "library": "shap", "library_version": version("shap"), "checks": checks}
    return Answer(header, {"contributions": table})


def _told(details: list[str], rows: int) -> str:
    return f"{len(details)} of {rows} rows do not pass, the first: {details[0]}" if details else f"{rows} rows pass"


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

    shap = import_shap()
    masker = shap.maskers.Independent(reference, max_samples=len(reference))
    varying = int((reference != own).any(axis=0).sum())
    checks: list[Check] = []
    if len(names) <= _MOST_ENUMERATED:
        algorithm = "exact enumeration of coalitions, interventional"
        values = shap.explainers.Exact(scores, masker)(own, silent=True) if varying else None
    else:
        orders = max(_FEWEST_ORDERS, min(_ORDERS, _ORDERS * _WIDE // max(varying, 1)))
        algorithm = f"permutation sampling of {orders} orders, interventional"
        explainer = shap.explainers.Permutation(scores, masker, seed=seed)
        evaluations = orders * (2 * varying + 1)
        values = explainer(own, max_evals=evaluations, error_bounds=True, silent=True) if varying else None
        allowed = _STANDARD_ERROR
        if signature.output.kind not in _PROBABILITIES:
            # Half a percent of how far the scores spread takes the place of half a percentage point.
            allowed *= float(np.ptp(np.append(explained(background), explained(row))))
        deviation = np.zeros(len(names)) if values is None else values.error_std[0]
        checks.append(_check_sampling(names, deviation, allowed, orders))
    prediction = float(explained(row)[0])
    return algorithm, {
        "contributions": [0.0] * len(names) if values is None else values.values[0].tolist(),
        "base_value": prediction if values is None else float(values.base_values[0]),
        "prediction_value": prediction,
        "checks": checks,
    }


def _of_trees(trees: TreeValues) -> dict[str, Any]:
    return {
        "contributions": trees.values[0].tolist(),
        "base_value": trees.base,
        "prediction_value": float(trees.margins[0]),
        "checks": [],
        "library": trees.library,
        "library_version": trees.library_version,
    }


def _check_sampling(names: tuple[str, ...], deviation: Numbers, allowed: float, orders: int) -> Check:
    """Test the sampling error; `deviation` is the spread of single draws, two for each order."""
    errors = deviation / np.sqrt(2 * orders)
    worst = int(np.argmax(errors))
    return Check(
        "sampling error",
        bool(errors[worst] <= allowed),
        f"the values are means over {orders} random orders; the largest standard error is {errors[worst]:.4f} "
        f"({names[worst]}), allowed {allowed:.4g}",
    )
