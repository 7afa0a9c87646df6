"""Which groups are too small to be shown, and which others must be hidden lest the small ones be computed.

A table of counts with its totals is a system of linear equations: the groups of a column add up to all rows, and the
intersections within a group add up to the group. A hidden count is safe when the equations leave it open.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Unit", "hidden"]

#: A group: the column's place and value of each part; one part for a group of one column, several for an intersection.
Unit = tuple[tuple[int, str], ...]

_CLOSE = 1e-9


def hidden(counts: Mapping[Unit, int], minimum: int, already: frozenset[Unit] = frozenset()) -> frozenset[Unit]:
    """Return the groups that are not shown.

    Parameters
    ----------
    counts
        Rows of every group of each column, and of every intersection that there is.
    minimum
        Groups with fewer rows are hidden. So is, where it would otherwise follow from the counts that are shown and
        from the total of all rows, the smallest group beside a hidden one, until nothing follows any more, and until
        what is hidden together has `minimum` rows at least.
    already
        Groups that are hidden for another reason.

    Notes
    -----
    What cannot be computed exactly can still be bounded: hidden counts are at least 0. Sums over other windows or
    versions, and other answers about the same rows, are not reckoned with.
    """
    gone = {unit for unit, count in counts.items() if count < minimum} | set(already)
    sums = _sums(counts)
    while True:
        exposed = _exposed(gone, sums, counts, minimum)
        candidates = {unit for members in exposed for unit in members if unit not in gone}
        if not candidates:
            return frozenset(gone)
        gone.add(min(candidates, key=lambda unit: (counts[unit], unit)))


def _sums(counts: Mapping[Unit, int]) -> list[tuple[Unit | None, list[Unit]]]:
    """Return which groups add up to which; None is the total of all rows, which is always known."""
    of_column: dict[int, list[Unit]] = defaultdict(list)
    within: dict[Unit, list[Unit]] = defaultdict(list)
    for unit in counts:
        if len(unit) == 1:
            of_column[unit[0][0]].append(unit)
        else:
            for part in unit:
                within[part,].append(unit)
    return [*((None, units) for units in of_column.values()), *within.items()]


def _exposed(
    gone: set[Unit], sums: list[tuple[Unit | None, list[Unit]]], counts: Mapping[Unit, int], minimum: int
) -> list[list[Unit]]:
    """Return the members of each sum through which something hidden shows."""
    found = []
    for whole, members in sums:
        inside = [unit for unit in members if unit in gone]
        if inside and whole not in gone and sum(counts[unit] for unit in inside) < minimum:
            found.append(members)
    if found:
        return found
    order = {unit: place for place, unit in enumerate(sorted(gone))}
    if not order:
        return []
    equations = []
    for whole, members in sums:
        row = np.zeros(len(order))
        for unit in members:
            if unit in order:
                row[order[unit]] = 1.0
        if whole in order:
            row[order[whole]] = -1.0
        equations.append(row)
    follows = _determined(np.array(equations))
    told = {unit for unit, place in order.items() if follows[place] and counts[unit] < minimum}
    return [
        [*members, *([whole] if whole is not None else [])]
        for whole, members in sums
        if told & {*members, *([whole] if whole is not None else [])}
    ]


def _determined(
    equations: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which unknowns have one value only by the equations: those that every solution of 0 leaves at 0."""
    _, values, rows = np.linalg.svd(equations, full_matrices=True)
    rank = int((values > _CLOSE).sum())
    open_directions = rows[rank:]
    free: np.ndarray[tuple[int], np.dtype[np.bool_]] = (np.abs(open_directions) > _CLOSE).any(axis=0)
    return ~free
