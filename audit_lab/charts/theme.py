"""How every picture looks: colours that differ in lightness too, one font, axes of time in UTC, titles with facts."""

from __future__ import annotations

import textwrap
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from audit_lab.charts.render import enable_offline
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import polars as pl

__all__ = [
    "ACCENT",
    "CATEGORIES",
    "FONT",
    "GRID",
    "INK",
    "MUTED",
    "PALE",
    "VERDICTS",
    "WIDTH",
    "altair",
    "dressed",
    "expect_columns",
    "inline",
    "period",
    "time_axis",
]

#: Metric-compatible fonts, so that a picture measured with the first one fits with the others.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
WIDTH = 760
#: So many letters of a subtitle's size fit over a picture of that width.
_LONGEST_LINE = 120

INK = "#1f2933"
MUTED = "#5b6875"
GRID = "#e4e8ec"
PALE = "#b8c2cc"
ACCENT = "#0b5cad"

#: Verdicts from light to dark, so that they stay apart in greyscale; shape tells them apart once more.
VERDICTS = {
    "stable": ("#dbe7f2", "circle"),
    "slight": ("#b7cfe5", "diamond"),
    "moderate": ("#e2951c", "triangle-up"),
    "major": ("#9e1b32", "square"),
    "too few rows": ("#ffffff", "cross"),
}

#: Categories in order of lightness steps; after Okabe and Ito, *Color Universal Design* (2008).
CATEGORIES = ("#0b5cad", "#e69f00", "#1f2933", "#56b4e9", "#b0413e", "#8fbf8f", "#7a5195", "#b8c2cc")

_SPANS = (
    (timedelta(days=4), "%d %b %H:%M", None),
    (timedelta(days=120), "%d %b %Y", None),
    (timedelta(days=460), "%b %Y", {"interval": "month", "step": 1}),
)


def altair() -> Any:
    """Import altair, which takes seconds, and see to it that its charts show without a network."""
    import altair as alt

    if alt.renderers.active == "default":
        enable_offline()
    return alt


def expect_columns(frame: pl.DataFrame, names: Iterable[str], chart: str) -> None:
    """Check that a frame has the columns that a chart draws, and rows.

    Raises
    ------
    MisuseError
        A column is missing, or there is nothing to draw.
    """
    missing = [name for name in names if name not in frame.columns]
    if missing:
        message = f"The frame for {chart} lacks {', '.join(missing)}"
        raise MisuseError(message, f"It has {', '.join(frame.columns)}.")
    if frame.is_empty():
        message = f"The frame for {chart} has no rows"
        raise MisuseError(message, "Widen the question that the frame answers.")


def inline(rows: Iterable[dict[str, Any]]) -> Any:
    """Return rows as data inside the chart; times become ISO 8601 in UTC, lists become text."""
    return altair().InlineData(values=[{name: _plain(value) for name, value in row.items()} for row in rows])


def time_axis(first: datetime, last: datetime, **options: Any) -> dict[str, Any]:
    """Return scale, axis and title of an x axis of time, in UTC, whose labels suit the span."""
    alt = altair()
    chosen = next(((shape, ticks) for span, shape, ticks in _SPANS if last - first <= span), ("%b %Y", None))
    axis = alt.Axis(
        format=chosen[0],
        tickCount=chosen[1] or 10,
        labelOverlap="greedy",
        labelSeparation=8,
        labelFlush=False,
        **options,
    )
    return {"scale": alt.Scale(type="utc", domain=[_plain(first), _plain(last)]), "axis": axis, "title": None}


def period(first: datetime, last: datetime) -> str:
    """Say from which day to which day a picture reaches; an end at midnight means the day before."""
    until = last - timedelta(microseconds=1) if last > first else last
    return f"{first:%Y-%m-%d} to {until:%Y-%m-%d} (UTC)"


def dressed(chart: Any, title: str, subtitle: Sequence[str]) -> Any:
    """Return a chart with its title, the facts below it, and this package's looks."""
    alt = altair()
    lines = [part for line in subtitle for part in textwrap.wrap(line, _LONGEST_LINE)]
    heading = alt.TitleParams(text=title, subtitle=lines)
    return (
        chart.properties(title=heading)
        .configure(font=FONT, background="#ffffff", padding={"left": 12, "top": 12, "right": 16, "bottom": 12})
        .configure_view(stroke=None)
        .configure_title(
            anchor="start",
            frame="group",
            fontSize=16,
            fontWeight=600,
            color=INK,
            subtitleColor=MUTED,
            subtitleFontSize=12,
            subtitleLineHeight=16,
            subtitlePadding=5,
            offset=14,
        )
        .configure_axis(
            labelColor=INK,
            labelFontSize=11,
            labelLimit=260,
            titleColor=MUTED,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=8,
            gridColor=GRID,
            domainColor=PALE,
            tickColor=PALE,
        )
        .configure_legend(
            labelColor=INK,
            labelFontSize=11,
            labelLimit=260,
            titleColor=MUTED,
            titleFontSize=11,
            titleFontWeight="normal",
            orient="bottom",
            direction="horizontal",
            titleOrient="left",
            symbolStrokeWidth=1,
            offset=12,
            padding=0,
        )
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00.000Z"
    return ", ".join(map(str, value)) if isinstance(value, list) else value
