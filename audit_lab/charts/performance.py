"""Pictures of performance: one measure over the windows with its intervals, and how well scores keep their word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.charts.theme import (
    ACCENT,
    CATEGORIES,
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
    from altair import Chart

__all__ = ["calibration_curve", "performance_timeline"]

_COLUMNS = (
    *("window_start", "window_end", "model_version", "known", "of", "measure"),
    *("value", "low", "high", "rows", "status", "estimated"),
)
_CURVE = ("bin", "lower", "upper", "rows", "mean_score", "positive_share", "low", "high")
#: Status to what the legend calls it, and the shape that tells it apart without colour; filled where it is final.
_STATUSES = {
    "measured": ("measured", "circle"),
    "immature": ("outcomes still arriving", "triangle-up"),
    "too few outcomes": ("too few outcomes", "cross"),
    "estimate": ("estimated without outcomes", "diamond"),
}
_CALLED = {"auc": "AUC", "rmse": "RMSE", "mae": "MAE", "f1": "F1", "brier": "Brier score", "log_loss": "log loss"}
_MOST_VERSIONS = len(CATEGORIES)


def performance_timeline(
    table: pl.DataFrame, measure: str = "auc", *, of: str = "score", known: str = "now", model: str = ""
) -> Chart:
    """Draw one measure over the windows, with its 95 % intervals; what can still move looks otherwise.

    Parameters
    ----------
    table
        ``Performance.table``.
    measure, of
        Which measure, and of what: ``score``, ``label``, ``decision``, ``final decision`` or ``outcome``.
    known
        By what was known "now" or "then".
    model
        The model's name, for the title.

    Raises
    ------
    MisuseError
        There is no such measure with a value, or it was taken of one window only and without times.
    """
    expect_columns(table, _COLUMNS, "the performance timeline")
    mine = table.filter(
        pl.col("measure") == measure,
        pl.col("of") == of,
        pl.col("known") == known,
        pl.col("value").is_not_null(),
        pl.col("window_start").is_not_null(),
    )
    if mine.is_empty():
        pairs = table.drop_nulls("value").select("of", "measure").unique(maintain_order=True).iter_rows()
        message = f"No value of {measure} of the {of} can be drawn"
        raise MisuseError(message, f"There are: {', '.join(' '.join(pair) for pair in pairs) or 'none'}.")
    alt = altair()
    name = _CALLED.get(measure, measure.replace("_", " "))
    versions = mine["model_version"].unique(maintain_order=True).to_list()
    first, last = mine["window_start"].min(), mine["window_end"].max()
    rows = [_placed(row, versions) for row in mine.iter_rows(named=True)]
    base = alt.Chart(inline(rows)).properties(width=WIDTH, height=280)
    x = alt.X("at:T", **time_axis(first, last, grid=False))  # type: ignore[arg-type]
    titled = f"{name[0].upper()}{name[1:]}"
    y = alt.Y("value:Q", title=titled, scale=alt.Scale(zero=False, nice=True))
    called = [text for text, _ in _STATUSES.values()]
    shape = alt.Shape(
        "called:N",
        scale=alt.Scale(domain=called, range=[each for _, each in _STATUSES.values()]),
        legend=alt.Legend(title=None, symbolStrokeColor=INK, symbolStrokeWidth=1.6, symbolOpacity=1),
    )
    colour = _colours(versions)
    spans = base.transform_filter("datum.low !== null").mark_rule(strokeWidth=2.4)
    ends = spans.encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour, opacity=_pale())
    lines = base.transform_filter("datum.status == 'measured'").mark_line(strokeWidth=1, opacity=0.6)
    marks = {
        "x": x,
        "y": y,
        "shape": shape,
        "color": colour,
        "tooltip": ["window_start:T", "version:N", "value:Q", "low:Q", "high:Q", "rows:Q", "status:N"],
    }
    final = base.transform_filter("datum.status == 'measured'").mark_point(filled=True, size=70, opacity=1)
    open_ = base.transform_filter("datum.status != 'measured'").mark_point(size=70, strokeWidth=1.6, opacity=1)
    points = [open_.encode(**marks), final.encode(**marks)]
    finals = mine.filter(~pl.col("estimated"))
    immature = finals.filter(status="immature").height
    return dressed(
        alt.layer(ends, lines.encode(x=x, y=y, color=colour), *points),
        f"{titled} of the {of} by window",
        [
            f"{model + ', ' if model else ''}{period(first, last)}, as known {known}",  # type: ignore[arg-type]
            f"{finals['window_start'].n_unique()} windows with outcomes; bars are 95 % intervals",
            f"{immature} still wait for outcomes: their values can move" if immature else "",
        ],
    )


def calibration_curve(curve: pl.DataFrame, *, positive: str = "", window: str = "", model: str = "") -> Chart:
    """Draw each bin's share of positives against its mean score, with exact intervals, and how many rows it has.

    On the diagonal a score keeps its word; above it the score is too low, below it too high.

    Parameters
    ----------
    curve
        ``Performance.calibration()``.
    positive
        What the score is the probability of.
    window, model
        What the curve is of, for the subtitle.
    """
    expect_columns(curve, _CURVE, "the calibration curve")
    alt = altair()
    unit = alt.Scale(domain=[0, 1], nice=False)
    size = 380
    base = alt.Chart(inline(curve.to_dicts())).properties(width=size, height=size)
    percent = {"format": "%", "tickCount": 6}
    x = alt.X("mean_score:Q", title="Mean score", scale=unit, axis=alt.Axis(**percent))
    share = f"Share that turned out {positive}" if positive else "Share that turned out positive"
    y = alt.Y("positive_share:Q", title=share, scale=unit, axis=alt.Axis(**percent))
    diagonal = (
        alt.Chart(inline([{"at": 0.0}, {"at": 1.0}]))
        .mark_line(strokeDash=[4, 4], color=MUTED, strokeWidth=1)
        .encode(x=alt.X("at:Q", scale=unit), y=alt.Y("at:Q", scale=unit))
    )
    spans = base.mark_rule(color=ACCENT, strokeWidth=2.2, opacity=0.55).encode(x=x, y=alt.Y("low:Q"), y2="high:Q")
    line = base.mark_line(color=ACCENT, strokeWidth=1.2).encode(x=x, y=y)
    points = base.mark_point(filled=True, size=60, color=ACCENT, opacity=1, stroke=INK, strokeWidth=0.7).encode(
        x=x, y=y, tooltip=["lower:Q", "upper:Q", "rows:Q", "mean_score:Q", "positive_share:Q", "low:Q", "high:Q"]
    )
    counts = (
        alt.Chart(inline({**row, "none": 0} for row in curve.iter_rows(named=True)))
        .mark_rect(color=PALE, stroke="#ffffff", strokeWidth=1)
        .encode(
            x=alt.X("lower:Q", title=None, scale=unit, axis=alt.Axis(labels=False, ticks=False, grid=False)),
            x2="upper:Q",
            y=alt.Y("rows:Q", title="Rows", axis=alt.Axis(tickCount=3, format="~s", grid=False)),
            y2="none:Q",
        )
        .properties(width=size, height=70)
    )
    chart = alt.vconcat(alt.layer(diagonal, spans, line, points), counts, spacing=14)
    of = ", ".join(text for text in (model, window) if text)
    return dressed(
        chart,
        "Does the score keep its word?",
        [
            f"{of + ': ' if of else ''}{int(curve['rows'].sum()):,} predictions with an outcome, in bins of the score",
            "Dashed: what it promises. Bars are exact 95 % intervals",
        ],
    )


def _placed(row: dict[str, Any], versions: list[str | None]) -> dict[str, Any]:
    """Put versions of one window beside each other, and estimates a little aside."""
    start, length = row["window_start"], row["window_end"] - row["window_start"]
    shift = (versions.index(row["model_version"]) + 1) / (len(versions) + 1)
    shift += 0.12 / len(versions) if row["estimated"] else 0.0
    place = min(versions.index(row["model_version"]), _MOST_VERSIONS - 1)
    version = row["model_version"] or "all versions"
    shown = version if len(versions) <= _MOST_VERSIONS or place < _MOST_VERSIONS - 1 else "other versions"
    return {**row, "at": start + length * shift, "version": shown, "called": _STATUSES[row["status"]][0]}


def _colours(versions: list[str | None]) -> Any:
    alt = altair()
    names = [version or "all versions" for version in versions[: _MOST_VERSIONS - 1]]
    if len(versions) == _MOST_VERSIONS:
        names.append(versions[-1] or "all versions")
    elif len(versions) > _MOST_VERSIONS:
        names.append("other versions")
    legend = None if len(names) == 1 else alt.Legend(title="version")
    return alt.Color("version:N", scale=alt.Scale(domain=names, range=list(CATEGORIES[: len(names)])), legend=legend)


def _pale() -> Any:
    return altair().condition("datum.status == 'measured'", altair().value(0.55), altair().value(0.25))
