"""How Shapley values are sampled where they are not exact: two ways by name, which both sides of the sandbox use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from audit_lab.errors import MisuseError

__all__ = ["BY_ROW", "BY_SHAP", "EVALUATIONS", "SAMPLINGS", "Sampling", "offered_sampling"]

#: Orders of its own for each background row, more of them while the error asks for it.
BY_ROW: Final = "by-row"
#: shap's permutation explainer, called as it stands.
BY_SHAP: Final = "shap"
SAMPLINGS = (BY_ROW, BY_SHAP)
#: What shap's permutation explainer takes when it is not told: evaluations, each of the whole background.
EVALUATIONS: Final = 500


@dataclass(frozen=True)
class Sampling:
    """One way of sampling.

    Parameters
    ----------
    seed
        Of the orders.
    by
        ``by-row`` or ``shap``.
    max_evals
        Of shap's permutation explainer: its own argument.
    """

    seed: int = 0
    by: str = BY_ROW
    max_evals: int = EVALUATIONS


def offered_sampling(method: str, sampling: str, max_evals: int | None, features: int, seed: int) -> Sampling:
    """Return the way of sampling that is asked for, where it is offered.

    Parameters
    ----------
    method
        ``shap`` or ``lime``.
    sampling, max_evals, seed
        As asked.
    features
        How many have a value of their own, each group being one.

    Raises
    ------
    MisuseError
        There is no such way, it is none of the method's, or the evaluations do not suffice for a single order.
    """
    if sampling not in SAMPLINGS:
        raise MisuseError(f"there is no sampling {sampling!r}", f"Use {' or '.join(SAMPLINGS)}.")
    if sampling == BY_ROW:
        if max_evals is not None:
            raise MisuseError(
                "max_evals is an argument of shap's permutation explainer, which was not asked for",
                f"Ask for sampling={BY_SHAP!r} with it, or leave it out.",
            )
        return Sampling(seed)
    if method != "shap":
        raise MisuseError(f"sampling={sampling!r} is not offered for {method}", "Use it with shap.")
    evaluations, fewest = EVALUATIONS if max_evals is None else max_evals, 2 * features + 1
    if evaluations < fewest:
        raise MisuseError(
            f"{evaluations} evaluations do not suffice for one order of {features} features, walked both ways",
            f"Give max_evals of {fewest} or more.",
        )
    return Sampling(seed, sampling, evaluations)
