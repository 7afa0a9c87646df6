"""Measures of what was said against what happened: accuracy, precision, recall, F1, and the cost of errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.performance.intervals import CLOPPER_PEARSON, NO_INTERVAL, Interval, clopper_pearson
from audit_lab.monitor.performance.resampling import BOOTSTRAP, resampled, weighted_sums

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

__all__ = ["Classified", "Found", "binary_measures", "cost_of", "macro_measures"]


@dataclass(frozen=True)
class Found:
    """One measure: its value (None where it is not defined, and `why`), its interval and how that was found.

    `rows` is how many rows it speaks of: the denominator of a share.
    """

    measure: str
    value: float | None
    interval: Interval
    method: str
    rows: int
    why: str = ""


@dataclass(frozen=True, eq=False)
class Classified:
    """How often each class was said and each came true.

    Parameters
    ----------
    classes
        The names of the classes.
    counts
        Rows by class that was said and class that came true, int64, shape (classes, classes).
    """

    classes: tuple[str, ...]
    counts: NDArray[np.int64]

    @property
    def rows(self) -> int:
        """Rows in all."""
        return int(self.counts.sum())

    @property
    def right(self) -> int:
        """Rows of which the class was said that came true."""
        return int(np.trace(self.counts))


def binary_measures(classified: Classified) -> list[Found]:
    """Return accuracy, precision, recall and F1; the first class is the positive one.

    With TP, FP, FN and TN for true and false positives and negatives: accuracy ``(TP + TN) / all``, precision
    ``TP / (TP + FP)``, recall ``TP / (TP + FN)``, F1 ``2 TP / (2 TP + FP + FN)``; each between 0 and 1, and undefined
    where its denominator is 0. Source: van Rijsbergen, *Information Retrieval* (1979).
    """
    (hits, false_alarms), (misses, _) = classified.counts.tolist()
    counts = classified.counts.reshape(-1)
    nothing = "nothing was said to be positive, or came out so"
    both = 2 * hits + false_alarms + misses
    return [
        _share("accuracy", classified.right, classified.rows, "no row has both what was said and what came true"),
        _share("precision", hits, hits + false_alarms, "nothing was said to be positive"),
        _share("recall", hits, hits + misses, "nothing came out positive"),
        _found("f1", 2 * hits / both if both else None, counts, _f1, why=nothing, rows=classified.rows),
    ]


def macro_measures(classified: Classified) -> list[Found]:
    """Return accuracy, and the means over classes of precision, recall and F1, of each that was said or came true.

    As scikit-learn's ``average="macro"`` with ``zero_division=0``: where a class was never said, its precision is 0.
    """
    counts = classified.counts.reshape(-1)
    none = "no row has both what was said and what came true"
    found = [_share("accuracy", classified.right, classified.rows, none)]
    for place, name in enumerate(("macro_precision", "macro_recall", "macro_f1")):
        size = len(classified.classes)

        def macro(draws: NDArray[np.float64], place: int = place, size: int = size) -> NDArray[np.float64]:
            return _macro(draws.reshape(-1, size, size))[place]

        value = float(macro(counts[None].astype(np.float64))[0]) if classified.rows else None
        found.append(_found(name, value, counts, macro, why=none, rows=classified.rows))
    return found


def cost_of(classified: Classified, costs: Mapping[tuple[str, str], float]) -> Found:
    """Return the mean cost of a decision by a matrix of costs: (what was said, what came true) to cost, else 0."""
    names = classified.classes
    each = np.array([[costs.get((said, true), 0.0) for true in names] for said in names]).reshape(-1)
    counts = classified.counts.reshape(-1)
    value = float((counts * each).sum() / classified.rows) if classified.rows else None

    def mean(draws: NDArray[np.float64]) -> NDArray[np.float64]:
        return weighted_sums(draws, each[:, None])[:, 0] / classified.rows

    return _found(
        "cost", value, counts, mean, why="no row has both what was said and what came true", rows=classified.rows
    )


def _share(measure: str, successes: int, trials: int, why: str) -> Found:
    if not trials:
        return Found(measure, None, NO_INTERVAL, "", 0, why)
    return Found(measure, successes / trials, clopper_pearson(successes, trials), CLOPPER_PEARSON, trials)


def _found(
    measure: str,
    value: float | None,
    counts: NDArray[np.int64],
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    why: str,
    rows: int,
) -> Found:
    if value is None:
        return Found(measure, None, NO_INTERVAL, "", 0, why)
    return Found(measure, value, resampled(counts, lambda draws: statistic(draws)[:, None])[0], BOOTSTRAP, rows)


def _f1(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    hits, wrong = draws[:, 0], draws[:, 1] + draws[:, 2]
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = 2 * hits / (2 * hits + wrong)
    return found


def _macro(counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    hits = np.diagonal(counts, axis1=1, axis2=2)
    said, true = counts.sum(axis=2), counts.sum(axis=1)
    present = (said + true) > 0

    def mean(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
        shares = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
        found: NDArray[np.float64] = (shares * present).sum(axis=1) / present.sum(axis=1)
        return found

    return mean(hits, said), mean(hits, true), mean(2 * hits, said + true)
