"""Spikes: windows far beyond the level about them that are over before they make a level of their own.

A change of level must gain its penalty over all of its windows; a storm of a day or two is told by how far its windows
lie from those about them. That is looked for in what is counted (rows, shares, missing values), on scales on which
counts scatter alike and nearly normally; the mean of a day may be far off by one row, and is left out. The rate at
which any spike is told without cause is set by resampling, as it is for changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.monitor.onset.calibration import FALSE_ALARM_RATE, RESAMPLES
from audit_lab.monitor.onset.season import standardised
from audit_lab.monitor.onset.series import VOLUME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from audit_lab.monitor.onset.calibration import Null
    from audit_lab.monitor.onset.changes import Change
    from audit_lab.monitor.onset.series import Series

__all__ = [
    "BESIDE",
    "LONGEST",
    "Departures",
    "Excursion",
    "departures",
    "excursions",
    "levels_apart",
    "resampled_simes",
]

#: A spike has so many windows at most; what lasts longer is a level.
LONGEST = 6
#: The level about a window is the median of it and of so many windows to either side.
BESIDE = 14
#: A window beside a spike belongs to it if it goes the same way by this part of its distance, and so many deviations.
_JOINS = 0.5
_LEAST_JOINING = 2.5
#: A median absolute deviation times this is the standard deviation of normal values.
_MAD_SCALE = 1.4826
_TOGETHER = 4_000


@dataclass(frozen=True, eq=False)
class Departures:
    """How far each window of each series lies from the level about it, shape (windows, series), and what chance does.

    `apart` is in standard deviations, each of which is `spread`, shape (series,); `p_values` is two-sided.
    """

    apart: NDArray[np.float64]
    p_values: NDArray[np.float64]
    spread: NDArray[np.float64]


@dataclass(frozen=True)
class Excursion:
    """A spike of one series, from the window `at` to `until` (excluded).

    `deviations` is the mean distance from the level about it, `gain` the sum of its squares, and `p_value` says how
    often a log without spikes shows one as strong anywhere.
    """

    at: int
    until: int
    deviations: float
    gain: float
    p_value: float

    def placed(self, places: NDArray[np.int64]) -> Excursion:
        """Return the same in the windows of the grid, `places` being those that the series says something in."""
        return replace(self, at=int(places[self.at]), until=int(places[self.until - 1]) + 1)


def levels_apart(values: NDArray[np.float64], changes: Sequence[Change]) -> NDArray[np.float64]:
    """Return a series less the median of each of its levels; what is no longer than a spike belongs to the one before.

    Parameters
    ----------
    values
        float64, shape (windows,).
    changes
        Those found in it, their places counted in `values`.
    """
    bounds = [0]
    for start, end in pairwise([0, *(change.at for change in changes), values.size]):
        if end - start > LONGEST and start - bounds[-1] > LONGEST:
            bounds.append(start)
    left = values.copy()
    for start, end in pairwise([*bounds, values.size]):
        left[start:end] -= np.median(left[start:end])
    return left


def departures(values: NDArray[np.float64], floor: NDArray[np.float64]) -> Departures:
    """Return how far each window is from the level about it, and how often chance alone takes it so far.

    Parameters
    ----------
    values
        Series without their pattern, shape (windows, series), finite.
    floor
        The least standard deviation of each, shape (series,): the sampling error of a share.

    Notes
    -----
    The level is a running median, the spread the median distance from it, so that neither knows of the spikes: Hampel,
    *The Influence Curve and its Role in Robust Estimation* (1974). p-values are those of normal values of that spread:
    days that counts with one spread, wider than sampling gives or not, would not bring forth.
    """
    frame = pl.DataFrame(values, schema=[f"{place}" for place in range(values.shape[1])])
    level = frame.select(pl.all().rolling_median(2 * BESIDE + 1, min_samples=BESIDE + 1, center=True)).to_numpy()
    left = values - np.where(np.isnan(level), np.median(values, axis=0), level)
    spread = np.maximum(_MAD_SCALE * np.median(np.abs(left), axis=0), floor)
    # Where most windows are equal, the spread is that of the few that are not.
    spread = np.where(spread > 0, spread, np.sqrt(np.mean(left**2, axis=0)))
    apart = np.divide(left, spread, out=np.zeros_like(left), where=spread > 0)
    return Departures(apart, _two_sided(apart), spread)


def counted(found: Departures, members: Sequence[Series], deviation: NDArray[np.float64]) -> Departures:
    """Return the same with the p-values that counts have, where those are larger.

    Few counts are not normal on any scale: where six are usual, none is less rare than it seems there. A share is held
    against the binomial distribution, a number of rows against Poisson's, both of as many rows as have the spread that
    was seen: the rows divided by its square, where it is more than sampling gives.

    Parameters
    ----------
    members, deviation
        The series, and what one unit of their scaled values is on the scale of the search, shape (series,).
    """
    from scipy.special import betainc, gammainc, gammaincc

    p_values = found.p_values.copy()
    for place, one in enumerate(members):
        held = one.held
        left = found.apart[:, place] * found.spread[place] * deviation[place]
        fewer = max((found.spread[place] * deviation[place]) ** 2, 1.0)
        usual = one.values[held] - left
        if one.statistic == VOLUME:
            count = one.total[held] / fewer
            expected = np.maximum((np.maximum(usual, 0) / 2) ** 2 - 3 / 8, 1e-9) * one.weight[held] / fewer
            below, above = gammaincc(count + 1, expected), gammainc(np.maximum(count, 1e-9), expected)
        else:
            rows = one.weight[held]
            angle = 2 * np.arcsin(np.sqrt((one.total[held] + 3 / 8) / (rows + 3 / 4))) - left / np.sqrt(rows + 1 / 2)
            share = np.clip(np.sin(np.clip(angle, 0, np.pi) / 2) ** 2, 1e-9, 1 - 1e-9)
            count, rows = one.total[held] / fewer, rows / fewer
            below = betainc(np.maximum(rows - count, 1e-9), count + 1, 1 - share)
            above = betainc(np.maximum(count, 1e-9), rows - count + 1, share)
        tail = np.where(left > 0, above, below)
        p_values[:, place] = np.maximum(p_values[:, place], np.minimum(2 * tail, 1.0))
    return replace(found, p_values=p_values)


def resampled_simes(nulls: Sequence[Null], seed: int) -> NDArray[np.float64]:
    """Return Simes' statistic of each of `RESAMPLES` logs without spikes, ascending.

    It is the least p-value times their number over its rank: Benjamini and Hochberg's procedure tells something at a
    level when it is not above that. Each resample has normal series with the correlation of neighbours of the real ones
    and is treated like them, pattern, level and spread estimated again. Series are drawn apart from one another; such
    as move together show less by chance, so that the rate is at most the stated one.
    """
    draws = np.random.default_rng(seed)
    size = sum(null.residuals.size for null in nulls)
    if not size:
        return np.zeros(0)
    found = np.zeros(RESAMPLES)
    width = max(sum(null.residuals.shape[1] for null in nulls), 1)
    step = max(_TOGETHER // width, 1)
    for first in range(0, RESAMPLES, step):
        count = min(step, RESAMPLES - first)
        parts = [_drawn(null, count, draws) for null in nulls]
        found[first : first + count] = _simes(np.concatenate(parts, axis=1))
    return np.sort(found)


def excursions(apart: Sequence[Departures], simes: NDArray[np.float64]) -> list[list[list[Excursion]]]:
    """Return the spikes of each series of each group.

    Windows are told by the procedure of Benjamini and Hochberg, *Controlling the False Discovery Rate* (1995), over all
    windows of all series, at the level that 5 % of the resamples reach; neighbours that go the same way are one spike,
    with those beside that go the same way by half as much.
    """
    if not simes.size:
        return [[[] for _ in one.apart.T] for one in apart]
    adjusted = _adjusted([one.p_values for one in apart])
    limit = float(simes[max(round(FALSE_ALARM_RATE * (RESAMPLES + 1)), 1) - 1])
    return [
        [_runs(one.apart[:, place], level[:, place], limit, simes) for place in range(one.apart.shape[1])]
        for one, level in zip(apart, adjusted, strict=True)
    ]


def _runs(
    apart: NDArray[np.float64], adjusted: NDArray[np.float64], limit: float, simes: NDArray[np.float64]
) -> list[Excursion]:
    sign = np.where(adjusted <= limit, np.sign(apart), 0.0)
    found = []
    for start, end in _joined(_same(sign), sign, apart):
        if end - start <= LONGEST:
            reached = np.searchsorted(simes, adjusted[start:end].min(), side="right")
            some = apart[start:end]
            p_value = float((1 + reached) / (1 + simes.size))
            found.append(Excursion(start, end, float(some.mean()), float((some**2).sum()), p_value))
    return found


def _same(sign: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the runs of windows that are told and go the same way."""
    edges = [0, *(np.flatnonzero(np.diff(sign)) + 1).tolist(), sign.size]
    return [(start, end) for start, end in pairwise(edges) if sign[start]]


def _joined(
    runs: Sequence[tuple[int, int]], sign: NDArray[np.float64], apart: NDArray[np.float64]
) -> list[tuple[int, int]]:
    """Return the runs with the windows beside that belong to them, unless they get too long for a spike by that.

    The second day of a storm is a day of it though it would not be told by itself. No run begins by that.
    """
    whole = sign.copy()
    for start, end in runs:
        way = sign[start]
        least = max(_JOINS * float(np.abs(apart[start:end]).mean()), _LEAST_JOINING)
        for places in (range(start - 1, -1, -1), range(end, sign.size)):
            for place in places:
                if sign[place] or way * apart[place] < least:
                    break
                whole[place] = way
    found = []
    for start, end in _same(whole):
        inside = [(first, last) for first, last in runs if start <= first and last <= end]
        found += [(start, end)] if end - start <= LONGEST else inside
    return found


def _drawn(null: Null, count: int, draws: np.random.Generator) -> NDArray[np.float64]:
    """Return p-values of resampled series, shape (count, windows * series)."""
    size, width = null.residuals.shape
    rho = np.tile(null.correlation, count)
    drawn = draws.standard_normal((size, width * count))
    for place in range(1, size if rho.any() else 1):
        drawn[place] = rho * drawn[place - 1] + np.sqrt(1 - rho**2) * drawn[place]
    if null.pattern is not None:
        drawn += np.tile(null.pattern, count)
    floor = np.tile(null.floor, count)
    places = np.flatnonzero(null.windows)
    standard = standardised(drawn, null.cells, null.reference, floor, places=places, farthest=np.inf)
    scale = np.where(standard.deviation > 0, standard.deviation, 1.0)
    p_values = departures(standard.values, floor / scale).p_values
    return p_values.reshape(size, count, width).transpose(1, 0, 2).reshape(count, -1)


def _simes(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    ranks = np.arange(1, p_values.shape[1] + 1)
    least: NDArray[np.float64] = (np.sort(p_values, axis=1) * (ranks.size / ranks)).min(axis=1)
    return least


def _adjusted(p_values: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Return for each window the least level at which it is told, in the shapes given."""
    flat = np.concatenate([one.ravel() for one in p_values])
    order = np.argsort(flat, kind="stable")
    level = flat[order] * (flat.size / np.arange(1, flat.size + 1))
    adjusted = np.empty_like(flat)
    adjusted[order] = np.minimum.accumulate(level[::-1])[::-1]
    ends = np.cumsum([one.size for one in p_values])[:-1]
    return [part.reshape(one.shape) for part, one in zip(np.split(adjusted, ends), p_values, strict=True)]


def _two_sided(apart: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import ndtr

    p_values: NDArray[np.float64] = 2 * ndtr(-np.abs(apart))
    return p_values
