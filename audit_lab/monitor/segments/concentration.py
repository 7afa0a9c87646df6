"""What each segment contributes to a shift or to the errors, and how often chance gives one of them as much."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from audit_lab.monitor.segments.levels import Levels

__all__ = ["Concentration", "Grouping", "concentration", "groupings"]

#: Resamples of the test; up to so many rows, beyond which the normal distribution and Bonferroni's bound take over.
RESAMPLES = 199
MOST_PERMUTED = 100_000


@dataclass(frozen=True, eq=False)
class Grouping:
    """Rows by the levels of one feature or two: the number of each row's cell, and the levels of each cell."""

    features: tuple[int, ...]
    cells: NDArray[np.int64]
    size: int
    widths: tuple[int, ...]

    def levels(self, cell: int) -> tuple[int, ...]:
        """Return the level of each feature in a cell."""
        if len(self.features) == 1:
            return (cell,)
        return divmod(cell, self.widths[1])


@dataclass(frozen=True, eq=False)
class Concentration:
    """Figures of the segments of all groupings, one array each, of the shape (segments,).

    Attributes
    ----------
    grouping, cell
        Which segment it is.
    before, after
        Its rows in the reference and in the window.
    mean_before, mean_after
        Of the value; NaN without rows.
    contribution
        What it adds to the difference of the means, ``w1 (m1 - M) - w0 (m0 - M)`` with its shares w of the rows and the
        mean M of all rows: those of a feature's levels sum to the whole difference.
    excess
        What it adds beyond an even shift, ``w1 (m1 - M1) - w0 (m0 - M0)``: those of a feature's levels sum to 0.
    deviations
        The excess in its standard errors.
    p_value
        How often chance gives any segment as much: adjusted for all that were tried.
    method
        How it was adjusted.
    """

    grouping: NDArray[np.int64]
    cell: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    mean_before: NDArray[np.float64]
    mean_after: NDArray[np.float64]
    contribution: NDArray[np.float64]
    excess: NDArray[np.float64]
    deviations: NDArray[np.float64]
    p_value: NDArray[np.float64]
    method: str


def groupings(levels: Sequence[Levels], *, pairs: bool) -> list[Grouping]:
    """Return the groupings by each feature, and by each pair of features."""
    widths = [len(one.labels) for one in levels]
    found = [Grouping((place,), one.codes, widths[place], (widths[place],)) for place, one in enumerate(levels)]
    for one, other in combinations(range(len(levels)), 2) if pairs else ():
        cells = levels[one].codes * widths[other] + levels[other].codes
        found.append(Grouping((one, other), cells, widths[one] * widths[other], (widths[one], widths[other])))
    return found


def concentration(
    values: NDArray[np.float64],
    after: NDArray[np.bool_],
    groups: Sequence[Grouping],
    minimum: int,
    seed: int,
    *,
    one_sided: bool = False,
) -> Concentration:
    """Count and test every segment that has `minimum` rows.

    Parameters
    ----------
    values
        Score, or 1 for an error and 0 for none; finite, shape (rows,).
    after
        Which rows are the window's, the others being the reference's. Where all are, a segment is compared with all
        rows: its contribution is ``w (m - M)``.
    groups
        The groupings.
    one_sided
        Only segments that lie above count.

    Notes
    -----
    Rows, with their values less the mean of their own period, are dealt anew to the reference and the window, and the
    largest standardised excess of any segment is kept: the single-step maxT adjustment of Westfall and Young,
    *Resampling-Based Multiple Testing* (1993), which holds the chance of any false segment at the level. Where all rows
    are the window's, the values change places among them instead. Beyond 100,000 rows the excess is normal, and
    Bonferroni's bound is taken.
    """
    compared = not after.all()
    centred = values.copy()
    for side in (after, ~after):
        if side.any():
            centred[side] -= values[side].mean()
    tables = [_counted(values, centred, after, group) for group in groups]
    kept = [np.flatnonzero(table[0] + table[1] >= minimum) for table in tables]
    n1, n0, s1, s0, e1, e0, squares = (
        np.concatenate([table[place][cells] for table, cells in zip(tables, kept, strict=True)] or [np.zeros(0)])
        for place in range(7)
    )
    rows1, rows0 = float(after.sum()), float((~after).sum())
    rows = rows1 + rows0
    overall = values.mean() if values.size else 0.0
    excess = e1 / rows1 - (e0 / rows0 if compared else 0.0)
    whole = (s1 - overall * n1) / rows1 - ((s0 - overall * n0) / rows0 if compared else 0.0)
    sums = e1 + e0
    if compared:
        variance = (squares / rows - (sums / rows) ** 2) * (1 / rows1 + 1 / rows0) * rows / max(rows - 1, 1)
    else:
        share = n1 / rows
        variance = share * (1 - share) * centred.var() / max(rows - 1, 1)
    error = np.sqrt(np.maximum(variance, 0.0))
    deviations = np.divide(excess, error, out=np.zeros_like(excess), where=error > 1e-15)  # noqa: PLR2004 - rounding
    size = np.where(deviations > 0, deviations, 0.0) if one_sided else np.abs(deviations)
    if values.size <= MOST_PERMUTED:
        highest = _highest(centred, after, groups, kept, error, seed=seed, one_sided=one_sided)
        p_value = (1 + (highest[None, :] >= size[:, None] * (1 - 1e-12)).sum(axis=1)) / (1 + highest.size)
        method = f"largest of all segments in {RESAMPLES} permutations"
    else:
        from scipy.special import ndtr

        p_value = np.minimum((1 if one_sided else 2) * ndtr(-size) * max(size.size, 1), 1.0)
        method = "Bonferroni, normal distribution"
    return Concentration(
        np.concatenate([np.full(cells.size, place) for place, cells in enumerate(kept)] or [np.zeros(0)]).astype(
            np.int64
        ),
        np.concatenate([*kept, np.zeros(0)]).astype(np.int64),
        n0.astype(np.int64),
        n1.astype(np.int64),
        np.divide(s0, n0, out=np.full(n0.size, np.nan), where=n0 > 0),
        np.divide(s1, n1, out=np.full(n1.size, np.nan), where=n1 > 0),
        whole,
        excess,
        deviations,
        p_value,
        method,
    )


def _counted(
    values: NDArray[np.float64], centred: NDArray[np.float64], after: NDArray[np.bool_], group: Grouping
) -> list[NDArray[np.float64]]:
    """Return, by cell: rows after and before, sums of values after and before, of centred ones, and their squares."""
    found: list[NDArray[np.float64]] = []
    for weights in (None, values, centred):
        for side in (after, ~after):
            weighed = None if weights is None else weights[side]
            found.append(np.bincount(group.cells[side], weighed, minlength=group.size).astype(np.float64))
    found.append(np.bincount(group.cells, centred**2, minlength=group.size).astype(np.float64))
    return found


def _highest(
    centred: NDArray[np.float64],
    after: NDArray[np.bool_],
    groups: Sequence[Grouping],
    kept: Sequence[NDArray[np.int64]],
    error: NDArray[np.float64],
    *,
    seed: int,
    one_sided: bool,
) -> NDArray[np.float64]:
    """Return the largest standardised excess of any segment in each resample, shape (RESAMPLES,)."""
    draws = np.random.default_rng(seed)
    compared = not after.all()
    rows1, rows0 = float(after.sum()), float((~after).sum())
    bounds = np.cumsum([0, *(cells.size for cells in kept)])
    highest = np.zeros(RESAMPLES)
    for resample in range(RESAMPLES):
        if compared:
            # The error is that of rows dealt to two periods, each with its segment: no value leaves its own.
            weights = _weights(centred, draws.permutation(after), rows1, rows0)
        else:
            drawn = draws.permutation(centred)
            weights = (drawn - drawn.mean()) / rows1
        for place, group in enumerate(groups):
            if not kept[place].size:
                continue
            excess = np.bincount(group.cells, weights, minlength=group.size)[kept[place]]
            mine = error[bounds[place] : bounds[place + 1]]
            scaled = np.divide(excess, mine, out=np.zeros_like(excess), where=mine > 1e-15)  # noqa: PLR2004
            highest[resample] = max(highest[resample], float((scaled if one_sided else np.abs(scaled)).max()))
    return highest


def _weights(centred: NDArray[np.float64], after: NDArray[np.bool_], rows1: float, rows0: float) -> NDArray[np.float64]:
    """Return what each row adds to the excess of its segments where other rows are the window's."""
    mean1, mean0 = centred[after].mean(), centred[~after].mean()
    weights: NDArray[np.float64] = np.where(after, (centred - mean1) / rows1, (mean0 - centred) / rows0)
    return weights
