"""Pictures of a log over time: how much was predicted, which version served, what came of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.charts.theme import (
    ACCENT,
    CATEGORIES,
    INK,
    MUTED,
    WIDTH,
    altair,
    dressed,
    expect_columns,
    inline,
    period,
    time_axis,
)

if TYPE_CHECKING:
    from datetime import datetime

    from altair import Chart

__all__ = ["outcome_rate", "versions", "volume"]

#: Of the standard normal distribution, for a 95 % interval.
_TWO_SIDED_95 = 1.959963984540054
_SUMMARY_SHOWN = 110
#: Only the smaller part of divided traffic is written beside its bar.
_MINORITY = 0.5


def volume(frame: pl.DataFrame, *, events: pl.DataFrame | None = None, subject: str = "Predictions") -> Chart:
    """Draw how many rows each window has, with numbered events and a key below.

    Parameters
    ----------
    frame
        ``window_start``, ``window_end``, ``rows``.
    events
        ``at`` and ``summary``, in any order; those outside the windows are left out.
    subject
        What is counted; the title's first word.
    """
    expect_columns(frame, ("window_start", "window_end", "rows"), "the volume")
    alt = altair()
    first, last = _span(frame)
    bars = (
        alt.Chart(inline(frame.to_dicts()))
        .mark_bar(color=ACCENT, opacity=0.85, stroke="#ffffff", strokeWidth=0.6)
        .encode(
            x=alt.X("window_start:T", **time_axis(first, last, grid=False)),
            x2="window_end:T",
            y=alt.Y("rows:Q", title="Rows", axis=alt.Axis(format="~s", domain=False, tickCount=5)),
            y2=alt.datum(0),
            tooltip=["window_start:T", "rows:Q"],
        )
        .properties(width=WIDTH, height=220)
    )
    marked = [] if events is None else _numbered(events, first, last)
    chart = alt.layer(bars, *_markers(marked)) if marked else bars
    return dressed(
        alt.vconcat(chart, _key(marked), spacing=8) if marked else chart,
        f"{subject} over time",
        [f"{int(frame['rows'].sum()):,} rows in {frame.height:,} windows, {period(first, last)}"],
    )


def versions(deployments: pl.DataFrame, *, end: datetime) -> Chart:
    """Draw which model version served when, one bar for each stretch of a serving slot.

    Parameters
    ----------
    deployments
        Rows of the log's ``deployments``: ``deployment_id``, ``from_time``, ``model_name``, ``model_version``,
        ``environment``, ``traffic_share``. A slot's next row ends the one before; a share of 0 serves nothing.
    end
        Where a stretch that no later row ends is drawn to: the end of the log.
    """
    needed = ("deployment_id", "from_time", "model_name", "model_version", "environment", "traffic_share")
    expect_columns(deployments, needed, "the versions")
    alt = altair()
    served = (
        deployments.sort("from_time")
        .with_columns(until=pl.col("from_time").shift(-1).over("deployment_id").fill_null(end))
        .filter(pl.col("traffic_share") > 0, pl.col("until") > pl.col("from_time"))
        .with_columns(
            served=pl.format("{} {}", "model_name", "model_version"),
            middle=pl.col("from_time") + (pl.col("until") - pl.col("from_time")) / 2,
            share=pl.when(pl.col("traffic_share") < _MINORITY).then(pl.col("traffic_share")),
        )
    )
    expect_columns(served, (), "the versions")
    first, order = served["from_time"].min(), served["served"].unique(maintain_order=True).to_list()
    slots = served["deployment_id"].unique(maintain_order=True).to_list()
    base = alt.Chart(inline(served.select(*needed, "until", "served", "middle", "share").to_dicts()))
    y = alt.Y("served:N", sort=order, title=None, axis=alt.Axis(domain=False, ticks=False, labelPadding=8, grid=True))
    colours = alt.Scale(domain=slots, range=[CATEGORIES[place % len(CATEGORIES)] for place in range(len(slots))])
    bars = base.mark_bar(height=16, cornerRadius=2, stroke="#ffffff", strokeWidth=1).encode(
        x=alt.X("from_time:T", **time_axis(first, end)),  # type: ignore[arg-type]
        x2="until:T",
        y=y,
        color=alt.Color("deployment_id:N", scale=colours, legend=alt.Legend(title="Serving slot")),
        tooltip=["deployment_id:N", "served:N", "environment:N", "traffic_share:Q", "from_time:T", "until:T"],
    )
    shares = base.transform_filter("datum.share != null").mark_text(dy=-14, fontSize=10, color=MUTED)
    text = alt.Text("share:Q", format=".3~%")
    return dressed(
        alt.layer(bars, shares.encode(x="middle:T", y=y, text=text)).properties(
            width=WIDTH, height=max(40 * len(order), 60)
        ),
        "Which version served when",
        [f"{served.height} stretches from {deployments.height} deployment rows, {period(first, end)}"],  # type: ignore[arg-type]
    )


def outcome_rate(frame: pl.DataFrame, *, label: str = "positive") -> Chart:
    """Draw the share of outcomes with one label over time, with its 95 % interval.

    Parameters
    ----------
    frame
        ``window_start``, ``window_end``, ``rows`` (outcomes known) and ``positives`` (those with the label).
    label
        The label counted.

    Notes
    -----
    The interval is Wilson's: *Probable Inference, the Law of Succession, and Statistical Inference* (1927).
    """
    expect_columns(frame, ("window_start", "window_end", "rows", "positives"), "the outcome rate")
    alt = altair()
    first, last = _span(frame)
    known = [_with_interval(row) for row in frame.filter(pl.col("rows") > 0).to_dicts()]
    base = alt.Chart(inline(known)).properties(width=WIDTH, height=220)
    x = alt.X("middle:T", **time_axis(first, last, grid=False))
    y = alt.Y("rate:Q", title=f"Share {label}", axis=alt.Axis(format="%", domain=False, tickCount=5))
    band = base.mark_area(color=ACCENT, opacity=0.18).encode(x=x, y=alt.Y("low:Q"), y2="high:Q")
    line = base.mark_line(color=ACCENT, strokeWidth=2, point=alt.OverlayMarkDef(color=ACCENT, size=24))
    rows, positives = int(frame["rows"].sum()), int(frame["positives"].sum())
    return dressed(
        alt.layer(band, line.encode(x=x, y=y, tooltip=["window_start:T", "rows:Q", "rate:Q"])),
        f"Outcomes: share {label} over time",
        [f"{positives:,} of {rows:,} outcomes in {frame.height:,} windows, {period(first, last)}; band: 95 % interval"],
    )


def _with_interval(row: dict[str, Any]) -> dict[str, Any]:
    rows, rate, z = row["rows"], row["positives"] / row["rows"], _TWO_SIDED_95
    centre = (rate + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z * math.sqrt(rate * (1 - rate) / rows + z**2 / (4 * rows**2)) / (1 + z**2 / rows)
    middle = row["window_start"] + (row["window_end"] - row["window_start"]) / 2
    return {**row, "middle": middle, "rate": rate, "low": max(centre - half, 0.0), "high": min(centre + half, 1.0)}


def _numbered(events: pl.DataFrame, first: datetime, last: datetime) -> list[dict[str, Any]]:
    inside = events.filter(pl.col("at").is_between(first, last)).sort("at").select("at", "summary")
    return [
        {"at": row["at"], "number": str(place), "day": f"{row['at']:%Y-%m-%d}", "line": _short(row["summary"])}
        for place, row in enumerate(inside.to_dicts(), start=1)
    ]


def _short(text: str) -> str:
    return text if len(text) <= _SUMMARY_SHOWN else f"{text[: _SUMMARY_SHOWN - 1]}\N{HORIZONTAL ELLIPSIS}"


def _markers(marked: list[dict[str, Any]]) -> list[Any]:
    """Draw the events as rules with their numbers on top, in two rows so that neighbours do not cover each other."""
    alt = altair()
    placed = [{**row, "height": -8 - 13 * (place % 2)} for place, row in enumerate(marked)]
    rules = alt.Chart(inline(marked)).mark_rule(color=INK, strokeWidth=1, strokeDash=[3, 2]).encode(x="at:T")
    numbers = (
        alt.Chart(inline(placed))
        .mark_text(fontSize=11, fontWeight="bold", color=INK)
        .encode(x="at:T", y=alt.Y("height:Q", scale=None), text="number:N")
    )
    return [rules, numbers]


def _key(marked: list[dict[str, Any]]) -> Any:
    alt = altair()
    base = alt.Chart(inline({**row, "place": place} for place, row in enumerate(marked)))
    y = alt.Y("place:O", axis=None)
    columns = (("number", 0, INK, "bold"), ("day", 26, MUTED, "normal"), ("line", 100, INK, "normal"))
    texts = [
        base.mark_text(align="left", fontSize=11, color=colour, fontWeight=weight).encode(
            x=alt.value(left), y=y, text=f"{name}:N"
        )
        for name, left, colour, weight in columns
    ]
    return alt.layer(*texts).properties(width=WIDTH, height=alt.Step(17))


def _span(frame: pl.DataFrame) -> tuple[Any, Any]:
    return frame["window_start"].min(), frame["window_end"].max()
