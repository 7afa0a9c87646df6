"""What came with an event: whether the number of rows was otherwise at the date that another series gives.

At a known date a smaller change can be told than at an unknown one: no penalty pays for the search.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.onset.events import Onset, OnsetEvent
from audit_lab.monitor.onset.series import VOLUME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from audit_lab.monitor.onset.grid import Grid
    from audit_lab.monitor.onset.series import Series

__all__ = ["Volume", "with_volumes"]

#: An event is compared with so many windows before it (and after, where it ended), or with as many as it has if fewer.
_BESIDE = 28
_FEWEST = 7
_LEVEL = 0.05


@dataclass(frozen=True, eq=False)
class Volume:
    """A series of rows with its scaled values over the grid, NaN where it says nothing, and their long-run variance."""

    series: Series
    values: NDArray[np.float64]
    spread: float


def with_volumes(events: Sequence[OnsetEvent], volumes: Sequence[Volume], grid: Grid) -> tuple[OnsetEvent, ...]:
    """Add to each event the volumes that differ within it from the windows beside, where it has none of its own.

    The test is that of two means of known variance, at 5 % over all events and volumes together (Bonferroni).
    """
    tests = sum(not event.is_return for event in events) * len(volumes)
    return tuple(_with(event, volumes, grid, tests) for event in events)


def _with(event: OnsetEvent, volumes: Sequence[Volume], grid: Grid, tests: int) -> OnsetEvent:
    known = {one.column for one in event.onsets if one.statistic == VOLUME}
    if event.is_return:
        return event
    found = (_compared(event.onsets[0], one, grid, tests) for one in volumes if one.series.column not in known)
    return OnsetEvent((*event.onsets, *(one for one in found if one is not None)))


def _compared(anchor: Onset, volume: Volume, grid: Grid, tests: int) -> Onset | None:
    start = anchor.window
    end = grid.bounds.index(anchor.until if anchor.returned is None else anchor.returned)
    length = min(end - start, _BESIDE)
    last = end if anchor.returned is not None else start + length
    inside = np.arange(start, last)
    before = np.arange(max(start - max(length, _FEWEST), 0), start)
    after = np.arange(last, min(last + max(length, _FEWEST), grid.size)) if anchor.returned is not None else before[:0]
    beside = np.concatenate([before, after])
    inside, beside = (some[np.isfinite(volume.values[some])] for some in (inside, beside))
    if not inside.size or beside.size < _FEWEST:
        return None
    shift = float(volume.values[inside].mean() - volume.values[beside].mean())
    deviation = math.sqrt(volume.spread * (1 / inside.size + 1 / beside.size))
    p_value = math.erfc(abs(shift) / deviation / math.sqrt(2)) * tests
    if p_value > _LEVEL:
        return None
    series = volume.series
    return replace(
        anchor,
        column=series.column,
        statistic=VOLUME,
        category=None,
        before=_level(series, beside),
        after=_level(series, inside),
        unit=f"rows in a {grid.noun}",
        deviations=shift,
        p_value=p_value,
        since=grid.bounds[int(before[0])] if before.size else anchor.since,
        until=grid.bounds[last],
        before_rows=int(series.rows[beside].sum()),
        after_rows=int(series.rows[inside].sum()),
        expression=None,
        factor=None,
        conversion=None,
        gain=(shift / deviation) ** 2,
    )


def _level(series: Series, windows: NDArray[np.int64]) -> float:
    return float(series.total[windows].sum() / series.weight[windows].sum())
