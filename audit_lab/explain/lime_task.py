"""LIME in the sandbox's child: a seeded local linear approximation of the model over the recorded features.

A fresh explainer is made for each explanation, because a second explanation from the same object differs. The
background is LIME's training data. Text and yes/no features are categories; numbers are cut at the background's
quartiles, as LIME does by default. LIME knows no missing numbers: a numeric feature with any (or with a constant
background) is handed over in bins, "missing" being one of them.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.explain.attribution import Check
from audit_lab.explain.checks import check_familiarity
from audit_lab.explain.coding import ColumnCoding, binned, distinct
from audit_lab.replay.scoring import ModelFault, loaded_model
from audit_lab.replay.signature import Feature, Signature
from audit_lab.sandbox.job import Answer, Job

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]

__all__ = ["attribute"]

_SEEDS = 5
_TOP = 3
#: Below half of the variance, the straight line says little about the model.
_FIDELITY = 0.5
_NUMERIC = ("float", "int")
_PROBABILITIES = ("probability", "multiclass")


def attribute(job: Job) -> Answer:
    """Task: explain the one row of table ``inputs`` against table ``background`` with file ``artifact``.

    The header gives ``signature``, ``artifact_format``, ``trusted_types``, ``samples`` and ``seed``. Where model and
    registry do not fit together, the answer's header has only ``fault`` (code and message).
    """
    signature = Signature.parse(job.header["signature"])
    row, background = job.tables["inputs"], job.tables["background"]
    samples, seed = job.header["samples"], job.header["seed"]
    try:
        scorer = loaded_model(job)
        explained, label = scorer.explained(row)
        neighbourhood = _Neighbourhood(signature, explained, row, background)
        runs = {number: neighbourhood.explain(number, samples) for number in range(seed, seed + _SEEDS)}
    except ModelFault as fault:
        return Answer({"fault": {"code": fault.code, "message": fault.message}})
    prediction = float(explained(row)[0])
    contributions, intercept, fidelity, local = runs[seed]
    checks = [
        _check_fidelity(fidelity, local, prediction),
        _check_stability({number: run[0] for number, run in runs.items()}, signature.names),
        check_familiarity(row, background, signature),
    ]
    return Answer(
        {
            "label": label,
            "algorithm": f"local ridge regression on {samples} perturbed samples, numbers in quartile bins",
            "contributions": contributions,
            "base_value": intercept,
            "prediction_value": prediction,
            "library": "lime",
            "library_version": version("lime"),
            "checks": [[check.name, check.passed, check.detail] for check in checks],
        }
    )


class _Neighbourhood:
    """The decision and its background as LIME's matrices, and the model as a function of them."""

    def __init__(
        self,
        signature: Signature,
        explained: Callable[[pl.DataFrame], Numbers],
        row: pl.DataFrame,
        background: pl.DataFrame,
    ) -> None:
        self._signature = signature
        self._explained = explained
        self._schema = row.schema
        self._codings = [_coding(feature, row, background) for feature in signature.features]
        own, columns = [], []
        for name, coding in zip(signature.names, self._codings, strict=True):
            own.append(row[name].item() if coding is None else coding.row)
            columns.append(background[name].to_list() if coding is None else coding.background)
        self._own = np.array(own, dtype=np.float64)
        self._background = np.array(columns, dtype=np.float64).T

    def explain(self, seed: int, samples: int) -> tuple[list[float], float, float, float]:
        """Return contributions in signature order, intercept, weighted R2 and the local model's own prediction."""
        from lime.lime_tabular import LimeTabularExplainer

        probabilities = self._signature.output.kind in _PROBABILITIES
        explainer = LimeTabularExplainer(
            self._background,
            mode="classification" if probabilities else "regression",
            feature_names=list(self._signature.names),
            categorical_features=[place for place, coding in enumerate(self._codings) if coding is not None],
            feature_selection="none",
            discretize_continuous=True,
            random_state=seed,
        )
        explanation = explainer.explain_instance(
            self._own,
            self._probabilities if probabilities else self._scores,
            labels=(1,),
            num_features=len(self._codings),
            num_samples=samples,
        )
        weights = dict(explanation.local_exp[1])
        return (
            [float(weights[place]) for place in range(len(self._codings))],
            float(explanation.intercept[1]),
            float(explanation.score),
            float(explanation.local_pred[0]),
        )

    def _probabilities(self, matrix: Numbers) -> Numbers:
        """Score LIME's samples; shape ``(rows, 2)``, the explained label second."""
        positive = self._scores(matrix)
        return np.column_stack([1.0 - positive, positive])

    def _scores(self, matrix: Numbers) -> Numbers:
        """Score LIME's samples; shape ``(rows,)``."""
        columns = [
            self._decoded(feature, coding, matrix[:, place])
            for place, (feature, coding) in enumerate(zip(self._signature.features, self._codings, strict=True))
        ]
        return self._explained(pl.DataFrame(columns))

    def _decoded(self, feature: Feature, coding: ColumnCoding | None, numbers: Numbers) -> pl.Series:
        if coding is not None:
            return coding.values.gather(numbers.astype(np.uint32)).alias(feature.name)
        drawn = np.rint(numbers) if feature.dtype == "int" else numbers
        return pl.Series(feature.name, drawn).cast(self._schema[feature.name])


def _coding(feature: Feature, row: pl.DataFrame, background: pl.DataFrame) -> ColumnCoding | None:
    """Return how a feature is coded for LIME; None where its numbers go in as they are."""
    own, others = row[feature.name], background[feature.name]
    if feature.dtype not in _NUMERIC:
        return distinct(own, others)
    if own.null_count() or others.null_count() or others.n_unique() == 1:
        return binned(own, others)
    return None


def _check_fidelity(fidelity: float, local: float, prediction: float) -> Check:
    return Check(
        "local fidelity",
        fidelity >= _FIDELITY,
        f"the local linear model explains {max(fidelity, 0.0):.0%} of the model's variation around the decision "
        f"(weighted R2 {fidelity:.3f}, wanted {_FIDELITY}) and puts the decision at {local:.3f}, "
        f"where the model says {prediction:.3f}",
    )


def _check_stability(runs: dict[int, list[float]], names: tuple[str, ...]) -> Check:
    """Test that the largest features and their signs are the same for each seed."""
    tops = {seed: _top(values, names) for seed, values in runs.items()}
    first = next(iter(tops.values()))
    deviating = {seed: top for seed, top in tops.items() if set(top) != set(first)}
    seeds = ", ".join(str(seed) for seed in runs)
    if deviating:
        seed, top = next(iter(deviating.items()))
        return Check(
            "stability",
            passed=False,
            detail=f"the {len(first)} largest features change with the seed in {len(deviating)} of {len(runs)} runs "
            f"(seeds {seeds}): {_listed(first)} become {_listed(top)} with seed {seed}, so rest nothing on their order",
        )
    order = "in the same order" if len(set(tops.values())) == 1 else "though not always in this order"
    return Check(
        "stability", passed=True, detail=f"with seeds {seeds} the largest features stay {_listed(first)}, {order}"
    )


def _top(values: list[float], names: tuple[str, ...]) -> tuple[tuple[str, bool], ...]:
    """Return name and sign of the largest contributions, largest first."""
    ranked = sorted(range(len(values)), key=lambda place: (-abs(values[place]), place))
    return tuple((names[place], values[place] > 0) for place in ranked[:_TOP])


def _listed(top: tuple[tuple[str, bool], ...]) -> str:
    return ", ".join(f"{name} ({'+' if raises else '-'})" for name, raises in top)
