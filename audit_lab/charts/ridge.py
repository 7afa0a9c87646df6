"""The ridge of a numeric column: its density in each window, one below the other, over the reference's outline."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.charts.theme import (
    INK,
    MUTED,
    VERDICTS,
    WIDTH,
    altair,
    dressed,
    expect_columns,
    inline,
    period,
)
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from altair import FacetChart

__all__ = ["drift_ridge"]

_NEEDED = (
    *("window", "window_start", "window_end", "rows", "verdict", "part", "lower", "upper"),
    *("window_rows", "reference_rows"),
)
#: More windows than this are added up, so many side by side to a ridge.
_MOST_RIDGES = 60
#: In pixels: from one ridge to the next, how high the highest rises above its own foot, and room on either side.
_STEP, _TALLEST, _ASIDE = 19, 30, 170
_FEW = "too few rows"
_ORDER = (_FEW, "stable", "slight", "moderate", "major")


def drift_ridge(densities: pl.DataFrame, *, column: str = "", reference: str = "") -> FacetChart:
    """Draw the density of a numeric column in each window, the newest at the foot, with the reference's as a line.

    Areas of one size are one share of a window's rows. Windows with too few rows for a verdict are drawn empty.

    Parameters
    ----------
    densities
        ``audit_lab.monitor.beside.densities(drift, column)``: ``window``, ``window_start``, ``window_end``, ``rows``,
        ``verdict``, ``part``, ``lower``, ``upper``, ``window_rows`` and ``reference_rows``.
    column, reference
        What is drawn, and what it is compared with, for title and subtitle.

    Raises
    ------
    MisuseError
        A column of the frame is missing, it has no rows, or no value lies where a ridge could be drawn.
    """
    expect_columns(densities, _NEEDED, "the ridge")
    summed, together = _ridges(densities)
    inside = summed.filter(part="inside")
    if not inside["window_rows"].sum():
        raise MisuseError("No value lies where a ridge could be drawn", "Look at the bins instead.")
    alt = altair()
    names = summed["name"].unique(maintain_order=True).to_list()
    low, high = float(inside["lower"].min()), float(inside["upper"].max())  # type: ignore[arg-type]
    top = float(inside.select(pl.max_horizontal("height", "known").max()).item()) or 1.0
    axis = alt.Axis(grid=False, domain=False, tickCount=8)
    x = alt.X("value:Q", title=column or None, axis=axis, scale=alt.Scale(domain=[low, high], nice=False, zero=False))
    y = {"scale": alt.Scale(domain=[0, top], range=[_STEP, _STEP - _TALLEST], nice=False), "axis": None}
    tooltip = [
        alt.Tooltip("window:N"),
        alt.Tooltip("count:N", title="rows"),
        alt.Tooltip("span:N", title="values"),
        alt.Tooltip("share:N", title="share of its rows"),
        alt.Tooltip("usual:N", title="in the reference"),
        alt.Tooltip("verdict:N"),
    ]
    colour = alt.Color(
        "verdict:N",
        scale=alt.Scale(domain=list(VERDICTS), range=[colour for colour, _ in VERDICTS.values()]),
        legend=alt.Legend(title="Verdict", symbolType="square", symbolStrokeColor=MUTED, symbolSize=120, offset=20),
    )
    base = alt.Chart().properties(width=WIDTH - _ASIDE, height=_STEP)
    layers = [
        base.transform_filter("datum.median !== null")
        .mark_rule(color=MUTED, strokeDash=[1, 3], strokeWidth=1)
        .encode(x=alt.X("median:Q"), y=alt.value(_STEP - _TALLEST), y2=alt.value(_STEP)),
        base.mark_area(opacity=1).encode(x=x, y=alt.Y("height:Q", stack=None, **y), color=colour, tooltip=tooltip),
        base.mark_line(color="#ffffff", strokeWidth=2.2).encode(x=x, y=alt.Y("height:Q", **y)),
        base.mark_line(color=INK, strokeWidth=0.7).encode(x=x, y=alt.Y("height:Q", **y)),
        base.transform_filter(f"datum.verdict != '{_FEW}'")
        .mark_line(color=INK, strokeWidth=0.9, strokeDash=[3, 2])
        .encode(x=x, y=alt.Y("known:Q", **y)),
        base.transform_filter("datum.said !== null")
        .mark_text(align="left", baseline="bottom", fontSize=10, color=MUTED, x=WIDTH - _ASIDE + 8, y=_STEP)
        .encode(text="said:N"),
    ]
    header = alt.Header(
        title=None,
        labelAngle=0,
        labelAlign="left",
        labelBaseline="middle",
        labelPadding=10,
        labelFontSize=10,
        labelColor=INK,
        labelLimit=140,
    )
    facet = (
        alt.layer(*layers, data=inline(_outline(inside)))
        .facet(row=alt.Row("name:N", sort=names, header=header), spacing=0)
        .properties(bounds="flush")
    )
    counted = densities.unique("window_start")
    first, last = densities["window_start"].min(), densities["window_end"].max()
    rows = f"{counted.height:,} window{'' if counted.height == 1 else 's'} with {int(counted['rows'].sum()):,} rows"
    more = f", {together} added up to a ridge" if together > 1 else ""
    return dressed(
        facet,
        f"{column}: its values, window by window" if column else "Values, window by window",
        [
            f"{rows}, {period(first, last)}{more}",  # type: ignore[arg-type]
            f"Dashed: the reference{', ' + reference if reference else ''}; dotted: its median",
            _left_out(summed),
        ],
    )


def _ridges(densities: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Return a row for each ridge and part, with its density and the reference's, and how many windows a ridge has."""
    starts = densities["window_start"].unique().sort()
    together = math.ceil(starts.len() / _MOST_RIDGES)
    number = pl.col("window_start").replace_strict(starts, range(starts.len()), return_dtype=pl.Int64) // together
    severity = pl.col("verdict").replace_strict(list(_ORDER), range(len(_ORDER)), default=0)
    summed = (
        densities.with_columns(number.alias("place"), severity.alias("severity"))
        .group_by("place", "part", "lower", "upper", maintain_order=True)
        .agg(
            pl.col("window").first(),
            pl.col("window_start").min(),
            pl.col("window_end").max(),
            pl.col("rows").sum(),
            pl.col("window_rows").sum(),
            pl.col("reference_rows").first(),
            pl.col("severity").max(),
        )
        .sort("place", maintain_order=True)
    )
    width = pl.col("upper") - pl.col("lower")
    known = pl.col("reference_rows").sum().over("place")
    few = pl.when(pl.col("rows") == 0).then(pl.lit("no rows"))
    return summed.with_columns(
        verdict=pl.col("severity").replace_strict(range(len(_ORDER)), list(_ORDER), return_dtype=pl.String),
        name=_names(summed, together),
        height=pl.col("window_rows") / pl.when(pl.col("rows") > 0).then(pl.col("rows")) / width,
        known=pl.col("reference_rows") / pl.when(known > 0).then(known) / width,
        share=pl.col("window_rows") / pl.when(pl.col("rows") > 0).then(pl.col("rows")),
        usual=pl.col("reference_rows") / pl.when(known > 0).then(known),
        said=few.when(pl.col("severity") == 0).then(pl.format("{} rows: too few", "rows")),
    ).with_columns(pl.col("height", "known").fill_null(0.0)), together


def _names(summed: pl.DataFrame, together: int) -> pl.Expr:
    """Return what stands beside each ridge: when its windows begin, or their own name where they overlap."""
    spans = summed.unique("place").sort("window_start")
    lengths = (spans["window_end"] - spans["window_start"]).to_list()
    if (spans["window_start"][1:] < spans["window_end"][:-1]).any():
        return pl.col("window")
    form = "%-d %b %Y" if min(lengths) / together >= timedelta(hours=20) else "%-d %b %Y %H:%M"
    return pl.col("window_start").dt.strftime(form)


def _outline(inside: pl.DataFrame) -> list[dict[str, Any]]:
    """Return two points for each interval, at its edges, so that what is drawn is as wide as it is."""
    lowest = inside["lower"].min()
    known = inside.filter(name=inside["name"][0]).sort("lower").with_columns(pl.col("usual").fill_null(0.0).cum_sum())
    held = known.filter(pl.col("usual") >= known["usual"].max() / 2)  # type: ignore[operator]
    median = (held["lower"][0] + held["upper"][0]) / 2
    return [
        {
            "value": value,
            "height": row["height"],
            "known": row["known"],
            "name": row["name"],
            "window": row["window"],
            "verdict": row["verdict"],
            "count": f"{row['rows']:,}",
            "span": f"{row['lower']:.4g} to {row['upper']:.4g}",
            "share": "no rows" if row["share"] is None else f"{row['share']:.2%}",
            "usual": "no rows" if row["usual"] is None else f"{row['usual']:.2%}",
            "said": row["said"] if row["lower"] == lowest == value else None,
            "median": median if row["lower"] == lowest == value else None,
        }
        for row in inside.iter_rows(named=True)
        for value in (row["lower"], row["upper"])
    ]


def _left_out(summed: pl.DataFrame) -> str:
    """Say how many rows no interval holds, and why."""
    outside = summed.filter(pl.col("part") != "inside").group_by("part").agg(pl.col("window_rows").sum())
    rows = dict(outside.iter_rows())
    said = [f"{round(rows[part]):,} {part}" for part in ("below", "above", "missing") if round(rows.get(part, 0.0))]
    return f"Rows that are not drawn: {', '.join(said)}" if said else ""
