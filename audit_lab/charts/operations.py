"""A picture of operations: latency or the error rate over windows, one line for each version or node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.charts.theme import CATEGORIES, WIDTH, altair, dressed, expect_columns, inline, period, time_axis
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from altair import Chart

__all__ = ["OPERATIONS", "operations_lines"]

#: What can be drawn: title of the axis, and the columns of the value and its interval.
OPERATIONS = {
    "p50": ("Latency, half of the predictions, ms", "p50_ms", "p50_low_ms", "p50_high_ms"),
    "p95": ("Latency, 95 % of the predictions, ms", "p95_ms", "p95_low_ms", "p95_high_ms"),
    "p99": ("Latency, 99 % of the predictions, ms", "p99_ms", "p99_low_ms", "p99_high_ms"),
    "errors": ("Share of predictions that failed", "error_rate", "error_low", "error_high"),
}
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4], [1, 3], [10, 4], [6, 2, 2, 2])
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-left", "triangle-right")
_NONE = "(none stated)"


def operations_lines(table: pl.DataFrame, measure: str = "p95", *, by: str = "version") -> Chart:
    """Draw a measure of each group over the windows, with its interval of 95 %.

    Parameters
    ----------
    table
        ``Operations.table``: ``window_start``, ``window_end``, ``group``, ``rows`` and the columns of the measure.
    measure
        ``p50``, ``p95`` or ``p99`` of the latency, or ``errors``.
    by
        What the groups are; goes into the legend. More than eight groups: the eight with the most rows are drawn.

    Raises
    ------
    MisuseError
        There is no such measure, or nothing was measured of it.
    """
    if measure not in OPERATIONS:
        message = f"{measure!r} is not a measure that can be drawn"
        raise MisuseError(message, f"Use one of {', '.join(OPERATIONS)}.")
    title, value, low, high = OPERATIONS[measure]
    expect_columns(table, ("window_start", "window_end", "group", "rows", value, low, high), "the operations")
    known = table.filter(pl.col(value).is_not_null()).with_columns(pl.col("group").fill_null(_NONE))
    if known.is_empty():
        raise MisuseError(f"{title} was not measured in any window", "The summary says what is missing.")
    alt = altair()
    totals = known.group_by("group").agg(pl.col("rows").sum()).sort("rows", "group", descending=[True, False])
    names = sorted(totals["group"].head(len(CATEGORIES)).to_list())
    drawn = known.filter(pl.col("group").is_in(names)).with_columns(
        middle=pl.col("window_start") + (pl.col("window_end") - pl.col("window_start")) / 2
    )
    first, last = drawn["window_start"].min(), drawn["window_end"].max()
    base = alt.Chart(inline(drawn.to_dicts())).properties(width=WIDTH, height=280)
    x = alt.X("middle:T", **time_axis(first, last, grid=False))  # type: ignore[arg-type]
    axis = alt.Axis(format="%" if measure == "errors" else "~g")
    y = alt.Y(f"{value}:Q", title=title, axis=axis)
    legend: Any = alt.Legend(title=by, columns=8)
    colour = alt.Color("group:N", scale=alt.Scale(domain=names, range=list(CATEGORIES[: len(names)])), legend=legend)
    shape = alt.Shape("group:N", scale=alt.Scale(domain=names, range=list(_SHAPES[: len(names)])), legend=legend)
    dash = alt.StrokeDash("group:N", scale=alt.Scale(domain=names, range=list(_DASHES[: len(names)])), legend=None)
    bounds = base.mark_rule(strokeWidth=1, opacity=0.6).encode(x=x, y=alt.Y(f"{low}:Q"), y2=f"{high}:Q", color=colour)
    lines = base.mark_line(strokeWidth=1.3).encode(x=x, y=y, color=colour, strokeDash=dash)
    points = base.mark_point(filled=True, size=34, opacity=1).encode(
        x=x, y=y, color=colour, shape=shape, tooltip=["window_start:T", "group:N", "rows:Q", f"{value}:Q"]
    )
    windows = drawn["window_start"].n_unique()
    left_out = totals.height - len(names)
    return dressed(
        alt.layer(bounds, lines, points),
        f"{title.split(',', maxsplit=1)[0]} by {by}",
        [
            f"{windows:,} windows with {int(drawn['rows'].sum()):,} rows, {period(first, last)}",  # type: ignore[arg-type]
            "Upright lines: intervals of 95 %, by exact counts or order statistics",
            f"{left_out} groups with fewer rows are not drawn" if left_out else "",
        ],
    )
