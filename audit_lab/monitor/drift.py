"""Drift: what moved in a log, window by window, against a named reference."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError, NotFoundError
from audit_lab.log.schema import TIME
from audit_lab.monitor import report
from audit_lab.monitor.bins import MOST_VALUES, NumericBins
from audit_lab.monitor.counts import Rows, extent
from audit_lab.monitor.episodes import Episode, VanishedCategory, find_episodes, find_vanished, is_restless
from audit_lab.monitor.levels import levels, median_within, values_between
from audit_lab.monitor.reference import Reference, described_reference, reference_period
from audit_lab.monitor.units import UnitChange, find_unit_changes
from audit_lab.monitor.verdict import MINIMUM_ROWS, STABLE, TOO_FEW_ROWS, finding_table, judge
from audit_lab.monitor.window_counts import WindowCounts, count_windows, reference_bins
from audit_lab.monitor.windows import utc, window_length

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from audit_lab.monitor.bins import Bins
    from audit_lab.monitor.counts import Extent, Source
    from audit_lab.monitor.verdict import Finding

__all__ = ["Drift", "drift"]

#: A day, or else a window, with fewer values than this has no median worth comparing ...
_STEP_ROWS = 30
#: ... and days will do if they hold this share of the rows.
_STEP_COVERAGE = 0.8
#: A text column with more different texts than this part of the rows is an id rather than a category.
_SCATTERED_PART = 0.5

_ONSETS: dict[str, pl.DataType | type[pl.DataType]] = {
    "column": pl.String,
    "onset": TIME,
    "until": TIME,
    "windows": pl.Int64,
    "ongoing": pl.Boolean,
    "what": pl.String,
}


@dataclass(frozen=True, eq=False)
class Drift:
    """What moved, window by window, against a reference; :func:`drift` makes it.

    Attributes
    ----------
    table
        One row for each window and column: ``window_start``, ``window_end``, ``rows``, ``column``, ``kind``
        ("numeric" or "categorical"), ``psi``, ``psi_noise`` (what chance alone stays below in 99.9 % of windows),
        ``js_distance``, ``ks`` and ``ks_p_value`` (null for text), ``missing_rate``, ``new_categories``,
        ``vanished_categories``, ``verdict`` ("stable", "moderate", "major" or "too few rows").
    volume
        Rows of each window, windows without rows included: ``window_start``, ``window_end``, ``rows``.
    reference
        What the windows are compared with.
    episodes
        Runs of windows in which a column moved far, lost a category or came in another unit, by column and time.
    vanished
        Categories that stopped arriving, dated by their last row.
    unit_changes
        Runs of days in which a numeric column arrived multiplied by a known factor.
    restless
        Columns of which half the reference's own windows differ from it as far as an incident would.
    facts
        Plain sentences about the data that the numbers must be read with.
    every, columns
        The call.
    """

    table: pl.DataFrame
    volume: pl.DataFrame
    reference: Reference
    episodes: tuple[Episode, ...]
    vanished: tuple[VanishedCategory, ...]
    unit_changes: tuple[UnitChange, ...]
    restless: tuple[str, ...]
    facts: tuple[str, ...]
    every: str
    columns: tuple[str, ...]
    counts: tuple[WindowCounts, ...] = field(repr=False)

    def bins(self, column: str, window_start: datetime) -> pl.DataFrame:
        """Return the bins of one column in one window beside the reference.

        Returns
        -------
        polars.DataFrame
            ``bin``, ``order``, ``reference_rows``, ``window_rows``, ``reference_share``, ``window_share`` (null in a
            window without rows). Bins empty on both sides are left out.

        Raises
        ------
        NotFoundError
            No such column was measured, or no window starts then.
        """
        self._known(column)
        starts = self.volume["window_start"].to_list()
        if utc(window_start) not in starts:
            message = f"No window starts at {utc(window_start):%Y-%m-%d %H:%M}"
            raise NotFoundError(message, "Take a window_start from Drift.volume.")
        counts = self.counts[self.columns.index(column)]
        frame = pl.DataFrame(
            {
                "bin": counts.bins.labels,
                "reference_rows": counts.bins.reference_counts,
                "window_rows": counts.binned[starts.index(utc(window_start))],
            }
        ).with_row_index("order")
        shares = [
            (
                pl.col(f"{side}_rows") / pl.when(pl.col(f"{side}_rows").sum() > 0).then(pl.col(f"{side}_rows").sum())
            ).alias(f"{side}_share")
            for side in ("reference", "window")
        ]
        ordered = frame.select("bin", pl.col("order").cast(pl.Int64), "reference_rows", "window_rows").with_columns(
            shares
        )
        return ordered.filter((pl.col("reference_rows") > 0) | (pl.col("window_rows") > 0))

    def onsets(self) -> pl.DataFrame:
        """Return since when each column has moved: the last episode of each column that has one.

        Returns
        -------
        polars.DataFrame
            ``column``, ``onset`` (start of the first window of the run), ``until`` (end of the last), ``windows``,
            ``ongoing`` (the run holds up to the last window with a verdict), ``what``.
        """
        last = {episode.column: episode for episode in self.episodes}
        rows = [(one.column, one.start, one.end, one.windows, one.ongoing, one.what) for one in last.values()]
        return pl.DataFrame(rows, schema=_ONSETS, orient="row")

    def describe_unit_change(self, column: str) -> list[str]:
        """Return a sentence for each change of unit of a numeric column; for its other episodes, the ratio of medians.

        Raises
        ------
        NotFoundError
            No such column was measured.
        """
        self._known(column)
        return report.unit_sentences(self, column)

    def summary(self) -> list[str]:
        """Return plain sentences; the first says what moved and since when, or that nothing did."""
        return report.sentences(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the whole result JSON-safe: the call, reference, summary, episodes, volume and table."""
        return report.to_dict(self)

    def _repr_html_(self) -> str:
        """Return the summary and the verdicts by column as HTML; every text of the log is escaped."""
        return report.to_html(self)

    def _known(self, column: str) -> None:
        if column not in self.columns:
            message = f"Drift was not measured for column {column!r}"
            raise NotFoundError(message, f"Columns measured: {', '.join(self.columns)}.")


def drift(
    source: Source,
    *,
    time: str,
    columns: Sequence[str],
    every: str = "1w",
    reference: tuple[datetime, datetime] | None = None,
) -> Drift:
    """Compare each window of a log with a reference, column by column.

    Parameters
    ----------
    source
        Rows of the log, lazy, of polars or (through narwhals) of another engine; or a function that returns those of a
        time range, as for `audit_lab.monitor.counts.Rows`. Columns may be numbers, text or booleans; NaN counts as
        missing.
    time
        The column that says when a row happened; without a time zone it is read as UTC.
    columns
        The columns to measure.
    every
        Length of a window: ``1h``, ``1d``, ``1w`` (from Monday) or ``1mo``, cut in UTC.
    reference
        Start and end (excluded) of the period compared with; by default the first 8 weeks, or the first quarter of
        the span where that is shorter.

    Raises
    ------
    MisuseError
        No such column or length of window, a reference without rows, or only one window and no reference.
    LogError
        There are no rows with a time.
    """
    length = window_length(every)
    rows = Rows(source, time, columns)
    seen = extent(rows)
    start, end, phrase = reference_period(reference, seen, length)
    rows.without_nan(seen)
    reference_rows, bins = reference_bins(rows, start, end)
    if not reference_rows:
        message = f"The reference from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} holds no rows"
        raise MisuseError(message, f"The rows go from {seen.first:%Y-%m-%d} to {seen.last:%Y-%m-%d}.")
    starts = length.starts(seen.first, seen.last)
    volume, counts = count_windows(rows, bins, length, starts)
    bounds = [*starts, length.after(starts[-1])]
    findings = {one.bins.column: [judge(one, window) for window in range(len(starts))] for one in counts}
    compared_with = described_reference(start, end, phrase, reference_rows, bins)
    numeric = [name for name in columns if rows.kinds[name] == "numeric"]
    changes = _unit_changes(rows, findings, numeric, compared_with, every)
    episodes = [
        one
        for column in columns
        for one in find_episodes(column, findings[column], bounds, _covered(seen), changes.get(column, ()))
    ]
    return Drift(
        table=finding_table(findings, rows.kinds, bounds, volume.tolist()),
        volume=pl.DataFrame(
            {"window_start": starts, "window_end": bounds[1:], "rows": volume},
            schema={"window_start": TIME, "window_end": TIME, "rows": pl.Int64},
        ),
        reference=compared_with,
        episodes=tuple(_with_ratios(rows, episodes, bins)),
        vanished=tuple(one for counted in counts for one in find_vanished(counted, bounds)),
        unit_changes=tuple(change for found in changes.values() for change in found),
        restless=tuple(column for column in columns if is_restless(findings[column], bounds, (start, end))),
        facts=(*seen.facts, *_reference_facts(reference_rows, bins)),
        every=every,
        columns=tuple(columns),
        counts=counts,
    )


def _with_ratios(rows: Rows, episodes: list[Episode], bins: Sequence[Bins]) -> list[Episode]:
    """Add the ratio of an episode's median to the reference's, where the column is numeric and that is not zero."""
    usual = {one.column: one.median for one in bins if isinstance(one, NumericBins)}
    places = [place for place, one in enumerate(episodes) if usual.get(one.column) not in {None, 0.0}]
    spans = [(episodes[place].column, episodes[place].start, episodes[place].end) for place in places]
    for place, median in zip(places, median_within(rows, spans), strict=True):
        reference = usual[episodes[place].column]
        if median is not None and reference is not None and math.isfinite(median / reference):
            episodes[place] = replace(episodes[place], median_ratio=median / reference)
    return episodes


def _reference_facts(rows: int, bins: Sequence[Bins]) -> list[str]:
    few = [f"the reference has only {rows} rows, and a verdict takes {MINIMUM_ROWS}"] if rows < MINIMUM_ROWS else []
    scattered = [
        f"{one.column} has {one.distinct:,} different texts in the {rows:,} rows of the reference; drift says little"
        for one in bins
        if one.kind == "categorical" and one.distinct > _SCATTERED_PART * rows and rows >= MINIMUM_ROWS
    ]
    marked = [
        f"{one.column} has more than {MOST_VALUES:,} different values in the reference: its Kolmogorov-Smirnov "
        "statistic is taken at percentiles, and may be up to 0.01 too small"
        for one in bins
        if isinstance(one, NumericBins) and one.marked
    ]
    return [*few, *scattered, *marked]


def _covered(seen: Extent) -> tuple[datetime, datetime]:
    """Return the days that the rows cover: midnight before the first, midnight after the last."""
    first, last = (one.replace(hour=0, minute=0, second=0, microsecond=0) for one in (seen.first, seen.last))
    return first, last + timedelta(days=1)


def _unit_changes(
    rows: Rows, findings: dict[str, list[Finding]], numeric: list[str], reference: Reference, every: str
) -> dict[str, list[UnitChange]]:
    """Look for changes of unit in the numeric columns that moved at all: by day, or by window where days are thin."""
    quiet = {STABLE, TOO_FEW_ROWS}
    moved = [name for name in numeric if any(found.verdict not in quiet for found in findings[name])]
    if not moved:
        return {}
    by_day, by_window = (levels(rows, moved, window_length(step), _STEP_ROWS) for step in ("1d", every))
    changes = {}
    for name in moved:
        covered = int(by_day[name]["rows"].sum()) >= _STEP_COVERAGE * int(by_window[name]["rows"].sum())
        steps = by_day[name] if covered else by_window[name]
        read = partial(values_between, rows, name)
        changes[name] = find_unit_changes(name, steps, (reference.start, reference.end), read)
    return changes
