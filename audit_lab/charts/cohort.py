"""Charts of SHAP values of a group of decisions: how much each feature mattered, and how its contributions are spread.

Both take what `CohortAttribution` holds: `importance`, one row for each feature, and `points`, the rows that are kept.
Features beyond `most` are one line at the end, with their number and what they come to together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.charts.signed import OUTLINE, amount_text
from audit_lab.charts.theme import ACCENT, INK, PALE, altair, dressed, expect_columns, inline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altair import LayerChart

__all__ = ["attribution_beeswarm", "attribution_importance"]

_IMPORTANCE = ("feature", "unit", "mean_magnitude", "mean", "least", "most")
_POINTS = ("feature", "kind", "prediction_id", "value", "position", "contribution")
_WIDTH, _ROW_HEIGHT = 420, 24
#: Of the beeswarm, in pixels: width, height of a row, and how far the middles of two points are apart.
_SWARM_WIDTH, _SWARM_HEIGHT, _STEP = 560, 44, 5
#: From low to high: light to dark, so that the order stays in greyscale (a path through cividis, Nunez et al., 2018).
_LOW_TO_HIGH = ("#f4e06d", "#a59c74", "#575c6d", "#00204d")
_FORMS = {"number": "circle", "text": "diamond", "missing": "cross"}
_NO_ORDER, _WHITE = "#9aa5b1", "#ffffff"


def attribution_importance(
    importance: pl.DataFrame, *, title: str, subtitle: Sequence[str] = (), axis_title: str, most: int = 20
) -> LayerChart:
    """Draw one bar for each feature: its mean magnitude, and beside it the mean contribution with its sign.

    Parameters
    ----------
    importance
        As `CohortAttribution.importance`.
    title, subtitle
        Say which decisions, model version, method and background.
    axis_title
        The unit of the contributions, for example ``mean |contribution| to the log-odds of late``.
    most
        Features beyond this many are added up in one line.

    Raises
    ------
    MisuseError
        The frame lacks a column or has no rows.
    """
    expect_columns(importance, _IMPORTANCE, "attribution_importance")
    alt = altair()
    ordered = _ranked(importance)
    rows = [
        {
            "label": _named(row),
            "size": row["mean_magnitude"],
            "amount": f"{_size(row['mean_magnitude'])}, mean {amount_text(row['mean'])}",
        }
        for row in ordered.head(most).iter_rows(named=True)
    ]
    rest = ordered[most:]
    if rest.height:
        together = float(rest["mean_magnitude"].sum())
        amount = f"{_size(together)} in sum, mean {amount_text(float(rest['mean'].sum()))}"
        # No bar: the sum of hundreds would dwarf those that are named.
        rows.append({"label": _others(rest.height), "size": 0.0, "amount": amount})
    reach = max(row["size"] for row in rows) or 1.0
    x = alt.X("size:Q", title=axis_title, scale=alt.Scale(domain=[0, 1.6 * reach], nice=False))
    y = alt.Y("label:N", sort=[row["label"] for row in rows], title=None, axis=alt.Axis(labelLimit=320))
    base = alt.Chart(inline(rows))
    tooltip = [alt.Tooltip("label:N", title="feature"), alt.Tooltip("amount:N", title="mean magnitude")]
    bars = (
        base.transform_filter("datum.size > 0")
        .mark_bar(height=16, color=ACCENT, stroke=OUTLINE, strokeWidth=0.5)
        .encode(
            x=x,
            y=y,
            tooltip=tooltip,
        )
    )
    texts = base.mark_text(align="left", dx=5, fontSize=11, color=INK).encode(x=x, y=y, text="amount:N")
    return dressed(alt.layer(bars, texts).properties(width=_WIDTH, height=_ROW_HEIGHT * len(rows)), title, subtitle)


def attribution_beeswarm(
    importance: pl.DataFrame,
    points: pl.DataFrame,
    *,
    title: str,
    subtitle: Sequence[str] = (),
    axis_title: str,
    most: int = 12,
    most_points: int = 200,
) -> LayerChart:
    """Draw the kept rows of each feature by their contribution, heaped where they are many.

    The darker a point, the higher the recorded number among all explained rows; texts are diamonds and missing values
    crosses, which have no order. Each point names its prediction when it is pointed at.

    Parameters
    ----------
    importance, points
        As `CohortAttribution.importance` and `CohortAttribution.points`.
    title, subtitle, axis_title
        As for `attribution_importance`.
    most
        Features beyond this many are one line of text.
    most_points
        So many points of the sample of a feature at most, spread over its contributions; the ends are all drawn.

    Raises
    ------
    MisuseError
        A frame lacks a column or has no rows.
    """
    expect_columns(importance, _IMPORTANCE, "attribution_beeswarm")
    expect_columns(points, _POINTS, "attribution_beeswarm")
    alt = altair()
    ordered = _ranked(importance)
    shown = ordered.head(most)
    names = {row["feature"]: f"{_named(row)}  {_size(row['mean_magnitude'])}" for row in shown.iter_rows(named=True)}
    inside = points.filter(pl.col("feature").is_in(list(names)))
    ends = pl.concat([shown["least"], shown["most"], inside["contribution"]])
    low, high = min(float(ends.min()), 0.0), max(float(ends.max()), 0.0)  # type: ignore[arg-type]
    space = 0.04 * ((high - low) or 1.0)
    low, high = low - space, high + space
    rows = [
        row
        for place, name in enumerate(names)
        for row in _swarm(_thinned(inside.filter(pl.col("feature") == name), most_points), place, low, high)
    ]
    lines: list[dict[str, Any]] = [{"at": place, "text": text} for place, text in enumerate(names.values())]
    rest = ordered[most:]
    if rest.height:
        together = f"{_others(rest.height)}: {_size(float(rest['mean_magnitude'].sum()))} in sum"
        lines.append({"at": len(lines), "text": together})
    scale = alt.Scale(domain=[-0.6, len(lines) - 0.4], range=[0, _SWARM_HEIGHT * len(lines)], nice=False)
    x = {"title": axis_title, "scale": alt.Scale(domain=[low, high], nice=False)}
    zero = alt.Chart(inline([{"x": 0}])).mark_rule(color=INK, strokeWidth=1).encode(x=alt.X("x:Q", **x))
    names_at = alt.Chart(inline(lines))
    rules = names_at.mark_rule(color=PALE, strokeDash=[2, 3]).encode(y=alt.Y("at:Q", scale=scale, axis=None))
    labels = names_at.mark_text(align="right", fontSize=12, color=INK, x=-10).encode(
        y=alt.Y("at:Q", scale=scale, axis=None), text="text:N"
    )
    swarm = _points(rows, x, {"scale": scale, "axis": None})
    chart = alt.layer(rules, zero, *swarm, labels).properties(width=_SWARM_WIDTH, height=_SWARM_HEIGHT * len(lines))
    facts = [*subtitle, "Beside each name stands its mean magnitude over all explained rows."]
    return dressed(chart, title, facts)


def _points(rows: list[dict[str, Any]], x: dict[str, Any], y: dict[str, Any]) -> list[Any]:
    """Return the layers of the points: those whose values have an order by colour, and the others."""
    alt = altair()
    forms = [form for form in _FORMS if any(row["form"] == form for row in rows)]
    shape = alt.Shape(
        "form:N",
        scale=alt.Scale(domain=forms, range=[_FORMS[form] for form in forms]),
        legend=alt.Legend(title=None, symbolFillColor=_WHITE, symbolStrokeColor=OUTLINE),
    )
    tooltip = [
        alt.Tooltip("feature:N"),
        alt.Tooltip("value:N"),
        alt.Tooltip("amount:N", title="contribution"),
        alt.Tooltip("prediction_id:N", title="prediction"),
        alt.Tooltip("kind:N", title="kept as"),
    ]
    legend = alt.Legend(
        title="Recorded number",
        values=[0, 1],
        labelExpr="datum.value == 0 ? 'low' : 'high'",
        type="gradient",
        gradientLength=120,
    )
    scale = alt.Scale(domain=[0, 1], range=list(_LOW_TO_HIGH), interpolate="rgb")
    colours = {
        "number": alt.Color("position:Q", scale=scale, legend=legend),
        "other": alt.value(_NO_ORDER),
    }
    layers = []
    for order, colour in colours.items():
        some = [row for row in rows if (row["form"] == "number") == (order == "number")]
        if some:
            marks = alt.Chart(inline(some)).mark_point(
                filled=True, size=26, opacity=0.9, strokeWidth=0.4, stroke=OUTLINE
            )
            layers.append(
                marks.encode(
                    x=alt.X("contribution:Q", **x), y=alt.Y("at:Q", **y), color=colour, shape=shape, tooltip=tooltip
                )
            )
    return layers


def _swarm(points: pl.DataFrame, place: int, low: float, high: float) -> list[dict[str, Any]]:
    """Return points with the height of each: by its row's middle, on either side of those already there."""
    heaps: dict[int, int] = {}
    placed = []
    for row in points.sort("contribution", "prediction_id").iter_rows(named=True):
        column = int((row["contribution"] - low) / (high - low) * _SWARM_WIDTH / _STEP)
        heaps[column] = heaps.get(column, 0) + 1
        number = heaps[column]
        placed.append((row, number // 2 * (1 if number % 2 else -1)))
    tallest = max((abs(step) for _, step in placed), default=0)
    # As far apart as points are wide, or closer where they would leave their row.
    each = min(_STEP / _SWARM_HEIGHT, 0.42 / tallest) if tallest else 0.0
    return [
        {
            "feature": row["feature"],
            "value": "missing" if row["value"] is None else row["value"],
            "contribution": row["contribution"],
            "amount": amount_text(row["contribution"]),
            "prediction_id": row["prediction_id"],
            "kind": row["kind"],
            "position": row["position"],
            "form": "missing" if row["value"] is None else "text" if row["position"] is None else "number",
            "at": place + step * each,
        }
        for row, step in placed
    ]


def _thinned(points: pl.DataFrame, most: int) -> pl.DataFrame:
    """Keep the ends, and of the sample every so many in order of the contributions."""
    sample = points.filter(pl.col("kind") == "sample").sort("contribution", "prediction_id")
    if sample.height <= most:
        return points
    chosen = [place * sample.height // most for place in range(most)]
    return pl.concat([sample[chosen], points.filter(pl.col("kind") != "sample")])


def _ranked(importance: pl.DataFrame) -> pl.DataFrame:
    return importance.sort("mean_magnitude", "feature", descending=[True, False])


def _named(row: dict[str, Any]) -> str:
    return f"{row['feature']} ({row['unit']})" if row["unit"] else str(row["feature"])


def _others(count: int) -> str:
    return f"and {count:,} other feature{'' if count == 1 else 's'}"


def _size(value: float) -> str:
    return amount_text(value).lstrip("+")
