"""Which picture of a drift a command draws: the map, a ridge, one window's bins, or a line over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.cli.written import draw
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.monitor.drift import Drift

__all__ = ["CHARTS", "check_chart", "draw_drift"]

#: What can be drawn, by the name that `--chart` takes.
CHARTS = ("heat", "ridge", "bins", "line")


def check_chart(chart: str) -> None:
    """See, before anything is measured, that there is such a chart.

    Raises
    ------
    MisuseError
        There is none.
    """
    if chart not in CHARTS:
        raise MisuseError(f"--chart is {chart!r}", f"Choose {', '.join(CHARTS[:-1])} or {CHARTS[-1]}.")


def draw_drift(
    drift: Drift, chart: str, picture: str, *, measure: str = "psi", feature: str | None = None, at: str | None = None
) -> str:
    """Draw a drift into a file, and return the line that says where.

    Parameters
    ----------
    drift, chart, picture
        What is drawn, how, and into which file.
    measure
        What the map's colour, or the line, says.
    feature, at
        The column of a ridge, of bins or of a line, and a time in the window whose bins are drawn; where the summary
        begins when None.

    Raises
    ------
    MisuseError
        No such column, measure or window.
    """
    from audit_lab import charts
    from audit_lab.monitor.beside import densities, where_to_begin, window_bins

    reference = drift.reference.description
    if chart == "heat":
        return draw(charts.drift_heatmap(drift.table, measure, reference=reference), picture)
    first, start = where_to_begin(drift)
    column = feature or first
    if column not in drift.columns:
        raise MisuseError(f"drift was not measured for {column!r}", f"Choose one of {', '.join(drift.columns)}.")
    if chart == "ridge":
        return draw(charts.drift_ridge(densities(drift, column), column=column, reference=reference), picture)
    if chart == "line":
        return draw(charts.drift_timeline(drift.table, column, measure, reference=reference), picture)
    if at is not None:
        start = _window(drift, at)
    elif feature is not None and feature != first:
        start = _farthest(drift, feature)
    bins = window_bins(drift, column, start)
    return draw(charts.distribution(bins, column=column, window=drift.cut.name(start), reference=reference), picture)


def _window(drift: Drift, at: str) -> datetime:
    """Return the start of the window that holds a time."""
    from audit_lab.log.search.query import instant

    moment = instant(at, "--at")
    for start, end in zip(drift.cut.starts, drift.cut.ends, strict=True):
        if moment is not None and start <= moment < end:
            return start
    raise MisuseError(
        f"no window holds {at}", f"They reach from {drift.cut.starts[0]:%Y-%m-%d} to {drift.cut.ends[-1]:%Y-%m-%d}."
    )


def _farthest(drift: Drift, column: str) -> datetime:
    """Return the window in which a column lies farthest from the reference, of those with a verdict."""
    mine = drift.table.filter(column=column)
    judged = mine.filter(mine["verdict"] != "too few rows")
    start: datetime = (judged if judged.height else mine).sort("psi", descending=True)["window_start"][0]
    return start
