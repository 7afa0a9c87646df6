"""Changes of one series: where its level moved, how sure the date is, and whether it came back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["COVERAGE", "Change", "find_changes", "levels_removed"]

#: How often an interval of dates holds the true one.
COVERAGE = 0.95
#: Twice the log-likelihood that a date of the interval may lie below the best one: see `find_changes`.
_DROP = -2 * math.log(1 - math.sqrt(COVERAGE))
#: A change that gains less than so many penalties may owe its date to the chance that made it be seen: its interval has
#: dates that lie so much farther below the best one.
_BARELY, _FARTHER = 1.5, 1.5
#: A level has come back when it is this near to the one before, in parts of the change.
_RETURNED_PART = 1 / 3
_FEWEST = 2


@dataclass(frozen=True)
class Change:
    """A change of level at `at`, the first window after it, between `earliest` and `latest`, both included.

    All are places in the series that was searched. The levels hold from `since` to `at` and from `at` to `until`
    (excluded); `before` and `after` are their means and `gain` what the change explains, on the scale of the search.
    `returned` is where the level before came back, and `is_return` says that this change is such a coming back.
    """

    at: int
    earliest: int
    latest: int
    since: int
    until: int
    before: float
    after: float
    gain: float
    returned: int | None
    is_return: bool


def find_changes(values: NDArray[np.float64], penalty: float, spread: float = 1.0) -> list[Change]:
    """Return the changes of level of a series of standard deviation 1, in order.

    The series is cut where the sum of squared deviations from the pieces' means plus `penalty` for each change is
    least: Killick, Fearnhead and Eckley, *Optimal detection of changepoints with a linear computational cost* (2012),
    as in ruptures (Truong, Oudre and Vayatis 2020).

    Parameters
    ----------
    values
        float64, shape (windows,), finite.
    penalty
        What each change must gain.
    spread
        The long-run variance of the values, more than 1 where neighbours are correlated.

    Notes
    -----
    The interval holds the dates whose likelihood is near that of the best, the neighbouring changes held fixed: twice
    the logarithm of their ratio stays below ``-2 ln(1 - sqrt(0.95)) = 7.35``,
    the squared deviations measured in `spread`. To either side of the true date the
    log-likelihood is a random walk that drifts down; its highest point is about exponential with mean 1, and the 95 %
    quantile of the larger of the two is that: Siegmund, *Confidence sets in change-point problems* (1988). As dates are
    whole windows it is on the safe side, more so for large changes. Of changes so small that few are seen, those are
    whose likeliest date chance has moved: where a change gains less than 1.5 penalties the logarithm may lie half as
    far again below.
    """
    if values.size < _FEWEST or not np.ptp(values):
        return []
    bounds = [0, *_cut(values, penalty)]
    sums = np.concatenate([[0.0], np.cumsum(values)])
    means = [float((sums[end] - sums[start]) / (end - start)) for start, end in pairwise(bounds)]
    returns = [_return(means, place) for place in range(len(means) - 1)]
    coming_back = {place for place in returns if place is not None}
    changes = []
    for place, returned in enumerate(returns):
        since, at, until = bounds[place : place + 3]
        gains = _gains(sums, since, until)
        best = gains[at - since - 1]
        drop = _DROP * spread * (_FARTHER if best < _BARELY * penalty else 1.0)
        near = np.flatnonzero(gains >= best - drop) + since + 1
        changes.append(
            Change(
                at,
                int(near[0]),
                int(near[-1]),
                since,
                until,
                means[place],
                means[place + 1],
                float(best),
                None if returned is None else bounds[returned],
                place + 1 in coming_back,
            )
        )
    return changes


def levels_removed(values: NDArray[np.float64], penalty: float) -> NDArray[np.float64]:
    """Return a series less the means of its pieces, cut at a penalty."""
    left = values.copy()
    if values.size < _FEWEST or not np.ptp(values):
        return left
    bounds = [0, *_cut(values, penalty)]
    for start, end in pairwise(bounds):
        left[start:end] -= left[start:end].mean()
    return left


def _cut(values: NDArray[np.float64], penalty: float) -> list[int]:
    """Return where the pieces end, the last of them at the end."""
    import ruptures

    search = ruptures.KernelCPD(kernel="linear", min_size=1).fit(values[:, None])
    return [int(end) for end in search.predict(pen=penalty)]


def _gains(sums: NDArray[np.float64], start: int, end: int) -> NDArray[np.float64]:
    """Return what one change gains at each place between two others, shape (end - start - 1,)."""
    places = np.arange(start + 1, end)
    left = (sums[places] - sums[start]) / (places - start)
    right = (sums[end] - sums[places]) / (end - places)
    gains: NDArray[np.float64] = (places - start) * (end - places) / (end - start) * (left - right) ** 2
    return gains


def _return(means: list[float], place: int) -> int | None:
    """Return the piece at which the level before a change has come back, by a change the other way."""
    change = means[place + 1] - means[place]
    for later in range(place + 2, len(means)):
        near = abs(means[later] - means[place]) <= _RETURNED_PART * abs(change)
        if near and (means[later] - means[later - 1]) * change < 0:
            return later
    return None
