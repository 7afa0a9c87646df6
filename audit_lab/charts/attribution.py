"""Charts of an attribution: bars by feature, the way from base to prediction, SHAP beside LIME.

Each function takes frames with columns feature, value (text) and contribution, as `Attribution.to_frame` returns
them; colours and signs are those of `audit_lab.charts.signed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.charts.signed import DIRECTIONS, LEVEL, LOWERS, OUTLINE, RAISES, amount, direction, signs
from audit_lab.charts.theme import altair, dressed, expect_columns, inline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altair import HConcatChart, LayerChart

__all__ = ["attribution_bars", "folded", "shap_against_lime", "waterfall"]

_COLUMNS = ("feature", "value", "contribution")
_WIDTH, _ROW_HEIGHT = 420, 24
_OTHERS = "all other features"
_UNEXPLAINED = 0.0005


def attribution_bars(
    frame: pl.DataFrame, *, title: str, subtitle: Sequence[str] = (), axis_title: str, most: int = 12
) -> LayerChart:
    """Draw one bar for each feature, largest magnitude first, with its signed contribution beside it.

    Parameters
    ----------
    frame
        Columns feature, value, contribution.
    title, subtitle
        Say which decision, model version, method, background and seed.
    axis_title
        The unit of the contributions, for example ``probability of late``.
    most
        Features beyond this many are added up in one bar.

    Raises
    ------
    MisuseError
        The frame lacks a column or has no rows.
    """
    expect_columns(frame, _COLUMNS, "attribution_bars")
    rows = _labelled(folded(frame, most))
    bars = _bars(rows, axis_title, _reach(rows)).properties(width=_WIDTH, height=_ROW_HEIGHT * rows.height)
    return dressed(bars, title, subtitle)


def shap_against_lime(
    frame_shap: pl.DataFrame,
    frame_lime: pl.DataFrame,
    *,
    title: str,
    subtitle: Sequence[str] = (),
    axis_title: str,
    most: int = 12,
) -> HConcatChart:
    """Draw both explanations of one decision side by side: same features, same order, same scale.

    The order is that of SHAP's magnitudes; `most` counts in that order.

    Raises
    ------
    MisuseError
        A frame lacks a column or has no rows.
    """
    for frame in (frame_shap, frame_lime):
        expect_columns(frame, _COLUMNS, "shap_against_lime")
    alt = altair()
    kept = _ranked(frame_shap)["feature"].head(most).to_list()
    both = [_labelled(folded(frame, most, kept)) for frame in (frame_shap, frame_lime)]
    reach = max(_reach(rows) for rows in both)
    order = both[0]["label"].to_list()
    height = _ROW_HEIGHT * len(order)
    panels = [
        _bars(rows, axis_title, reach, order=order, labels=place == 0).properties(
            width=_WIDTH // 2 + 60, height=height, title=name
        )
        for place, (name, rows) in enumerate(zip(("SHAP", "LIME"), both, strict=True))
    ]
    return dressed(alt.hconcat(*panels, spacing=12), title, subtitle)


def waterfall(
    frame: pl.DataFrame,
    *,
    base_value: float,
    prediction_value: float,
    title: str,
    subtitle: Sequence[str] = (),
    axis_title: str,
    most: int = 12,
) -> LayerChart:
    """Draw the way from the base value, feature by feature, to the prediction.

    Where the contributions do not add up to the prediction (LIME's need not), the last step but one says so:
    ``not explained``.

    Raises
    ------
    MisuseError
        The frame lacks a column or has no rows.
    """
    expect_columns(frame, _COLUMNS, "waterfall")
    alt = altair()
    steps = _steps(folded(frame, most), base_value, prediction_value)
    order = steps["label"].to_list()
    y = alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=320))
    edges = pl.concat([steps["start"], steps["end"]]).to_list()
    low, high = min(edges), max(edges)
    space = 0.18 * ((high - low) or 1.0)
    scale = alt.Scale(domain=[low - space, high + space], nice=False)
    base = alt.Chart(inline(steps.to_dicts()))
    x = alt.X("start:Q", title=axis_title, scale=scale)
    color, tooltip = signs((*DIRECTIONS, "level"), (RAISES, LOWERS, LEVEL)), ["label:N", "amount:N"]
    steps_only, levels_only = (base.transform_filter(f"datum.direction {sign} 'level'") for sign in ("!=", "=="))
    bars = steps_only.mark_bar(height=16, stroke=OUTLINE, strokeWidth=0.5).encode(
        y=y, x=x, x2="end:Q", color=color, tooltip=tooltip
    )
    levels = levels_only.mark_tick(thickness=3, size=18).encode(y=y, x=x, color=color, tooltip=tooltip)
    text = base.mark_text(align="left", dx=5, fontSize=11).encode(y=y, x=alt.X("right:Q", scale=scale), text="amount:N")
    layers = alt.layer(bars, levels, text).properties(width=_WIDTH, height=_ROW_HEIGHT * len(order))
    return dressed(layers, title, subtitle)


def _bars(
    rows: pl.DataFrame, axis_title: str, reach: float, *, order: list[str] | None = None, labels: bool = True
) -> LayerChart:
    alt = altair()
    axis = alt.Axis(labelLimit=320, labels=labels, ticks=labels)
    y = alt.Y("label:N", sort=order or rows["label"].to_list(), title=None, axis=axis)
    scale = alt.Scale(domain=[-reach, reach], nice=False)
    base = alt.Chart(inline(rows.to_dicts()))
    bars = base.mark_bar(height=16, stroke=OUTLINE, strokeWidth=0.5).encode(
        y=y,
        x=alt.X("contribution:Q", title=axis_title, scale=scale),
        color=signs(),
        tooltip=["label:N", "amount:N"],
    )
    text = base.encode(y=y, x=alt.X("contribution:Q", scale=scale), text="amount:N")
    right = text.transform_filter("datum.contribution >= 0").mark_text(align="left", dx=5, fontSize=11)
    left = text.transform_filter("datum.contribution < 0").mark_text(align="right", dx=-5, fontSize=11)
    return alt.layer(bars, right, left)


def _ranked(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sort(pl.col("contribution").abs(), "feature", descending=[True, False])


def folded(frame: pl.DataFrame, most: int, kept: Sequence[str] | None = None) -> pl.DataFrame:
    """Keep the `most` largest rows, or the features in `kept` in their order, and add the others up in one row."""
    rows = _ranked(frame)
    names = list(kept) if kept is not None else rows["feature"].head(most).to_list()
    order = pl.DataFrame({"feature": names}, schema={"feature": pl.String})
    shown = order.join(rows, on="feature", how="left", maintain_order="left")
    others = rows.join(order, on="feature", how="anti")
    if others.is_empty():
        return shown
    total = others["contribution"].sum()
    rest = pl.DataFrame({"feature": [_OTHERS], "value": [str(others.height)], "contribution": [total]})
    return pl.concat([shown, rest])


def _labelled(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        _label(),
        "contribution",
        amount("contribution"),
        direction("contribution"),
    )


def _label() -> pl.Expr:
    return (
        pl.when(pl.col("feature") == _OTHERS)
        .then(pl.format("{} ({})", "feature", "value"))
        .otherwise(pl.format("{} = {}", "feature", "value"))
        .alias("label")
    )


def _reach(rows: pl.DataFrame) -> float:
    """Return half the width of a scale that is symmetric about zero and has room for the labels."""
    largest = rows.select(pl.col("contribution").abs().max()).item()
    return 1.5 * float(largest or 1.0)


def _steps(rows: pl.DataFrame, base_value: float, prediction_value: float) -> pl.DataFrame:
    """Return label, start, end, amount, direction, right of each step, base value first, prediction last."""
    labels = _labelled(rows)
    names, changes = labels["label"].to_list(), labels["contribution"].to_list()
    gap = prediction_value - base_value - sum(changes)
    if abs(gap) > _UNEXPLAINED:
        names.append("not explained")
        changes.append(gap)
    steps = pl.DataFrame({"label": names, "change": changes}, schema={"label": pl.String, "change": pl.Float64})
    steps = steps.with_columns(end=pl.col("change").cum_sum() + base_value).select(
        "label", (pl.col("end") - pl.col("change")).alias("start"), "end", amount("change"), direction("change")
    )
    levels = pl.DataFrame({"label": ["base value", "prediction"], "start": [base_value, prediction_value]}).select(
        "label",
        "start",
        pl.col("start").alias("end"),
        pl.Series("amount", [f"{base_value:.3f}", f"{prediction_value:.3f}"]),
        pl.lit("level").alias("direction"),
    )
    whole = pl.concat([levels[:1], steps, levels[1:]])
    return whole.with_columns(right=pl.max_horizontal("start", "end"))
