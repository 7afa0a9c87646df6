"""Rows as numbers: each numeric column, whether it is missing, and one column for each frequent category."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.bins import NumericBins

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from numpy.typing import NDArray

    from audit_lab.monitor.bins import Bins

__all__ = ["Encoding"]

#: Categories of one column that have a number of their own; the others share one.
_CATEGORIES = 20
#: A numeric value farther from the reference's mean than this many standard deviations counts as that far.
_FARTHEST = 10.0


@dataclass(frozen=True, eq=False)
class Encoding:
    """How rows become numbers, from the reference's bins.

    A numeric column is less its mean, divided by its standard deviation, and at most ten from zero; missing values are
    the mean, and a further number says so. A category's number is 1 or 0, less its share, divided by the standard
    deviation of that.
    """

    bins: tuple[Bins, ...]

    def encoded(self, rows: pl.DataFrame) -> NDArray[np.float64]:
        """Return rows as numbers, float64, shape (rows, width)."""
        blocks = [_numbers(one, rows) if isinstance(one, NumericBins) else _marks(one, rows) for one in self.bins]
        return np.column_stack(blocks) if blocks else np.empty((rows.height, 0))

    def names(self) -> list[str]:
        """Return what each number is of."""
        found: list[str] = []
        for one in self.bins:
            if isinstance(one, NumericBins):
                found += [one.column, f"{one.column} missing"]
            else:
                found += [f"{one.column}={name}" for name in _named(one)]
                found += [f"{one.column} other", f"{one.column} missing"]
        return found


def _numbers(bins: NumericBins, rows: pl.DataFrame) -> NDArray[np.float64]:
    column = rows[bins.column]
    gone = column.is_null().to_numpy().astype(np.float64)
    mean, deviation = bins.mean or 0.0, bins.deviation or 1.0
    values = (column.fill_null(mean).to_numpy() - mean) / deviation
    total = int(bins.value_rows.sum()) + bins.missing_rows
    return np.column_stack([np.clip(values, -_FARTHEST, _FARTHEST), _scaled(gone, bins.missing_rows / total)])


def _marks(bins: Bins, rows: pl.DataFrame) -> NDArray[np.float64]:
    column = rows[bins.column]
    names = _named(bins)
    total = float(bins.reference_counts.sum())
    shares = [count / total for count in bins.reference_counts[: len(names)].tolist()]
    gone = column.is_null().to_numpy()
    marks = [(column == name).fill_null(value=False).to_numpy() for name in names]
    other = ~gone & ~np.logical_or.reduce([*marks, np.zeros(rows.height, dtype=bool)])
    missing = bins.missing_rows / total
    parts = [*zip(marks, shares, strict=True), (other, 1 - sum(shares) - missing), (gone, missing)]
    return np.column_stack([_scaled(mark.astype(np.float64), share) for mark, share in parts])


def _named(bins: Bins) -> Sequence[str]:
    return [] if isinstance(bins, NumericBins) else bins.categories[: min(bins.named, _CATEGORIES)]


def _scaled(marks: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Centre and scale marks; what the reference never or always has keeps a finite weight."""
    share = min(max(share, 0.0), 1.0)
    return np.clip((marks - share) / max(float(np.sqrt(share * (1 - share))), 0.1), -_FARTHEST, _FARTHEST)
