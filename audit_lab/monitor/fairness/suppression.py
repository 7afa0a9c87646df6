"""Which groups are too small to be shown, and which others must be hidden lest the small ones be computed.

A table of counts with its totals is a system of linear equations: the groups of a column add up to all rows, and the
intersections within a group add up to the group. A hidden count is safe when the equations leave it open.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Unit", "hidden"]

#: A group: the column's place and value of each part; one part for a group of one column, several for an intersection.
Unit = tuple[tuple[int, str], ...]

#: A group, or None for all rows, and the groups that add up to it.
_Sum: TypeAlias = "tuple[Unit | None, list[Unit]]"

_CLOSE = 1e-9
_MOST_TRIED = 40


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
        too_few = _too_few_together(gone, sums, counts, minimum)
        follows = set() if too_few else _following(gone, sums)
        small = {unit for unit in follows if counts[unit] < minimum}
        if not too_few and not small:
            return frozenset(gone)
        beside = too_few or [each for each in sums if follows & set(_parts(each))]
        candidates = {unit for each in beside for unit in (each[1] if too_few else _parts(each)) if unit not in gone}
        if not candidates:
            return frozenset(gone)
        # An intersection is missed less than a whole group; of several, the smallest.
        ranked = sorted(candidates, key=lambda unit: (-len(unit), counts[unit], unit))
        gone.add(_helping(ranked, gone, sums, small) if small else ranked[0])


def _helping(ranked: list[Unit], gone: set[Unit], sums: list[_Sum], small: set[Unit]) -> Unit:
    """Return the first group whose hiding leaves fewer small ones to be computed; else the first."""
    tried = ranked[:_MOST_TRIED]
    return next((unit for unit in tried if len(_following({*gone, unit}, sums) & small) < len(small)), ranked[0])


def _sums(counts: Mapping[Unit, int]) -> list[_Sum]:
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


def _parts(each: _Sum) -> list[Unit]:
    whole, members = each
    return members if whole is None else [*members, whole]


def _too_few_together(gone: set[Unit], sums: list[_Sum], counts: Mapping[Unit, int], minimum: int) -> list[_Sum]:
    """Return the sums that tell how many rows some hidden groups have together, which are too few."""
    found = []
    for whole, members in sums:
        inside = [unit for unit in members if unit in gone]
        is_told = inside and (whole is None or whole not in gone)
        if is_told and len(inside) < len(members) and sum(counts[unit] for unit in inside) < minimum:
            found.append((whole, members))
    return found


def _following(gone: set[Unit], sums: list[_Sum]) -> set[Unit]:
    """Return the hidden groups whose rows follow from what is shown."""
    order = {unit: place for place, unit in enumerate(sorted(gone))}
    if not order:
        return set()
    equations = np.zeros((len(sums), len(order)))
    for row, (whole, members) in enumerate(sums):
        for unit in members:
            if unit in order:
                equations[row, order[unit]] = 1.0
        if whole in order:
            equations[row, order[whole]] = -1.0
    follows = _determined(equations)
    return {unit for unit, place in order.items() if follows[place]}


def _determined(equations: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which unknowns have one value only: those that a sum of equations names alone.

    These are the ones whose unit vector lies in the space of the rows, where its projection has length 1.
    """
    _, values, rows = np.linalg.svd(equations, full_matrices=False)
    spanning = rows[values > _CLOSE]
    found: NDArray[np.bool_] = (spanning**2).sum(axis=0) > 1 - _CLOSE
    return found
