"""Whether an explanation that was computed again is the same one: equal bytes, within the stated distance, or other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from audit_lab.seal.hidden_letters import spelling_text

if TYPE_CHECKING:
    from audit_lab.explain.attribution import Attribution

__all__ = ["DIFFERS", "EQUAL", "OTHER_QUESTION", "WITHIN", "Repeated", "elsewhere_within", "repeated", "repeats_text"]

EQUAL: Final = "equal bytes"
WITHIN: Final = "within the stated distance"
DIFFERS: Final = "differs"
OTHER_QUESTION: Final = "another question"

#: By method, as a part of the output, or of one. What moves between machines is the last bit of a score: single
#: precision has 6e-8 of it. SHAP takes means of differences of scores, and shap by the booster itself is in single
#: precision throughout; LIME fits 5,000 of them, and a sample beside a split may fall on its other side.
_DISTANCES = {"shap": 1e-6, "lime": 1e-3}
_SINGLE_PRECISION = 1e-5
_ASKED = (
    *("prediction_id", "method", "algorithm", "output_explained", "label", "seed", "artifact_sha256", "library"),
    "library_version",
)
_LIBRARIES = ("library", "library_version")


@dataclass(frozen=True)
class Repeated:
    """One explanation beside the same one, computed again.

    Parameters
    ----------
    verdict
        ``equal bytes``, ``within the stated distance``, ``differs``, or ``another question``.
    distance
        The largest difference of contributions, base and output; None where they are not of the same features.
    allowed
        The stated distance.
    differences
        What of the question is not the same; libraries alone do not make it another one.
    """

    verdict: str
    distance: float | None
    allowed: float
    differences: tuple[str, ...]

    @spelling_text
    def summary(self) -> str:
        """Return the verdict and what it rests on, in a sentence."""
        apart = "no distance can be told" if self.distance is None else f"at most {self.distance:.1e} apart"
        why = f"; not the same: {', '.join(self.differences)}" if self.differences else ""
        return f"{self.verdict[:1].upper()}{self.verdict[1:]}: {apart}, stated {self.allowed:.1e}{why}."

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON-safe values."""
        told = {"verdict": self.verdict, "distance": self.distance, "allowed": self.allowed}
        return {**told, "differences": list(self.differences), "summary": self.summary()}


def elsewhere_within(attribution: Attribution) -> float:
    """Return how far the numbers may be from these where another processor, or another library, computes them again.

    In the units of the output, for each contribution, the base and the output. On the same machine, with the same
    libraries, the bytes are equal.
    """
    sizes = (abs(attribution.prediction_value), abs(attribution.base_value))
    single = attribution.algorithm.startswith("tree, path-dependent")
    distance = _SINGLE_PRECISION if single else _DISTANCES[attribution.method]
    return distance * max(1.0, *sizes)


def repeats_text(attribution: Attribution) -> str:
    """Return where the same numbers come out again, and how near, in a sentence."""
    unsteady = next((each for each in attribution.checks if each.name == "determinism" and not each.passed), None)
    if unsteady is not None:
        return f"These numbers will not come out again: {unsteady.detail.rstrip('.')}."
    return (
        "Asked again on this machine with these libraries, the bytes are equal; on another processor or with other "
        f"releases each number is expected within {elsewhere_within(attribution):.0e} of these, which only a second "
        "run there can show."
    )


def repeated(first: Attribution, second: Attribution) -> Repeated:
    """Compare an explanation with the same one computed again, perhaps elsewhere or years later."""
    differing = [name for name in _ASKED if getattr(first, name) != getattr(second, name)]
    differing += ["background"] * (first.background.sha256 != second.background.sha256)
    one, other = ({each.feature: each for each in side.contributions} for side in (first, second))
    differing += ["features"] * (one.keys() != other.keys())
    if one.keys() == other.keys():
        differing += [f"the value of {name}" for name in one if one[name].value != other[name].value]
    allowed, distance = elsewhere_within(first), None
    if "features" not in differing:
        pairs = [(one[name].contribution, other[name].contribution) for name in one]
        pairs += [(first.base_value, second.base_value), (first.prediction_value, second.prediction_value)]
        distance = max(abs(before - after) for before, after in pairs)
    if set(differing) - set(_LIBRARIES) or distance is None or math.isnan(distance):
        verdict = OTHER_QUESTION
    elif first.digest == second.digest:
        verdict = EQUAL
    else:
        verdict = WITHIN if distance <= allowed else DIFFERS
    return Repeated(verdict, distance, allowed, tuple(differing))
