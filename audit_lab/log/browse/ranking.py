"""Which rows have the ranks of a page: selected among all, so that no table has to be sorted to be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Ranking"]

#: From so many rows on, a sample tells between which keys a page lies; only the rows between are looked at closely.
_MANY = 200_000
_SAMPLE = 16_384
#: How far from its place in the sample a rank is looked for: four times how far it strays by chance in the middle.
_MARGIN = 256


@dataclass(frozen=True)
class Ranking:
    """Rows in the order of a column; those that are equal, and those without a value at the end, in stored order.

    Parameters
    ----------
    rows
        Numbers of the rows that are ranked, ascending; None for all.
    keys
        Returns, for a level, a number for each row of the table (see `sort_keys`).
    levels
        How many there are.
    nulls
        For each row of the table whether it has no value; None where each has one.
    descending
        Whether the greatest comes first.
    """

    rows: NDArray[np.int64] | None
    keys: Callable[[int], NDArray[Any]]
    levels: int
    nulls: NDArray[np.bool_] | None = None
    descending: bool = False

    def page(self, first: int, count: int) -> NDArray[np.int64]:
        """Return the numbers of the rows of the ranks from `first` on; fewer at the end."""
        import numpy as np

        valued, empty = self._valued()
        total = self.keys(0).size if valued is None else valued.size
        stop = first + count
        found = self._select(valued, 0, min(first, total), min(stop, total))
        rest = empty[max(first - total, 0) : max(stop - total, 0)]
        return np.concatenate([found, rest])

    def _valued(self) -> tuple[NDArray[np.int64] | None, NDArray[np.int64]]:
        """Return the rows that have a value, None for all of the table, and those that have none."""
        import numpy as np

        if self.nulls is None:
            return self.rows, np.empty(0, dtype=np.int64)
        if self.rows is None:
            return np.flatnonzero(~self.nulls), np.flatnonzero(self.nulls)
        missing = self.nulls[self.rows]
        return self.rows[~missing], self.rows[missing]

    def _select(self, rows: NDArray[np.int64] | None, level: int, first: int, stop: int) -> NDArray[np.int64]:
        """Return the rows of the ranks [first, stop) among `rows`, which are equal on every level before."""
        import numpy as np

        if first >= stop:
            return np.empty(0, dtype=np.int64)
        keys = self.keys(level)
        if rows is not None:
            keys = keys[rows]
        near = self._near(keys, first, stop)
        if near is not None:
            before, places, equal = near
            rows, first, stop = _taken(rows, places), first - before, stop - before
            if equal:
                return self._run(rows, level, first, stop)
            keys = keys[places]
        if self.descending:
            keys = ~keys
        bounds = np.partition(keys, sorted({first, stop - 1}))
        low, high = bounds[first], bounds[stop - 1]
        # Whole runs of equal rows at both ends can be long, so what lies between is put in order apart from them.
        below = int(np.count_nonzero(keys < low))
        lowest = _taken(rows, np.flatnonzero(keys == low))
        pieces = [self._run(lowest, level, first - below, stop - below)]
        if low != high:
            between = np.flatnonzero((keys > low) & (keys < high))
            ordered = between[np.argsort(keys[between], kind="stable")]
            pieces.append(self._between(_taken(rows, ordered), keys[ordered], level))
            highest = _taken(rows, np.flatnonzero(keys == high))
            pieces.append(self._run(highest, level, 0, stop - below - lowest.size - between.size))
        return np.concatenate(pieces)

    def _near(self, keys: NDArray[Any], first: int, stop: int) -> tuple[int, NDArray[np.int64], bool] | None:
        """Return how many come before some that hold the ranks [first, stop), where these stand, and if all are equal.

        None where there are few anyway, or where the sample misled.
        """
        import numpy as np

        count = keys.size
        if count < _MANY:
            return None
        drawn = np.sort(keys[np.random.default_rng(count).integers(0, count, _SAMPLE)])
        ranks = (count - stop, count - first) if self.descending else (first, stop)
        low, high = (int(rank / count * _SAMPLE) + away for rank, away in zip(ranks, (-_MARGIN, _MARGIN), strict=True))
        least, most = drawn[np.clip([low, high], 0, _SAMPLE - 1)]
        if least == most:
            # Where the sample has one key up to an end of it, others may lie beyond: that is looked at.
            least = keys.min() if low < 0 else least
            most = keys.max() if high >= _SAMPLE else most
        bounded = (low >= 0 or least == most, high < _SAMPLE or least == most)
        within = keys >= least if bounded[0] else np.ones(count, dtype=np.bool_)
        under = count - int(np.count_nonzero(within))
        if bounded[1]:
            within &= keys <= most
        places = np.flatnonzero(within)
        before = count - under - places.size if self.descending else under
        return (before, places, bool(least == most)) if before <= first and before + places.size >= stop else None

    def _run(self, equal: NDArray[np.int64], level: int, first: int, stop: int) -> NDArray[np.int64]:
        """Return a part of rows that are equal on this level and all before."""
        stop = min(stop, equal.size)
        if level + 1 < self.levels and equal.size > 1:
            return self._select(equal, level + 1, first, stop)
        return equal[first:stop]

    def _between(self, rows: NDArray[np.int64], keys: NDArray[Any], level: int) -> NDArray[np.int64]:
        """Put rows that lie wholly in the page in order: they are, but for those that are equal on this level."""
        import numpy as np

        if level + 1 >= self.levels or rows.size < 2:  # noqa: PLR2004 - one row is in order
            return rows
        groups = np.split(rows, np.flatnonzero(np.diff(keys)) + 1)
        return np.concatenate([self._run(group, level, 0, group.size) for group in groups])


def _taken(rows: NDArray[np.int64] | None, places: NDArray[np.int64]) -> NDArray[np.int64]:
    return places if rows is None else rows[places]
