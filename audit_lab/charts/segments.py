"""A picture of segments: what each one adds to a shift of the score, or to the errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.charts.theme import ACCENT, INK, MUTED, WIDTH, altair, dressed, expect_columns, inline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altair import Chart

__all__ = ["segment_bars"]

_MOST = 20
_DOWN = "#e69f00"


def segment_bars(table: pl.DataFrame, *, measure: str = "score", subtitle: Sequence[str] = ()) -> Chart:
    """Draw the segments that lead, those that add most first, at most twenty.

    Parameters
    ----------
    table
        ``Segments.table()``: ``segment``, ``contribution``, ``mean_before``, ``mean_after``, ``before``, ``after``,
        ``p_value`` and ``leads``.
    measure
        ``score`` or ``error``: what the contributions are to.
    subtitle
        Further lines, like the overall means.

    Raises
    ------
    MisuseError
        A column is missing, or no segment leads.
    """
    needed = ("segment", "contribution", "mean_before", "mean_after", "before", "after", "p_value", "leads")
    expect_columns(table, needed, "the segments")
    leading = table.filter("leads")
    expect_columns(leading, needed, "the segments")
    alt = altair()
    drawn = leading.head(_MOST).with_columns(
        way=pl.when(pl.col("contribution") < 0).then(pl.lit("down")).otherwise(pl.lit("up")),
        rows=pl.col("before") + pl.col("after"),
    )
    shown = drawn.with_columns(text=pl.format("{} rows", pl.col("rows")))
    names = drawn["segment"].to_list()
    base = alt.Chart(inline(shown.to_dicts())).encode(
        y=alt.Y(
            "segment:N",
            sort=names,
            title=None,
            axis=alt.Axis(domain=False, ticks=False, labelPadding=8, labelLimit=340),
        )
    )
    what = "shift of the mean score" if measure == "score" else "error rate, beyond the segment's share"
    least, most = float(drawn["contribution"].min() or 0), float(drawn["contribution"].max() or 0)  # type: ignore[arg-type]
    room = 0.2 * (max(most, 0.0) - min(least, 0.0))
    span = alt.Scale(domain=[least - room if least < 0 else 0, most + room if most > 0 else 0], nice=False)
    x = alt.X("contribution:Q", title=f"Adds to the {what}", axis=alt.Axis(format="~g", tickCount=6), scale=span)
    colours = alt.Color(
        "way:N",
        scale=alt.Scale(domain=["up", "down"], range=[ACCENT, _DOWN]),
        legend=alt.Legend(title="Moves it") if drawn["way"].n_unique() > 1 else None,
    )
    bars = base.mark_bar(cornerRadiusEnd=1.5, stroke=INK, strokeWidth=0.5).encode(
        x=x,
        color=colours,
        tooltip=["segment:N", "contribution:Q", "mean_before:Q", "mean_after:Q", "before:Q", "after:Q", "p_value:Q"],
    )
    left = base.mark_text(align="right", dx=-4, fontSize=10, color=MUTED).transform_filter("datum.contribution < 0")
    right = base.mark_text(align="left", dx=4, fontSize=10, color=MUTED).transform_filter("datum.contribution >= 0")
    labels = [one.encode(x=x, text="text:N") for one in (left, right)]
    more = leading.height - drawn.height
    return dressed(
        alt.layer(bars, *labels).properties(width=WIDTH - 260, height=alt.Step(24)),
        "Where the shift of the score concentrates" if measure == "score" else "Where the errors concentrate",
        [
            "Segments may overlap, so that bars do not add up; each is more than chance gives any (p <= 0.05)",
            f"{more} more segments are not drawn" if more > 0 else "",
            *subtitle,
        ],
    )
