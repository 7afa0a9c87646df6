"""Shapley values of one score of any model, by asking it with recorded values: added up, enumerated or sampled.

The values are interventional: a feature that is left out takes the values of the background rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from audit_lab.explain.coding import decode, distinct, together
from audit_lab.explain.linear_values import additive_values
from audit_lab.explain.permutation_values import check_sampling, sample
from audit_lab.explain.sampling import BY_SHAP, Sampling
from audit_lab.explain.shap_sampling import check_shap_sampling, sample_by_shap
from audit_lab.explain.tree_values import import_shap, shap_version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt
    import polars as pl

    from audit_lab.explain.attribution import Check

    Numbers = npt.NDArray[np.float64]

__all__ = ["ModelValues", "model_values"]

#: Up to here every coalition is tried: 4,096 of them for each background row.
_MOST_ENUMERATED = 12
#: Half a percentage point, or half a percent of how far scores spread; beyond it sampled values are too rough to be
#: quoted to three digits.
_STANDARD_ERROR = 0.005


class ModelValues(NamedTuple):
    """Shapley values of a score.

    Parameters
    ----------
    values
        Shape ``(features,)``, or ``(groups,)``.
    base
        The mean score of the background.
    algorithm, library, library_version
        How they were computed, and by what.
    checks
        ``sampling error``, where they are sampled.
    """

    values: Numbers
    base: float
    algorithm: str
    library: str
    library_version: str
    checks: tuple[Check, ...] = ()


def model_values(
    explained: Callable[[pl.DataFrame], Numbers],
    row: pl.DataFrame,
    background: pl.DataFrame,
    players: Mapping[str, Sequence[str]],
    *,
    sampling: Sampling,
    additive: bool,
    probabilities: bool,
) -> ModelValues:
    """Return the values of a row, in the way that suits the model.

    Parameters
    ----------
    explained
        The score of rows, shape ``(rows,)``.
    row, background
        Recorded values.
    players
        What has a value of its own: a name, and the features that belong to it, which come and go together.
    sampling
        How values are sampled, where they are.
    additive
        Whether the score is known to be a sum of one term for each feature.
    probabilities
        Whether the score is a probability, whose sampling error is allowed in percentage points.
    """
    codings = [
        distinct(row[members[0]], background[members[0]])
        if len(members) == 1
        else together(row.select(members), background.select(members))
        for members in players.values()
    ]
    reference = np.array([coding.background for coding in codings], dtype=np.float64).T
    own = np.array([coding.row for coding in codings], dtype=np.float64)

    def scores(codes: Numbers) -> Numbers:
        return explained(decode(codings, codes))

    if additive and (found := additive_values(scores, reference, own)) is not None:
        return ModelValues(*found, "linear, interventional", *_ourselves())
    if len(codings) <= _MOST_ENUMERATED:
        return _enumerated(scores, reference, own)
    if sampling.by == BY_SHAP:
        sampled = sample_by_shap(scores, reference, own, sampling, _STANDARD_ERROR, relative=not probabilities)
        algorithm = f"permutation explainer of shap, {sampling.max_evals} evaluations, interventional"
        check = check_shap_sampling(list(players), sampled, len(reference))
        return ModelValues(sampled.values, sampled.base, algorithm, "shap", shap_version(), (check,))
    sampled = sample(scores, reference, own, sampling.seed, _STANDARD_ERROR, relative=not probabilities)
    algorithm = f"permutation sampling of {sampled.orders} orders for each background row, interventional"
    check = check_sampling(list(players), sampled, len(reference))
    return ModelValues(sampled.values, sampled.base, algorithm, *_ourselves(), (check,))


def _enumerated(scores: Callable[[Numbers], Numbers], reference: Numbers, own: Numbers) -> ModelValues:
    algorithm = "exact enumeration of coalitions, interventional"
    if (reference == own).all():
        base = float(scores(own[None])[0])
        return ModelValues(np.zeros(len(own)), base, algorithm, "shap", shap_version())
    shap = import_shap()
    masker = shap.maskers.Independent(reference, max_samples=len(reference))
    found = shap.explainers.Exact(scores, masker)(own[None], silent=True)
    return ModelValues(found.values[0], float(found.base_values[0]), algorithm, "shap", shap_version())


def _ourselves() -> tuple[str, str]:
    from audit_lab import __version__

    return "audit_lab", __version__
