"""The Wasserstein-1 distance: how far values would have to be carried, in the column's own unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["wasserstein_bounds", "wasserstein_distance"]


def wasserstein_distance(
    reference: ArrayLike,
    window: ArrayLike,
    reference_rows: ArrayLike | None = None,
    window_rows: ArrayLike | None = None,
) -> float:
    """Return the Wasserstein-1 distance of two samples, exact from their values.

    ``integral |F_reference(x) - F_window(x)| dx`` over the empirical distribution functions: the mean distance over
    which values are carried from one to the other. Range [0, inf), in the unit of the values. Divided by the
    reference's standard deviation it has no unit.

    Parameters
    ----------
    reference, window
        Finite values, shapes (m,) and (n,), at least one each.
    reference_rows, window_rows
        How many rows have each value, of the same shapes; one each when omitted.

    Notes
    -----
    Vallender, *Calculation of the Wasserstein Distance between Probability Distributions on the Line* (1973).
    """
    first, second = (np.asarray(values, dtype=np.float64) for values in (reference, window))
    weights = [
        np.ones(values.size) if rows is None else np.asarray(rows, dtype=np.float64)
        for values, rows in ((first, reference_rows), (second, window_rows))
    ]
    if not first.size or not second.size:
        message = "both sides need at least one value"
        raise ValueError(message)
    points = np.concatenate([first, second])
    order = np.argsort(points, kind="stable")
    points, nothing = points[order], [np.zeros(first.size), np.zeros(second.size)]
    upto = [np.cumsum(np.concatenate(sides)[order]) for sides in ((weights[0], nothing[1]), (nothing[0], weights[1]))]
    apart = np.abs(upto[0] / upto[0][-1] - upto[1] / upto[1][-1])
    return float(np.sum(apart[:-1] * np.diff(points)))


def wasserstein_bounds(
    marks: NDArray[np.float64],
    reference: NDArray[np.int64],
    window: NDArray[np.int64],
    outside: tuple[float, float] = (0.0, 0.0),
) -> tuple[float, float]:
    """Return between what the Wasserstein-1 distance lies, where the values between marks were counted only.

    Between two marks both distribution functions rise from one known value to another, so that their distance lies
    between known values; beyond the outer marks the reference has no value, and the window's part is exact from how
    far its values lie outside. The true distance is in the closed interval returned.

    Parameters
    ----------
    marks
        Ascending values, shape (k,): the first is the reference's lowest, the last its highest.
    reference, window
        For each side, rows not above each mark, cumulated, and as one more entry all rows: shape (k + 1,). The
        window's rows below the first mark are counted at it.
    outside
        Sums over the window's rows of how far they lie below the first and above the last mark.

    Notes
    -----
    The bounds follow from Vallender's integral (1973) and the monotony of distribution functions.
    """
    upto = [side[:-1] / side[-1] for side in (reference, window)]
    widths = np.diff(marks)
    falls = upto[0][:-1] - upto[1][1:]
    rises = upto[0][1:] - upto[1][:-1]
    nearest = np.maximum(0.0, np.maximum(falls, -rises))
    farthest = np.maximum(np.abs(falls), np.abs(rises))
    tails = sum(outside) / float(window[-1])
    return float(np.sum(nearest * widths)) + tails, float(np.sum(farthest * widths)) + tails
