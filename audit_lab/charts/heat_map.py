"""The map of a drift: columns by window, coloured by how far each lies from the reference, with its verdict."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from audit_lab.charts.drift import MEASURES
from audit_lab.charts.theme import INK, MUTED, PALE, VERDICTS, WIDTH, altair, dressed, expect_columns, inline, time_axis
from audit_lab.charts.theme import period as from_to
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from altair import Chart

__all__ = ["HEAT", "drift_heatmap", "heat_steps", "heat_table"]

#: From near to far, each darker than the one before, so that the order stays in greyscale.
HEAT = ("#e3e8ec", "#d6c5a2", "#dfa044", "#cf7a35", "#b04a2f", "#7f1d2d", "#3d0c20")

_NEEDED = ("window_start", "window_end", "rows", "column", "vanished_categories", "verdict")
#: Where colours change, by measure: about its threshold, and up to twice and four times that and more.
_DISTANCE = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
_SHARE = (0.005, 0.01, 0.05, 0.1, 0.25, 0.5)
_STEPS = {
    "psi": (0.05, 0.1, 0.25, 0.5, 1.0, 2.0),
    "js_distance": _DISTANCE,
    "hellinger": _DISTANCE,
    "total_variation": _DISTANCE,
    "ks": _DISTANCE,
    "wasserstein_scaled": (0.05, 0.1, 0.2, 0.5, 1.0, 2.0),
    "missing_change": _SHARE,
    "missing_rate": _SHARE,
    "out_of_range": _SHARE,
    "type_violations": _SHARE,
}
_OF_THE_HIGHEST = (0.02, 0.05, 0.1, 0.25, 0.5, 0.75)
_ORDER = ("stable", "slight", "moderate", "major")
_FEW = "too few rows"
_MARKED = ("slight", "moderate", "major")
#: More windows than this are drawn together, so that a cell stays wide enough to be seen.
_MOST_WINDOWS = 120
_ROW_HEIGHT = 26
_NARROW = 9


def drift_heatmap(
    table: pl.DataFrame,
    measure: str = "psi",
    *,
    reference: str = "",
    order: Literal["far", "first"] = "far",
    most: int = 40,
) -> Chart:
    """Draw how far every column lies from the reference in every window, and the verdict on it.

    The darker, the farther; the marks are verdicts. Windows with too few rows for one are hatched.

    Parameters
    ----------
    table
        ``Drift.table``.
    measure
        What the colour says; the population stability index, or another of
        :data:`audit_lab.charts.drift.MEASURES`. Of a change of the missing rate, the size counts.
    reference
        What the windows are compared with, ``Drift.reference.description``; goes into the subtitle.
    order
        Columns by how ``far`` they moved, or by which moved ``first``.
    most
        So many columns at most; the subtitle says how many are left out.

    Raises
    ------
    MisuseError
        A column of the frame is missing, it has no rows, or there is no such measure.
    """
    cells, names, left = heat_table(table, measure, order=order, most=most)
    alt = altair()
    steps = heat_steps(table, measure)
    called = _called(steps)
    pooled = int(cells["windows"].max())  # type: ignore[arg-type]
    across = _across(cells)
    drawn = cells.with_columns(
        heat=pl.Series(
            [None if value is None else called[bisect_right(steps, value)] for value in cells["value"]], dtype=pl.String
        ),
        dark=pl.col("value").fill_null(0.0) >= steps[2],
        shown=pl.col("value").map_elements(lambda value: f"{value:.4g}", return_dtype=pl.String),
    )
    height = _ROW_HEIGHT if len(names) <= 30 else 18  # noqa: PLR2004 - so that forty rows fit a page
    base = alt.Chart(inline(drawn.to_dicts())).properties(width=WIDTH, height=max(height * len(names), 60))
    axis = alt.Axis(domain=False, ticks=False, labelPadding=8)
    y = alt.Y("column:N", sort=names, title=None, axis=axis, scale=alt.Scale(paddingInner=0.08, paddingOuter=0.04))
    tooltip = [
        alt.Tooltip("column:N"),
        alt.Tooltip("name:N", title="window"),
        alt.Tooltip("rows:Q", format=","),
        alt.Tooltip("shown:N", title=MEASURES[measure]),
        alt.Tooltip("verdict:N"),
        alt.Tooltip("vanished_categories:N", title="gone"),
    ]
    legend = alt.Legend(
        title=MEASURES[measure], symbolType="square", symbolSize=150, symbolStrokeColor=MUTED, columnPadding=8
    )
    colour = alt.Color("heat:N", scale=alt.Scale(domain=called, range=list(HEAT)), legend=legend)
    gap = 0.8 if drawn["window_start"].n_unique() < _MOST_WINDOWS / 2 else 0.3
    judged = base.transform_filter(f"datum.verdict != '{_FEW}' && isValid(datum.heat)")
    coloured = judged.mark_rect(stroke="#ffffff", strokeWidth=gap).encode(y=y, color=colour, tooltip=tooltip, **across)
    layers = [coloured, *_unjudged(base, y, across, tooltip), *_marks(base, drawn, y)]
    first, last = cells["window_start"].min(), cells["window_end"].max()
    count = table["window_start"].n_unique()
    order_word = "first" if order == "first" else "farthest"
    rows = int(table.unique("window_start")["rows"].sum())
    said = f"{rows:,} rows, {from_to(first, last)}"  # type: ignore[arg-type]
    said += f", of which {pooled} are drawn as one: the farthest of them" if pooled > 1 else ""
    return dressed(
        alt.layer(*layers).resolve_scale(shape="independent"),
        "What moved, window by window",
        [
            f"{count:,} window{'' if count == 1 else 's'} with {said}",
            f"Compared with {reference}" if reference else "",
            f"The {len(names)} columns that moved {order_word}; {left:,} others are left out" if left else "",
            _said(cells),
        ],
    )


def heat_steps(table: pl.DataFrame, measure: str) -> tuple[float, ...]:
    """Return where the colours of :data:`HEAT` change: at fixed values, or parts of the highest, ascending."""
    known = _STEPS.get(measure)
    if known is not None:
        return known
    highest = float(table[measure].abs().max() or 1.0)  # type: ignore[arg-type]
    top = highest if math.isfinite(highest) else 1.0
    return tuple(float(f"{part * top:.2g}") for part in _OF_THE_HIGHEST)


def heat_table(
    table: pl.DataFrame, measure: str = "psi", *, order: Literal["far", "first"] = "far", most: int = 40
) -> tuple[pl.DataFrame, list[str], int]:
    """Return the cells of the map, the names of its rows from the top, and how many columns it leaves out.

    Parameters
    ----------
    table, measure, order, most
        As for :func:`drift_heatmap`.

    Returns
    -------
    cells
        ``column``, ``place`` (of the cell in its row), ``name``, ``window_start``, ``window_end``, ``windows`` (how
        many it stands for; of several, the farthest), ``rows``, ``value`` (null where the measure was not taken),
        ``verdict``, ``vanished_categories``.
    names, left
        Columns in order, and how many others there are.

    Raises
    ------
    MisuseError
        As :func:`drift_heatmap`.
    """
    expect_columns(table, _NEEDED, "the drift map")
    if measure not in MEASURES or measure not in table.columns:
        known = ", ".join(name for name in MEASURES if name in table.columns)
        raise MisuseError(f"{measure!r} is not a measure that can be drawn", f"Use one of {known}.")
    if order not in ("far", "first"):
        raise MisuseError(f"columns cannot be ordered by {order!r}", "Use 'far' or 'first'.")
    if most < 1:
        raise MisuseError(f"{most} columns cannot be drawn", "Give 1 or more.")
    named = pl.col("window") if "window" in table.columns else pl.col("window_start").dt.strftime("%Y-%m-%d %H:%M")
    rank = pl.col("verdict").replace_strict(list(_ORDER), range(len(_ORDER)), default=-1).alias("rank")
    size = pl.col(measure).cast(pl.Float64).abs().fill_nan(None).alias("value")
    every = table.with_columns(rank, size, named.alias("name")).with_columns(
        value=pl.when(pl.col("verdict") == _FEW).then(None).otherwise(pl.col("value"))
    )
    moved = pl.col("rank") >= _ORDER.index("moderate")
    ranked = every.group_by("column", maintain_order=True).agg(
        pl.col("rank").max().alias("worst"),
        pl.col("value").max().fill_null(-1.0).alias("highest"),
        pl.col("window_start").filter(moved).min().alias("since"),
    )
    by = ["worst", "highest", "column"] if order == "far" else ["since", "worst", "highest", "column"]
    down = [name in ("worst", "highest") for name in by]
    names = ranked.sort(by, descending=down, nulls_last=True)["column"].to_list()
    kept = every.filter(pl.col("column").is_in(names[:most]))
    starts = kept["window_start"].unique().sort()
    pooled = math.ceil(starts.len() / _MOST_WINDOWS)
    number = pl.col("window_start").replace_strict(starts, range(starts.len()), return_dtype=pl.Int64) // pooled
    cells = (
        kept.with_columns(number.alias("place"))
        .sort("rank", "value", descending=True, nulls_last=True)
        .group_by("column", "place")
        .agg(
            pl.when(pl.len() > 1)
            .then(pl.lit("the farthest: ") + pl.col("name").first())
            .otherwise(pl.col("name").first())
            .alias("name"),
            pl.col("window_start").min(),
            pl.col("window_end").max(),
            pl.len().cast(pl.Int64).alias("windows"),
            pl.col("rows").sum(),
            pl.col("value").first(),
            pl.col("verdict").first(),
            pl.col("vanished_categories").list.explode(keep_nulls=False, empty_as_null=False).unique().sort(),
        )
        .sort("column", "place")
    )
    return cells, names[:most], len(names[most:])


def _called(steps: tuple[float, ...]) -> list[str]:
    """Return what the legend calls the colours; an end belongs to the one above it."""
    texts = [f"{step:g}" for step in steps]
    between = [f"{low} \N{EN DASH} {high}" for low, high in itertools.pairwise(texts)]
    return [f"below {texts[0]}", *between, f"{texts[-1]} or more"]


def _across(cells: pl.DataFrame) -> dict[str, Any]:
    """Return how cells lie from left to right: by time, or side by side where windows overlap as those of versions."""
    alt = altair()
    if _overlap(cells):
        names = cells.unique("place").sort("place")["name"].to_list()
        return {"x": alt.X("name:N", sort=names, title=None, axis=alt.Axis(labelAngle=-30, labelLimit=120))}
    first, last = cells["window_start"].min(), cells["window_end"].max()
    x = alt.X("window_start:T", **time_axis(first, last, grid=False))  # type: ignore[arg-type]
    return {"x": x, "x2": "window_end:T"}


def _overlap(cells: pl.DataFrame) -> bool:
    spans = cells.unique("place").sort("window_start")
    return bool((spans["window_start"][1:] < spans["window_end"][:-1]).any())


def _unjudged(base: Any, y: Any, across: dict[str, Any], tooltip: list[Any]) -> list[Any]:
    """Draw cells without a verdict hatched, and those without this measure empty."""
    alt = altair()
    few = base.transform_filter(f"datum.verdict == '{_FEW}'")
    none = base.transform_filter(f"datum.verdict != '{_FEW}' && !isValid(datum.heat)")
    empty = {"fill": "#ffffff", "stroke": PALE, "strokeWidth": 0.7}
    layers = [cells.mark_rect(**empty).encode(y=y, tooltip=tooltip, **across) for cells in (few, none)]
    if "x2" in across:
        slanted = few.mark_rule(color=MUTED, strokeWidth=0.9).encode(
            y=alt.Y("column:N", sort=y["sort"], bandPosition=1), y2=alt.Y2("column:N", bandPosition=0), **across
        )
        return [*layers, slanted]
    text = few.mark_text(text="///", color=MUTED).encode(y=y, x=across["x"])
    return [*layers, text]


def _marks(base: Any, drawn: pl.DataFrame, y: Any) -> list[Any]:
    """Draw the mark of each verdict beyond chance in the middle of its cell, and a cross where a category is gone."""
    alt = altair()
    if _overlap(drawn):
        x = alt.X("name:N", sort=drawn.unique("place").sort("place")["name"].to_list(), title=None)
    else:
        base = base.transform_calculate(
            middle="toDate(datum.window_start) + (toDate(datum.window_end) - toDate(datum.window_start)) / 2"
        )
        x = alt.X("middle:T")
    narrow = drawn["place"].n_unique() > WIDTH / _NARROW
    shapes = alt.Scale(domain=list(_MARKED), range=[VERDICTS[name][1] for name in _MARKED])
    legend = alt.Legend(title="Verdict", symbolFillColor=INK, symbolStrokeColor=INK, symbolSize=45)
    gone = "length(datum.vanished_categories) > 0"
    contrast = alt.condition("datum.dark", alt.value("#ffffff"), alt.value(INK))
    marks = (
        base.transform_filter(f"indexof({list(_MARKED)}, datum.verdict) >= 0 && !({gone})")
        .mark_point(filled=True, size=14 if narrow else 30, opacity=1, strokeWidth=0)
        .encode(x=x, y=y, shape=alt.Shape("verdict:N", scale=shapes, legend=legend), color=contrast)
    )
    crosses = (
        base.transform_filter(gone)
        .mark_text(text="\N{MULTIPLICATION SIGN}", fontSize=15, fontWeight="bold", baseline="middle")
        .encode(x=x, y=y, color=contrast)
    )
    return [marks, crosses]


def _said(cells: pl.DataFrame) -> str:
    """Return what marks mean that are in no legend, those that occur."""
    said = []
    if (cells["vanished_categories"].list.len() > 0).any():
        said.append("\N{MULTIPLICATION SIGN} a category of the reference is gone")
    if (cells["verdict"] == _FEW).any():
        said.append("hatched: too few rows for a verdict")
    if cells.filter(pl.col("verdict") != _FEW)["value"].null_count():
        said.append("empty: not measured there")
    return "; ".join(said)
