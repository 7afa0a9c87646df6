"""Values with how many rows have each, and how far two such samples lie apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from audit_lab.monitor.recognised.conversions import Conversion

__all__ = ["DECILES", "Sample", "decile_distance", "distribution_distance", "middle_half"]

#: The parts of the rows that deciles are taken at.
DECILES = np.arange(1, 10) / 10


@dataclass(frozen=True, eq=False)
class Sample:
    """Distinct values, ascending, float64, and how many rows have each, float64, same shape."""

    values: NDArray[np.float64]
    rows: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray[np.float64], rows: NDArray[np.float64]) -> Sample:
        """Return a sample of values in any order, each any number of times."""
        distinct, places = np.unique(values, return_inverse=True)
        return cls(distinct, np.bincount(places, weights=rows, minlength=distinct.size).astype(np.float64))

    @classmethod
    def merged(cls, samples: Sequence[Sample]) -> Sample:
        """Return the values of several samples together."""
        if len(samples) == 1:
            return samples[0]
        return cls.of(np.concatenate([one.values for one in samples]), np.concatenate([one.rows for one in samples]))

    @property
    def size(self) -> float:
        """How many rows there are."""
        return float(self.rows.sum())

    @cached_property
    def cumulated(self) -> NDArray[np.float64]:
        """The share of the rows before each value, and at last 1."""
        return np.append(0.0, np.cumsum(self.rows)) / self.size

    def quantiles(self, parts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the least value that at least these parts of the rows do not exceed."""
        cumulated = np.cumsum(self.rows)
        places = np.searchsorted(cumulated, parts * cumulated[-1] - 1e-9)
        found: NDArray[np.float64] = self.values[np.minimum(places, self.values.size - 1)]
        return found

    def undone(self, conversion: Conversion) -> Sample:
        """Return the sample with a conversion undone."""
        return Sample.of(conversion.undone(self.values), self.rows)

    def mapped(self, function: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Sample:
        """Return the sample with each value put through a function."""
        return Sample.of(function(self.values), self.rows)

    def without(self, value: float) -> Sample:
        """Return the sample without the rows of one value."""
        kept = self.values != value
        return Sample(self.values[kept], self.rows[kept])

    def share_of(self, value: float) -> float:
        """Return which share of the rows has a value."""
        return float(self.rows[self.values == value].sum()) / max(self.size, 1.0)


def middle_half(sample: Sample) -> float:
    """Return how wide the middle half of the rows is; of a sample without width, another length to compare with."""
    low, lower, median, upper, high = sample.quantiles(np.array([0.05, 0.25, 0.5, 0.75, 0.95]))
    with np.errstate(invalid="ignore", over="ignore"):
        lengths = [length for length in (upper - lower, high - low, abs(median)) if 0 < length < np.inf]
    return float(lengths[0]) if lengths else 1.0


def decile_distance(usual: Sample, changed: Sample) -> float:
    """Return the mean absolute difference of the nine deciles, in middle halves of the usual values.

    Unlike a distance between distribution functions it has no upper bound, so that of two samples that do not overlap
    the nearer one is known.
    """
    apart = np.abs(usual.quantiles(DECILES) - changed.quantiles(DECILES))
    with np.errstate(invalid="ignore", over="ignore"):
        distance = float(apart.mean() / middle_half(usual))
    return distance if np.isfinite(distance) else np.inf


def distribution_distance(usual: Sample, changed: Sample, *, ordered: bool = True) -> float:
    """Return the Kolmogorov-Smirnov distance of two samples, or of codes without order the total variation."""
    if not usual.size or not changed.size:
        return 1.0
    if ordered:
        return _kolmogorov_smirnov(usual, changed)
    pooled = np.union1d(usual.values, changed.values)
    shares = []
    for one in (usual, changed):
        held = np.zeros(pooled.size)
        held[np.searchsorted(pooled, one.values)] = one.rows / one.size
        shares.append(held)
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _kolmogorov_smirnov(usual: Sample, changed: Sample) -> float:
    """Return the distance, which is reached at or just before a value of either side: those of `changed` will do."""
    usual_upto, upto = usual.cumulated, changed.cumulated
    at = usual_upto[np.searchsorted(usual.values, changed.values, side="right")]
    before = usual_upto[np.searchsorted(usual.values, changed.values, side="left")]
    return float(max(np.abs(at - upto[1:]).max(), np.abs(before - upto[:-1]).max()))
