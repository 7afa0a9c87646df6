"""What recurs on a grid: the weekday and the hour of each window, and the hours at which a column says enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.onset.series import FEWEST_ROWS, within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from audit_lab.monitor.onset.grid import Grid
    from audit_lab.monitor.onset.series import Series

__all__ = ["at_usual_hours", "recurring_cells"]

_HOURS = 24
#: A series is followed at the hours of the day that have so many of the windows that its fullest hour has.
_LEAST_HELD = 0.5


def recurring_cells(grid: Grid, held: NDArray[np.bool_]) -> list[tuple[str, NDArray[np.int64]]]:
    """Return the recurring cells of windows, by name, in the order in which they are taken away.

    By hour: the hour, the weekday, and what an hour has on its weekday beyond both, as weekends have other mornings.
    """
    weekdays = grid.weekdays[held]
    if grid.every != "1h":
        return [("weekday", weekdays)]
    hours = grid.hours_of_day[held]
    return [("hour", hours), ("weekday", weekdays), ("hour of the week", weekdays * _HOURS + hours)]


def at_usual_hours(series: Sequence[Series], grid: Grid) -> tuple[list[Series], list[str]]:
    """Leave out of each series the hours of the day at which most days say nothing, and say so.

    Those windows that do are of the days with the most rows: a pattern of the hour cannot be taken from them.
    """
    if grid.every != "1h":
        return list(series), []
    found, left = [], set()
    for one in series:
        held = np.bincount(grid.hours_of_day[one.held], minlength=_HOURS)
        rare = (held > 0) & (held < _LEAST_HELD * held.max())
        left |= set(np.flatnonzero(rare).tolist())
        found.append(within(one, ~rare[grid.hours_of_day]) if rare.any() else one)
    if not left:
        return found, []
    named = ", ".join(f"{hour}:00" for hour in sorted(left))
    return found, [f"columns that have {FEWEST_ROWS} rows on few days only at an hour are not followed then: {named}"]
