"""The picture of a lineage: from a decision, or a model version, on the left back to data and code on the right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from audit_lab.charts.lineage_plan import CYCLE, ELSEWHERE, KINDS, LINEAGE, OTHER, few_enough, named, planned, short
from audit_lab.charts.theme import INK, MUTED, altair, dressed, expect_columns, inline

if TYPE_CHECKING:
    import polars as pl
    from altair import Chart

    from audit_lab.charts.lineage_plan import Plan

__all__ = ["lineage_graph"]

#: More than this is no picture any more; what is nearest to the root is drawn, and the picture says so.
_MOST_NODES = 120
_LONGEST_TITLE = 64
_LEGEND_PADDING = 10
_FADED, _VEILED = 0.12, 0.88
#: Shapes that Vega does not have, in a square from -1 to 1.
_OUTLINES = {
    "star": "M0,-1L0.24,-0.31L0.95,-0.31L0.38,0.12L0.59,0.81L0,0.38L-0.59,0.81L-0.38,0.12L-0.95,-0.31L-0.24,-0.31Z",
    "hexagon": "M0,-0.9L0.78,-0.45L0.78,0.45L0,0.9L-0.78,0.45L-0.78,-0.45Z",
    "pentagon": "M0,-0.9L0.86,-0.28L0.53,0.73L-0.53,0.73L-0.86,-0.28Z",
    "person": "M0,-0.95A0.42,0.42,0,1,1,0,-0.11A0.42,0.42,0,1,1,0,-0.95ZM-0.75,0.85A0.75,0.8,0,0,1,0.75,0.85Z",
    "barrel": "M-0.7,-0.6A0.7,0.25,0,0,1,0.7,-0.6L0.7,0.6A0.7,0.25,0,0,1,-0.7,0.6Z",
    "chevron": "M-0.85,-0.8L-0.1,-0.8L0.8,0L-0.1,0.8L-0.85,0.8L-0.05,0Z",
}
#: Whether something is near what the pointer is on; true where it is on nothing.
_IS_NEAR = "!isValid(over.number) || !over.number.length || indexof(datum.near, '|' + over.number[0] + '|') >= 0"
_NODE_COLUMNS = ("node", "kind", "label", "facts", "described", "in_cycle", "is_root")
_EDGE_TIPS = {
    "relation": "Relation",
    "from": "From",
    "to": "To",
    "table": "Stated by",
    "at": "At",
    "transformation": "Transformation",
}
_NODE_TIPS = {"node": "Node", "kind": "Kind", "facts": "Facts"}


class _Axis(NamedTuple):
    """A direction of the picture, in its own units, which are pixels as long as nobody zooms."""

    channel: Any
    scale: Any

    def of(self, field: str) -> Any:
        """Return the channel for a field."""
        return self.channel(f"{field}:Q", scale=self.scale, axis=None)


class _Axes(NamedTuple):
    x: _Axis
    y: _Axis


def lineage_graph(nodes: pl.DataFrame, edges: pl.DataFrame, *, subtitle: str = "", focus: str | None = None) -> Chart:
    """Draw a lineage in columns, each edge pointing from what came later to what it came from.

    Parameters
    ----------
    nodes, edges
        As ``LineageGraph.to_frames()`` gives them: the root is the first node.
    subtitle
        Which log and rows the picture is of.
    focus
        A node: everything but it and its neighbours is faded.

    Raises
    ------
    MisuseError
        A column is missing, or there is no node.

    Notes
    -----
    Shown live, the picture can be moved and zoomed, and whatever the pointer is on stands out with its neighbours.
    """
    expect_columns(nodes, _NODE_COLUMNS, "the lineage")
    drawn = nodes.unique("node", keep="first", maintain_order=True).head(_MOST_NODES).to_dicts()
    known = {row["node"] for row in drawn}
    between = [row for row in edges.to_dicts() if row["source"] in known and row["target"] in known]
    links = few_enough(drawn, between)
    plan = planned(drawn, links, focus)
    alt = altair()
    axes = _Axes(
        _Axis(alt.X, alt.Scale(domain=[0, plan.width], nice=False, zero=False)),
        _Axis(alt.Y, alt.Scale(domain=[0, plan.height], nice=False, zero=False, reverse=True)),
    )
    chart = alt.layer(*_lines(plan, axes), *_relations(plan, axes), *_boxes(plan, axes))
    return dressed(
        chart.properties(width=plan.width, height=plan.height).add_params(
            alt.selection_interval(name="pan", bind="scales")
        ),
        f"Lineage of {short(named(drawn[0]), _LONGEST_TITLE)}",
        [*_told(nodes, edges, drawn, len(links), plan.turned), subtitle],
    )


def _told(nodes: pl.DataFrame, edges: pl.DataFrame, drawn: list[Any], links: int, turned: int) -> list[str]:
    every = f"{_count(nodes.height, 'node')} and {_count(edges.height, 'edge')}"
    if len(drawn) < nodes.height or links < edges.height:
        every = f"The nearest {len(drawn):,} of {nodes.height:,} nodes, and {links:,} of {edges.height:,} edges"
    undescribed = sum(not row["described"] for row in drawn)
    bare = f"; {undescribed} with a broken outline named and not described in the log" if undescribed else ""
    closing = "1 edge in red closes a cycle" if turned == 1 else f"{turned} edges in red close cycles"
    return [f"{every}{bare}", *([f"{closing}: the lineage leads back to itself there"] if turned else [])]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _opacity(field: str = "strength", otherwise: float = _FADED) -> Any:
    """Return an opacity that fades whatever is not near what the pointer is on."""
    alt = altair()
    strength = alt.Opacity(f"{field}:Q", scale=None, legend=None)
    return alt.when(_IS_NEAR).then(strength).otherwise(alt.value(otherwise))


def _tips(fields: dict[str, str]) -> list[Any]:
    alt = altair()
    return [alt.Tooltip(f"{name}:N", title=title) for name, title in fields.items()]


def _lines(plan: Plan, axes: _Axes) -> list[Any]:
    alt = altair()
    domain = [LINEAGE, ELSEWHERE, CYCLE]
    present = {row["stated"] for row in plan.heads}
    legend = alt.Legend(
        title="Edge stated by",
        values=[each for each in domain if each in present],
        symbolOpacity=1,
        symbolStrokeColor=INK,
        symbolSize=260,
        padding=_LEGEND_PADDING,
    )
    dash = alt.Scale(domain=domain, range=[[1, 0], [5, 3], [2, 2]])
    lines = alt.Chart(inline(plan.points)).mark_line(strokeWidth=1.6, strokeCap="butt")
    heads = alt.Chart(inline(plan.heads)).mark_point(shape="triangle", filled=True, size=62, strokeWidth=0)
    return [
        lines.encode(
            x=axes.x.of("x"),
            y=axes.y.of("y"),
            detail="edge:N",
            order="step:Q",
            strokeDash=alt.StrokeDash("stated:N", scale=dash, legend=legend),
            stroke=alt.Stroke("ink:N", scale=None, legend=None),
            opacity=_opacity(),
            tooltip=_tips(_EDGE_TIPS),
        ),
        heads.encode(
            x=axes.x.of("x"),
            y=axes.y.of("y"),
            angle=alt.Angle("angle:Q", scale=None, legend=None),
            fill=alt.Fill("ink:N", scale=None, legend=None),
            opacity=_opacity(),
        ),
    ]


def _relations(plan: Plan, axes: _Axes) -> list[Any]:
    """Write the relations, each over a white edge of its own, so that a line behind it does not cross it out."""
    alt = altair()
    made = []
    for lean, ink in sorted({(row["lean"], row["ink"]) for row in plan.texts}):
        base = alt.Chart(inline(row for row in plan.texts if (row["lean"], row["ink"]) == (lean, ink)))
        encoding = {"x": axes.x.of("x"), "y": axes.y.of("y"), "text": "relation:N", "opacity": _opacity()}
        looks = {"fontSize": 9.5, "align": lean, "baseline": "middle"}
        halo = base.mark_text(**looks, stroke="#ffffff", strokeWidth=4, strokeJoin="round", color="#ffffff")
        made += [halo.encode(**encoding), base.mark_text(**looks, color=ink).encode(**encoding)]
    return made


def _boxes(plan: Plan, axes: _Axes) -> list[Any]:
    alt = altair()
    base = alt.Chart(inline(plan.boxes))
    over = alt.selection_point(name="over", fields=["number"], on="pointerover", clear="pointerout", empty=True)
    edges = {"x": axes.x.of("x"), "x2": "x2:Q", "y": axes.y.of("y"), "y2": "y2:Q"}
    outlines = [
        alt.Chart(inline(row for row in plan.boxes if row["described"] is described))
        .mark_rect(cornerRadius=7, fillOpacity=0.1, strokeDash=dash)
        .encode(
            **edges,
            fill=alt.Fill("colour:N", scale=None, legend=None),
            stroke=alt.Stroke("colour:N", scale=None, legend=None),
            strokeWidth=alt.StrokeWidth("outline:Q", scale=None, legend=None),
            opacity=_opacity(),
        )
        for described, dash in ((True, [1, 0]), (False, [5, 4]))
    ]
    pointed_at = base.mark_rect(fill="#ffffff", opacity=0).encode(**edges, tooltip=_tips(_NODE_TIPS)).add_params(over)
    ground = base.mark_rect(cornerRadius=7, fill="#ffffff").encode(**edges)
    texts = [
        base.mark_text(align="left", baseline="middle", limit=alt.expr("datum.room"), **looks).encode(
            x=axes.x.of("text"), y=axes.y.of(where), text=f"{field}:N", opacity=_opacity()
        )
        for field, where, looks in (
            ("kind", "above", {"fontSize": 9.5, "color": MUTED}),
            ("label", "below", {"fontSize": 11.5, "color": INK}),
        )
    ]
    return [ground, *_icons(base, plan, axes), *outlines, *texts, pointed_at]


def _icons(base: Any, plan: Plan, axes: _Axes) -> list[Any]:
    """Draw the kinds of nodes, and veil those that are faded: the legend would fade with their opacity."""
    alt = altair()
    kinds = {row["kind"] for row in plan.boxes}
    present = [each for each in (*KINDS.values(), OTHER) if each[0] in kinds]
    domain = [name for name, _, _ in present]
    legend = alt.Legend(title="Node", symbolSize=90, symbolOpacity=1, padding=_LEGEND_PADDING)
    shapes = alt.Scale(domain=domain, range=[_OUTLINES.get(shape, shape) for _, _, shape in present])
    colours = alt.Scale(domain=domain, range=[colour for _, colour, _ in present])
    place = {"x": axes.x.of("icon"), "y": axes.y.of("middle")}
    icons = base.mark_point(filled=True, size=110, opacity=1).encode(
        **place,
        shape=alt.Shape("kind:N", scale=shapes, legend=legend),
        color=alt.Color("kind:N", scale=colours, legend=legend),
    )
    veils = base.mark_point(filled=True, size=190, shape="square", color="#ffffff")
    return [icons, veils.encode(**place, opacity=_opacity("veil", _VEILED))]
