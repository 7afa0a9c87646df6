"""Measures of a score against what happened: AUC, Brier score, log loss, calibration error, errors of a number.

Rows that have the same score and outcome are counted together; every value is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.performance.intervals import NO_INTERVAL, Interval, normal_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "CALIBRATION_BINS",
    "DELONG",
    "SMALLEST_PROBABILITY",
    "Scored",
    "auc",
    "bin_of_score",
    "delong",
    "expected_calibration_error",
    "hosmer_lemeshow",
    "log_losses",
]

DELONG = "DeLong, on the logit scale"
#: Probabilities are clipped to this distance from 0 and 1 before a logarithm is taken, as scikit-learn does.
SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)
#: Bins of equal width in which calibration is looked at.
CALIBRATION_BINS = 10


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores with their outcomes, counted.

    Parameters
    ----------
    score
        Distinct scores, ascending, float64.
    positive, negative
        How many rows of each score turned out positive, and negative; float64, whole numbers unless they are expected
        ones; same shape.
    """

    score: NDArray[np.float64]
    positive: NDArray[np.float64]
    negative: NDArray[np.float64]

    @classmethod
    def of(cls, score: NDArray[np.float64], truth: NDArray[np.float64], counts: NDArray[np.int64]) -> Scored:
        """Return what rows come to that have a score, a truth (1 or 0, or the chance of 1) and a number each."""
        distinct, place = np.unique(score + 0.0, return_inverse=True)
        positive = np.bincount(place, weights=truth * counts, minlength=distinct.size).astype(np.float64)
        negative = np.bincount(place, weights=(1 - truth) * counts, minlength=distinct.size).astype(np.float64)
        return cls(distinct, positive, negative)

    @property
    def rows(self) -> NDArray[np.float64]:
        """Rows of each score."""
        return self.positive + self.negative


def auc(scored: Scored) -> float | None:
    """Return the area under the ROC curve: the chance that a positive scores above a negative, ties counting half.

    ``(sum over positives of negatives below + half of those equal) / (positives * negatives)``; between 0 and 1, 0.5
    without any order. None where there is one class only. Source: Hanley and McNeil, Radiology 143 (1982).
    """
    positives, negatives = scored.positive.sum(), scored.negative.sum()
    if not positives or not negatives:
        return None
    below = np.cumsum(scored.negative) - scored.negative / 2
    return float((scored.positive * below).sum() / (positives * negatives))


def delong(scored: Scored) -> Interval:
    """Return the interval of the AUC: variance by DeLong, DeLong and Clarke-Pearson (1988), on the logit scale.

    There is none where a class has fewer than two rows, or the variance is 0, as where the classes are told apart
    without error: the method knows nothing of what further rows would bring. Source of the scale: Pepe, *The
    Statistical Evaluation of Medical Tests* (2003), section 5.2.
    """
    area = auc(scored)
    positives, negatives = scored.positive.sum(), scored.negative.sum()
    if area is None or min(positives, negatives) < 2 or area in (0.0, 1.0):  # noqa: PLR2004 - a variance needs two
        return NO_INTERVAL
    of_positive = (np.cumsum(scored.negative) - scored.negative / 2) / negatives
    of_negative = (positives - np.cumsum(scored.positive) + scored.positive / 2) / positives
    spread_positive = (scored.positive * (of_positive - area) ** 2).sum() / (positives - 1)
    spread_negative = (scored.negative * (of_negative - area) ** 2).sum() / (negatives - 1)
    variance = spread_positive / positives + spread_negative / negatives
    if variance <= 0:
        return NO_INTERVAL
    middle = math.log(area / (1 - area))
    half = normal_quantile() * math.sqrt(variance) / (area * (1 - area))
    return Interval(_expit(middle - half), _expit(middle + half))


def log_losses(probability: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each row's ``-log(probability given to what happened)``, natural; clipped by `SMALLEST_PROBABILITY`."""
    clipped = np.clip(probability, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    found: NDArray[np.float64] = -(truth * np.log(clipped) + (1 - truth) * np.log(1 - clipped))
    return found


def bin_of_score(score: NDArray[np.float64], bins: int = CALIBRATION_BINS) -> NDArray[np.int64]:
    """Return which of so many bins of equal width over [0, 1] each score lies in; upper edges included."""
    return np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], score, side="left").astype(np.int64)


def expected_calibration_error(
    rows: NDArray[np.float64], scores: NDArray[np.float64], positives: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mean distance, over rows, between a bin's mean score and its share of positives.

    ``sum over bins of |sum of scores - positives| / rows``, between 0 and 1. It is above 0 by chance alone, the more so
    the fewer rows there are. Source: Naeini, Cooper and Hauskrecht, AAAI (2015); Guo et al., ICML (2017).

    Parameters
    ----------
    rows, scores, positives
        Rows, sum of scores and positives by bin, in the last axis; further axes are kept.
    """
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = np.abs(scores - positives).sum(axis=-1) / rows.sum(axis=-1)
    return found


def hosmer_lemeshow(scored: Scored, groups: int = 10) -> tuple[float, float, int] | None:
    """Return the statistic of Hosmer and Lemeshow, its p-value, and how many groups were made.

    Rows are cut by score into groups of as equal size as their ties allow; over them,
    ``sum of (positives - sum of scores)^2 / (rows * mean * (1 - mean))`` is compared with a chi-squared distribution
    with groups - 2 degrees of freedom. None with fewer than three groups, or where a group's scores are all 0 or all 1.
    Source: Hosmer and Lemeshow, Communications in Statistics 9 (1980). It assumes a model fitted to these very rows;
    for others it rejects more often than it says, and with very many rows it rejects whatever is not perfect.
    """
    from scipy.special import chdtrc

    counts = scored.rows
    ranks = np.cumsum(counts) - counts / 2
    group = np.minimum((ranks / counts.sum() * groups).astype(np.int64), groups - 1)
    _, place = np.unique(group, return_inverse=True)
    rows = np.bincount(place, weights=counts)
    expected = np.bincount(place, weights=counts * scored.score)
    positives = np.bincount(place, weights=scored.positive)
    spread = expected * (1 - expected / rows)
    if rows.size < 3 or (spread <= 0).any():  # noqa: PLR2004 - one degree of freedom at least
        return None
    statistic = float(((positives - expected) ** 2 / spread).sum())
    return statistic, float(chdtrc(rows.size - 2, statistic)), int(rows.size)


def _expit(value: float) -> float:
    return 1 / (1 + math.exp(-value))
