"""A picture of coverage on one page: for each model version and week, what can be replayed and what cannot, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.charts.theme import GRID, INK, MUTED, WIDTH, altair, dressed, expect_columns, inline, period, time_axis

if TYPE_CHECKING:
    from altair import Chart

__all__ = ["coverage_chart"]

#: From light to dark, so that they stay apart in greyscale, with what each is called.
_STATUSES = {
    "replayable": ("#d5e3f0", "Can be replayed"),
    "reconstructable": ("#f0a830", "Can be reconstructed only"),
    "neither": ("#9e1b32", "Neither"),
}
_LOST = "#1f2933"
#: Height of a version's row, and of a line of text in it.
_ROW, _LINE = 84, 13
#: Where the bars of a row begin and end, from its top, in parts of its height.
_TOP, _BOTTOM = 0.34, 0.92
#: How high the smallest part of a bar is drawn, in parts of the bar.
_LEAST = 0.08
#: With more windows than this, counts stand upright; with more than that, they are left out.
_LEVEL, _UPRIGHT = 26, 75
#: How high the track of lost predictions is, in parts of a row.
_TRACK = 0.6
_MOST_VERSIONS = 20
_MOST_REASONS = 4
_PLOT = WIDTH - 200
#: The smallest share in percent that is told apart from nothing, and from all.
_FINEST = 0.1
_NOUNS = {1: "day", 7: "week"}

_VERSION = ("model_name", "model_version")
_WEEKS = (*_VERSION, "window_start", "window_end", "predictions", "reconstructable", "replayable")
_REASONS = (*_VERSION, "code", "predictions", "reconstructable")


def coverage_chart(weeks: pl.DataFrame, reasons: pl.DataFrame, gaps: pl.DataFrame | None = None) -> Chart:
    """Draw the shares of predictions that can be replayed, reconstructed only, and neither, by version and week.

    A row for each model version, a bar for each week: the bar is all of the week's predictions. Whatever there is of a
    part is drawn so high that it is seen, and the number above a bar counts what cannot be replayed. Beside the row
    stand its totals and reasons.

    Parameters
    ----------
    weeks
        ``Coverage.weeks``: ``model_name``, ``model_version``, ``window_start``, ``window_end``, ``predictions``,
        ``reconstructable``, ``replayable``.
    reasons
        ``Coverage.reasons``: ``model_name``, ``model_version``, ``code``, ``predictions``, ``reconstructable``.
    gaps
        ``Coverage.sequence_gaps``: ``lost``, ``last_seen``, ``next_seen``; predictions that were lost are marked in the
        week in which the writer's numbers went on.

    Raises
    ------
    MisuseError
        A column is missing, or no prediction has a time.
    """
    expect_columns(weeks, _WEEKS, "the coverage chart")
    expect_columns(weeks.drop_nulls("window_start"), (), "the coverage chart")
    if not reasons.is_empty():
        expect_columns(reasons, _REASONS, "the coverage chart")
    weeks, reasons, rows = _rows(weeks, reasons)
    placed = weeks.drop_nulls("window_start")
    starts, ends = placed["window_start"].to_list(), placed["window_end"].to_list()
    first, last = min(starts), max(ends)
    windows = placed["window_start"].n_unique()
    noun = _NOUNS.get(min((end - start).days for start, end in zip(starts, ends, strict=True)), "month")
    lost = _lost(gaps, placed)
    top = -_TRACK if lost else 0
    alt = altair()
    y = alt.Scale(domain=[rows.height, top], nice=False, zero=False)
    x = alt.X("from:T", **time_axis(first, last, grid=False))
    layers = [
        _rules(rows.height, y),
        _bars(placed, x, y),
        *([_counts(placed, windows, x, y)] if windows <= _UPRIGHT else []),
        *_labels(rows, y),
        *_totals(weeks, reasons, rows, y),
        *_lost_marks(lost, windows, x, y),
    ]
    counts = {name: int(weeks[name].sum()) for name in ("predictions", "reconstructable", "replayable")}
    untimed = int(weeks.filter(pl.col("window_start").is_null())["predictions"].sum())
    chart = alt.layer(*layers).properties(width=_PLOT, height=round((rows.height - top) * _ROW))
    shares = [_of(counts, name) for name in ("replayable", "reconstructable")]
    said = [
        f"{counts['predictions']:,} predictions, {period(first, last)}",
        "{} can be replayed, as far as can be said without running a model; {} reconstructed".format(*shares),
    ]
    if counts["replayable"] < counts["predictions"]:
        said.append(
            f"A bar is a {noun}; above it, how many cannot be replayed. Small parts are drawn higher than they are"
        )
    if lost:
        said.append("Lost: numbered by a writer, and not in the log")
    if untimed:
        said.append(f"{untimed:,} predictions without a time are counted beside the rows, and not drawn")
    return dressed(chart, f"What can be replayed, {noun} by {noun}", said)


def _rows(weeks: pl.DataFrame, reasons: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Give each version its row; where there are very many, those with the fewest predictions share the last one."""
    totals = weeks.group_by(*_VERSION).agg(pl.col("predictions").sum(), pl.col("window_start").min().alias("begins"))
    kept = totals.sort(["predictions", *_VERSION], descending=[True, False, False]).head(_MOST_VERSIONS)
    rows = kept.sort("model_name", "begins", "model_version", nulls_last=True).with_row_index("row")
    rows = rows.select("row", *_VERSION).with_columns(
        title=pl.col("model_version").fill_null("no version"), below=pl.col("model_name").fill_null("no model")
    )
    others = totals.height - rows.height
    if others:
        rest = {"row": rows.height, "title": f"{others} other versions", "below": "together"}
        rows = pl.concat([rows, pl.DataFrame([rest]).cast({"row": pl.UInt32})], how="diagonal")

    def numbered(frame: pl.DataFrame) -> pl.DataFrame:
        named = rows.head(kept.height).select("row", *_VERSION)
        joined = frame.join(named, on=_VERSION, how="left", nulls_equal=True, maintain_order="left")
        return joined.with_columns(pl.col("row").fill_null(kept.height))

    counts = pl.col("predictions", "reconstructable", "replayable").sum()
    by_window = numbered(weeks).group_by("row", "window_start", "window_end").agg(counts)
    return by_window.sort("row", "window_start"), numbered(reasons), rows


def _bars(placed: pl.DataFrame, x: Any, y: Any) -> Any:
    alt = altair()
    parts = [part for week in placed.iter_rows(named=True) for part in _parts(week)]
    return (
        alt.Chart(inline(parts))
        .mark_rect(stroke="#ffffff", strokeWidth=0.6)
        .encode(
            x=x,
            x2="to:T",
            y=alt.Y("upper:Q", scale=y, axis=None),
            y2="lower:Q",
            color=_colour(),
            tooltip=["from:T", "status:N", "count:Q", "of:Q"],
        )
    )


def _colour() -> Any:
    alt = altair()
    names = [name for _, name in _STATUSES.values()]
    scale = alt.Scale(domain=names, range=[colour for colour, _ in _STATUSES.values()])
    legend = alt.Legend(title=None, symbolStrokeColor=MUTED, symbolStrokeWidth=0.7, symbolSize=90, symbolType="square")
    return alt.Color("status:N", scale=scale, legend=legend)


def _parts(week: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of a bar, from the bottom up; none that is there is too low to be seen."""
    total = week["predictions"]
    counts = [week["replayable"], week["reconstructable"] - week["replayable"], total - week["reconstructable"]]
    heights = [max(count / total, _LEAST) if count else 0.0 for count in counts]
    largest = heights.index(max(heights))
    heights[largest] = 1.0 - sum(height for place, height in enumerate(heights) if place != largest)
    parts, lower = [], week["row"] + _BOTTOM
    for (_, name), count, height in zip(_STATUSES.values(), counts, heights, strict=True):
        if count:
            upper = lower - height * (_BOTTOM - _TOP)
            times = {"from": week["window_start"], "to": week["window_end"]}
            parts.append({**times, "upper": upper, "lower": lower, "status": name, "count": count, "of": total})
            lower = upper
    return parts


def _counts(placed: pl.DataFrame, windows: int, x: Any, y: Any) -> Any:
    """Write above each bar how many of its predictions cannot be replayed."""
    alt = altair()
    middle = pl.col("window_start") + (pl.col("window_end") - pl.col("window_start")) / 2
    wanting = placed.with_columns(wanting=pl.col("predictions") - pl.col("replayable")).filter(pl.col("wanting") > 0)
    data = wanting.select(middle.alias("from"), (pl.col("row") + _TOP - 0.04).alias("at"), "wanting")
    text = "datum.wanting < 10000 ? format(datum.wanting, ',') : format(datum.wanting, '.3~s')"
    return (
        alt.Chart(inline(data.to_dicts()))
        .transform_calculate(shown=text)
        .mark_text(fontSize=9, color=INK, **_stance(windows))
        .encode(x=x, y=alt.Y("at:Q", scale=y, axis=None), text="shown:N")
    )


def _rules(rows: int, y: Any) -> Any:
    alt = altair()
    data = inline({"at": row} for row in range(rows + 1))
    return alt.Chart(data).mark_rule(color=GRID, strokeWidth=1).encode(y=alt.Y("at:Q", scale=y, axis=None))


def _labels(rows: pl.DataFrame, y: Any) -> list[Any]:
    """Write the version, and below it the model, on the left of its row."""
    alt = altair()
    middle = (_TOP + _BOTTOM) / 2
    layers = []
    for name, looks, shift in (("title", {"fontSize": 12, "fontWeight": 600, "color": INK}, -7), ("below", {}, 8)):
        data = inline({"text": row[name], "at": row["row"] + middle} for row in rows.iter_rows(named=True))
        text = {"align": "right", "baseline": "middle", "dy": shift, "limit": 150, "fontSize": 11, "color": MUTED}
        layers.append(
            alt.Chart(data)
            .mark_text(**{**text, **looks})
            .encode(x=alt.value(-12), y=alt.Y("at:Q", scale=y, axis=None), text="text:N")
        )
    return layers


def _totals(weeks: pl.DataFrame, reasons: pl.DataFrame, rows: pl.DataFrame, y: Any) -> list[Any]:
    """Write the totals of each version and its reasons on the right of its row, each reason in its colour."""
    alt = altair()
    lines = [line for row in rows["row"] for line in _lines(row, weeks, reasons)]
    place = alt.Y("at:Q", scale=y, axis=None)
    marked = [line for line in lines if line["status"]]
    symbols = (
        alt.Chart(inline(marked))
        .mark_point(shape="square", filled=True, size=60, opacity=1, stroke=MUTED, strokeWidth=0.5)
        .encode(x=alt.value(_PLOT + 21), y=place, color=_colour())
    )
    texts = [
        alt.Chart(inline(line for line in lines if bool(line["status"]) is indented))
        .mark_text(align="left", baseline="middle", fontSize=11, color=INK if not indented else MUTED, limit=250)
        .encode(x=alt.value(_PLOT + (30 if indented else 16)), y=place, text="text:N")
        for indented in (False, True)
    ]
    return [symbols, *texts] if marked else texts[:1]


def _lines(row: int, weeks: pl.DataFrame, reasons: pl.DataFrame) -> list[dict[str, Any]]:
    mine = weeks.filter(pl.col("row") == row)
    total, replayable = int(mine["predictions"].sum()), int(mine["replayable"].sum())
    said = [("", f"{replayable:,} of {total:,} replayable ({_percent(replayable, total)})")]
    if replayable < total:
        codes = (
            reasons.filter(pl.col("row") == row).group_by("code").agg(pl.col("predictions", "reconstructable").sum())
        )
        ranked = codes.sort(["predictions", "code"], descending=[True, False]).rows()
        shown = ranked if len(ranked) <= _MOST_REASONS else ranked[: _MOST_REASONS - 1]
        for code, count, reconstructable in shown:
            status = "reconstructable" if 2 * reconstructable > count else "neither"
            said.append((_STATUSES[status][1], f"{count:,} {code} ({_percent(count, total)})"))
        if len(ranked) > len(shown):
            rest = sum(count for _, count, _ in ranked[len(shown) :])
            said.append(
                (
                    _STATUSES["neither"][1],
                    f"{rest:,} for {len(ranked) - len(shown)} other reasons ({_percent(rest, total)})",
                )
            )
    middle = row + (_TOP + _BOTTOM) / 2
    above = (len(said) - 1) / 2
    return [
        {"status": status, "text": text, "at": middle + (number - above) * _LINE / _ROW}
        for number, (status, text) in enumerate(said)
    ]


def _lost(gaps: pl.DataFrame | None, placed: pl.DataFrame) -> list[dict[str, Any]]:
    """Return how many predictions were lost in each window, by when the numbers went on."""
    if gaps is None or gaps.is_empty():
        return []
    windows = placed.select("window_start", "window_end").unique().sort("window_start")
    timed = gaps.with_columns(pl.coalesce("next_seen", "last_seen").alias("seen")).drop_nulls("seen").sort("seen")
    found = timed.join_asof(windows, left_on="seen", right_on="window_start", strategy="backward")
    summed = found.drop_nulls("window_start").group_by("window_start", "window_end").agg(pl.col("lost").sum())
    middle = pl.col("window_start") + (pl.col("window_end") - pl.col("window_start")) / 2
    return summed.sort("window_start").select(middle.alias("from"), "lost").to_dicts()


def _lost_marks(lost: list[dict[str, Any]], windows: int, x: Any, y: Any) -> list[Any]:
    """Mark above the first row where predictions were lost, with how many."""
    if not lost:
        return []
    alt = altair()
    place = alt.Y("at:Q", scale=y, axis=None)
    base = alt.Chart(inline({**mark, "at": -0.1} for mark in lost)).encode(x=x, y=place)
    point = base.mark_point(shape="triangle-down", filled=True, size=60, color=_LOST, opacity=1)
    text = base.mark_text(fontSize=9, color=_LOST, **_stance(windows, above=8)).encode(
        text=alt.Text("lost:Q", format=",")
    )
    name = (
        alt.Chart(inline([{"text": "lost", "at": -0.1}]))
        .mark_text(align="right", baseline="middle", fontSize=11, color=MUTED)
        .encode(x=alt.value(-12), y=place, text="text:N")
    )
    return [point, text, name]


def _stance(windows: int, above: int = 0) -> dict[str, Any]:
    """Return how a number stands above its window: upright where windows are narrow."""
    if windows > _LEVEL:
        return {"angle": 270, "align": "left", "baseline": "middle", "dx": above}
    return {"angle": 0, "align": "center", "baseline": "bottom", "dy": -above}


def _of(counts: dict[str, int], name: str) -> str:
    return f"{counts[name]:,} ({_percent(counts[name], counts['predictions'])})"


def _percent(count: int, total: int) -> str:
    """Return a share in percent; only what is whole is called 100 %, and only what is nothing 0 %."""
    share = 100 * count / total
    if count in (0, total):
        return f"{share:.0f} %"
    if share < _FINEST:
        return f"< {_FINEST} %"
    return f"> {100 - _FINEST} %" if share > 100 - _FINEST else f"{share:.1f} %"
