"""Performance without outcomes: what would be measured if each score's probability held, and only then.

This is confidence-based performance estimation as NannyML describes it. It can see that cases became harder (scores
nearer to the threshold); it cannot see that the same case now ends otherwise (concept drift).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.monitor.performance.scored import Scored, auc

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ASSUMPTION", "ESTIMATED", "estimated_auc", "estimated_measures"]

ESTIMATED = "none: an estimate under an assumption"
ASSUMPTION = (
    "Estimates assume that a score's probability still holds: that like cases end as they did. They do not see it "
    "where that changes."
)


def estimated_measures(
    probability: NDArray[np.float64], said: NDArray[np.bool_], counts: NDArray[np.int64]
) -> dict[str, float | None]:
    """Return accuracy, precision, recall and F1 to be expected of rows without outcomes.

    The expected true positives are the sum of the probabilities of what was said to be positive, and so on; the
    measures are taken of these expected counts.

    Parameters
    ----------
    probability, said, counts
        For each cell the probability of the positive class, whether it was said to be positive, and its rows.
    """
    positive, negative = probability * counts, (1 - probability) * counts
    hits, false_alarms = float(positive[said].sum()), float(negative[said].sum())
    misses, rejections = float(positive[~said].sum()), float(negative[~said].sum())
    every = hits + false_alarms + misses + rejections
    return {
        "accuracy": _ratio(hits + rejections, every),
        "precision": _ratio(hits, hits + false_alarms),
        "recall": _ratio(hits, hits + misses),
        "f1": _ratio(2 * hits, 2 * hits + false_alarms + misses),
    }


def estimated_auc(
    score: NDArray[np.float64], probability: NDArray[np.float64], counts: NDArray[np.int64]
) -> float | None:
    """Return the AUC to be expected: a row is a positive by its probability, and a negative by what is left of it."""
    return auc(Scored.of(score, probability, counts))


def _ratio(above: float, below: float) -> float | None:
    return above / below if below else None
