"""The search: which series changed, and when, at a false alarm rate that resampling has set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.errors import LogError, NotFoundError
from audit_lab.log.schema import TIME
from audit_lab.monitor.onset import words
from audit_lab.monitor.onset.accompanying import Volume, with_volumes
from audit_lab.monitor.onset.calibration import FALSE_ALARM_RATE, RESAMPLES, Null, resampled_penalties
from audit_lab.monitor.onset.cells import at_usual_hours, recurring_cells
from audit_lab.monitor.onset.changes import find_changes, levels_removed
from audit_lab.monitor.onset.concentrated import with_concentrations
from audit_lab.monitor.onset.dated import Followed, dated, in_grid, is_of_a_change, spiked
from audit_lab.monitor.onset.events import OnsetEvent, grouped
from audit_lab.monitor.onset.grid import cut_short, grid_of, reference_windows
from audit_lab.monitor.onset.season import FARTHEST, long_run, standardised, usable_cells
from audit_lab.monitor.onset.series import (
    FEWEST_WINDOWS,
    MISSING,
    SHARE,
    VOLUME,
    by_windows,
    is_constant,
    series_of,
    volume_series,
    within,
)
from audit_lab.monitor.onset.spikes import counted, departures, excursions, levels_apart, resampled_simes
from audit_lab.monitor.onset.tallies import NumberTally, rows_by_window, tallied
from audit_lab.seal.hidden_letters import spelling, spelling_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from audit_lab.monitor.onset.changes import Change
    from audit_lab.monitor.onset.events import Onset
    from audit_lab.monitor.onset.grid import Grid
    from audit_lab.monitor.onset.series import Series
    from audit_lab.monitor.onset.spikes import Excursion
    from audit_lab.monitor.onset.tallies import Reader

__all__ = ["Onsets", "find_onsets"]

#: The column under which the volume of the log itself is followed.
ROWS = "rows"
#: Plain changes are taken away before resampling, at so many logarithms of the windows: there chance shows none.
_PLAIN = 4.0
#: A series whose neighbours agree more than this moves all the time.
_RESTLESS = 0.9
#: What spikes are looked for in: what is counted.
_COUNTED = {MISSING, SHARE, VOLUME}


@dataclass(frozen=True, eq=False)
class Onsets:
    """When what began; :func:`find_onsets` makes it.

    Attributes
    ----------
    events
        Changes of one date together, in order of time.
    spikes
        Windows far beyond the level about them, those of one date together, in order of time: at a rate of their own.
    penalties
        What a change had to gain at least, in squared deviations, so that a log without changes shows one in 5 % of
        cases: of the calmest series and of the one with the farthest values. None where nothing could be searched.
    reference
        The period that gave bins and distances, the end excluded.
    restless
        Columns that move all the time, so that little can be dated in them.
    facts
        Plain sentences about the data that the dates must be read with.
    every, zone, columns, windows, series_count, rows
        The call, and how much was looked at.
    """

    events: tuple[OnsetEvent, ...]
    spikes: tuple[OnsetEvent, ...]
    penalties: tuple[float, float] | None
    reference: tuple[datetime, datetime]
    restless: tuple[str, ...]
    facts: tuple[str, ...]
    every: str
    zone: str
    columns: tuple[str, ...]
    windows: int
    series_count: int
    rows: int
    seed: int
    _grid: Grid = field(repr=False)
    _series: tuple[Series, ...] = field(repr=False)

    @property
    def onsets(self) -> tuple[Onset, ...]:
        """Every change, in order of the events."""
        return tuple(one for event in self.events for one in event.onsets)

    @property
    def spike_onsets(self) -> tuple[Onset, ...]:
        """Every spike, in order of time."""
        return tuple(one for event in self.spikes for one in event.onsets)

    def table(self) -> pl.DataFrame:
        """Return one row for each change and spike, with the number of its event and all that an `Onset` states."""
        return words.table(self)

    def series(self, column: str, statistic: str, category: str | None = None) -> pl.DataFrame:
        """Return one series that was searched.

        Returns
        -------
        polars.DataFrame
            ``window_start``, ``window_end``, ``value`` (null where the window says nothing), ``rows``.

        Raises
        ------
        NotFoundError
            No such series was searched.
        """
        for one in self._series:
            if (one.column, one.statistic, one.category) == (column, statistic, category):
                value = pl.Series("value", one.plotted).fill_nan(None)
                bounds = self._grid.bounds
                frame = {"window_start": bounds[:-1], "window_end": bounds[1:], "value": value, "rows": one.rows}
                return pl.DataFrame(frame, schema_overrides={"window_start": TIME, "window_end": TIME})
        message = f"No series was searched for {column!r}, {statistic!r}, {category!r}"
        known = ", ".join(dict.fromkeys(one.statistic for one in self._series if one.column == column))
        raise NotFoundError(message, f"Of {column!r} there are: {known or 'none'}; see Onsets.searched().")

    def searched(self) -> pl.DataFrame:
        """Return ``column``, ``statistic`` and ``category`` of every series that was searched."""
        rows = [(one.column, one.statistic, one.category) for one in self._series]
        return pl.DataFrame(rows, schema=dict.fromkeys(("column", "statistic", "category"), pl.String), orient="row")

    @spelling_text
    def summary(self) -> list[str]:
        """Return plain sentences; the first says since when, or that nothing began."""
        return words.sentences(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the whole answer JSON-safe."""
        return words.to_dict(self)

    @spelling
    def _repr_html_(self) -> str:
        return words.to_html(self)


def find_onsets(
    read: Reader,
    hours: pl.DataFrame,
    columns: Sequence[str],
    *,
    every: str = "1d",
    zone: str = "UTC",
    reference: tuple[datetime, datetime] | None = None,
    followed: Mapping[str, Followed] | None = None,
    with_volume: bool = True,
    followed_by_volume: Sequence[str] = (),
    places: Sequence[str] | None = None,
    whole: Callable[[datetime, datetime], tuple[bool, bool]] | None = None,
    seed: int = 0,
) -> Onsets:
    """Date the changes of what columns hold, of how much of it is missing, and of the number of rows.

    Parameters
    ----------
    read
        Returns the rows of ``start <= occurred_at < end`` as a frame with ``occurred_at`` and the columns, numbers as
        float64 and everything else as text.
    hours
        ``hour`` and ``rows``: how many rows each hour (UTC) has. It gives the span, and the size of a batch.
    columns
        What is followed. A number has its mean, its quantiles 0.1, 0.5 and 0.9, its missing rate; a category the share
        of each value that has at least 1 % of the rows, or 10 % of a window's; both their distance from the reference.
    every
        ``1d`` or ``1h``.
    zone
        IANA zone whose days and hours are meant.
    reference
        The period that gives the bins and the pattern of weekday and hour. By default the bins come from the first 8
        weeks, or the first half of the windows where that is less, and the pattern from all windows.
    followed
        How columns are spoken of.
    with_volume, followed_by_volume
        Whether the number of rows is followed, and of which columns the number of values.
    places
        In whose categories missing values can concentrate: what rows come with, not what became of them. All when None.
    whole
        Returns whether the window that begins at the first moment, and the one that ends at the second, is known to be
        there wholly. Otherwise one that begins later, or ends earlier, than the others is in no series, as today is.
    seed
        Of the resamples.

    Raises
    ------
    LogError
        There are no rows with a time.
    MisuseError
        No such window or zone, too many windows, or a reference without windows.
    """
    if hours.is_empty():
        raise LogError("There are no rows with a time to date changes in", "Check the period and the model.")
    grid = grid_of(every, zone, *_span(hours))
    volume = rows_by_window(grid, hours)
    chosen = reference_windows(grid, reference)
    tallies = tallied(read, grid, volume, columns, chosen)
    begun, over = (False, False) if whole is None else whole(grid.bounds[0], grid.bounds[-1])
    short_first, short_last = cut_short(grid, hours)
    usable = np.ones(grid.size, dtype=bool)
    usable[0] &= begun or not short_first
    usable[-1] &= over or not short_last
    rows = tallies[0].rows if tallies else volume
    series: list[Series] = [volume_series(ROWS, rows, grid)] if with_volume else []
    facts: list[str] = []
    for one in tallies:
        found, said = series_of(one, grid, chosen, with_volume=one.name in followed_by_volume)
        series, facts = series + found, facts + said
    series, said = at_usual_hours([within(each, usable) for each in series], grid)
    facts += said
    series = [one for one in series if not is_constant(one)]
    searched = [one for one in series if np.count_nonzero(one.held) >= FEWEST_WINDOWS]
    facts += words.grid_facts(grid, volume, len(searched), chosen, usable)
    pattern = np.isin(np.arange(grid.size), chosen) if reference is not None else np.ones(grid.size, dtype=bool)
    search = _Search(grid, pattern, tuple(searched), seed)
    facts += search.facts
    numbers = {one.name: one for one in tallies if isinstance(one, NumberTally)}
    onsets = [
        dated(
            one,
            change,
            grid,
            search.highest * measure,
            tally=numbers.get(one.column),
            followed=(followed or {}).get(one.column, Followed()),
        )
        for one, measure, changes in search.changes
        for change in changes
    ]
    known = {(one.column, one.statistic, one.category, one.at, one.returned) for one in onsets}
    of_series = {id(one): changes for one, _, changes in search.changes}
    spikes = [
        spiked(
            one,
            spike,
            grid,
            followed=(followed or {}).get(one.column, Followed()),
            changes=of_series.get(id(one), ()),
        )
        for one, found in search.spikes
        for spike in found
        if not is_of_a_change(one, spike, of_series.get(id(one), ()))
    ]
    # What is told as a level that came and went is not told again.
    spikes = [one for one in spikes if (one.column, one.statistic, one.category, one.at, one.returned) not in known]
    return Onsets(
        events=with_concentrations(with_volumes(grouped(onsets), search.volumes, grid), read, grid, tallies, places),
        spikes=with_concentrations(with_volumes(grouped(spikes), search.volumes, grid), read, grid, tallies, places),
        penalties=(min(search.penalties), max(search.penalties)) if search.penalties else None,
        reference=(grid.bounds[chosen.start], grid.bounds[chosen.stop]),
        restless=tuple(dict.fromkeys(one.column for one in search.restless)),
        facts=tuple(facts),
        every=every,
        zone=zone,
        columns=tuple(columns),
        windows=grid.size,
        series_count=len(searched),
        rows=int(volume.sum()),
        seed=seed,
        _grid=grid,
        _series=tuple(searched),
    )


class _Search:
    """One search over all series of a grid.

    Attributes
    ----------
    highest
        Of the resamples, ascending, in parts of each series' measure; empty where nothing was searched.
    penalties
        What a change must gain, of each series that was searched.
    changes
        Each series with its measure and its changes, whose places are windows of the grid.
    spikes
        Each series in which spikes are looked for with those that it has, their places likewise.
    volumes
        The series of numbers of rows, scaled.
    restless
        The series that move all the time.
    facts
        What was not taken away.
    """

    def __init__(self, grid: Grid, pattern_from: NDArray[np.bool_], series: tuple[Series, ...], seed: int) -> None:
        self.restless: list[Series] = []
        self.facts: list[str] = []
        self.changes: list[tuple[Series, float, list[Change]]] = []
        self.highest: NDArray[np.float64] = np.zeros(0)
        self.penalties: list[float] = []
        self.volumes: list[Volume] = []
        self.spikes: list[tuple[Series, list[Excursion]]] = []
        self._grid, self._pattern_from = grid, pattern_from
        nulls, scaled, unbounded, deviations = [], [], [], []
        groups = by_windows(series)
        for held, members in groups:
            null, values, deviation = self._null(held, members)
            nulls.append(null)
            deviations.append(deviation)
            scaled.append(np.clip(values, -FARTHEST, FARTHEST))
            unbounded.append(values)
        if not nulls:
            return
        self.highest, measures = resampled_penalties(nulls, seed)
        within: list[list[Change]] = []
        limit = float(self.highest[round((1 - FALSE_ALARM_RATE) * (RESAMPLES + 1)) - 1])
        for null, members, values, measured in zip(nulls, (one for _, one in groups), scaled, measures, strict=True):
            places = np.flatnonzero(null.windows)
            spreads = long_run(null.correlation).tolist()
            for one, column, measure, spread in zip(members, values.T, measured.tolist(), spreads, strict=True):
                if one.statistic == VOLUME:
                    whole = np.full(grid.size, np.nan)
                    whole[places] = column
                    self.volumes.append(Volume(one, whole, spread))
                found = find_changes(column, limit * measure, spread)
                self.penalties.append(limit * measure)
                self.changes.append((one, measure, [in_grid(change, places, grid.size) for change in found]))
                within.append(found)
        self._find_spikes(
            nulls, list(zip(unbounded, deviations, strict=True)), [one for _, one in groups], within, seed
        )

    def _find_spikes(
        self,
        nulls: list[Null],
        values: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
        members: list[list[Series]],
        changes: list[list[Change]],
        seed: int,
    ) -> None:
        """Find the spikes of what is counted."""
        left, kept, apart, followed = iter(changes), [], [], []
        for null, (columns, deviation), mine in zip(nulls, values, members, strict=True):
            levels = [levels_apart(column, next(left)) for column in columns.T]
            chosen = [place for place, one in enumerate(mine) if one.statistic in _COUNTED]
            if chosen:
                chosen_null = null.only(chosen)
                far = departures(np.column_stack([levels[place] for place in chosen]), chosen_null.floor)
                kept.append(chosen_null)
                followed.append([mine[place] for place in chosen])
                apart.append(counted(far, followed[-1], deviation[chosen]))
        simes = resampled_simes(kept, seed)
        for null, mine, found in zip(kept, followed, excursions(apart, simes), strict=True):
            places = np.flatnonzero(null.windows)
            for one, some in zip(mine, found, strict=True):
                self.spikes.append((one, [spike.placed(places) for spike in some]))

    def _null(
        self, held: NDArray[np.bool_], members: list[Series]
    ) -> tuple[Null, NDArray[np.float64], NDArray[np.float64]]:
        """Bring series that have the same windows to one scale, and take away what plainly changed."""
        grid = self._grid
        reference = self._pattern_from[held]
        reference |= np.count_nonzero(reference) < FEWEST_WINDOWS
        cells = recurring_cells(grid, held)
        usable = usable_cells(cells, reference, np.flatnonzero(held))
        for name, _ in cells:
            fact = words.not_removed(name)
            if name not in [used for used, _ in usable] and fact not in self.facts:
                self.facts.append(fact)
        values = np.column_stack([one.values[held] for one in members])
        floor = np.array([one.floor for one in members])
        removed = [cell for _, cell in usable]
        standard = standardised(values, removed, reference, floor, places=np.flatnonzero(held), farthest=np.inf)
        self.restless += [one for one, rho in zip(members, standard.correlation, strict=True) if rho > _RESTLESS]
        plain = _PLAIN * np.log(held.sum()) * long_run(standard.correlation)
        residuals = np.column_stack(
            [
                levels_removed(column, float(at))
                for column, at in zip(np.clip(standard.values, -FARTHEST, FARTHEST).T, plain, strict=True)
            ]
        )
        scale = np.where(standard.deviation > 0, standard.deviation, 1.0)
        pattern = standard.pattern / scale if grid.every == "1h" else None
        null = Null(held, residuals, standard.correlation, floor / scale, removed, reference, pattern)
        return null, standard.values, scale


def _span(hours: pl.DataFrame) -> tuple[datetime, datetime]:
    return hours["hour"].min(), hours["hour"].max()  # type: ignore[return-value]
