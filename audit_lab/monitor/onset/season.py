"""The recurring pattern of weekday and hour, and one scale for all series: what a change must stand out from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["FARTHEST", "Standard", "long_run", "standardised", "usable_cells"]

#: A median absolute deviation times this is the standard deviation of normal values.
_MAD_SCALE = 1.4826
#: The variance of a median of m normal values is about this times their variance over m (Kendall and Stuart, 14.12).
_MEDIAN_VARIANCE = np.pi / 2
#: A pattern is taken from a reference that holds each weekday, or hour, so many times, half a round at each end left
#: out.
_FEWEST = 3
_TWO = 2
#: So many of the windows must be in cells that the reference holds so often; the others have no pattern of their own.
_MOST_HELD = 0.9
#: A series whose neighbours agree more than this is not told from one that wanders.
_MOST_CORRELATED = 0.95
#: No window of a level counts for more than this many standard deviations: one outlier is not a level.
FARTHEST = 8.0
_NOTHING = 1e-12
#: Of squared differences the lower four fifths are taken; the variance of normal values that they leave.
_KEPT = 0.8
_KEPT_VARIANCE = 0.43774
#: Differences over so many windows say how far a series goes, beside those of neighbours; the ratio of both for each
#: correlation, falling.
_FAR = (3, 4, 5, 6)
_CORRELATIONS = np.linspace(0, _MOST_CORRELATED, 400)
_RATIOS = (1 - _CORRELATIONS) / (1 - np.mean([_CORRELATIONS**step for step in _FAR], axis=0))


@dataclass(frozen=True, eq=False)
class Standard:
    """Series on one scale, shape (windows, series): standard deviation 1, recurring pattern removed.

    `correlation` is each series' correlation of neighbours, `deviation` what one unit of `values` stands for.
    """

    values: NDArray[np.float64]
    correlation: NDArray[np.float64]
    deviation: NDArray[np.float64]
    pattern: NDArray[np.float64]


def usable_cells(
    cells: Sequence[tuple[str, NDArray[np.int64]]],
    reference: NDArray[np.bool_],
    places: NDArray[np.int64] | None = None,
) -> list[tuple[str, NDArray[np.int64]]]:
    """Return those of the recurring cells, by name, of which the reference holds nearly every one often enough.

    `places` says where on the grid each window stands, as for `standardised`.
    """
    where = np.arange(reference.size) if places is None else places
    return [(name, cell) for name, cell in cells if _is_usable(cell, reference, where)]


def _is_usable(cell: NDArray[np.int64], reference: NDArray[np.bool_], places: NDArray[np.int64]) -> bool:
    names, place = np.unique(cell, return_inverse=True)
    if names.size < _TWO or np.count_nonzero(np.diff(cell)) < _FEWEST * names.size:
        return False
    edge = _round(cell, places) // 2 + 1
    inner = reference & (places >= places[0] + edge) & (places <= places[-1] - edge)
    enough = np.bincount(place[inner], minlength=names.size) >= _FEWEST * _lasting(cell)
    return bool(enough[place].mean() >= _MOST_HELD)


def standardised(
    values: NDArray[np.float64],
    cells: Sequence[NDArray[np.int64]],
    reference: NDArray[np.bool_],
    floor: NDArray[np.float64],
    known: NDArray[np.float64] | None = None,
    *,
    places: NDArray[np.int64] | None = None,
    farthest: float = FARTHEST,
) -> Standard:
    """Take the recurring pattern away and bring each series to a standard deviation of 1 about its levels.

    Parameters
    ----------
    values
        float64, shape (windows, series), finite.
    cells
        Which weekday, hour, or hour of the week each window is; shape (windows,). Each kind is removed after the one
        before.
    reference
        Which windows give the pattern: what is usual of each cell there, shrunk by what chance would do to it.
    floor
        The least standard deviation of each series, shape (series,): the sampling error of a share.
    known
        The correlation of each series, shape (series,); NaN where it is to be estimated, as all are when omitted.
    places
        Where on the grid each window stands, ascending, shape (windows,), where windows between them say nothing.
    farthest
        No window counts for more than this many standard deviations.

    Notes
    -----
    Scale and correlation come from differences of neighbours, which a change of level hardly touches. With ``s_k^2``
    the variance of differences over k windows, from the lower four fifths of their squares, a first-order
    autoregression has ``s_k^2 = 2 sigma^2 (1 - rho^k)``; rho is read off the ratio of ``s_1^2`` to the mean over k = 3
    to 6, and sigma off ``s_1^2``. After Chakar, Lebarbier, Levy-Leduc and Robin, *A robust approach for estimating
    change-points in the mean of an AR(1) process*, Bernoulli 23 (2017), who compare the medians for k = 1 and 2. A
    pattern is shrunk as by James and Stein (1961), positive part.
    """
    left = values - np.median(values[reference], axis=0)
    pattern = np.zeros_like(left)
    where = np.arange(values.shape[0]) if places is None else places
    for cell in cells:
        one = _pattern(left, cell, reference, where)
        left, pattern = left - one, pattern + one
    near = _trimmed(left[1:] - left[:-1])
    far = sum(_trimmed(left[step:] - left[:-step]) for step in _FAR) / len(_FAR)
    moving = (near > _NOTHING) & (far > _NOTHING)
    ratio = np.divide(near, far, out=np.ones_like(near), where=moving)
    # What chance alone shows is not taken for correlation: one standard error is.
    correlation = np.maximum(np.interp(-ratio, -_RATIOS, _CORRELATIONS) - 1 / np.sqrt(left.shape[0]), 0.0)
    if known is not None:
        correlation = np.where(np.isnan(known), correlation, known)
    # Where most neighbours are equal, the typical difference is that of the few that are not.
    spread = np.where(moving, near, np.mean(np.diff(left, axis=0) ** 2, axis=0))
    deviation = np.maximum(np.sqrt(spread / (2 * (1 - correlation))), floor)
    scaled = np.divide(left, deviation, out=np.zeros_like(left), where=deviation > _NOTHING)
    return Standard(np.clip(scaled, -farthest, farthest), correlation, deviation, pattern)


def long_run(correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much the variance of a sum exceeds that of as many independent values, in the long run."""
    variance: NDArray[np.float64] = (1 + correlation) / (1 - correlation)
    return variance


def _trimmed(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the variance of each column of differences, from the lower four fifths of their squares."""
    kept = max(round(_KEPT * steps.shape[0]), 1)
    squares = np.partition(steps**2, kept - 1, axis=0)[:kept]
    variance: NDArray[np.float64] = squares.mean(axis=0) / _KEPT_VARIANCE
    return variance


def _pattern(
    values: NDArray[np.float64], cell: NDArray[np.int64], reference: NDArray[np.bool_], places: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return what recurs with a cell: the median of its windows' differences from the mean of the whole round about.

    A round holds each cell once, so that a change of level, or a slow one, is in its mean and not in the differences.
    Where some of its windows say nothing, the mean is taken again of what the pattern leaves. A cell that is held too
    rarely has none of its own.
    """
    names, place = np.unique(cell, return_inverse=True)
    length = _round(cell, places)
    begin = places - length // 2
    first, last = np.searchsorted(places, begin), np.searchsorted(places, begin + length)
    used = reference & (begin >= places[0]) & (begin + length <= places[-1] + 1)
    held = [used & (place == one) for one in range(names.size)]
    counts = np.array([np.count_nonzero(where) for where in held])
    enough = counts >= _FEWEST
    is_whole = np.ptp((last - first)[used]) == 0
    found = np.zeros_like(values)
    for _ in range(1 if is_whole else _TWO):
        sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values - found, axis=0)])
        apart = values - (sums[last] - sums[first]) / (last - first)[:, None]
        medians = np.zeros((names.size, values.shape[1]))
        for one in np.flatnonzero(enough):
            medians[one] = np.median(apart[held[one]], axis=0)
        medians[enough] -= medians[enough].mean(axis=0)
        found = medians[place]
    around = (apart - found)[used & enough[place]]
    around -= np.median(around, axis=0)
    noise = (_MAD_SCALE * np.median(np.abs(around), axis=0)) ** 2 * _MEDIAN_VARIANCE
    chance = noise * np.mean(1 / counts[enough])
    between = np.var(medians[enough], axis=0, ddof=1)
    share = np.divide(chance, between, out=np.ones_like(between), where=between > _NOTHING**2)
    kept: NDArray[np.float64] = np.clip(1 - share, 0, 1) * medians
    return kept[place]


def _lasting(cell: NDArray[np.int64]) -> int:
    """Return how many windows a cell has in a round."""
    return int(np.median(np.diff(np.flatnonzero(np.diff(cell)))))


def _round(cell: NDArray[np.int64], places: NDArray[np.int64]) -> int:
    """Return how many windows of the grid a round of the cells has: 7 days, 24 hours, or 168 hours of a week."""
    begins = np.flatnonzero(np.diff(cell, prepend=cell[0] - 1))
    order = np.argsort(cell[begins], kind="stable")
    begun, same = places[begins][order], np.diff(cell[begins][order]) == 0
    return int(np.median(np.diff(begun)[same])) if same.any() else int(places[-1] - places[0] + 1)
