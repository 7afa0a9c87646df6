"""What each window of a column is compared with: the reference, or the windows before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.bins import NumericBins

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audit_lab.monitor.window_counts import WindowCounts

__all__ = ["Compared", "compared"]


@dataclass(frozen=True, eq=False)
class Compared:
    """Rows of the other side: by bin, missing last, and for numbers cumulated by cell."""

    binned: NDArray[np.int64]
    cumulated: NDArray[np.int64] | None
    rolling: bool = False

    @property
    def rows(self) -> int:
        """How many rows the other side has."""
        return int(self.binned.sum())


def compared(counts: WindowCounts, window: int, rolling: int | None) -> Compared:
    """Return what a window is compared with: the bins' own reference, or the `rolling` windows before it.

    A window that has fewer before it is compared with nothing.
    """
    bins = counts.bins
    if rolling is None:
        return Compared(bins.reference_counts, bins.cumulated_cells if isinstance(bins, NumericBins) else None)
    before = range(window - rolling, window) if window >= rolling else range(0)
    binned = counts.binned[list(before)].sum(axis=0)
    if not isinstance(bins, NumericBins):
        return Compared(binned, None, rolling=True)
    cells = np.zeros(2 * bins.values.size + 1, dtype=np.int64)
    for one in before:
        here = counts.occurring(one)
        cells[here["key"].to_numpy()] += here["rows"].to_numpy()
    return Compared(binned, np.cumsum(cells), rolling=True)
