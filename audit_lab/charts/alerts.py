"""A picture of alerts over time: each one's windows, how urgent it is, and whether somebody has closed it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.charts.theme import INK, WIDTH, altair, dressed, expect_columns, inline, period, time_axis
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from altair import Chart

__all__ = ["alert_timeline"]

_NEEDED = (
    *("alert", "state", "severity", "rule", "model", "version", "column", "window_start", "window_end"),
    *("value", "rows", "what", "raised_at"),
)
#: From light to dark, so that the order stays in greyscale.
_SEVERITIES = {"low": "#b7cfe5", "medium": "#e2951c", "high": "#9e1b32"}
#: Shapes tell states apart without colour; what is closed is pale as well.
_STATES = {"open": "circle", "acknowledged": "triangle-up", "closed": "cross"}
_ROW_HEIGHT = 26
#: More windows than this are drawn as one bar for each alert.
_MOST_WINDOWS = 2_000
#: A window shorter than this share of the picture is drawn so wide that it is seen.
_NARROWEST = 1 / 250
_LONGEST = 46


def alert_timeline(windows: pl.DataFrame, *, most: int = 40) -> Chart:
    """Draw the windows of alerts by rule and column: colour is severity, the mark at an alert's end its state.

    Parameters
    ----------
    windows
        ``Alerts.windows``, or some of its rows. A window without times is drawn where it was raised.
    most
        So many rows at most, the most severe and then the last ones; the subtitle says how many are left out.

    Raises
    ------
    MisuseError
        A column of the frame is missing, it has no rows, or `most` is no positive number.
    """
    expect_columns(windows, _NEEDED, "the timeline of alerts")
    if most < 1:
        raise MisuseError(f"{most} rows cannot be drawn", "Give 1 or more.")
    alt = altair()
    placed = _placed(windows)
    names = _ordered(placed)
    kept = placed.filter(pl.col("row").is_in(names[:most]))
    first, last = kept["from"].min(), kept["to"].max()
    bars = kept if kept.height <= _MOST_WINDOWS else _as_one(kept)
    least = (last - first) * _NARROWEST  # type: ignore[operator]
    bars = bars.with_columns(
        drawn=pl.max_horizontal("to", pl.col("from") + least), faded=pl.col("state") == "closed"
    ).with_columns(middle=pl.col("from") + (pl.col("drawn") - pl.col("from")) / 2)
    ends = bars.sort("from").unique("alert", keep="last", maintain_order=True)
    base = alt.Chart(inline(bars.to_dicts())).properties(width=WIDTH, height=max(_ROW_HEIGHT * len(names[:most]), 60))
    x = alt.X("from:T", **time_axis(first, max(last, bars["drawn"].max())))  # type: ignore[arg-type, type-var]
    axis = alt.Axis(domain=False, ticks=False, labelPadding=8, grid=True)
    y = alt.Y("row:N", sort=names[:most], title=None, axis=axis)
    colour = alt.Color(
        "severity:N",
        scale=alt.Scale(domain=list(_SEVERITIES), range=list(_SEVERITIES.values())),
        legend=alt.Legend(title="Severity", symbolType="square"),
    )
    tooltip = [
        alt.Tooltip("alert:N"),
        alt.Tooltip("state:N"),
        alt.Tooltip("from:T", title="from"),
        alt.Tooltip("to:T", title="to"),
        alt.Tooltip("value:Q", format=".4~g"),
        alt.Tooltip("rows:Q", format=","),
        alt.Tooltip("what:N"),
    ]
    rects = base.mark_bar(height=15, stroke="#ffffff", strokeWidth=0.8).encode(
        x=x,
        x2="drawn:T",
        y=y,
        color=colour,
        opacity=alt.condition("datum.faded", alt.value(0.45), alt.value(1)),
        tooltip=tooltip,
    )
    shape = alt.Shape(
        "state:N",
        scale=alt.Scale(domain=list(_STATES), range=list(_STATES.values())),
        legend=alt.Legend(title="State", symbolFillColor=INK, symbolStrokeColor=INK, symbolSize=60),
    )
    marks = (
        alt.Chart(inline(ends.to_dicts()))
        .mark_point(filled=True, size=58, opacity=1, color=INK, stroke="#ffffff", strokeWidth=1.2)
        .encode(x=alt.X("middle:T"), y=y, shape=shape, tooltip=tooltip)
    )
    states = windows.unique("alert")["state"].value_counts()
    counted = dict(states.iter_rows())
    alerts = windows["alert"].n_unique()
    said = ", ".join(f"{counted[state]} {state}" for state in _STATES if state in counted)
    counted_in_words = f"{alerts:,} alert{'' if alerts == 1 else 's'} ({said}) over {windows.height:,} windows"
    left = len(names[most:])
    return dressed(
        alt.layer(rects, marks),
        "Alerts over time",
        [
            f"{counted_in_words}, {period(first, last)}",  # type: ignore[arg-type]
            "Each bar is one window" if bars.height == kept.height else "Each bar is one alert, of several windows",
            f"The {most} rows that are most severe; {left:,} others are left out" if left else "",
        ],
    )


def _placed(windows: pl.DataFrame) -> pl.DataFrame:
    """Return each window with the row that it stands in, and from when to when it is drawn."""
    several = windows["model"].n_unique() > 1
    of = pl.concat_str(
        [
            *([pl.col("model").fill_null("the log")] if several else []),
            pl.col("column"),
            pl.when(pl.col("version").is_not_null()).then(pl.lit("version ") + pl.col("version")),
        ],
        separator=", ",
        ignore_nulls=True,
    )
    named = windows.with_columns(
        row=pl.when(of.str.len_chars() > _LONGEST)
        .then(of.str.slice(0, _LONGEST - 1) + "\N{HORIZONTAL ELLIPSIS}")
        .otherwise(of),
    ).with_columns(row=pl.col("rule") + pl.lit(": ") + pl.col("row"))
    return named.with_columns(
        pl.coalesce("window_start", "raised_at").alias("from"), pl.coalesce("window_end", "raised_at").alias("to")
    ).select("row", "from", "to", *(name for name in _NEEDED if name not in {"window_start", "window_end"}))


def _ordered(placed: pl.DataFrame) -> list[str]:
    """Return the rows from the top: the most severe first, then those whose last window is latest."""
    rank = pl.col("severity").replace_strict(list(_SEVERITIES), range(len(_SEVERITIES)), default=-1)
    ranked = placed.group_by("row").agg(rank.max().alias("worst"), pl.col("to").max())
    names: list[Any] = ranked.sort("worst", "to", "row", descending=[True, True, False])["row"].to_list()
    return names


def _as_one(placed: pl.DataFrame) -> pl.DataFrame:
    """Join the windows of each alert to one bar, which tells of the first of them."""
    others = [name for name in placed.columns if name not in {"row", "alert", "from", "to"}]
    return placed.group_by("row", "alert", maintain_order=True).agg(
        pl.col("from").min(), pl.col("to").max(), *(pl.col(name).first() for name in others)
    )
