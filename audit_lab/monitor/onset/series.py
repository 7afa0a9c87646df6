"""Series over windows: what is followed of each column, in its own unit and on the scale of the search."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.onset.tallies import MOST_CATEGORIES, QUANTILES, CategoryTally, NumberTally

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audit_lab.monitor.onset.grid import Grid
    from audit_lab.monitor.onset.tallies import Tally

__all__ = [
    "DISTANCE",
    "MEAN",
    "MISSING",
    "NUMBERS",
    "OTHERS",
    "SHARE",
    "VOLUME",
    "Series",
    "is_constant",
    "series_of",
    "volume_series",
    "within",
]

MEAN, MISSING, SHARE, VOLUME = "mean", "missing rate", "share", "rows"
DISTANCE = "distance from the reference"

#: A window with fewer rows says nothing about shares, means and quantiles.
FEWEST_ROWS = 10
#: A category is followed if it has this share of all rows, or this one of some window's; the others are one together.
_LEAST_SHARE = 0.01
_LEAST_PEAK = 0.1
#: Of fewer windows than this nothing is said.
FEWEST_WINDOWS = 14
#: What follows the others' name; no category of a log is called so in an expression.
OTHERS = "(others)"
#: The values of a text that are numbers.
NUMBERS = "(numbers)"
_TWO = 2


@dataclass(frozen=True, eq=False)
class Series:
    """One statistic of one column over the windows.

    Attributes
    ----------
    column, statistic, category
        What it is of; `category` only for a share.
    total, weight
        The statistic of a run of windows is ``sum(total) / sum(weight)``, shape (windows,).
    values
        On the scale of the search, in units in which a window's variance does not depend on its rows; NaN where a
        window says nothing.
    floor
        The least standard deviation of `values` that sampling alone gives; 0 where none is known.
    rows
        Rows that each window's value rests on.
    """

    column: str
    statistic: str
    category: str | None
    total: NDArray[np.float64]
    weight: NDArray[np.float64]
    values: NDArray[np.float64]
    floor: float
    rows: NDArray[np.int64]

    @property
    def held(self) -> NDArray[np.bool_]:
        """Which windows say something."""
        return np.isfinite(self.values)

    def level(self, start: int, end: int) -> float:
        """Return the statistic over the windows from `start` to `end`, excluded, that say something."""
        some = self.held[start:end]
        weight = float(self.weight[start:end][some].sum())
        return float(self.total[start:end][some].sum()) / weight if weight else float("nan")

    @property
    def plotted(self) -> NDArray[np.float64]:
        """The statistic of each window, NaN where it says nothing."""
        known = self.held & (self.weight > 0)
        found = np.full(self.total.size, np.nan)
        np.divide(self.total, self.weight, out=found, where=known)
        return found


def series_of(
    tally: Tally, grid: Grid, reference: range, *, with_volume: bool = False
) -> tuple[list[Series], list[str]]:
    """Return what is followed of a column, and facts to be stated about it.

    Parameters
    ----------
    with_volume
        Follow how many rows have a value at all.
    """
    found: list[Series] = []
    facts: list[str] = []
    missing = tally.rows - tally.values if isinstance(tally, NumberTally) else tally.missing
    if tally.rows.sum() and missing.sum() == tally.rows.sum():
        odd = tally.not_finite if isinstance(tally, NumberTally) else 0
        gone = f"; {odd:,} values are NaN or infinite" if odd else ""
        what = "has no finite value" if odd else "is missing in every row"
        return [], [f"{tally.name} {what}{gone}"]
    if is_single(tally):
        facts = [f"{tally.name} has one value wherever it has any: nothing but its missing rate can change"]
    if isinstance(tally, NumberTally):
        found, said = _of_numbers(tally, reference)
        facts += said
    elif tally.is_scattered:
        found = _of_scattered(tally)
        besides = f", and what has a tenth of some {grid.noun}'s rows" if tally.peaks else ""
        followed = f"only its missing rate is followed, how much of it is numbers{besides}"
        facts = [f"{tally.name} has more than {MOST_CATEGORIES} different texts: {followed}"]
    else:
        found = _of_categories(tally, reference)
    if missing.any():
        found.append(_share(tally.name, MISSING, None, missing, tally.rows))
    if with_volume and missing.any():
        found.append(volume_series(tally.name, tally.rows - missing, grid))
    return [one for one in found if not is_constant(one)], facts


def volume_series(column: str, rows: NDArray[np.int64], grid: Grid) -> Series:
    """Return how many rows each window has, of the usual length; the first and the last may be cut short, and are out.

    The square root of a count has about the same variance whatever the count is: Anscombe (1948).
    """
    usual = float(np.median(grid.hours))
    scaled = rows * usual / grid.hours
    values = 2 * np.sqrt(scaled + 0.375)
    values[[0, -1]] = np.nan
    return Series(column, VOLUME, None, rows.astype(np.float64), grid.hours / usual, values, 0.0, rows)


def within(one: Series, whole: NDArray[np.bool_]) -> Series:
    """Return a series of which the windows that are not `whole` say nothing: half a day is no day."""
    return replace(one, values=np.where(whole, one.values, np.nan))


def _of_numbers(tally: NumberTally, reference: range) -> tuple[list[Series], list[str]]:
    enough = tally.values >= FEWEST_ROWS
    count = tally.values.astype(np.float64)
    facts = []
    if tally.not_finite:
        facts.append(f"{tally.name}: {tally.not_finite:,} values are NaN or infinite and count as missing")
    if not enough.any():
        return [], [*facts, f"{tally.name}: no window has {FEWEST_ROWS} values"]
    mean = np.divide(tally.total, count, out=np.full(count.size, np.nan), where=enough)
    found = [Series(tally.name, MEAN, None, tally.total, count, _weighed(mean, count, reference), 0.0, tally.values)]
    for place, at in enumerate(QUANTILES):
        quantile = np.where(enough, tally.quantiles[:, place], np.nan)
        values = _weighed(quantile, count, reference)
        steps = np.diff(values[np.isfinite(values)])
        # A quantile that mostly repeats itself moves in steps of the column's own values, which no scale describes.
        if steps.size and np.median(np.abs(steps)) > 0:
            total = np.where(enough, tally.quantiles[:, place], 0.0) * count
            found.append(Series(tally.name, f"quantile {at:g}", None, total, count, values, 0.0, tally.values))
    return [*found, *_distance(tally.name, tally.binned, reference)], facts


def _of_categories(tally: CategoryTally, reference: range) -> list[Series]:
    names, counts = tally.counts()
    rows = counts.sum(axis=1)
    shares = np.divide(counts, rows[:, None], out=np.zeros(counts.shape), where=rows[:, None] >= FEWEST_ROWS)
    large = counts.sum(axis=0) >= _LEAST_SHARE * max(rows.sum(), 1)
    followed = large | (shares.max(axis=0, initial=0.0) >= _LEAST_PEAK)
    if len(names) == _TWO:
        # Of two categories, one is what the other is not: the rarer is followed.
        followed = np.arange(_TWO) == np.argmin(counts.sum(axis=0))
    found = [
        _share(tally.name, SHARE, name, counts[:, place], rows) for place, name in enumerate(names) if followed[place]
    ]
    if len(names) > _TWO and not followed.all():
        found.append(_share(tally.name, SHARE, OTHERS, counts[:, ~followed].sum(axis=1), rows))
    return [*found, *_distance(tally.name, counts, reference)]


def _of_scattered(tally: CategoryTally) -> list[Series]:
    """Return what is followed of a text that is an id or free: the texts that stood out, and the share of numbers."""
    held = tally.rows - tally.missing
    names, counts = tally.counts()
    found = [_share(tally.name, SHARE, name, counts[:, place], held) for place, name in enumerate(names)]
    return [*found, _share(tally.name, SHARE, NUMBERS, tally.numbers, held)]


def _share(
    column: str, statistic: str, category: str | None, counts: NDArray[np.int64], rows: NDArray[np.int64]
) -> Series:
    """Return a share; its arcsine has about the same variance whatever the share is: Anscombe (1948)."""
    angle = 2 * np.arcsin(np.sqrt((counts + 0.375) / (rows + 0.75)))
    usual = np.median(angle[rows >= FEWEST_ROWS]) if (rows >= FEWEST_ROWS).any() else 0.0
    values = np.where(rows >= FEWEST_ROWS, (angle - usual) * np.sqrt(rows + 0.5), np.nan)
    return Series(column, statistic, category, counts.astype(float), rows.astype(float), values, 1.0, rows)


def _distance(column: str, counts: NDArray[np.int64], reference: range) -> list[Series]:
    """Return the total variation distance of each window from the reference, which leaves that window out.

    ``max |P(A) - Q(A)|``, half the sum of the differences of shares; by chance it is proportional to one over the
    square root of the window's rows, which is taken out of the scale of the search.
    """
    if counts.shape[1] < _TWO:
        return []
    rows = counts.sum(axis=1)
    within = np.isin(np.arange(rows.size), reference)
    others = counts[within].sum(axis=0) - np.where(within[:, None], counts, 0)
    total = others.sum(axis=1)
    enough = (rows >= FEWEST_ROWS) & (total >= FEWEST_ROWS)
    shares = np.divide(counts, rows[:, None], out=np.zeros(counts.shape), where=enough[:, None])
    usual = np.divide(others, total[:, None], out=np.zeros(counts.shape), where=enough[:, None])
    distance = np.abs(shares - usual).sum(axis=1) / 2
    values = np.where(enough, distance * np.sqrt(rows), np.nan)
    weight = rows.astype(np.float64)
    return [Series(column, DISTANCE, None, distance * weight, weight, values, 0.0, rows)]


def _weighed(values: NDArray[np.float64], rows: NDArray[np.float64], reference: range) -> NDArray[np.float64]:
    """Return differences from the reference's median, as if each window had the usual number of rows."""
    known = np.isfinite(values)
    mine = known & np.isin(np.arange(values.size), reference)
    usual = np.median(values[mine if mine.any() else known])
    weighed: NDArray[np.float64] = (values - usual) * np.sqrt(rows / np.median(rows[known]))
    return weighed


def is_single(tally: Tally) -> bool:
    """Return whether a column has one value wherever it has any."""
    if isinstance(tally, NumberTally):
        known = tally.quantiles[tally.values > 0]
        same = bool(known.size) and float(known.min()) == float(known.max())
        # All three quantiles agree with the mean only where no row lies beyond them.
        return same and bool(np.allclose(tally.total, known.flat[0] * tally.values, rtol=1e-12, atol=0.0))
    return not tally.is_scattered and len(tally.counts()[0]) == 1


def is_constant(one: Series) -> bool:
    """Return whether nothing can have changed: the series says the same in every window, or in too few."""
    values = one.values[one.held]
    return bool(values.size < FEWEST_WINDOWS or np.ptp(one.plotted[one.held]) == 0)


def by_windows(series: tuple[Series, ...]) -> list[tuple[NDArray[np.bool_], list[Series]]]:
    """Put series together that have the same windows, in their order."""
    groups: dict[bytes, tuple[NDArray[np.bool_], list[Series]]] = {}
    for one in series:
        groups.setdefault(one.held.tobytes(), (one.held, []))[1].append(one)
    return list(groups.values())
