"""Where values lie among marks, and which values have given ranks: exactly, and without sorting all of them.

Both lay an even grid over the middle of the values. Its cells follow one another as the values do, so that only the
values of a cell with a mark, or with a wanted rank, are compared themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["AT_ONCE", "Marks", "in_parts", "values_of_ranks"]

#: Values handled at once: half a megabyte, which stays in a core's cache.
AT_ONCE = 65_536
_CELLS = 8_192
_SAMPLED = 16_384
#: The grid spans the sample's values from this share of them to all but this share; what lies outside is in the first
#: and the last cell.
_TAIL = 0.01


class Marks:
    """Marks among which values are placed.

    Parameters
    ----------
    marks
        Ascending, each once, float64, at least one, no NaN.
    """

    def __init__(self, marks: NDArray[np.float64]) -> None:
        self.marks = marks
        inner = marks[np.isfinite(marks)][1:-1]
        self._grid = _Grid(inner) if inner.size else None
        if self._grid is not None:
            cells = self._grid.cells_of(marks)
            self._before = np.searchsorted(cells, np.arange(_CELLS), side="left")
            self._crowded = np.bincount(cells, minlength=_CELLS) > 1
            self._next = np.append(marks, np.inf)

    def below(self, values: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return how many marks lie below each value, none of which is NaN: as numpy's ``searchsorted`` does."""
        if self._grid is None:
            return np.searchsorted(self.marks, values, side="left")
        cells = self._grid.cells_of(values)
        # Marks of earlier cells lie below a value, those of later cells above it; its own cell has at most one ...
        found: NDArray[np.intp] = self._before.take(cells)
        found = found + (values > self._next.take(found))
        crowded = np.flatnonzero(self._crowded.take(cells))
        if crowded.size:  # ... or several.
            found[crowded] = np.searchsorted(self.marks, values[crowded], side="left")
        return found


def values_of_ranks(
    parts: Sequence[NDArray[np.float64]], ranks: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the values that have the ranks, and how many values are no greater than each of them.

    Parameters
    ----------
    parts
        The values, without NaN, in as many parts as there are.
    ranks
        From 1, the least value, to the number of values; ascending.
    """
    total = sum(part.size for part in parts)
    step = max(total // _SAMPLED, 1)
    grid = _Grid(np.sort(np.concatenate([part[::step] for part in parts])))
    rows = np.zeros(_CELLS, dtype=np.int64)
    for some in in_parts(parts):
        rows += np.bincount(grid.cells_of(some), minlength=_CELLS)
    upto = np.cumsum(rows)
    cells = np.searchsorted(upto, ranks, side="left")
    wanted = np.zeros(_CELLS, dtype=bool)
    wanted[cells] = True
    held = np.sort(np.concatenate([some[wanted.take(grid.cells_of(some))] for some in in_parts(parts)]))
    # In `held` the values of unwanted cells, which all lie in front of a wanted one's, are missing.
    missing = (np.cumsum(np.where(wanted, 0, rows)))[cells]
    found = held[ranks - 1 - missing]
    return found, np.searchsorted(held, found, side="right") + missing


def in_parts(parts: Iterable[NDArray[np.float64]], size: int = AT_ONCE) -> Iterator[NDArray[np.float64]]:
    """Yield the values of arrays in parts of at most this size, which fit a core's cache."""
    for part in parts:
        for first in range(0, part.size, size):
            yield part[first : first + size]


class _Grid:
    """Even cells over the middle of some values; of two values the greater one is never in an earlier cell."""

    def __init__(self, ordered: NDArray[np.float64]) -> None:
        usual = ordered[np.isfinite(ordered)]
        self._low = self._scale = 0.0
        if usual.size:
            cut = int(_TAIL * usual.size)
            low, high = float(usual[cut]), float(usual[usual.size - 1 - cut])
            with np.errstate(over="ignore", divide="ignore"):
                scale = float(np.float64(_CELLS - 2) / (np.float64(high) - np.float64(low)))
            if np.isfinite(scale):
                self._low, self._scale = low, scale

    def cells_of(self, values: NDArray[np.float64]) -> NDArray[np.intp]:
        if not self._scale:
            return np.zeros(values.size, dtype=np.intp)
        with np.errstate(over="ignore"):
            places = values - self._low
            places *= self._scale
        places += 1.0
        np.clip(places, 0, _CELLS - 1, out=places)
        return places.astype(np.intp)
