"""How well rows can be rebuilt from the reference's principal components, and whether a window's are otherwise."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Components", "StreamedCovariance", "resampled_p_value", "upper_tail"]

#: Components are kept until they hold this share of the variance; NannyML's default.
KEPT_VARIANCE = 0.65
#: Where fewer resamples than this are as far, their tail is fitted.
_FEWEST_BEYOND = 10


class StreamedCovariance:
    """Mean and covariance of rows that arrive block by block, none of which is kept.

    Notes
    -----
    Chan, Golub and LeVeque, *Updating Formulae and a Pairwise Algorithm for Computing Sample Variances* (1979), for
    vectors.
    """

    def __init__(self, width: int) -> None:
        self.rows = 0
        self.mean = np.zeros(width)
        self._scatter = np.zeros((width, width))

    def add(self, block: NDArray[np.float64]) -> None:
        """Add rows, shape (rows, width)."""
        count = block.shape[0]
        if not count:
            return
        mean = block.mean(axis=0)
        apart, total = mean - self.mean, self.rows + count
        centred = block - mean
        self._scatter += centred.T @ centred + np.outer(apart, apart) * self.rows * count / total
        self.mean += apart * count / total
        self.rows = total

    @property
    def covariance(self) -> NDArray[np.float64]:
        """The sample covariance, divided by rows - 1, shape (width, width)."""
        return self._scatter / max(self.rows - 1, 1)


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components of a reference: its `mean`, and orthonormal `axes`, shape (components, width).

    `explained` is the share of the variance that they hold.
    """

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]
    explained: float

    @classmethod
    def of(cls, seen: StreamedCovariance, kept: float = KEPT_VARIANCE) -> Components:
        """Return the fewest components that hold the share `kept` of the variance, none where nothing varies."""
        values, vectors = np.linalg.eigh(seen.covariance)
        values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
        total = float(values.sum())
        if total <= 0:
            return cls(seen.mean, vectors.T[:0], 0.0)
        shares = np.cumsum(values) / total
        count = int(np.searchsorted(shares, kept)) + 1
        return cls(seen.mean, vectors.T[:count], float(shares[count - 1]))

    def errors(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return each row's reconstruction error: the Euclidean length of what the components leave of it.

        ``||(x - mean) - axes^T axes (x - mean)||``, range [0, inf), in standard deviations of the reference's columns.

        Notes
        -----
        Jolliffe, *Principal Component Analysis* (2002), section 10.1; as a measure of drift: NannyML.
        """
        centred = rows - self.mean
        lengths: NDArray[np.float64] = np.linalg.norm(centred - centred @ self.axes.T @ self.axes, axis=1)
        return lengths


def resampled_p_value(usual: NDArray[np.float64], seen: NDArray[np.float64], resamples: int, seed: int) -> float:
    """Return how often as many draws from `usual` have a mean as far from its mean as that of `seen`, or farther.

    Two-sided, draws with replacement; range (0, 1]. See :func:`upper_tail` for means that hardly any draw reaches.

    Notes
    -----
    Davison and Hinkley, *Bootstrap Methods and their Application* (1997), section 4.4. That `usual` is itself a sample
    is added: each draw is compared with a mean that errs as that of `usual` does.
    """
    generator = np.random.default_rng(seed)
    middle = float(usual.mean())
    drawn = np.array([usual[generator.integers(0, usual.size, seen.size)].mean() for _ in range(resamples)])
    centres = middle + generator.standard_normal(resamples) * float(usual.std()) / np.sqrt(usual.size)
    apart = drawn - centres
    far = abs(float(seen.mean()) - middle)
    return upper_tail(np.concatenate([apart, -apart]), far, sides=2)


def upper_tail(resampled: NDArray[np.float64], seen: float, *, sides: int = 1) -> float:
    """Return the chance of a value of `seen` or more, from resampled ones: counted, or where few reach it, fitted.

    ``(1 + count) / (1 + all)`` where ten or more are as large; else the tail of the normal distribution that has the
    resampled values' mean and standard deviation, times `sides`, and never more than what was counted.

    Notes
    -----
    Knijnenburg et al., *Fewer Permutations, More Accurate P-values* (2009), who fit the tail too.
    """
    count = int(np.sum(resampled >= seen))
    counted = (1 + count) / (1 + resampled.size // sides)
    if count >= _FEWEST_BEYOND or not resampled.std():
        return min(counted, 1.0)
    fitted = sides * math.erfc((seen - float(resampled.mean())) / float(resampled.std()) / math.sqrt(2)) / 2
    return min(counted, max(fitted, sys.float_info.min))
