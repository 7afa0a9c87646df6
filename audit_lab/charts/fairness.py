"""A picture of groups beside each other: one rate of each, with its interval and how many rows it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.charts.theme import ACCENT, INK, MUTED, WIDTH, altair, dressed, expect_columns, inline
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from datetime import datetime

    from altair import Chart

__all__ = ["group_comparison"]

_COLUMNS = ("window_start", "model_version", "grouping", "group", "measure", "value", "low", "high", "rows", "status")
_FOUR_FIFTHS = 0.8
_MOST_GROUPS = 60
_ROW = 22
_PLOT, _LABELS = WIDTH - 380, 320


def group_comparison(
    table: pl.DataFrame,
    measure: str = "selection_rate",
    *,
    grouping: str | None = None,
    window_start: datetime | None = None,
    version: str | None = None,
    favourable: str = "",
    window: str = "",
) -> Chart:
    """Draw one rate of every group of a grouping, with 95 % intervals; what is suppressed is named, and not drawn.

    Parameters
    ----------
    table
        ``Fairness.table``.
    measure
        ``selection_rate``, ``false_positive_rate``, ``false_negative_rate``, ``calibration_gap`` ...
    grouping
        Which grouping; the first one when None.
    window_start, version
        Which window and version, where there are several; the last window when None.
    favourable, window
        What was given, and when, for the title.

    Raises
    ------
    MisuseError
        There is no such measure, grouping, window or version.
    """
    expect_columns(table, _COLUMNS, "the comparison of groups")
    chosen = table["grouping"][0] if grouping is None else grouping
    mine = table.filter(pl.col("grouping") == chosen, pl.col("measure") == measure)
    at = window_start if window_start is not None else mine["window_start"].max()
    if at is not None:
        mine = mine.filter(pl.col("window_start") == at)
    if version is not None:
        mine = mine.filter(pl.col("model_version") == version)
    if mine.is_empty() or mine["group"].is_duplicated().any():
        known = table.select("grouping", "measure").unique(maintain_order=True).rows()
        message = f"There is not one {measure} for each group by {chosen}"
        raise MisuseError(message, f"Name one window and version. There are: {'; '.join(map(' '.join, known[:30]))}.")
    alt = altair()
    ordered = mine.sort("value", "group", descending=[True, False], nulls_last=True).head(_MOST_GROUPS)
    rows = [_told(row) for row in ordered.iter_rows(named=True)]
    base = alt.Chart(inline(rows)).properties(width=_PLOT, height=max(_ROW * len(rows), 60))
    y = alt.Y(
        "group:N",
        sort=[row["group"] for row in rows],
        title=None,
        axis=alt.Axis(domain=False, ticks=False, labelPadding=8, labelLimit=_LABELS),
    )
    is_gap = measure == "calibration_gap"
    scale = alt.Scale(zero=True, nice=True) if is_gap else alt.Scale(domain=[0, 1])
    title = measure.replace("_", " ").capitalize()
    x = alt.X("value:Q", title=title, scale=scale, axis=alt.Axis(format=".0%", tickCount=6))
    drawn = base.transform_filter("datum.value !== null")
    spans = drawn.mark_rule(color=ACCENT, strokeWidth=2.6, opacity=0.5).encode(
        x=alt.X("low:Q", title=title), x2="high:Q", y=y
    )
    points = drawn.mark_point(filled=True, size=75, color=ACCENT, opacity=1, stroke=INK, strokeWidth=0.8).encode(
        x=x, y=y, tooltip=["group:N", "value:Q", "low:Q", "high:Q", "rows:Q"]
    )
    notes = base.mark_text(align="left", baseline="middle", fontSize=10, color=MUTED).encode(
        x=alt.value(_PLOT + 8), y=y, text="told:N"
    )
    highest = ordered["value"].max()
    layers = [*_four_fifths(highest, measure), spans, points, notes]
    hidden = mine.filter(status="suppressed").height
    more = mine.height - ordered.height
    return dressed(
        alt.layer(*layers),
        f"{title} by {chosen}" if not favourable else f"{title} ({favourable}) by {chosen}",
        [
            ", ".join(text for text in (window, f"{mine.height} groups; bars are 95 % intervals") if text),
            f"{hidden} groups are suppressed: they are too small, or would let such a group be computed"
            if hidden
            else "",
            f"{more} more groups are not drawn" if more > 0 else "",
            "It shows how rates differ, and neither why nor whether that is justified",
        ],
    )


def _told(row: dict[str, Any]) -> dict[str, Any]:
    if row["status"] == "suppressed":
        return {**row, "told": "suppressed"}
    if row["value"] is None:
        return {**row, "told": "not defined"}
    return {
        **row,
        "told": f"{row['value']:.1%} of {row['rows']:,}"
        if row["measure"] != "calibration_gap"
        else f"{row['value']:+.1%}, {row['rows']:,} rows",
    }


def _four_fifths(highest: Any, measure: str) -> list[Any]:
    if measure != "selection_rate" or not highest:
        return []
    alt = altair()
    data = inline([{"at": _FOUR_FIFTHS * highest, "name": "four fifths of the highest"}])
    rule = alt.Chart(data).mark_rule(color=INK, strokeDash=[4, 3], strokeWidth=1).encode(x="at:Q")
    name = (
        alt.Chart(data)
        .mark_text(align="right", baseline="top", dx=-4, dy=2, fontSize=10, color=MUTED)
        .encode(x="at:Q", y=alt.value(0), text="name:N")
    )
    return [rule, name]
