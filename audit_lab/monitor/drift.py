"""Drift: what moved in a log, window by window, against a named reference."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.errors import MisuseError, NotFoundError
from audit_lab.log.schema import TIME
from audit_lab.monitor import report
from audit_lab.monitor.bins import NumericBins
from audit_lab.monitor.calibration import Calibration, Layout, calibrate
from audit_lab.monitor.column_facts import column_facts, reference_facts
from audit_lab.monitor.contradiction import contradictions
from audit_lab.monitor.cuts import BY_VERSION, Cut
from audit_lab.monitor.episodes import Episode, VanishedCategory, find_episodes, find_vanished, is_restless
from audit_lab.monitor.findings import MINIMUM_ROWS
from audit_lab.monitor.levels import median_within
from audit_lab.monitor.question import asked
from audit_lab.monitor.recognised.parts import rows_apart
from audit_lab.monitor.recognised.recognition import recognise
from audit_lab.monitor.verdict import SEVERITIES, finding_table, judged, measured_windows
from audit_lab.monitor.volume import distinct_rows, volume_facts, volume_table
from audit_lab.monitor.window_counts import WindowCounts, count_cut
from audit_lab.monitor.windows import utc
from audit_lab.seal.hidden_letters import spelling, spelling_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from audit_lab.monitor.bins import Bins
    from audit_lab.monitor.counts import Rows, Source
    from audit_lab.monitor.cuts import Around
    from audit_lab.monitor.question import Question
    from audit_lab.monitor.recognised import DataChange
    from audit_lab.monitor.reference import Dataset, Period, Reference, Rolling

__all__ = ["Drift", "drift"]

#: With which probability a question about rows without drift may raise any alert.
_FALSE_ALARMS = 0.05

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
        One row for each window and column: ``window`` (its name), ``window_start``, ``window_end``, ``rows``,
        ``reference_rows``, ``column``, ``kind`` ("numeric" or "categorical"), the measures of
        :data:`audit_lab.monitor.measures.CATALOGUE`, ``psi_noise`` (what chance alone stays below in 99.9 % of
        windows), ``ks_p_value``, ``wasserstein_error`` (how far the true distance can lie off), ``p_value`` (of the
        chi-squared test), ``q_value`` (after Benjamini and Hochberg), ``missing_rate``, ``frozen``, ``new_categories``,
        ``vanished_categories``, ``exceeds`` (measures at or over their threshold), ``verdict`` ("stable", "slight",
        "moderate", "major" or "too few rows").
    volume
        One row for each window, windows without rows included: ``window``, ``window_start``, ``window_end``, ``rows``,
        ``usual_rows`` (median of the reference's whole windows), ``ratio``, ``verdict`` ("usual", "few", "many" or
        null), ``distinct_rows`` and ``duplicate_rate`` (null where not counted).
    reference
        What the windows are compared with.
    calibration
        How the level of the tests was found, or None where no window has a verdict.
    episodes
        Runs of windows in which a column moved far, lost a category or came in another unit, by column and time.
    vanished
        Categories that stopped arriving, dated by their last row; not looked for against a rolling reference.
    changes
        Changes of the data that are known by name, by time: another unit, swapped columns, a new default, a category
        renamed or gone.
    restless
        Columns of which half the reference's own windows differ from it as far as an incident would.
    facts
        Plain sentences about the data that the numbers must be read with.
    every, columns
        The call.
    cut
        The windows.
    """

    table: pl.DataFrame
    volume: pl.DataFrame
    reference: Reference
    calibration: Calibration | None
    episodes: tuple[Episode, ...]
    vanished: tuple[VanishedCategory, ...]
    changes: tuple[DataChange, ...]
    restless: tuple[str, ...]
    facts: tuple[str, ...]
    every: str
    columns: tuple[str, ...]
    cut: Cut
    counts: tuple[WindowCounts, ...] = field(repr=False)

    def alerts(self, at_least: str = "slight") -> pl.DataFrame:
        """Return the rows of `table` that are beyond chance, most severe first.

        Whatever `at_least` is, a question about rows without drift returns any row as rarely as
        ``calibration.rate`` says; a category that vanished counts even where its column's test does not.

        Parameters
        ----------
        at_least
            The least severity: ``slight`` (beyond chance), ``moderate`` or ``major``.

        Raises
        ------
        MisuseError
            There is no such severity.
        """
        if at_least not in SEVERITIES[1:]:
            message = f"{at_least!r} is no severity of an alert"
            raise MisuseError(message, f"Use one of {', '.join(SEVERITIES[1:])}.")
        wanted = SEVERITIES[SEVERITIES.index(at_least) :]
        rank = pl.col("verdict").replace_strict(list(SEVERITIES), range(len(SEVERITIES)), default=-1)
        return self.table.filter(pl.col("verdict").is_in(wanted)).sort(
            rank, "psi", "column", "window_start", descending=[True, True, False, False]
        )

    def contradictions(self) -> pl.DataFrame:
        """Return where measures contradict one another, side by side, and why they can.

        Returns
        -------
        polars.DataFrame
            ``column``, ``window``, ``window_start``, ``case``, ``say_moved``, ``say_not``, ``why``.
        """
        return contradictions(self.table)

    def bins(self, column: str, window_start: datetime) -> pl.DataFrame:
        """Return the bins of one column in one window beside the reference.

        Returns
        -------
        polars.DataFrame
            ``bin``, ``order``, ``reference_rows``, ``window_rows``, ``reference_share``, ``window_share`` (null in a
            window without rows). Bins empty on both sides are left out. Against a rolling reference, the reference's
            rows are those of all windows.

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

    @spelling_text
    def __repr__(self) -> str:
        """Return the summary, with what it is about."""
        return f"Drift: {' '.join(self.summary())}"

    @spelling_text
    def summary(self) -> list[str]:
        """Return plain sentences; the first says what moved and since when, or that nothing did."""
        return report.sentences(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the whole result JSON-safe: the call, reference, summary, episodes, volume and table."""
        return report.to_dict(self)

    @spelling
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
    reference: Period | Rolling | Dataset | None = None,
    zone: str = "UTC",
    around: Around | None = None,
    version: str | None = None,
    false_alarms: float = _FALSE_ALARMS,
    seed: int = 0,
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
        Length of a window: ``1h``, ``1d``, ``1w`` (from Monday) or ``1mo``; or ``version``: one window for each version
        of the model.
    reference
        Start and end (excluded) of the period compared with, a :class:`~audit_lab.monitor.reference.Rolling` number of
        windows before each, or a :class:`~audit_lab.monitor.reference.Dataset`, as training data. By default the first
        8 weeks, or the first quarter of the span where that is shorter; around a moment, the 8 weeks before the
        windows; by version, the first one.
    zone
        IANA time zone whose calendar and clock cut days, weeks and months.
    around
        Only windows before and after a moment, counted from it.
    version
        The column that says which version answered; needed for windows by version.
    false_alarms
        With which probability a question about rows without drift may raise any alert.
    seed
        Of the resampling that calibrates this.

    Raises
    ------
    MisuseError
        No such column, zone or length of window, a reference without rows, or only one window and no reference.
    LogError
        There are no rows with a time.
    """
    question = asked(source, time, columns, every=every, reference=reference, zone=zone, around=around, version=version)
    rows, cut, bins = question.rows, question.cut, question.bins
    volume, counts = count_cut(rows, bins, cut)
    measured = measured_windows(counts, question.rolling)
    calibration = calibrate(question.sample, bins, _layout(question, volume), false_alarms, seed)
    findings = judged(measured, volume.tolist(), calibration)
    fixed = [] if question.rolling else counts
    vanished = tuple(one for counted in fixed for one in find_vanished(counted, cut))
    recognised = recognise(question, findings, vanished, counts, rows_apart(source, time, question))
    episodes = [
        one
        for column in question.columns
        for one in find_episodes(column, findings[column], cut, question.covered, recognised.changes)
    ]
    distinct = distinct_rows(rows, cut)
    usual = question.covered & question.inside if question.inside.any() else question.covered
    volumes = volume_table(volume, cut, usual if every != BY_VERSION else usual & False, distinct)
    return Drift(
        table=finding_table(findings, rows.kinds, cut, volume.tolist()),
        volume=volumes,
        reference=question.reference,
        calibration=calibration,
        episodes=tuple(episodes if cut.by_version else _with_ratios(rows, episodes, bins, cut)),
        vanished=vanished,
        changes=recognised.changes,
        restless=tuple(name for name in question.columns if is_restless(findings[name], question.inside.tolist())),
        facts=(
            *question.facts,
            *recognised.facts,
            *reference_facts(question.reference.rows, bins),
            *column_facts(findings, cut),
            *volume_facts(volumes, cut, usual, question.covered.tolist()),
            *(["repeated rows were not counted: that many take too much memory"] if distinct is None else []),
        ),
        every=every,
        columns=question.columns,
        cut=cut,
        counts=counts,
    )


def _layout(question: Question, volume: np.ndarray[Any, np.dtype[np.int64]]) -> Layout:
    """Say what the question looks like to the calibration."""
    rolling, rows = question.rolling, question.reference.rows
    if rolling is None:
        tested = (volume >= MINIMUM_ROWS) & (rows >= MINIMUM_ROWS)
    else:
        upto = np.append(0, np.cumsum(volume))
        before = np.zeros_like(volume)
        before[rolling:] = upto[rolling:-1] - upto[: volume.size - rolling]
        tested = (volume >= MINIMUM_ROWS) & (before >= MINIMUM_ROWS)
    return Layout(volume, tested, question.inside, rows, rolling)


def _with_ratios(rows: Rows, episodes: list[Episode], bins: Sequence[Bins], cut: Cut) -> list[Episode]:
    """Add the ratio of an episode's median to the reference's, where the column is numeric and that is not zero."""
    usual = {one.column: one.median for one in bins if isinstance(one, NumericBins)}
    places = [place for place, one in enumerate(episodes) if usual.get(one.column) not in {None, 0.0}]
    spans = [(episodes[place].column, episodes[place].start, episodes[place].end) for place in places]
    for place, median in zip(places, median_within(rows, spans, bins, cut), strict=True):
        reference = usual[episodes[place].column]
        if median is not None and reference is not None and math.isfinite(median / reference):
            episodes[place] = replace(episodes[place], median_ratio=median / reference)
    return episodes
