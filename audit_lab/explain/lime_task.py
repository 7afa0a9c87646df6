"""LIME in the sandbox's child: a seeded local linear approximation of the model over the recorded features.

A second explanation by one explainer differs, since it draws on: so its generator is given the seed anew before each,
which makes it a fresh one. The background is LIME's training data. Text and yes/no features are categories; numbers are
cut at the background's quartiles, as LIME does by default. LIME knows no missing numbers: a numeric feature with any
(or with a constant background) is handed over in bins, "missing" being one of them. Features that come and go together
are one category, of their combined values.

The explanation is one call of the library with one seed. It is repeated with the seeds that follow, for the checks
`stability` and `spread` only: each of them a call of its own, so that each number is one that the library gives. The
model itself is asked twice for the decision and its background, since a seed says nothing of a model that draws.
"""

from __future__ import annotations

from functools import cache, cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.explain.attribution import Check
from audit_lab.explain.checks import check_determinism, check_familiarity
from audit_lab.explain.coding import ColumnCoding, GroupCoding, binned, distinct, together
from audit_lab.explain.grouping import players_of
from audit_lab.explain.lime_bins import quickened
from audit_lab.explain.stability import FURTHER_SEEDS, check_spread, check_stability
from audit_lab.replay.scoring import ModelFault, loaded_model
from audit_lab.replay.signature import Feature, Signature
from audit_lab.sandbox.job import Answer, Job

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]

__all__ = ["attribute"]

#: Below half of the variance, the straight line says little about the model.
_FIDELITY = 0.5
_NUMERIC = ("float", "int")
_PROBABILITIES = ("probability", "multiclass")


def attribute(job: Job) -> Answer:
    """Task: explain the one row of table ``inputs`` against table ``background`` with file ``artifact``.

    The header gives ``signature``, ``artifact_format``, ``trusted_types``, ``samples``, ``seed`` and ``further_seeds``
    (how many more runs there are to compare with) and, where features come and go together, ``groups`` (name to
    features). Where model and registry do not fit together, the answer's header has only ``fault`` (code and message).
    """
    signature = Signature.parse(job.header["signature"])
    row, background = job.tables["inputs"], job.tables["background"]
    groups = job.header.get("groups", {})
    players = players_of(signature, groups)
    samples, seed = job.header["samples"], job.header["seed"]
    last = seed + job.header.get("further_seeds", FURTHER_SEEDS)
    try:
        scorer = loaded_model(job)
        explained, label = scorer.explained(row)
        neighbourhood = _Neighbourhood(signature, explained, row, background, players)
        runs = {number: neighbourhood.explain(number, samples) for number in range(seed, last + 1)}
        rows = row.vstack(background)
        repeated = check_determinism(explained(rows), explained(rows))
    except ModelFault as fault:
        return Answer({"fault": {"code": fault.code, "message": fault.message}})
    prediction = float(explained(row)[0])
    contributions, intercept, fidelity, local = runs[seed]
    contributed = {number: run[0] for number, run in runs.items()}
    checks = [
        _check_fidelity(fidelity, local, prediction),
        check_stability(contributed, list(players)),
        check_spread(contributed, list(players)),
        repeated,
        check_familiarity(row, background, signature, groups),
    ]
    return Answer(
        {
            "label": label,
            "algorithm": f"local ridge regression on {samples} perturbed samples, numbers in quartile bins",
            "contributions": contributions,
            "base_value": intercept,
            "prediction_value": prediction,
            "library": "lime",
            "library_version": _version(),
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
        players: Mapping[str, Sequence[str]],
    ) -> None:
        self._explained = explained
        self._schema = row.schema
        self._of_classes = signature.output.kind in _PROBABILITIES
        self._players = list(players)
        features = {feature.name: feature for feature in signature.features}
        self._firsts = [features[members[0]] for members in players.values()]
        self._codings = [
            _coding(first, row, background)
            if len(members) == 1
            else together(row.select(members), background.select(members))
            for first, members in zip(self._firsts, players.values(), strict=True)
        ]
        own, columns = [], []
        for feature, coding in zip(self._firsts, self._codings, strict=True):
            own.append(row[feature.name].item() if coding is None else coding.row)
            columns.append(background[feature.name].to_list() if coding is None else coding.background)
        self._own = np.array(own, dtype=np.float64)
        self._background = np.array(columns, dtype=np.float64).T

    @cached_property
    def _explainer(self) -> Any:
        from lime.lime_tabular import LimeTabularExplainer

        explainer = LimeTabularExplainer(
            self._background,
            mode="classification" if self._of_classes else "regression",
            feature_names=self._players,
            categorical_features=[place for place, coding in enumerate(self._codings) if coding is not None],
            feature_selection="none",
            discretize_continuous=True,
            random_state=0,
        )
        if explainer.discretizer is not None:
            quickened(explainer.discretizer)
        return explainer

    def explain(self, seed: int, samples: int) -> tuple[list[float], float, float, float]:
        """Return contributions in the order of players, intercept, weighted R2 and the local model's own prediction."""
        # All parts of the explainer draw from this one generator, and none while it is made.
        self._explainer.random_state.seed(seed)
        explanation = self._explainer.explain_instance(
            self._own,
            self._probabilities if self._of_classes else self._scores,
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
            column
            for place, (feature, coding) in enumerate(zip(self._firsts, self._codings, strict=True))
            for column in self._decoded(feature, coding, matrix[:, place])
        ]
        return self._explained(pl.DataFrame(columns))

    def _decoded(
        self, feature: Feature, coding: ColumnCoding | GroupCoding | None, numbers: Numbers
    ) -> list[pl.Series]:
        if coding is not None:
            return coding.columns(numbers)
        drawn = pl.Series(feature.name, np.rint(numbers) if feature.dtype == "int" else numbers)
        recorded = self._schema[feature.name]
        return [drawn if drawn.dtype == recorded else drawn.cast(recorded)]


@cache
def _version() -> str:
    return version("lime")


def _coding(feature: Feature, row: pl.DataFrame, background: pl.DataFrame) -> ColumnCoding | None:
    """Return how a feature is coded for LIME; None where its numbers go in as they are."""
    own, others = row[feature.name], background[feature.name]
    if feature.dtype not in _NUMERIC:
        return distinct(own, others)
    if own.null_count() or others.null_count() or others.min() == others.max():
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
