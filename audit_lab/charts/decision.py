"""Pictures of one decision: where its score lies against the threshold and among other scores."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from audit_lab.charts.theme import ACCENT, INK, MUTED, PALE, WIDTH, altair, dressed, expect_columns, inline
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    import polars as pl
    from altair import Chart

__all__ = ["score_against_threshold"]

#: Height of the picture's parts: the scores to compare with, the scale, the threshold's name.
_OTHERS_TALL = 40
_ABOVE_TALL = 30
_BAR_TALL = 18
_BELOW_TALL = 32
_NEAR_EDGE = 0.15


def score_against_threshold(
    score: float,
    threshold: float | None,
    *,
    distribution: pl.DataFrame | None = None,
    positive: str = "positive",
    negative: str = "negative",
    subtitle: str = "",
) -> Chart:
    """Draw one score on its scale from 0 to 1, the threshold, and which side of it means what.

    Parameters
    ----------
    score, threshold
        The decision's score and the threshold in force; without a threshold only the score is drawn.
    distribution
        Scores of comparable predictions: ``lower``, ``upper``, ``rows`` by bin; drawn behind the scale.
    positive, negative
        The labels at or above, and below the threshold.
    subtitle
        Which prediction, version and rows the picture is of.

    Raises
    ------
    MisuseError
        The score or the threshold is not a number from 0 to 1.
    """
    for name, value in (("score", score), ("threshold", threshold)):
        if value is not None and not (math.isfinite(value) and 0 <= value <= 1):
            message = f"The {name} {value} is not between 0 and 1"
            raise MisuseError(message, "Draw probabilities; other scores have no common scale.")
    alt = altair()
    axis = alt.Axis(format=".1f", grid=False, values=[tenth / 10 for tenth in range(11)])
    scale = alt.X("at:Q", scale=alt.Scale(domain=[0, 1]), title="Score", axis=axis)
    top = _ABOVE_TALL + (0 if distribution is None else _OTHERS_TALL)
    cut = 1.0 if threshold is None else threshold
    sides: list[dict[str, Any]] = [
        {"at": 0.0, "to": cut, "colour": PALE, "name": negative},
        {"at": cut, "to": 1.0, "colour": ACCENT, "name": positive},
    ]
    shown = [side for side in sides if side["to"] > side["at"]]
    bar = (
        alt.Chart(inline(shown))
        .mark_bar(cornerRadius=2, stroke="#ffffff", strokeWidth=1)
        .encode(
            x=scale, x2="to:Q", y=alt.value(top), y2=alt.value(top + _BAR_TALL), color=alt.Color("colour:N", scale=None)
        )
    )
    layers = [bar, _marker(score, top)]
    if threshold is not None:
        layers += [_threshold(threshold, top), *_side_names(shown, top)]
    if distribution is not None:
        layers.insert(0, _others(distribution, top))
    side = (
        "" if threshold is None else f", {'at or above' if score >= threshold else 'below'} the threshold {threshold:g}"
    )
    others = "" if distribution is None else f"Shaded: {int(distribution['rows'].sum()):,} scores to compare with"
    return dressed(
        alt.layer(*layers).properties(width=WIDTH - 160, height=top + _BAR_TALL + _BELOW_TALL),
        f"Score {score:.4f}{side}",
        [subtitle, others],
    )


def _marker(score: float, top: float) -> Any:
    alt = altair()
    point = alt.Chart(inline([{"at": score, "text": f"{score:.4f}"}]))
    arrow = point.mark_point(shape="triangle-down", filled=True, size=130, color=INK, opacity=1)
    text = point.mark_text(fontSize=13, fontWeight="bold", color=INK, **_lean(score))
    where = alt.value(top - 7)
    return alt.layer(arrow.encode(x="at:Q", y=where), text.encode(x="at:Q", y=alt.value(top - 23), text="text:N"))


def _threshold(threshold: float, top: float) -> Any:
    alt = altair()
    line = alt.Chart(inline([{"at": threshold, "text": f"threshold {threshold:g}"}]))
    rule = line.mark_rule(color=INK, strokeWidth=2).encode(
        x="at:Q", y=alt.value(top - 4), y2=alt.value(top + _BAR_TALL + 12)
    )
    text = line.mark_text(fontSize=11, color=INK, baseline="top", **_lean(threshold))
    return alt.layer(rule, text.encode(x="at:Q", y=alt.value(top + _BAR_TALL + 15), text="text:N"))


def _side_names(sides: list[dict[str, Any]], top: float) -> list[Any]:
    alt = altair()
    roomy = [side for side in sides if side["to"] - side["at"] > _NEAR_EDGE]
    rows = [
        {"at": (side["at"] + side["to"]) / 2, "name": side["name"], "ink": INK if side["colour"] == PALE else "#ffffff"}
        for side in roomy
    ]
    text = alt.Chart(inline(rows)).mark_text(fontSize=11, fontWeight=600)
    return [
        text.encode(x="at:Q", y=alt.value(top + _BAR_TALL / 2), text="name:N", color=alt.Color("ink:N", scale=None)),
    ]


def _others(distribution: pl.DataFrame, top: float) -> Any:
    expect_columns(distribution, ("lower", "upper", "rows"), "the scores to compare with")
    alt = altair()
    highest = max(*distribution["rows"].to_list(), 1)
    tall = top - 4
    rows = [
        {"at": row["lower"], "to": row["upper"], "top": tall * (1 - row["rows"] / highest), "foot": tall}
        for row in distribution.to_dicts()
    ]
    return (
        alt.Chart(inline(rows))
        .mark_rect(color=MUTED, opacity=0.22)
        .encode(x="at:Q", x2="to:Q", y=alt.Y("top:Q", scale=None, axis=None), y2="foot:Q")
    )


def _lean(at: float) -> dict[str, Any]:
    """Keep a text inside the picture near either end of the scale."""
    return {"align": "left" if at < _NEAR_EDGE else "right" if at > 1 - _NEAR_EDGE else "center"}
