"""Shapley values by shap's own permutation explainer, called as it stands. Runs in the sandbox's child only.

It walks each order with all background rows at once. Whoever compares with numbers that shap gave asks for it by name;
by default orders are drawn for each background row (`permutation_values`), which is nearer to the exact values for the
same number of questions to the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audit_lab.explain.attribution import Check
from audit_lab.explain.permutation_values import Sampled
from audit_lab.explain.tree_values import import_shap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from audit_lab.explain.sampling import Sampling

    Numbers = npt.NDArray[np.float64]

__all__ = ["check_shap_sampling", "sample_by_shap"]


def sample_by_shap(
    scores: Callable[[Numbers], Numbers],
    reference: Numbers,
    own: Numbers,
    sampling: Sampling,
    allowed: float,
    *,
    relative: bool = False,
) -> Sampled:
    """Return the values that shap's permutation explainer gives for one row, and an upper bound of their errors.

    shap tells by how much single walks along an order differ, and not how far the two walks of one order make up for
    one another. Of n orders, the error is at most the standard deviation of walks divided by the square root of n,
    which it is where both walks of each order are alike; where they make up for one another it is less.

    Parameters
    ----------
    scores, reference, own, allowed, relative
        As for `permutation_values.sample`; ``errors`` are the bounds.
    sampling
        Its seed and evaluations.
    """
    ends = scores(np.vstack([reference, own]))
    bound = allowed * (float(np.ptp(ends)) if relative else 1.0)
    varying = int((reference != own).any(axis=0).sum())
    if not varying:
        return Sampled(np.zeros(len(own)), float(ends[:-1].mean()), np.zeros(len(own)), 0, bound)
    shap = import_shap()
    # Its constructor seeds the generator that all of the process shares, a model that draws included.
    before = np.random.get_state()  # noqa: NPY002 - shap draws from this one
    try:
        explainer = shap.PermutationExplainer(
            scores, shap.maskers.Independent(reference, max_samples=len(reference)), seed=sampling.seed
        )
        found = explainer(own[None], max_evals=sampling.max_evals, error_bounds=True, silent=True)
    finally:
        np.random.set_state(before)  # noqa: NPY002 - as above
    orders = sampling.max_evals // (2 * varying + 1)
    errors = np.asarray(found.error_std[0], dtype=np.float64) / np.sqrt(orders)
    return Sampled(found.values[0], float(found.base_values[0]), errors, orders, bound)


def check_shap_sampling(names: Sequence[str], sampled: Sampled, rows: int) -> Check:
    """Test that the bound of no value's standard error is above what is allowed."""
    worst = int(np.argmax(sampled.errors))
    return Check(
        "sampling error",
        bool(sampled.errors[worst] <= sampled.allowed),
        f"the values are means over {sampled.orders} random orders, each walked both ways with all {rows} background "
        f"rows; the largest standard error is at most {sampled.errors[worst]:.4f} ({names[worst]}), allowed "
        f"{sampled.allowed:.4g}",
    )
