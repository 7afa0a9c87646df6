"""A user's matrix of costs: what each pair of what was said and what came true costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from audit_lab.monitor.performance.cells import Coded

__all__ = ["cost_matrix"]

#: For two classes, what a pair may be called: (was the positive one said, did it come true).
_SHORT = {"tp": (0, 0), "fp": (0, 1), "fn": (1, 0), "tn": (1, 1)}


def cost_matrix(costs: Mapping[Any, float] | None, code: Coded) -> dict[tuple[str, str], float] | None:
    """Return the costs by pairs of labels (what was said, what came true).

    Raises
    ------
    MisuseError
        A pair is not one of this model's, or a cost is no number.
    """
    if costs is None:
        return None
    if code.kind == "number":
        raise MisuseError("costs were given for a model that puts out a number", "Leave them out.")
    if not isinstance(costs, Mapping):
        message = f"costs are {costs!r}, which is no mapping"
        raise MisuseError(message, "Give what each pair costs, like {'fp': 1, 'fn': 5}.")
    found = {}
    for pair, cost in costs.items():
        if isinstance(cost, bool) or not isinstance(cost, int | float) or not math.isfinite(cost):
            raise MisuseError(f"the cost of {pair!r} is {cost!r}", "Give each cost as a finite number.")
        found[_labels(pair, code)] = float(cost)
    return found


def _labels(pair: Any, code: Coded) -> tuple[str, str]:
    if code.kind == "binary" and isinstance(pair, str) and pair in _SHORT:
        said, true = _SHORT[pair]
        return code.classes[said], code.classes[true]
    if isinstance(pair, tuple) and len(pair) == 2 and all(label in code.classes for label in pair):  # noqa: PLR2004
        return pair[0], pair[1]
    short = f"{', '.join(_SHORT)}, or " if code.kind == "binary" else ""
    raise MisuseError(
        f"{pair!r} is no pair of what was said and what came true",
        f"Give {short}pairs of the labels {', '.join(code.classes[:20])}.",
    )
