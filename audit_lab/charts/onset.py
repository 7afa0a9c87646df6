"""A picture of onsets: one series over time, the levels between its changes, each date's interval, and spikes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.charts.theme import (
    ACCENT,
    INK,
    MUTED,
    PALE,
    WIDTH,
    altair,
    dressed,
    expect_columns,
    inline,
    period,
    time_axis,
)
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altair import Chart

__all__ = ["onset_line"]

_CHANGE = ("column", "statistic", "category", "at", "earliest", "latest", "before", "after", "since", "until")
_SHARES = ("share", "missing rate")


def onset_line(
    series: pl.DataFrame,
    changes: pl.DataFrame,
    column: str,
    statistic: str,
    category: str | None = None,
    *,
    subtitle: Sequence[str] = (),
) -> Chart:
    """Draw one series with its changes: a rule at each date, the interval as a band, the levels between; spikes ringed.

    Parameters
    ----------
    series
        ``Onsets.series(column, statistic, category)``: ``window_start``, ``window_end``, ``value``, ``rows``.
    changes
        ``Onsets.table()``; the rows of this series are drawn, there may be none. Without ``kind`` none is a spike.
    column, statistic, category
        Which series it is.
    subtitle
        Further lines, like the first sentence of the summary.

    Raises
    ------
    MisuseError
        A column of the frames is missing, or the series has no value.
    """
    expect_columns(series, ("window_start", "window_end", "value", "rows"), "the onset line")
    missing = [name for name in _CHANGE if name not in changes.columns]
    if missing or series["value"].null_count() == series.height:
        message = f"The frame of changes lacks {', '.join(missing)}" if missing else "The series has no value to draw"
        raise MisuseError(message, "Take both from one Onsets.")
    alt = altair()
    same = pl.col("category").is_null() if category is None else pl.col("category") == category
    mine = changes.filter(pl.col("column") == column, pl.col("statistic") == statistic, same).sort("at")
    first, last = series["window_start"].min(), series["window_end"].max()
    width = series["window_end"][0] - series["window_start"][0]
    x = alt.X("window_start:T", **time_axis(first, last, grid=False))  # type: ignore[arg-type]
    name = " ".join(part for part in (column, category, statistic) if part)
    axis = alt.Axis(format="%" if statistic in _SHARES else ".4~g")
    y = alt.Y("value:Q", title=name, axis=axis, scale=alt.Scale(zero=False, nice=True))
    points = series.filter(pl.col("value").is_not_null())
    base = alt.Chart(inline(points.to_dicts())).properties(width=WIDTH, height=260)
    layers: list[Any] = []
    is_spike = pl.col("kind") == "spike" if "kind" in mine.columns else pl.lit(value=False)
    spikes, mine = mine.filter(is_spike), mine.filter(~is_spike)
    if mine.height:
        bands = mine.select(pl.col("earliest").alias("from"), (pl.col("latest") + width).alias("to"))
        layers.append(
            alt.Chart(inline(bands.to_dicts())).mark_rect(color=PALE, opacity=0.55).encode(x=_time("from"), x2="to:T")
        )
    layers.append(base.mark_line(color=ACCENT, strokeWidth=1, opacity=0.75).encode(x=x, y=y))
    layers.append(
        base.mark_circle(color=ACCENT, size=14, opacity=0.75).encode(
            x=x, y=y, tooltip=["window_start:T", "value:Q", "rows:Q"]
        )
    )
    if spikes.height:
        layers.append(_spikes(points, spikes))
    if mine.height:
        layers += _changes(mine, name)
    return dressed(
        alt.layer(*layers),
        f"{name}: since when",
        [
            f"{points.height:,} windows with {int(points['rows'].sum()):,} rows, {period(first, last)}",  # type: ignore[arg-type]
            "Band: holds the date in 95 % of cases; black: the levels between changes" if mine.height else "No change",
            *(["Rings: spikes, windows far beyond those about them"] if spikes.height else []),
            *subtitle,
        ],
    )


def _changes(mine: pl.DataFrame, name: str) -> list[Any]:
    alt = altair()
    before = mine.select(pl.col("since").alias("from"), pl.col("at").alias("to"), pl.col("before").alias("level"))
    after = mine.select(pl.col("at").alias("from"), pl.col("until").alias("to"), pl.col("after").alias("level"))
    levels = pl.concat([before, after]).unique(maintain_order=True)
    rules = alt.Chart(inline(mine.select("at").to_dicts()))
    # Two dates side by side are written one below the other.
    dated = mine.select("at", shown=pl.col("at").dt.strftime("%Y-%m-%d")).with_row_index("place")
    labels = [alt.Chart(inline(dated.filter(pl.col("place") % 2 == odd).to_dicts())) for odd in (0, 1)]
    return [
        rules.mark_rule(color=INK, strokeDash=[4, 3], strokeWidth=1).encode(x=_time("at")),
        alt.Chart(inline(levels.to_dicts()))
        .mark_rule(color=INK, strokeWidth=2.5)
        .encode(x=_time("from"), x2="to:T", y=alt.Y("level:Q", title=name)),
        *(
            label.mark_text(color=MUTED, fontSize=10, align="left", baseline="top", dx=3, dy=2 + 12 * odd).encode(
                x=_time("at"), y=alt.value(0), text="shown:N"
            )
            for odd, label in enumerate(labels)
        ),
    ]


def _spikes(points: pl.DataFrame, spikes: pl.DataFrame) -> Any:
    """Ring the windows of spikes."""
    alt = altair()
    within = points.join_where(
        spikes.select("at", "until"), pl.col("window_start") >= pl.col("at"), pl.col("window_start") < pl.col("until")
    )
    ringed = within.select("window_start", "value", "rows").unique().sort("window_start")
    return (
        alt.Chart(inline(ringed.to_dicts()))
        .mark_point(color=INK, size=90, strokeWidth=1.8, filled=False)
        .encode(x=_time("window_start"), y="value:Q", tooltip=["window_start:T", "value:Q", "rows:Q"])
    )


def _time(name: str) -> Any:
    return altair().X(f"{name}:T")
