"""A chart of two groups side by side: which features moved the mean output from the one to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.charts.signed import DIRECTIONS, LEVEL, LOWERS, OUTLINE, RAISES, amount_text, signs
from audit_lab.charts.theme import INK, altair, dressed, expect_columns, inline

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from altair import LayerChart

__all__ = ["attribution_contrast"]

_COLUMNS = ("feature", "unit", "group_mean", "reference_mean", "mean", "mean_low", "mean_high")
_WIDTH, _ROW_HEIGHT = 460, 26
_TOTAL = "total"


def attribution_contrast(
    differences: pl.DataFrame,
    *,
    title: str,
    subtitle: Sequence[str] = (),
    axis_title: str,
    most: int = 15,
) -> LayerChart:
    """Draw one bar for each feature: the difference of its mean contributions, with its interval; their sum at the end.

    Parameters
    ----------
    differences
        As `Contrast.table`.
    title, subtitle
        Say which two groups, model version and method.
    axis_title
        The unit of the contributions, for example ``change of the mean log-odds of late``.
    most
        Features beyond this many, smallest differences last, are added up in one bar, which has no interval.

    Raises
    ------
    MisuseError
        The frame lacks a column or has no rows.
    """
    expect_columns(differences, _COLUMNS, "attribution_contrast")
    alt = altair()
    rows = _rows(differences, most)
    ends = [row[name] for row in rows for name in ("mean", "low", "high") if row[name] is not None] + [0.0]
    low, high = min(ends), max(ends)
    space = (high - low) or 1.0
    scale = alt.Scale(domain=[low - 0.3 * space, high + 0.3 * space], nice=False)
    y = alt.Y("label:N", sort=[row["label"] for row in rows], title=None, axis=alt.Axis(labelLimit=320))
    x = {"title": axis_title, "scale": scale}
    base = alt.Chart(inline(rows))
    tooltip = [
        alt.Tooltip("label:N", title="feature"),
        alt.Tooltip("group:N"),
        alt.Tooltip("reference:N"),
        alt.Tooltip("amount:N", title="difference"),
        alt.Tooltip("interval:N"),
    ]
    bars = base.mark_bar(height=15, stroke=OUTLINE, strokeWidth=0.5).encode(
        x=alt.X("mean:Q", **x),
        y=y,
        color=signs((*DIRECTIONS, _TOTAL), (RAISES, LOWERS, LEVEL)),
        tooltip=tooltip,
    )
    sure = base.transform_filter("isValid(datum.low)")
    # A white rule under the dark one keeps it in sight on a dark bar, in greyscale too.
    intervals = [
        sure.mark_rule(color=colour, strokeWidth=width).encode(x=alt.X("low:Q", **x), x2="high:Q", y=y)
        for colour, width in (("#ffffff", 4.5), (INK, 1.8))
    ]
    caps = [
        sure.mark_tick(color=INK, thickness=1.8, size=9).encode(x=alt.X(f"{end}:Q", **x), y=y)
        for end in ("low", "high")
    ]
    text = base.encode(x=alt.X("beside:Q", **x), y=y, text="amount:N")
    right = text.transform_filter("datum.mean >= 0").mark_text(align="left", dx=7, fontSize=11, color=INK)
    left = text.transform_filter("datum.mean < 0").mark_text(align="right", dx=-7, fontSize=11, color=INK)
    zero = alt.Chart(inline([{"x": 0}])).mark_rule(color=INK, strokeWidth=1).encode(x=alt.X("x:Q", **x))
    layers = alt.layer(bars, zero, *intervals, *caps, right, left)
    return dressed(layers.properties(width=_WIDTH, height=_ROW_HEIGHT * len(rows)), title, subtitle)


def _rows(differences: pl.DataFrame, most: int) -> list[dict[str, Any]]:
    """Return a line for each feature, largest difference first, the rest added up, and the sum of all."""
    ordered = differences.sort(differences["mean"].abs().alias("_size"), "feature", descending=[True, False])
    rows = []
    for row in ordered.head(most).iter_rows(named=True):
        label = f"{row['feature']} ({row['unit']})" if row["unit"] else str(row["feature"])
        rows.append(_row(label, row, row["mean_low"], row["mean_high"]))
    rest = ordered[most:]
    if rest.height:
        named = f"and {rest.height:,} other feature{'' if rest.height == 1 else 's'}"
        rows.append(_row(named, rest.sum().row(0, named=True), None, None))
    total = _row("all features: mean output", ordered.sum().row(0, named=True), None, None)
    return [*rows, {**total, "direction": _TOTAL, "group": "", "reference": ""}]


def _row(label: str, row: dict[str, Any], low: float | None, high: float | None) -> dict[str, Any]:
    mean = row["mean"]
    ends = [end for end in (mean, low, high) if end is not None]
    sure = low is not None and high is not None
    return {
        "label": label,
        "mean": mean,
        "low": low,
        "high": high,
        "beside": max(ends) if mean >= 0 else min(ends),
        "amount": amount_text(mean),
        "interval": f"{amount_text(low)} to {amount_text(high)}" if sure else "none",  # type: ignore[arg-type]
        "group": amount_text(row["group_mean"]),
        "reference": amount_text(row["reference_mean"]),
        "direction": DIRECTIONS[1] if mean < 0 else DIRECTIONS[0],
    }
