"""How well a score keeps its word: reliability bins, and the monotone curve by which scores are set right."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.monitor.performance.intervals import clopper_pearson
from audit_lab.monitor.performance.scored import CALIBRATION_BINS, Scored, bin_of_score, expected_calibration_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Calibrator", "Seen", "isotonic", "reliability"]

#: Labelled rows are remembered in so many steps of the score, for the windows after them.
_STEPS = 1_000
#: With fewer labelled rows than this, of earlier windows, scores are taken as they are ...
_FEWEST_ROWS = 300
#: ... and so they are where their calibration error is not more than this.
_GOOD_ENOUGH = 0.02


def reliability(rows: NDArray[np.float64], scores: NDArray[np.float64], positives: NDArray[np.float64]) -> pl.DataFrame:
    """Return the reliability curve: each bin's mean score beside the share that turned out positive.

    Parameters
    ----------
    rows, scores, positives
        Rows, sum of scores and positives of bins of equal width over [0, 1].

    Returns
    -------
    pl.DataFrame
        ``bin``, ``lower``, ``upper`` (included), ``rows``, ``mean_score``, ``positive_share``, ``low`` and ``high``
        (exact, Clopper and Pearson); bins without rows are left out.
    """
    edges = np.linspace(0, 1, rows.size + 1)
    found = []
    for place in np.flatnonzero(rows):
        low, high = clopper_pearson(int(positives[place]), int(rows[place]))
        found.append(
            {
                "bin": int(place),
                "lower": float(edges[place]),
                "upper": float(edges[place + 1]),
                "rows": int(rows[place]),
                "mean_score": float(scores[place] / rows[place]),
                "positive_share": float(positives[place] / rows[place]),
                "low": low,
                "high": high,
            }
        )
    shares = ("lower", "upper", "mean_score", "positive_share", "low", "high")
    schema = {"bin": pl.Int64, "rows": pl.Int64} | dict.fromkeys(shares, pl.Float64)
    ordered = ("bin", "lower", "upper", "rows", "mean_score", "positive_share", "low", "high")
    return pl.DataFrame(found, schema={name: schema[name] for name in ordered})


def isotonic(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the non-decreasing values nearest to those given, by weighted squares; pools adjacent violators.

    Source: Ayer, Brunk, Ewing, Reid and Silverman, Annals of Mathematical Statistics 26 (1955).
    """
    levels: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, heavy, count = value, weight, 1
        while levels and levels[-1][0] >= mean:
            before, beside, more = levels.pop()
            mean = (before * beside + mean * heavy) / (beside + heavy)
            heavy, count = heavy + beside, count + more
        levels.append((mean, heavy, count))
    return np.repeat([mean for mean, _, _ in levels], [count for _, _, count in levels]).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Calibrator:
    """What turns a score into a probability: the score itself, or a monotone curve through what came true before.

    `points` and `levels` are the curve, empty where scores are taken as they are; `told` says which and why.
    """

    told: str
    points: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    levels: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def probabilities(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability that each score stands for."""
        if not self.points.size:
            return score
        return np.interp(score, self.points, self.levels)


class Seen:
    """What came true of scores so far, in steps of a thousandth; memory does not grow with the rows."""

    def __init__(self) -> None:
        self._sums = np.zeros((3, _STEPS))

    def add(self, scored: Scored) -> None:
        """Add labelled rows."""
        place = bin_of_score(scored.score, _STEPS)
        for row, weights in enumerate((scored.rows, scored.rows * scored.score, scored.positive)):
            self._sums[row] += np.bincount(place, weights=weights, minlength=_STEPS)

    def calibrator(self) -> Calibrator:
        """Return how to turn scores into probabilities by what was seen."""
        rows, scores, positives = self._sums
        total, right = int(rows.sum()), int(positives.sum())
        if total < _FEWEST_ROWS or right in (0, total):
            return Calibrator(
                f"scores as they are: {total:,} labelled rows in earlier windows are too few to check them"
            )
        parts = [each.reshape(CALIBRATION_BINS, -1).sum(axis=1) for each in (rows, scores, positives)]
        error = float(expected_calibration_error(*parts))
        checked = f"their calibration error on {total:,} labelled rows of earlier windows is {error:.3f}"
        if error <= _GOOD_ENOUGH:
            return Calibrator(f"scores as they are: {checked}")
        held = rows > 0
        levels = isotonic(positives[held] / rows[held], rows[held])
        told = f"scores set right by a monotone curve through earlier outcomes: {checked}"
        return Calibrator(told, scores[held] / rows[held], levels)
