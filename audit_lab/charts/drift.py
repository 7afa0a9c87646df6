"""Pictures of drift: a map of all columns, one column over time, and one window's bins beside the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.charts.theme import (
    ACCENT,
    INK,
    MUTED,
    PALE,
    VERDICTS,
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
    from altair import Chart

__all__ = ["MEASURES", "distribution", "drift_heatmap", "drift_timeline"]

#: The measures that can be drawn over time, and what they are called.
MEASURES = {
    "psi": "Population stability index",
    "js_distance": "Jensen-Shannon distance (base 2)",
    "ks": "Kolmogorov-Smirnov statistic",
    "hellinger": "Hellinger distance",
    "total_variation": "Total variation distance",
    "wasserstein": "Wasserstein-1 distance, in the column's unit",
    "missing_rate": "Share of missing values",
}

#: Verdict thresholds of the population stability index: Siddiqi, *Credit Risk Scorecards* (2006).
_THRESHOLDS = ((0.1, "moderate 0.1"), (0.25, "major 0.25"))

_MAP_COLUMNS = ("window_start", "window_end", "rows", "column", "psi", "vanished_categories", "verdict")


def drift_heatmap(table: pl.DataFrame, *, reference: str = "") -> Chart:
    """Draw the verdict of every column in every window.

    Parameters
    ----------
    table
        ``Drift.table``: ``window_start``, ``window_end``, ``rows``, ``column``, ``psi``, ``vanished_categories``,
        ``verdict``.
    reference
        What the windows are compared with, ``Drift.reference.description``; goes into the subtitle.
    """
    expect_columns(table, _MAP_COLUMNS, "the drift map")
    alt = altair()
    columns = table["column"].unique(maintain_order=True).to_list()
    first, last = _span(table)
    rows = table.with_columns(middle=_middle(), gone=pl.col("vanished_categories").list.len() > 0)
    base = alt.Chart(inline(rows.to_dicts())).properties(width=WIDTH, height=max(28 * len(columns), 60))
    y = alt.Y("column:N", sort=columns, title=None, axis=alt.Axis(domain=False, ticks=False, labelPadding=8))
    cells = base.mark_rect(stroke="#ffffff", strokeWidth=1).encode(
        x=alt.X("window_start:T", **time_axis(first, last, grid=False)),
        x2="window_end:T",
        y=y,
        color=_verdict_colour(),
        tooltip=["column:N", "window_start:T", "rows:Q", "psi:Q", "verdict:N", "vanished_categories:N"],
    )
    unjudged = cells.transform_filter("datum.verdict == 'too few rows'").mark_rect(stroke=PALE, strokeWidth=0.7)
    gone = (
        base.transform_filter("datum.gone")
        .mark_text(text="\N{MULTIPLICATION SIGN}", fontSize=14, fontWeight="bold", color="#ffffff", baseline="middle")
        .encode(x="middle:T", y=y)
    )
    return dressed(
        alt.layer(cells, unjudged, gone),
        "What moved, window by window",
        [
            f"{_windows(table)} with {_rows(table):,} rows, {period(first, last)}",
            f"Compared with {reference}" if reference else "",
            "\N{MULTIPLICATION SIGN} a category of the reference is gone" if rows["gone"].any() else "",
        ],
    )


def drift_timeline(table: pl.DataFrame, column: str, measure: str = "psi", *, reference: str = "") -> Chart:
    """Draw one measure of one column over the windows, with the verdict of each.

    Parameters
    ----------
    table
        ``Drift.table``.
    column
        The column to draw.
    measure
        ``psi`` (with its thresholds and the bound of what chance alone does), ``js_distance``, ``ks``, ``hellinger``,
        ``total_variation``, ``wasserstein`` or ``missing_rate``.
    reference
        What the windows are compared with; goes into the subtitle.

    Raises
    ------
    MisuseError
        The column or the measure is not in the table, or the measure was not taken for this column.
    """
    if measure not in MEASURES:
        message = f"{measure!r} is not a measure that can be drawn"
        raise MisuseError(message, f"Use one of {', '.join(MEASURES)}.")
    expect_columns(table, (*_MAP_COLUMNS, measure), "the drift timeline")
    mine = table.filter(pl.col("column") == column, pl.col(measure).is_not_null())
    if mine.is_empty():
        message = f"{MEASURES[measure]} was not taken for column {column!r}"
        raise MisuseError(message, f"Columns are {', '.join(table['column'].unique(maintain_order=True))}.")
    alt = altair()
    first, last = _span(table)
    top = max(float(mine[measure].max()) * 1.1, 0.3 if measure == "psi" else 0.05)  # type: ignore[arg-type]
    base = alt.Chart(inline(mine.with_columns(middle=_middle()).to_dicts())).properties(width=WIDTH, height=260)
    x = alt.X("middle:T", **time_axis(first, last, grid=False))
    y = alt.Y(f"{measure}:Q", title=MEASURES[measure], scale=alt.Scale(domain=[0, top], nice=True))
    shapes = alt.Scale(domain=list(VERDICTS), range=[shape for _, shape in VERDICTS.values()])
    line = base.mark_line(color=MUTED, strokeWidth=1.5).encode(x=x, y=y)
    points = base.mark_point(filled=True, size=75, opacity=1, stroke=INK, strokeWidth=0.7).encode(
        x=x,
        y=y,
        color=_verdict_colour(),
        shape=alt.Shape("verdict:N", scale=shapes, legend=_legend()),
        tooltip=["window_start:T", "rows:Q", f"{measure}:Q", "verdict:N"],
    )
    layers = [*(_noise(base, x) if measure == "psi" else []), line, points]
    return dressed(
        alt.layer(*(_thresholds() if measure == "psi" else []), *layers),
        f"{column}: {MEASURES[measure].lower() if measure == 'psi' else MEASURES[measure]} by window",
        [
            f"{_windows(table)} with {_rows(table):,} rows, {period(first, last)}",
            f"Compared with {reference}" if reference else "",
            "Dotted: chance alone stays below it in 99.9 % of windows without drift" if measure == "psi" else "",
        ],
    )


def distribution(bins: pl.DataFrame, *, column: str = "", window: str = "", reference: str = "") -> Chart:
    """Draw one window's bins beside the reference's, as shares of their rows.

    Parameters
    ----------
    bins
        ``Drift.bins(column, window_start)``: ``bin``, ``order``, ``reference_share``, ``window_share`` and the rows
        of both.
    column, window, reference
        What the bins are of, for title and subtitle.
    """
    expect_columns(
        bins,
        ("bin", "order", "reference_share", "window_share", "reference_rows", "window_rows"),
        "the distribution",
    )
    alt = altair()
    ordered = bins.sort("order")
    sides = [
        {"bin": row["bin"], "order": row["order"], "side": name, "share": row[f"{side}_share"] or 0.0}
        for row in ordered.to_dicts()
        for side, name in (("reference", "Reference"), ("window", "Window"))
    ]
    names = ordered["bin"].to_list()
    base = alt.Chart(inline(sides)).encode(
        y=alt.Y("bin:N", sort=names, title=None, axis=alt.Axis(domain=False, ticks=False, labelPadding=8)),
        yOffset=alt.YOffset("side:N", sort=["Reference", "Window"]),
    )
    colours = alt.Scale(domain=["Reference", "Window"], range=[PALE, ACCENT])
    share = alt.X("share:Q", title="Share of rows", axis=alt.Axis(format="%", tickCount=6, domain=False))
    bars = base.mark_bar(cornerRadiusEnd=1.5).encode(
        x=share, color=alt.Color("side:N", scale=colours, legend=alt.Legend(title=None))
    )
    shown = "datum.share == 0 ? 'none' : datum.share < 0.001 ? '< 0.1 %' : format(datum.share * 100, '.1f') + ' %'"
    labels = (
        base.transform_calculate(shown=shown)
        .mark_text(align="left", dx=4, fontSize=10, color=MUTED)
        .encode(x=share, text="shown:N")
    )
    return dressed(
        alt.layer(bars, labels).properties(width=WIDTH - 160, height=alt.Step(13)),
        f"{column}: before and after" if column else "Before and after",
        [
            f"Window: {window + ', ' if window else ''}{int(bins['window_rows'].sum()):,} rows",
            f"Reference: {reference or format(int(bins['reference_rows'].sum()), ',') + ' rows'}",
        ],
    )


def _thresholds() -> list[Any]:
    alt = altair()
    data = inline({"at": at, "name": name} for at, name in _THRESHOLDS)
    rules = alt.Chart(data).mark_rule(color=PALE, strokeWidth=1).encode(y="at:Q")
    names = (
        alt.Chart(data)
        .mark_text(align="right", baseline="bottom", dy=-2, fontSize=10, color=MUTED)
        .encode(x=alt.value(WIDTH), y="at:Q", text="name:N")
    )
    return [rules, names]


def _noise(base: Any, x: Any) -> list[Any]:
    return [base.mark_line(strokeDash=[2, 3], color=MUTED, strokeWidth=1).encode(x=x, y="psi_noise:Q")]


def _verdict_colour() -> Any:
    alt = altair()
    scale = alt.Scale(domain=list(VERDICTS), range=[colour for colour, _ in VERDICTS.values()])
    return alt.Color("verdict:N", scale=scale, legend=_legend())


def _legend() -> Any:
    return altair().Legend(title="Verdict", symbolStrokeColor=MUTED, symbolStrokeWidth=0.7, symbolSize=90)


def _middle() -> pl.Expr:
    return pl.col("window_start") + (pl.col("window_end") - pl.col("window_start")) / 2


def _span(table: pl.DataFrame) -> tuple[Any, Any]:
    return table["window_start"].min(), table["window_end"].max()


def _windows(table: pl.DataFrame) -> str:
    count = table["window_start"].n_unique()
    return f"{count:,} window{'' if count == 1 else 's'}"


def _rows(table: pl.DataFrame) -> int:
    return int(table.unique("window_start")["rows"].sum())
