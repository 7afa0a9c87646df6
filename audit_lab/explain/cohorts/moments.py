"""Count, mean and spread of values that come in blocks, put together in the order of the blocks.

Each block is brought to its count, mean and sum of squared deviations, and two of these are merged by the formulas of
Chan, Golub and LeVeque, *Updating Formulae and a Pairwise Algorithm for Computing Sample Variances* (1979), which lose
no digits where values lie far from zero. All arithmetic is in float64 and in one order, so that blocks of one size give
the same bytes whenever they come in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]
    Whole = npt.NDArray[np.int64]

__all__ = ["GroupedMoments", "Moments"]


@dataclass(frozen=True)
class Moments:
    """Of ``rows`` values: ``mean``, and ``deviations``, the sum of their squared distances from it."""

    rows: int
    mean: float
    deviations: float

    @property
    def variance(self) -> float | None:
        """The sample variance (divided by one less than the rows); None of fewer than two."""
        return self.deviations / (self.rows - 1) if self.rows > 1 else None

    @property
    def spread(self) -> float | None:
        """The sample standard deviation; None of fewer than two."""
        variance = self.variance
        return None if variance is None else variance**0.5


@dataclass(frozen=True)
class GroupedMoments:
    """Moments and extremes of values by group, each array of shape ``(groups,)``.

    Parameters
    ----------
    keys
        What names the groups, int64, ascending, each once.
    rows
        How many values, int64.
    mean, deviations, least, most
        Of the values, float64.
    first, last
        The smallest and the largest of what stands beside the values, float64 or int64.
    """

    keys: Whole
    rows: Whole
    mean: Numbers
    deviations: Numbers
    least: Numbers
    most: Numbers
    first: npt.NDArray[np.generic]
    last: npt.NDArray[np.generic]

    @classmethod
    def of(cls, keys: Whole, values: Numbers, beside: npt.NDArray[np.generic]) -> Self:
        """Return the groups of a block: a key, a value, and what stands beside it, of each row."""
        ones = np.ones(len(values), np.int64)
        return cls(keys, ones, values, np.zeros(len(values)), values, values, beside, beside).grouped(keys)

    def merged(self, other: GroupedMoments) -> Self:
        """Return these groups and those of a later block, which may share keys."""
        both = [np.concatenate([getattr(self, name), getattr(other, name)]) for name in self.__dataclass_fields__]
        together = type(self)(*both)
        return together.grouped(together.keys)

    def grouped(self, keys: Whole) -> Self:
        """Return fewer groups: those that get the same of some keys, shape ``(groups,)``, become one."""
        if not len(keys):
            return self
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        sizes = np.diff(np.append(starts, len(ordered)))
        rows = self.rows[order]
        total = np.add.reduceat(rows, starts)
        mean = self.mean[order]
        # Around the first of each group, so that a group of equal values has their value, and no deviation.
        origin = mean[starts]
        moved = np.add.reduceat(rows * (mean - np.repeat(origin, sizes)), starts) / total
        apart = mean - np.repeat(origin + moved, sizes)
        return type(self)(
            ordered[starts],
            total,
            origin + moved,
            np.add.reduceat(self.deviations[order] + rows * apart**2, starts),
            np.minimum.reduceat(self.least[order], starts),
            np.maximum.reduceat(self.most[order], starts),
            np.minimum.reduceat(self.first[order], starts),
            np.maximum.reduceat(self.last[order], starts),
        )

    def only(self, places: Whole) -> Self:
        """Return the groups at some places, in that order."""
        return type(self)(*(getattr(self, name)[places] for name in self.__dataclass_fields__))

    def at(self, place: int) -> Moments:
        """Return one group."""
        return Moments(int(self.rows[place]), float(self.mean[place]), float(self.deviations[place]))
