"""Pictures of what a correction changes: by group, from which decision to which, and how scores move.

Each function takes the frames of an impact; the title says how many decisions the picture speaks of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.charts.theme import (
    ACCENT,
    CATEGORIES,
    INK,
    MUTED,
    PALE,
    altair,
    dressed,
    expect_columns,
    inline,
)
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altair import Chart

__all__ = ["decision_flow", "impact_by_group", "score_before_after"]

_ROW_HEIGHT = 24
_PANEL = 300
_FLOW_WIDTH, _FLOW_HEIGHT = 460, 260
_FLOW_POINTS = 24
_MOST_ROOM = 200
#: Between two bands of one side, as a part of all of them.
_GAP = 0.04
_SIDE = 360
_BINS = 40
_NONE = "(none)"
_SHAPES = ("circle", "triangle-up", "square", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")


def impact_by_group(frame: pl.DataFrame, group: str, *, subtitle: Sequence[str] = (), most: int = 20) -> Chart:
    """Draw how many decisions of each value of a group are affected, and beside it which share of them.

    Parameters
    ----------
    frame
        ``group``, ``value``, ``decided``, ``affected``, as `Impact.by_group` is.
    group
        Which of the groups.
    subtitle
        Which correction and window the picture is of.
    most
        Values beyond so many, those with the fewest affected decisions, are added up in one bar.

    Raises
    ------
    MisuseError
        The frame lacks a column, or has no rows of that group.
    """
    expect_columns(frame, ("group", "value", "decided", "affected"), "the impact by group")
    mine = frame.filter(pl.col("group") == group)
    if mine.is_empty():
        known = ", ".join(frame["group"].unique(maintain_order=True))
        raise MisuseError(f"There is no group {group!r} in the frame", f"It has {known}.")
    alt = altair()
    rows = _folded(mine, most).with_columns(
        share=pl.when(pl.col("decided") > 0).then(pl.col("affected") / pl.col("decided"))
    )
    labelled = rows.with_columns(
        counts=pl.Series([f"{row['affected']:,} of {row['decided']:,}" for row in rows.iter_rows(named=True)]),
        percent=pl.Series([_percent(share) for share in rows["share"]]),
    )
    base = alt.Chart(inline(labelled.to_dicts()))
    y = alt.Y("name:N", sort=labelled["name"].to_list(), title=group)
    bare = alt.Y("name:N", sort=labelled["name"].to_list(), title=None, axis=None)
    height = _ROW_HEIGHT * labelled.height
    top = float(max(*labelled["affected"], 1))
    widest = max([*labelled["share"].drop_nulls(), 1e-9])
    count_x = alt.X(
        "affected:Q",
        title="Affected decisions",
        scale=alt.Scale(domain=[0, 1.45 * top], nice=False),
        axis=alt.Axis(format="~s", tickMinStep=1, tickCount=5),
    )
    share_x = alt.X(
        "share:Q",
        title="Share of those decided again",
        scale=alt.Scale(domain=[0, 1.3 * widest], nice=False),
        axis=alt.Axis(format="~%", tickCount=5),
    )
    counts = alt.layer(
        base.mark_bar(height=15, color=ACCENT).encode(x=count_x, y=y),
        base.mark_text(align="left", dx=5, fontSize=11, color=INK).encode(x=count_x, y=y, text="counts:N"),
    ).properties(width=_PANEL, height=height)
    shares = alt.layer(
        base.mark_bar(height=15, color=PALE, stroke=MUTED, strokeWidth=0.7).encode(x=share_x, y=bare),
        base.mark_text(align="left", dx=5, fontSize=11, color=INK).encode(x=share_x, y=bare, text="percent:N"),
    ).properties(width=_PANEL, height=height)
    affected, decided = (int(mine[name].sum()) for name in ("affected", "decided"))
    title = f"{affected:,} of {decided:,} decisions would have been otherwise, by {group}"
    return dressed(alt.hconcat(counts, shares, spacing=18), title, subtitle)


def decision_flow(directions: pl.DataFrame, *, subtitle: Sequence[str] = ()) -> Chart:
    """Draw from which decision to which the affected ones go; bands are as high as they have decisions.

    Parameters
    ----------
    directions
        ``decision_before``, ``decision_after``, ``decisions``, as `Impact.directions` is.
    subtitle
        Which correction and window the picture is of.

    Raises
    ------
    MisuseError
        The frame lacks a column or has no rows.
    """
    expect_columns(directions, ("decision_before", "decision_after", "decisions"), "the flow of decisions")
    alt = altair()
    named = directions.with_columns(pl.col("decision_before", "decision_after").fill_null(_NONE))
    flows = (
        named.sort("decisions", "decision_before", "decision_after", descending=[True, False, False])
        .with_row_index("place")
        .to_dicts()
    )
    total = sum(row["decisions"] for row in flows)
    # The same order on both sides, so that a band that crosses another goes the other way.
    order = list(dict.fromkeys(row[side] for row in flows for side in ("decision_before", "decision_after")))
    left, right = (_stacked(flows, side, total, order) for side in ("decision_before", "decision_after"))
    bands = [point for row in flows for point in _band(row, left["bands"], right["bands"])]
    scale = alt.Scale(domain=[1.0 + _GAP * max(len(left["nodes"]), len(right["nodes"])), 0], nice=False)
    y = alt.Y("top:Q", scale=scale, axis=None)
    x = alt.X("at:Q", scale=alt.Scale(domain=[0, 1], nice=False), axis=None)
    colours = alt.Scale(domain=order, range=[CATEGORIES[place % len(CATEGORIES)] for place in range(len(order))])
    area = (
        alt.Chart(inline(bands))
        .mark_area(opacity=0.55, stroke="#ffffff", strokeWidth=1)
        .encode(x=x, y=y, y2="foot:Q", detail="flow:N", color=alt.Color("before:N", scale=colours, legend=None))
    )
    middle = alt.Chart(inline(_middles(flows, left["bands"], right["bands"])))
    layers = [area, middle.mark_text(fontSize=11, color=INK).encode(x=x, y=y, text="text:N")]
    for side, at, align, dx in ((left, 0.0, "right", -8), (right, 1.0, "left", 8)):
        nodes = alt.Chart(inline([{**node, "at": at} for node in side["nodes"]]))
        layers.append(nodes.mark_rule(strokeWidth=5, color=INK).encode(x=x, y=y, y2="foot:Q"))
        layers.append(
            nodes.mark_text(align=align, dx=dx, fontSize=12, fontWeight=600, color=INK, lineBreak="\n").encode(
                x=x, y=alt.Y("middle:Q", scale=scale, axis=None), text="text:N"
            )
        )
    chart = alt.layer(*layers).properties(width=_FLOW_WIDTH, height=_FLOW_HEIGHT)
    # Room beside the bands for the names, which stand outside of them.
    room = min(24 + 8 * max(map(len, order)), _MOST_ROOM)
    padded = chart.properties(padding={"left": room, "right": room, "top": 12, "bottom": 12})
    facts = [*subtitle, "Left: as decided. Right: under the correction. Decisions that stay the same are not drawn."]
    return dressed(padded, f"Where {total:,} affected {_plural('decision', total)} would have gone", facts)


def score_before_after(affected: pl.DataFrame, *, subtitle: Sequence[str] = ()) -> Chart:
    """Draw the scores of affected decisions before and after, counted in squares; on the dashed line nothing moves.

    Parameters
    ----------
    affected
        ``score_before``, ``score_after``, ``decision_before``, ``decision_after``, as `Impact.affected` is.
    subtitle
        Which correction and window the picture is of.

    Raises
    ------
    MisuseError
        The frame lacks a column, or no row has two finite scores.
    """
    needed = ("score_before", "score_after", "decision_before", "decision_after")
    expect_columns(affected, needed, "the scores before and after")
    alt = altair()
    known = affected.filter(pl.col("score_before").is_finite() & pl.col("score_after").is_finite())
    expect_columns(known, needed, "the scores before and after")
    scores = pl.concat([known["score_before"], known["score_after"]])
    low, high = float(scores.min()), float(scores.max())  # type: ignore[arg-type]
    width = ((high - low) or max(abs(high), 1.0)) / _BINS
    bins = [
        (((pl.col(name) - low) / width).floor().clip(0, _BINS - 1) * width + low + width / 2).alias(name)
        for name in ("score_before", "score_after")
    ]
    way = pl.format("{} \u2192 {}", *(pl.col(name).fill_null(_NONE) for name in needed[2:])).alias("way")
    counted = known.select(*bins, way).group_by("score_before", "score_after", "way").len("decisions").sort(pl.all())
    order = (
        counted.group_by("way")
        .agg(pl.col("decisions").sum())
        .sort("decisions", "way", descending=[True, False])["way"]
        .to_list()
    )
    largest = int(counted["decisions"].max())  # type: ignore[arg-type]
    sizes = sorted({1, -(-largest // 2), largest})
    domain = [low - width, low + width * (_BINS + 1)]
    scale = alt.Scale(domain=domain, nice=False, zero=False)
    colours = [CATEGORIES[place % len(CATEGORIES)] for place in range(len(order))]
    shapes = [_SHAPES[place % len(_SHAPES)] for place in range(len(order))]
    points = (
        alt.Chart(inline(counted.to_dicts()))
        .mark_point(filled=True, opacity=0.8, stroke="#ffffff", strokeWidth=0.6)
        .encode(
            x=alt.X("score_before:Q", title="Score as recorded", scale=scale),
            y=alt.Y("score_after:Q", title="Score under the correction", scale=scale),
            size=alt.Size(
                "decisions:Q",
                scale=alt.Scale(rangeMin=25, rangeMax=320),
                legend=alt.Legend(title="Decisions", values=sizes, format="~s", symbolFillColor=MUTED),
            ),
            color=alt.Color("way:N", scale=alt.Scale(domain=order, range=colours), legend=alt.Legend(title=None)),
            shape=alt.Shape("way:N", scale=alt.Scale(domain=order, range=shapes), legend=alt.Legend(title=None)),
        )
    )
    diagonal = alt.Chart(inline([{"at": domain[0]}, {"at": domain[1]}])).mark_line(color=MUTED, strokeDash=[4, 3])
    chart = alt.layer(diagonal.encode(x="at:Q", y="at:Q"), points).properties(width=_SIDE, height=_SIDE)
    without = affected.height - known.height
    facts = [*subtitle, f"{without:,} without two scores are not drawn" if without else ""]
    return dressed(chart, f"Scores of {known.height:,} affected {_plural('decision', known.height)}", facts)


def _folded(rows: pl.DataFrame, most: int) -> pl.DataFrame:
    """Return name, decided and affected, most affected first; the rest added up."""
    order = rows.sort("affected", "decided", "value", descending=[True, True, False], nulls_last=True)
    named = order.select(pl.col("value").fill_null(_NONE).alias("name"), "decided", "affected")
    if named.height <= most:
        return named
    rest = named[most:].select(
        pl.lit(f"{named.height - most:,} further values").alias("name"), pl.col("decided", "affected").sum()
    )
    return pl.concat([named[:most], rest])


def _stacked(flows: list[dict[str, Any]], side: str, total: int, order: Sequence[str]) -> dict[str, Any]:
    """Return where the nodes and the bands of one side begin and end, from top to bottom."""
    nodes, bands, at = [], {}, 0.0
    for name in [name for name in order if any(row[side] == name for row in flows)]:
        start = at
        for place, row in enumerate(flows):
            if row[side] == name:
                bands[place] = (at, at + row["decisions"] / total)
                at += row["decisions"] / total
        count = sum(row["decisions"] for row in flows if row[side] == name)
        nodes.append({"top": start, "foot": at, "middle": (start + at) / 2, "text": f"{name}\n{count:,}"})
        at += _GAP
    return {"nodes": nodes, "bands": bands}


def _band(
    row: dict[str, Any], left: dict[int, tuple[float, float]], right: dict[int, tuple[float, float]]
) -> list[dict[str, Any]]:
    place = row["place"]
    points = []
    for step in range(_FLOW_POINTS + 1):
        at = step / _FLOW_POINTS
        bend = _bend(at)
        top, foot = (left[place][end] * (1 - bend) + right[place][end] * bend for end in (0, 1))
        points.append({"at": at, "top": top, "foot": foot, "flow": place, "before": row["decision_before"]})
    return points


def _middles(
    flows: list[dict[str, Any]], left: dict[int, tuple[float, float]], right: dict[int, tuple[float, float]]
) -> list[dict[str, Any]]:
    return [
        {"at": 0.25, "top": _quarter(left[place], right[place]), "text": f"{row['decisions']:,}"}
        for place, row in enumerate(flows)
    ]


def _quarter(left: tuple[float, float], right: tuple[float, float]) -> float:
    """Return the middle of a band a quarter of its way on, where crossing bands are still apart."""
    bend = _bend(0.25)
    return sum(left) / 2 * (1 - bend) + sum(right) / 2 * bend


def _bend(at: float) -> float:
    return at * at * (3 - 2 * at)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"
