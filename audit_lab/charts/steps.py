"""A chart of a shift as steps: from the mean of the window before, cause by cause, to the mean of the window after."""

from __future__ import annotations

from itertools import pairwise
from math import floor, log10
from typing import TYPE_CHECKING, Any

from audit_lab.charts.signed import LOWERS, OUTLINE, RAISES, signs
from audit_lab.charts.theme import INK, MUTED, altair, dressed, expect_columns, inline

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from altair import LayerChart

__all__ = ["cause_waterfall"]

_COLUMNS = ("label", "kind", "value", "low", "high", "start", "end")
_WIDTH, _ROW_HEIGHT = 500, 28
_LEVELS = ("before", "after")
#: What no cause explains has no colour, so that it stays apart from both in greyscale.
_WHITE = "#ffffff"
_RAISES, _LOWERS, _REST, _MEAN = "raises", "lowers", "the rest", "mean"


def cause_waterfall(
    steps: pl.DataFrame, *, title: str, subtitle: Sequence[str] = (), axis_title: str = "mean score"
) -> LayerChart:
    """Draw one bar for each cause, beginning where the one above ends, with its interval about the end.

    Parameters
    ----------
    steps
        As `Cause.steps`: ``label``, ``kind`` (``before``, ``cause``, ``model``, ``rest``, ``after``), ``value``,
        ``low``, ``high``, ``start`` and ``end``. The axis does not begin at nought: the means are ends, not lengths.
    title, subtitle
        Say what moved, between which windows, and by which method.
    axis_title
        What the mean is of.

    Raises
    ------
    MisuseError
        The frame lacks a column or has no rows.
    """
    expect_columns(steps, _COLUMNS, "cause_waterfall")
    alt = altair()
    rows = _rows(steps)
    ends = [row[name] for row in rows for name in ("end", "from", "above", "below") if row[name] is not None]
    low, high = min(ends), max(ends)
    space = (high - low) or abs(high) or 1.0
    scale = alt.Scale(domain=[low - 0.12 * space, high + 0.3 * space], nice=False, zero=False)
    order = [row["label"] for row in rows]
    y = alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=320, ticks=False))
    x = {"title": axis_title, "scale": scale, "axis": alt.Axis(tickCount=6)}
    base = alt.Chart(inline(rows))
    tooltip = [
        alt.Tooltip("label:N", title="step"),
        alt.Tooltip("amount:N", title="value"),
        alt.Tooltip("interval:N"),
        alt.Tooltip("end:Q", title="mean up to here", format=".4~g"),
    ]
    bars = base.transform_filter("datum.direction != 'mean'").mark_bar(height=16, stroke=OUTLINE, strokeWidth=0.5)
    drawn = bars.encode(
        x=alt.X("from:Q", **x),
        x2="end:Q",
        y=y,
        color=signs((_RAISES, _LOWERS, _REST), (RAISES, LOWERS, _WHITE)),
        tooltip=tooltip,
    )
    means = base.transform_filter("datum.direction == 'mean'").mark_tick(thickness=3, size=20, color=INK)
    links = base.transform_filter("isValid(datum.next)").mark_rule(color=MUTED, strokeWidth=1, strokeDash=[2, 2])
    sure = base.transform_filter("isValid(datum.below)")
    # A white rule under the dark one keeps it in sight on a dark bar, in greyscale too.
    intervals = [
        sure.mark_rule(color=colour, strokeWidth=width).encode(x=alt.X("below:Q", **x), x2="above:Q", y=y)
        for colour, width in ((_WHITE, 4.5), (INK, 1.6))
    ]
    caps = [
        sure.mark_tick(color=INK, thickness=1.6, size=8).encode(x=alt.X(f"{end}:Q", **x), y=y)
        for end in ("below", "above")
    ]
    text = base.mark_text(align="left", dx=8, fontSize=11, color=INK).encode(
        x=alt.X("beside:Q", **x), y=y, text="amount:N"
    )
    layers = alt.layer(
        links.encode(x=alt.X("end:Q", **x), y=y, y2="next:N"),
        drawn,
        means.encode(x=alt.X("end:Q", **x), y=y, tooltip=tooltip),
        *intervals,
        *caps,
        text,
    )
    return dressed(layers.properties(width=_WIDTH, height=_ROW_HEIGHT * len(rows)), title, subtitle)


def _rows(steps: pl.DataFrame) -> list[dict[str, Any]]:
    """Return a line for each step, each with a label of its own."""
    causes = steps.filter(~steps["kind"].is_in(_LEVELS))["value"].abs().max()
    largest = float(causes or 0.0)  # type: ignore[arg-type]
    decimals = 3 if not largest else max(0, 2 - floor(log10(largest)))
    rows: list[dict[str, Any]] = []
    for row in steps.iter_rows(named=True):
        label, taken = str(row["label"]), {each["label"] for each in rows}
        while label in taken:
            label += " (again)"
        rows.append(_row(row, label, decimals))
    for row, following in pairwise(rows):
        row["next"] = following["label"]
    return rows


def _row(row: dict[str, Any], label: str, decimals: int) -> dict[str, Any]:
    is_level = row["kind"] in _LEVELS
    value, end = row["value"], row["end"]
    sure = row["low"] is not None and row["high"] is not None and not is_level
    direction = _MEAN if is_level else _REST if row["kind"] == "rest" else _LOWERS if value < 0 else _RAISES
    below, above = (row["start"] + row["low"], row["start"] + row["high"]) if sure else (None, None)
    begin = end if is_level else row["start"]
    low, high, amount = (_amount(each, decimals) for each in (row["low"], row["high"], value))
    return {
        "label": label,
        "direction": direction,
        "from": begin,
        "end": end,
        "below": below,
        "above": above,
        "beside": max(each for each in (begin, end, above) if each is not None),
        "next": None,
        "amount": f"{value:.4g}" if is_level else amount,
        "interval": f"{low} to {high}" if sure else "none",
    }


def _amount(value: float | None, decimals: int) -> str:
    return "" if value is None else f"{value:+.{decimals}f}".replace("-", "\u2212")
