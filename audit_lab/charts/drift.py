"""One column over time: a measure of its drift by window, with verdicts; and which measures can be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.charts.theme import (
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

__all__ = ["MEASURES", "drift_timeline"]

#: The measures that can be drawn over time, and what they are called.
MEASURES = {
    "psi": "Population stability index",
    "js_distance": "Jensen-Shannon distance (base 2)",
    "ks": "Kolmogorov-Smirnov statistic",
    "hellinger": "Hellinger distance",
    "total_variation": "Total variation distance",
    "wasserstein": "Wasserstein-1 distance, in the column's unit",
    "wasserstein_scaled": "Wasserstein-1 by the reference's standard deviation",
    "chi_square": "Chi-squared statistic",
    "missing_rate": "Share of missing values",
    "missing_change": "Change of the missing rate",
    "out_of_range": "Share outside the reference's range",
    "type_violations": "Share of values of another kind",
}

#: Verdict thresholds of the population stability index: Siddiqi, *Credit Risk Scorecards* (2006).
_THRESHOLDS = ((0.1, "moderate 0.1"), (0.25, "major 0.25"))

_NEEDED = ("window_start", "window_end", "rows", "column", "verdict")


def drift_timeline(table: pl.DataFrame, column: str, measure: str = "psi", *, reference: str = "") -> Chart:
    """Draw one measure of one column over the windows, with the verdict of each.

    Parameters
    ----------
    table
        ``Drift.table``.
    column
        The column to draw.
    measure
        ``psi`` (with its thresholds and the bound of what chance alone does), or another of :data:`MEASURES`.
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
    expect_columns(table, (*_NEEDED, measure), "the drift timeline")
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
