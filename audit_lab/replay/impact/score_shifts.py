"""How far scores move under a correction: quantiles of the differences, in memory that does not grow with the log."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ACCURACY", "QUANTILES", "ScoreShifts"]

#: Quantiles are within this part of the true ones.
ACCURACY = 0.001
QUANTILES = (("lowest", 0.0), ("5 %", 0.05), ("25 %", 0.25), ("median", 0.5), ("75 %", 0.75), ("95 %", 0.95))

_GAMMA = (1 + ACCURACY) / (1 - ACCURACY)


class ScoreShifts:
    """Counts differences in bins whose bounds grow by a constant factor, so that quantiles have a relative accuracy.

    After Masson, Rim and Lee, *DDSketch* (PVLDB 12, 2019), sections 2.1 and 2.2, without its limit on bins: there are
    at most about 740,000, for differences from the smallest number to the largest. The order of what is added does not
    matter.
    """

    def __init__(self) -> None:
        self._bins: dict[tuple[int, int], int] = {}
        self._lowest, self._highest = math.inf, -math.inf
        self.count = 0
        self.not_numbers = 0

    def add(self, before: pl.Series, after: pl.Series) -> None:
        """Count the differences of two columns of scores; where they are equal, nothing moved.

        A difference that is no finite number (a score is missing, or not finite) is counted in `not_numbers` only.
        """
        differing = before.ne_missing(after)
        with np.errstate(invalid="ignore", over="ignore"):
            moved = (after.filter(differing) - before.filter(differing)).cast(pl.Float64).to_numpy()
        numbers = moved[np.isfinite(moved) & (moved != 0.0)]
        self.not_numbers += int(moved.size - numbers.size)
        if numbers.size:
            self._count(numbers)

    def _count(self, numbers: NDArray[np.float64]) -> None:
        self.count += int(numbers.size)
        self._lowest = min(self._lowest, float(numbers.min()))
        self._highest = max(self._highest, float(numbers.max()))
        places = np.ceil(np.log(np.abs(numbers)) / math.log(_GAMMA)).astype(np.int64)
        kept, counts = np.unique(2 * places + (numbers < 0), return_counts=True)
        for key, count in zip(kept.tolist(), counts.tolist(), strict=True):
            sign = -1 if key % 2 else 1
            where = (sign, sign * (key // 2))
            self._bins[where] = self._bins.get(where, 0) + count

    def quantile(self, share: float) -> float | None:
        """Return the difference that this share of those that moved is at or below; None where none moved."""
        if not self.count:
            return None
        rank, seen = share * (self.count - 1), 0
        for (sign, place), count in sorted(self._bins.items()):
            seen += count
            if seen > rank:
                middle = sign * 2 * _GAMMA ** (sign * place) / (_GAMMA + 1)
                return min(max(middle, self._lowest), self._highest)
        return self._highest

    def to_dict(self) -> dict[str, Any]:
        """Return count and quantiles; lowest and highest are exact."""
        named = {name: self.quantile(share) for name, share in QUANTILES}
        lowest, highest = (self._lowest, self._highest) if self.count else (None, None)
        told = {**named, "lowest": lowest, "highest": highest}
        return {"moved": self.count, "not_numbers": self.not_numbers, "relative_accuracy": ACCURACY, **told}
