"""From a change of a series to an onset: its dates, the levels in the series' own unit, its rows, its factor."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.onset.events import SPIKE, Onset
from audit_lab.monitor.onset.series import FEWEST_ROWS, MISSING, NUMBERS, OTHERS, SHARE, VOLUME
from audit_lab.monitor.onset.spikes import BESIDE
from audit_lab.monitor.onset.tallies import QUANTILES
from audit_lab.monitor.recognised.conversions import KNOWN_FACTORS, TOLERANCE, converts_from

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from audit_lab.monitor.onset.changes import Change
    from audit_lab.monitor.onset.grid import Grid
    from audit_lab.monitor.onset.series import Series
    from audit_lab.monitor.onset.spikes import Excursion
    from audit_lab.monitor.onset.tallies import NumberTally

__all__ = ["Followed", "dated", "in_grid", "is_of_a_change", "spiked"]

_FIGURES = len(QUANTILES) + 1
#: A figure of a level is told from another beyond so many of its standard errors.
_ERRORS = 3.0
#: A spike that differs from what is beside it by no more than this part of it seems none.
_HIDDEN = 0.15


@dataclass(frozen=True)
class Followed:
    """A column as it is spoken of.

    `expression` is what `AuditLog.find` calls it, None where it cannot; `unit` its unit; `categories` the expressions
    of categories that are not values of the log.
    """

    expression: str | None = None
    unit: str | None = None
    categories: Mapping[str, str] = field(default_factory=dict)


def in_grid(change: Change, places: NDArray[np.int64], size: int) -> Change:
    """Return a change whose places are windows of the grid.

    Parameters
    ----------
    places
        The windows that the series says something in. A change between two of them with others in between can have
        come with any of these.
    size
        The windows of the grid.
    """
    after = np.append(places, size)
    return replace(
        change,
        at=int(places[change.at]),
        earliest=int(places[change.earliest - 1]) + 1,
        latest=int(places[change.latest]),
        since=int(places[change.since]),
        until=int(after[change.until]),
        returned=None if change.returned is None else int(places[change.returned]),
    )


def dated(
    series: Series,
    change: Change,
    grid: Grid,
    penalties: NDArray[np.float64],
    *,
    tally: NumberTally | None,
    followed: Followed,
) -> Onset:
    """Return the onset that a change of a series is; its places are windows of the grid."""
    rows = series.rows
    found = _factor(tally, change, followed.unit) if series.statistic not in {MISSING, VOLUME} else None
    return Onset(
        column=series.column,
        statistic=series.statistic,
        category=series.category,
        at=grid.bounds[change.at],
        earliest=grid.bounds[change.earliest],
        latest=grid.bounds[change.latest],
        window=change.at,
        before=series.level(change.since, change.at),
        after=series.level(change.at, change.until),
        unit=_unit(series, grid, followed),
        deviations=change.after - change.before,
        p_value=float((1 + np.count_nonzero(penalties >= change.gain)) / (1 + penalties.size)),
        since=grid.bounds[change.since],
        until=grid.bounds[change.until],
        returned=None if change.returned is None else grid.bounds[change.returned],
        is_return=change.is_return,
        before_rows=int(rows[change.since : change.at].sum()),
        after_rows=int(rows[change.at : change.until].sum()),
        expression=_expression(series, followed),
        factor=None if found is None else found[0],
        conversion=None if found is None else found[1],
        gain=change.gain,
    )


def is_of_a_change(series: Series, spike: Excursion, changes: Sequence[Change]) -> bool:
    """Say whether a spike is no more than the window in which a change of its series happened: between both levels."""
    value = series.level(spike.at, spike.until)
    for one in changes:
        low, high = sorted((series.level(one.since, one.at), series.level(one.at, one.until)))
        if spike.at in {one.at - 1, one.at} and spike.until - spike.at == 1 and low <= value <= high:
            return True
    return False


def spiked(
    series: Series, spike: Excursion, grid: Grid, *, followed: Followed, changes: Sequence[Change] = ()
) -> Onset:
    """Return the onset that a spike of a series is; its places are windows of the grid.

    What was usual is the mean of the windows beside it; where those hide that it differs, as a change or other
    weekdays (or hours) lie among them, of those of its level, or else of its level's own weekday.
    """
    around = np.arange(max(spike.at - BESIDE, 0), min(spike.until + BESIDE, grid.size))
    begun = max((one.at for one in changes if one.at <= spike.at), default=0)
    over = min((one.at for one in changes if one.at > spike.at), default=grid.size)
    cells = grid.weekdays * 24 + (grid.hours_of_day if grid.every == "1h" else 0)
    level = np.arange(begun, over)
    after = series.level(spike.at, spike.until)
    for usual in (around, around[(around >= begun) & (around < over)], level[np.isin(cells[level], cells[spike.at])]):
        beside = usual[series.held[usual] & ((usual < spike.at) | (usual >= spike.until))]
        before = _mean(series, beside)
        if (after - before) * spike.deviations > _HIDDEN * abs(before) * abs(spike.deviations):
            break
    return Onset(
        column=series.column,
        statistic=series.statistic,
        category=series.category,
        at=grid.bounds[spike.at],
        earliest=grid.bounds[spike.at],
        latest=grid.bounds[spike.at],
        window=spike.at,
        before=before,
        after=after,
        unit=_unit(series, grid, followed),
        deviations=spike.deviations,
        p_value=spike.p_value,
        since=grid.bounds[int(around[0])],
        until=grid.bounds[spike.until],
        returned=grid.bounds[spike.until],
        is_return=False,
        before_rows=int(series.rows[beside].sum()),
        after_rows=int(series.rows[spike.at : spike.until].sum()),
        expression=_expression(series, followed),
        factor=None,
        conversion=None,
        gain=spike.gain,
        kind=SPIKE,
    )


def _mean(series: Series, windows: NDArray[np.int64]) -> float:
    weight = float(series.weight[windows].sum())
    return float(series.total[windows].sum()) / weight if weight else float("nan")


def _unit(series: Series, grid: Grid, followed: Followed) -> str:
    if series.statistic in {SHARE, MISSING}:
        return "share of rows"
    if series.statistic == VOLUME:
        return f"rows in a {grid.noun}"
    if series.statistic.startswith(("mean", "quantile")):
        return followed.unit or "the column's own unit"
    return "total variation, 0 to 1"


def _expression(series: Series, followed: Followed) -> str | None:
    if series.category is not None and series.category in followed.categories:
        return followed.categories[series.category]
    column = followed.expression
    if column is None or series.category in {NUMBERS, OTHERS}:
        return None
    if series.statistic == MISSING:
        return f"{column} is null"
    if series.category is not None:
        literal = series.category.replace("'", "''")
        return f"{column} = '{literal}'"
    return f"{column} is not null"


def _factor(tally: NumberTally | None, change: Change, unit: str | None) -> tuple[float, str] | None:
    """Return the known factor by which mean and quantiles all changed, and the conversion it stands for.

    A column whose unit is declared to be another than the one converted from has no such factor.

    Each ratio of levels must be as near to the factor as a change of unit would be, beyond three times the error that
    the windows' own scatter gives it; and no other known factor may fit as well.
    """
    if tally is None:
        return None
    before, spread_before = _figures(tally, change.since, change.at)
    after, spread_after = _figures(tally, change.at, change.until)
    if not (before * after > 0).all():
        return None
    logs = np.log(after / before)
    # One window has no scatter of its own; it has that of the other side.
    spreads = np.hypot(
        np.where(np.isnan(spread_before), spread_after, spread_before),
        np.where(np.isnan(spread_after), spread_before, spread_after),
    )
    if not np.isfinite(spreads).all():
        return None
    fitting = [
        factor
        for factor in KNOWN_FACTORS
        if (np.abs(logs - np.log(factor)) <= np.log1p(TOLERANCE) + _ERRORS * spreads).all()
        and converts_from(KNOWN_FACTORS[factor], unit)
    ]
    if len(fitting) != 1 or not (np.abs(logs) > _ERRORS * spreads).any():
        return None
    return fitting[0], KNOWN_FACTORS[fitting[0]]


def _figures(tally: NumberTally, start: int, end: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean level of quantiles and mean over a run of windows, and the relative standard error of each."""
    rows = tally.values[start:end].astype(np.float64)
    known = rows >= FEWEST_ROWS
    if not known.any():
        return np.zeros(_FIGURES), np.full(_FIGURES, np.nan)
    mean = tally.total[start:end][known] / rows[known]
    figures = np.column_stack([tally.quantiles[start:end][known], mean])
    weights = rows[known] / rows[known].sum()
    level = weights @ figures
    if known.sum() == 1:
        return level, np.full(_FIGURES, np.nan)
    error = figures.std(axis=0, ddof=1) * np.sqrt((weights**2).sum())
    relative = np.divide(error, np.abs(level), out=np.full(_FIGURES, np.nan), where=level != 0)
    return level, relative
