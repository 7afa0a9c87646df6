"""A classifier that tries to tell a window's rows from the reference's: as well as chance where nothing moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.multivariate.reconstruction import upper_tail

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TwoSamples", "area_under_curve", "two_sample_test"]

_FOLDS = 5
_PENALTY = 1.0
#: With no more numbers than this for each row, their products are looked at too: columns that part ways show there.
_MOST_PAIRED = 40


@dataclass(frozen=True)
class TwoSamples:
    """A two-sample test by classifier: `auc` in [0, 1], one half for chance; `p_value` by `permutations` of who is who.

    `rows` of both sides were looked at.
    """

    auc: float
    p_value: float
    permutations: int
    rows: int


def two_sample_test(
    reference: NDArray[np.float64], window: NDArray[np.float64], permutations: int, seed: int
) -> TwoSamples:
    """Return how well a classifier tells two sets of rows apart that it was not fitted on, and how sure that is.

    Ridge regression of +1 and -1 on the numbers, their squares and, up to 40 numbers, their products; by five-fold
    cross-validation, the area under the ROC curve of the rows left out. The same folds and fits
    with the sides permuted give the p-value, as :func:`~audit_lab.monitor.multivariate.reconstruction.upper_tail` does.

    Parameters
    ----------
    reference, window
        Rows as numbers of similar scale, shapes (m, width) and (n, width), at least five rows each.
    permutations
        How many.
    seed
        Of folds and permutations.

    Notes
    -----
    Lopez-Paz and Oquab, *Revisiting Classifier Two-Sample Tests* (2017); that least squares on two classes is Fisher's
    discriminant: Hastie, Tibshirani and Friedman, *The Elements of Statistical Learning* (2009), exercise 4.2.
    """
    generator = np.random.default_rng(seed)
    rows = _expanded(np.concatenate([reference, window]))
    sides = np.concatenate([-np.ones(reference.shape[0]), np.ones(window.shape[0])])
    asked = np.column_stack([sides, *(generator.permutation(sides) for _ in range(permutations))])
    folds = generator.permutation(rows.shape[0]) % _FOLDS
    scores = np.empty_like(asked)
    for fold in range(_FOLDS):
        left_out = folds == fold
        scores[left_out] = _fitted(rows[~left_out], asked[~left_out], rows[left_out])
    areas = np.array([area_under_curve(scores[:, place], asked[:, place] > 0) for place in range(asked.shape[1])])
    return TwoSamples(float(areas[0]), upper_tail(areas[1:], float(areas[0])), permutations, int(rows.shape[0]))


def area_under_curve(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve, ties by half: the chance that a positive row has the higher score.

    Range [0, 1]. Both kinds of rows must occur.

    Notes
    -----
    Hanley and McNeil, *The Meaning and Use of the Area under a Receiver Operating Characteristic (ROC) Curve* (1982).
    """
    _, ranks, counts = np.unique(scores, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    of_positive = float(middle[ranks[positive]].sum())
    positives = int(positive.sum())
    return (of_positive - positives * (positives + 1) / 2) / (positives * (positive.size - positives))


def _expanded(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add squares and products, and scale every number to one standard deviation of all rows together."""
    width = rows.shape[1]
    parts = [rows, rows**2]
    if width <= _MOST_PAIRED:
        parts += [rows[:, first : first + 1] * rows[:, first + 1 :] for first in range(width - 1)]
    every = np.column_stack(parts)
    deviations = every.std(axis=0)
    varying = deviations > 0
    scaled: NDArray[np.float64] = (every[:, varying] - every[:, varying].mean(axis=0)) / deviations[varying]
    return scaled


def _fitted(rows: NDArray[np.float64], sides: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fit every column of sides on rows, and return the scores of other rows."""
    mean = rows.mean(axis=0)
    centred = rows - mean
    penalty = _PENALTY * np.eye(rows.shape[1])
    weights = np.linalg.solve(centred.T @ centred + penalty, centred.T @ (sides - sides.mean(axis=0)))
    scores: NDArray[np.float64] = (others - mean) @ weights + sides.mean(axis=0)
    return scores
