"""From a change of a series to an onset: its dates, the levels in the series' own unit, its rows, its factor."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.onset.events import Onset
from audit_lab.monitor.onset.series import MISSING, OTHERS, SHARE, VOLUME
from audit_lab.monitor.units import KNOWN_FACTORS, TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from audit_lab.monitor.onset.changes import Change
    from audit_lab.monitor.onset.grid import Grid
    from audit_lab.monitor.onset.series import Series
    from audit_lab.monitor.onset.tallies import NumberTally

__all__ = ["Followed", "dated", "in_grid"]


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
    found = _factor(tally, change) if series.statistic not in {MISSING, VOLUME} else None
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
    if column is None or series.category == OTHERS:
        return None
    if series.statistic == MISSING:
        return f"{column} is null"
    if series.category is not None:
        literal = series.category.replace("'", "''")
        return f"{column} = '{literal}'"
    return f"{column} is not null"


def _factor(tally: NumberTally | None, change: Change) -> tuple[float, str] | None:
    """Return the known factor by which mean and quantiles all changed, and the conversion it stands for."""
    if tally is None:
        return None
    before, after = (_figures(tally, start, end) for start, end in _sides(change))
    if before is None or after is None or (before == 0).any() or (after * before <= 0).any():
        return None
    ratios = after / before
    near = min(KNOWN_FACTORS, key=lambda factor: abs(np.log(ratios.mean() / factor)))
    fits = bool(np.all(np.abs(ratios / near - 1) <= 2 * TOLERANCE)) and abs(ratios.mean() / near - 1) <= TOLERANCE
    return (near, KNOWN_FACTORS[near]) if fits else None


def _sides(change: Change) -> tuple[tuple[int, int], tuple[int, int]]:
    return (change.since, change.at), (change.at, change.until)


def _figures(tally: NumberTally, start: int, end: int) -> NDArray[np.float64] | None:
    """Return the mean and the windows' mean quantiles over a run of windows."""
    values = tally.values[start:end].astype(np.float64)
    if not values.sum():
        return None
    quantiles = np.nansum(tally.quantiles[start:end] * values[:, None], axis=0) / values.sum()
    return np.append(quantiles, tally.total[start:end].sum() / values.sum())
