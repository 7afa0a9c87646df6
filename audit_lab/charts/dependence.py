"""A chart of one feature: what it contributed at each of its recorded values, over a group of decisions.

It takes what `CohortAttribution` holds: the feature's bins, over all explained rows, and the rows that are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.charts.signed import OUTLINE, amount_text
from audit_lab.charts.theme import ACCENT, INK, MUTED, altair, dressed, expect_columns, inline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altair import HConcatChart

__all__ = ["attribution_dependence"]

_BINS = ("bin", "kind", "label", "lowest", "highest", "rows", "mean", "spread", "lower_quartile", "upper_quartile")
_POINTS = ("kind", "prediction_id", "value", "number", "bin", "contribution")
_HEIGHT, _WIDTH, _COLUMN = 320, 560, 56
_BAND = "#c9d9ea"
#: How far points of one column stand beside its middle, in parts of its width; by turns.
_BESIDE = (0.0, -0.24, 0.24, -0.12, 0.12)
_TOLD = ["label:N", "count:N", "amount:N", "bin:Q", "expression:N"]
_LAYERS = "lines: mean of all rows of a bin; shaded: middle half of its sampled rows; points: kept rows"


def attribution_dependence(
    bins: pl.DataFrame,
    points: pl.DataFrame,
    *,
    feature: str,
    unit: str | None = None,
    title: str,
    subtitle: Sequence[str] = (),
    axis_title: str,
    most: int = 20,
) -> HConcatChart:
    """Draw numbers along an axis, and texts and missing values as columns beside it, on one scale of contributions.

    Each bin has a line at the mean contribution of all its rows and a shaded band over the middle half of those in the
    sample. Points are the rows that are kept, hollow squares those at the ends of the contributions.

    Parameters
    ----------
    bins, points
        As `CohortAttribution.dependence` and `CohortAttribution.points_of` give them for the feature.
    feature, unit
        Its name, and the unit of its values.
    title, subtitle, axis_title
        As for `attribution_importance`.
    most
        Texts beyond this many, most rows first, are not drawn, and counted in the subtitle.

    Raises
    ------
    MisuseError
        A frame lacks a column or has no rows.
    """
    expect_columns(bins, _BINS, "attribution_dependence")
    expect_columns(points, _POINTS, "attribution_dependence")
    alt = altair()
    numbers = bins.filter(pl.col("kind") == "number")
    columns = bins.filter(pl.col("kind") != "number")
    texts = columns.filter(pl.col("kind") == "text")
    dropped = texts[most:]
    columns = columns.filter(~pl.col("bin").is_in(dropped["bin"].implode()))
    ends = pl.concat(
        [bins["mean"], bins["lower_quartile"], bins["upper_quartile"], points["contribution"]]
    ).drop_nulls()
    low, high = min(float(ends.min()), 0.0), max(float(ends.max()), 0.0)  # type: ignore[arg-type]
    space = 0.06 * ((high - low) or 1.0)
    scale = alt.Scale(domain=[low - space, high + space], nice=False)
    named = f"{feature} ({unit})" if unit else feature
    panels = []
    if numbers.height:
        panels.append(_along(numbers, points, scale, named, axis_title))
    if columns.height:
        panels.append(_columns(columns, points, scale, None if panels else named, None if panels else axis_title))
    facts = [*subtitle, f"{_rows(bins)} rows; {_LAYERS}"]
    if dropped.height:
        facts.append(f"{dropped.height:,} further texts, of {_rows(dropped)} rows, are not drawn")
    return dressed(alt.hconcat(*panels, spacing=16), title, facts)


def _along(numbers: pl.DataFrame, points: pl.DataFrame, scale: Any, named: str, axis_title: str) -> Any:
    """Draw bins of numbers from their lowest to their highest value; bins of one value get a little width."""
    alt = altair()
    ends = pl.concat([numbers["lowest"], numbers["highest"], points["number"]]).drop_nulls()
    low, high = float(ends.min()), float(ends.max())  # type: ignore[arg-type]
    width = (high - low) or max(abs(high), 1.0)
    half = _half(numbers, width)
    rows = [
        {**_told(row), "from": row["lowest"] - half, "to": row["highest"] + half}
        for row in numbers.iter_rows(named=True)
    ]
    room = half + 0.03 * width
    x = {"title": named, "scale": alt.Scale(domain=[low - room, high + room], nice=False, zero=False)}
    inside = points.filter(pl.col("number").is_not_null()).sort("number", "contribution", "prediction_id")
    is_exact = numbers["lowest"].equals(numbers["highest"])
    dots = [
        {**_dot(row), "x": row["number"] + (2 * half * _BESIDE[turn % len(_BESIDE)] if is_exact else 0.0)}
        for turn, row in enumerate(inside.iter_rows(named=True))
    ]
    base = alt.Chart(inline(rows))
    layers = [
        *_spans(base, scale, axis_title, x=alt.X("from:Q", **x), x2="to:Q"),
        *_dots(dots, scale, axis_title, alt.X("x:Q", **x)),
        base.mark_rule(color=ACCENT, strokeWidth=2.5).encode(
            x=alt.X("from:Q", **x), x2="to:Q", y=_y("mean:Q", scale, axis_title, shown=True), tooltip=_TOLD
        ),
    ]
    return alt.layer(_zero(scale, axis_title), *layers).properties(width=_WIDTH, height=_HEIGHT)


def _half(numbers: pl.DataFrame, width: float) -> float:
    """Return half of the width that a bin of one value gets: a part of the way to the next where all are of one."""
    values = numbers["lowest"]
    if values.equals(numbers["highest"]) and values.len() > 1:
        return 0.3 * float(values.diff().min())  # type: ignore[arg-type]
    return 0.004 * width


def _columns(columns: pl.DataFrame, points: pl.DataFrame, scale: Any, named: str | None, axis_title: str | None) -> Any:
    """Draw texts and missing values in columns of one width, most rows first."""
    alt = altair()
    order = columns["bin"].to_list()
    place = {number: at for at, number in enumerate(order)}
    rows = [
        {**_told(row), "from": place[row["bin"]] - 0.38, "to": place[row["bin"]] + 0.38, "at": place[row["bin"]]}
        for row in columns.iter_rows(named=True)
    ]
    inside = points.filter(pl.col("bin").is_in(order)).sort("bin", "contribution", "prediction_id")
    dots = [
        {**_dot(row), "x": place[row["bin"]] + _BESIDE[turn % len(_BESIDE)]}
        for turn, row in enumerate(inside.iter_rows(named=True))
    ]
    x = {"scale": alt.Scale(domain=[-0.6, len(order) - 0.4], nice=False), "axis": None}
    y_axis = axis_title is not None
    base = alt.Chart(inline(rows))
    texts = base.mark_text(angle=330, align="right", baseline="top", dy=6, fontSize=11, color=INK, limit=150, y=_HEIGHT)
    layers = [
        *_spans(base, scale, axis_title, y_axis=y_axis, x=alt.X("from:Q", **x), x2="to:Q"),
        *_dots(dots, scale, axis_title, alt.X("x:Q", **x), y_axis=y_axis),
        base.mark_rule(color=ACCENT, strokeWidth=2.5).encode(
            x=alt.X("from:Q", **x), x2="to:Q", y=_y("mean:Q", scale, axis_title, shown=y_axis), tooltip=_TOLD
        ),
        texts.encode(x=alt.X("at:Q", **x), text="label:N"),
    ]
    width = max(_COLUMN * len(order), 40)
    zero = _zero(scale, axis_title, shown=y_axis)
    chart = alt.layer(zero, *layers).properties(width=min(width, _WIDTH + 200), height=_HEIGHT)
    if named is None:
        return chart
    title = alt.TitleParams(
        named, orient="bottom", anchor="middle", fontSize=12, fontWeight="normal", color=MUTED, offset=8
    )
    return chart.properties(title=title)


def _spans(base: Any, scale: Any, axis_title: str | None, *, y_axis: bool = True, **x: Any) -> list[Any]:
    bands = base.transform_filter("isValid(datum.lower_quartile)").mark_rect(color=_BAND, opacity=0.8)
    return [
        bands.encode(
            y=_y("lower_quartile:Q", scale, axis_title, shown=y_axis), y2="upper_quartile:Q", tooltip=_TOLD, **x
        )
    ]


def _dots(dots: list[dict[str, Any]], scale: Any, axis_title: str | None, x: Any, *, y_axis: bool = True) -> list[Any]:
    alt = altair()
    if not dots:
        return []
    tooltip = [
        alt.Tooltip("value:N"),
        alt.Tooltip("amount:N", title="contribution"),
        alt.Tooltip("prediction_id:N", title="prediction"),
        alt.Tooltip("kept:N", title="kept as"),
    ]
    base = alt.Chart(inline(dots))
    y = _y("contribution:Q", scale, axis_title, shown=y_axis)
    sampled = base.transform_filter("datum.kept == 'sample'").mark_point(
        filled=True, size=16, opacity=0.65, color=MUTED, strokeWidth=0
    )
    at_ends = base.transform_filter("datum.kept != 'sample'").mark_point(
        shape="square", size=34, opacity=1, color=OUTLINE, strokeWidth=1
    )
    return [each.encode(x=x, y=y, tooltip=tooltip) for each in (sampled, at_ends)]


def _zero(scale: Any, axis_title: str | None, *, shown: bool = True) -> Any:
    alt = altair()
    return (
        alt.Chart(inline([{"y": 0}]))
        .mark_rule(color=INK, strokeWidth=1)
        .encode(y=_y("y:Q", scale, axis_title, shown=shown))
    )


def _y(field: str, scale: Any, axis_title: str | None, *, shown: bool) -> Any:
    alt = altair()
    axis = alt.Axis() if shown else alt.Axis(labels=False, ticks=False, domain=False)
    return alt.Y(field, scale=scale, title=axis_title, axis=axis)


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """Return a bin with its texts for whoever points at it."""
    return {
        **{name: row[name] for name in ("label", "mean", "lower_quartile", "upper_quartile")},
        "count": f"{row['rows']:,}",
        "amount": amount_text(row["mean"]),
        "bin": row["bin"],
        "expression": row.get("expression") or "rows_of(feature, bin)",
    }


def _dot(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "value": "missing" if row["value"] is None else row["value"],
        "contribution": row["contribution"],
        "amount": amount_text(row["contribution"]),
        "prediction_id": row["prediction_id"],
        "kept": row["kind"],
    }


def _rows(bins: pl.DataFrame) -> str:
    return f"{int(bins['rows'].sum()):,}"
