"""A picture of a decision beside its nearest comparable cases: every feature, and which of them differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.charts.theme import ACCENT, INK, MUTED, altair, dressed, expect_columns, inline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altair import Chart

__all__ = ["comparable_table"]

_CELL_WIDTH, _ROW_HEIGHT = 132, 26
_LONGEST = 20
_DARK = 0.55
#: From white to the accent, with room for dark text on the light half.
_SHADES = ("#ffffff", "#d6e4f2", "#86b3dd", ACCENT)
_OWN = "this decision"


def comparable_table(
    cases: pl.DataFrame,
    differences: pl.DataFrame,
    *,
    decision: str | None,
    title: str = "The nearest comparable cases",
    subtitle: Sequence[str] = (),
    most: int = 6,
    column: str = "case",
) -> Chart:
    """Draw features in rows and cases in columns; the more a value differs, the darker its cell.

    Parameters
    ----------
    cases
        ``rank``, ``decision``, ``distance``, as `Comparable.cases` is.
    differences
        ``rank``, ``feature``, ``unit``, ``this``, ``other``, ``part``, as `Comparable.differences` is.
    decision
        What was decided of the decision itself.
    title, subtitle
        Say which decision and which cases.
    most
        So many cases at most.
    column
        What the columns are called, before their rank.

    Raises
    ------
    MisuseError
        A frame lacks a column or has no rows.
    """
    expect_columns(cases, ("rank", "decision", "distance"), "the comparable cases")
    expect_columns(differences, ("rank", "feature", "unit", "this", "other", "part"), "the comparable cases")
    alt = altair()
    shown = cases.sort("rank").head(most)
    own = differences.filter(pl.col("rank") == shown["rank"][0])
    names = [_named(row) for row in own.to_dicts()]
    columns = [_OWN, *(f"{column} {rank}" for rank in shown["rank"])]
    cells: list[dict[str, Any]] = [_cell("decided", _OWN, decision, 0.0, bold=True), _cell("distance", _OWN, "0", 0.0)]
    cells += [_cell(_named(row), _OWN, row["this"], 0.0) for row in own.to_dicts()]
    for case in shown.to_dicts():
        place = f"{column} {case['rank']}"
        cells.append(_cell("decided", place, case["decision"], 0.0, bold=True))
        cells.append(_cell("distance", place, f"{case['distance']:.3g}", 0.0))
        for row in differences.filter(pl.col("rank") == case["rank"]).to_dicts():
            cells.append(_cell(_named(row), place, row["other"], row["part"], bold=bool(row["part"])))
    rows = ["decided", "distance", *names]
    base = alt.Chart(inline(cells))
    x = alt.X("case:N", sort=columns, title=None, axis=alt.Axis(orient="top", labelAngle=0, domain=False, ticks=False))
    y = alt.Y("row:N", sort=rows, title=None, axis=alt.Axis(domain=False, ticks=False, labelLimit=220))
    shade = alt.Scale(domain=[0, 0.0005, 0.4, 1], range=list(_SHADES), interpolate="rgb")
    rects = base.mark_rect(stroke="#ffffff", strokeWidth=2).encode(
        x=x, y=y, color=alt.Color("part:Q", scale=shade, legend=alt.Legend(title="Difference, 0 to 1", format=".1f"))
    )
    layers = [rects]
    for is_bold in (False, True):
        some = base.transform_filter(f"datum.bold == {str(is_bold).lower()}")
        weight = "bold" if is_bold else "normal"
        layers.append(
            some.mark_text(fontSize=11, fontWeight=weight).encode(
                x=x, y=y, text="text:N", color=alt.Color("ink:N", scale=None)
            )
        )
    layered = alt.layer(*layers).resolve_scale(color="independent")
    chart = layered.properties(width=_CELL_WIDTH * len(columns), height=_ROW_HEIGHT * len(rows))
    left = cases.height - shown.height
    facts = [
        *subtitle,
        "Shaded and bold: the value differs; the darker, the more it adds to the distance. Grey: not compared.",
        f"{left:,} further {column}s are not drawn" if left else "",
    ]
    return dressed(chart, title, facts)


def _named(row: dict[str, Any]) -> str:
    return f"{row['feature']} [{row['unit']}]" if row["unit"] else str(row["feature"])


def _cell(row: str, case: str, text: str | None, part: float | None, *, bold: bool = False) -> dict[str, Any]:
    shown = (
        "\N{EN DASH}"
        if text is None
        else text
        if len(text) <= _LONGEST
        else f"{text[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
    )
    ink = MUTED if part is None else "#ffffff" if part > _DARK else INK
    return {"row": row, "case": case, "text": shown, "part": part or 0.0, "ink": ink, "bold": bold}
