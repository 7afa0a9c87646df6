"""One explanation as two forces: what raised the output stands left of it, what lowered it right, both end at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.charts.attribution import folded
from audit_lab.charts.signed import DIRECTIONS, LEVEL, OUTLINE, amount_text, signs
from audit_lab.charts.theme import INK, altair, dressed, expect_columns, inline

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from altair import LayerChart

__all__ = ["attribution_force"]

_COLUMNS = ("feature", "value", "contribution")
_WIDTH = 760
#: Heights in pixels: of the band, of a line of labels, and of what stands above the band.
_BAND, _LINE, _ABOVE = 30, 18, 44
#: How wide a character of a label is about, and how much room labels leave to one another, in pixels.
_CHARACTER, _APART = 6.1, 12
_LONGEST = 44


def attribution_force(
    frame: pl.DataFrame,
    *,
    base_value: float,
    prediction_value: float,
    title: str,
    subtitle: Sequence[str] = (),
    axis_title: str,
    most: int = 10,
) -> LayerChart:
    """Draw the contributions end to end: arrows to the right raise the output, arrows to the left lower it.

    The two sides meet at the prediction; the base value is where they cancel out. Each label has its value and its
    signed contribution, below the middle of its part.

    Parameters
    ----------
    frame
        Columns feature, value, contribution.
    base_value, prediction_value
        Where the contributions start, and what the model put out.
    title, subtitle
        Say which decision, model version, method, background and seed.
    axis_title
        The unit of the contributions, for example ``probability of late``.
    most
        Features beyond this many are added up in one part.

    Raises
    ------
    MisuseError
        The frame lacks a column or has no rows.
    """
    expect_columns(frame, _COLUMNS, "attribution_force")
    alt = altair()
    parts = _parts(folded(frame, most), prediction_value)
    ends = [prediction_value, base_value, *(part[end] for part in parts for end in ("start", "end"))]
    low, high = min(ends), max(ends)
    space = 0.03 * ((high - low) or 1.0)
    low, high = low - space, high + space
    lines = _placed(parts, low, high)
    height = _ABOVE + _BAND + 10 + _LINE * (lines + 1)
    x = {"scale": alt.Scale(domain=[low, high], nice=False), "title": axis_title}
    y = alt.Scale(domain=[0, height], range=[0, height], nice=False)
    tooltip = [alt.Tooltip("label:N", title="feature"), alt.Tooltip("amount:N", title="contribution")]
    drawn = alt.Chart(inline([part for part in parts if part["start"] != part["end"]]))
    bars = drawn.mark_bar(stroke=OUTLINE, strokeWidth=0.7).encode(
        x=alt.X("start:Q", **x),
        x2="end:Q",
        y=alt.Y("top:Q", scale=y, axis=None),
        y2="foot:Q",
        color=signs(),
        tooltip=tooltip,
    )
    arrows = (
        alt.Chart(inline([part for part in parts if part["is_wide"]]))
        .mark_point(filled=True, size=70, opacity=1, stroke=OUTLINE, strokeWidth=0.8)
        .encode(
            x=alt.X("middle:Q", **x),
            y=alt.Y("center:Q", scale=y, axis=None),
            color=alt.value("#ffffff"),
            shape=alt.Shape(
                "direction:N",
                scale=alt.Scale(domain=list(DIRECTIONS), range=["triangle-right", "triangle-left"]),
                legend=None,
            ),
            tooltip=tooltip,
        )
    )
    leaders = drawn.mark_rule(color=LEVEL, strokeWidth=0.7).encode(
        x=alt.X("middle:Q", **x), y=alt.Y("foot:Q", scale=y, axis=None), y2="at:Q"
    )
    # A halo first, so that no leader runs through a text.
    labels = [
        alt.Chart(inline(parts))
        .mark_text(fontSize=11, color=INK, baseline="top", dy=1, **halo)
        .encode(x=alt.X("text_at:Q", **x), y=alt.Y("at:Q", scale=y, axis=None), text="text:N", tooltip=tooltip)
        for halo in ({"stroke": "#ffffff", "strokeWidth": 5}, {})
    ]
    levels = _levels(base_value, prediction_value, (low, high), y, x)
    chart = alt.layer(leaders, bars, arrows, *labels, *levels).properties(width=_WIDTH, height=height)
    return dressed(chart, title, subtitle)


def _parts(rows: pl.DataFrame, prediction: float) -> list[dict[str, Any]]:
    """Return each part with its ends: raising ones to the left of the prediction, largest next to it; others right."""
    parts = []
    for sign in (1, -1):
        at = prediction
        for row in rows.iter_rows(named=True):
            value = row["contribution"]
            if (value < 0) == (sign < 0) and (value or sign > 0):
                end = at - value
                direction = DIRECTIONS[0] if sign > 0 else DIRECTIONS[1]
                other = row["feature"] == "all other features"
                label = f"{row['feature']} ({row['value']})" if other else f"{row['feature']} = {row['value']}"
                parts.append({"label": label, "start": at, "end": end, "direction": direction, "value": value})
                at = end
    return parts


def _placed(parts: list[dict[str, Any]], low: float, high: float) -> int:
    """Give each part its label's place, on the first line where it meets no other; return how many lines there are."""
    taken: list[float] = []
    for part in sorted(parts, key=lambda part: part["start"] + part["end"]):
        middle = (part["start"] + part["end"]) / 2
        label = part["label"] if len(part["label"]) <= _LONGEST else f"{part['label'][: _LONGEST - 1]}\u2026"
        part["amount"] = amount_text(part["value"])
        part["text"] = f"{label} ({part['amount']})"
        half = _CHARACTER * len(part["text"]) / 2
        pixel = _WIDTH * (middle - low) / (high - low)
        center = min(max(pixel, half), max(_WIDTH - half, half))
        line = next((place for place, end in enumerate(taken) if end + _APART <= center - half), len(taken))
        if line == len(taken):
            taken.append(0.0)
        taken[line] = center + half
        top = _ABOVE + _BAND
        part |= {
            "middle": middle,
            "text_at": low + (high - low) * center / _WIDTH,
            "top": _ABOVE,
            "foot": top,
            "center": _ABOVE + _BAND / 2,
            "at": top + 10 + _LINE * line,
            "is_wide": abs(part["end"] - part["start"]) / (high - low) * _WIDTH > 16,  # noqa: PLR2004 - an arrow's room
        }
    return len(taken)


def _levels(base: float, prediction: float, span: tuple[float, float], y: Any, x: dict[str, Any]) -> list[Any]:
    """Return rules and texts of base value and prediction; where these are close, their texts stand on either side."""
    alt = altair()
    rows = []
    for name, value, at in (("base value", base, 14), ("prediction", prediction, 30)):
        share = (value - span[0]) / (span[1] - span[0])
        align = "left" if share < 0.5 else "right"  # noqa: PLR2004 - the middle
        rows.append({"text": f"{name} {value:.3f}", "value": value, "at": at, "foot": _ABOVE + _BAND, "align": align})
    data = alt.Chart(inline(rows))
    rules = data.mark_rule(color=INK, strokeWidth=1.4, strokeDash=[4, 2]).encode(
        x=alt.X("value:Q", **x), y=alt.Y("at:Q", scale=y, axis=None), y2="foot:Q"
    )
    texts = [
        data.transform_filter(f"datum.align == '{align}'")
        .mark_text(
            align=align, dx=5 if align == "left" else -5, fontSize=12, fontWeight=600, color=INK, baseline="middle"
        )
        .encode(x=alt.X("value:Q", **x), y=alt.Y("at:Q", scale=y, axis=None), text="text:N")
        for align in ("left", "right")
    ]
    return [rules, *texts]
