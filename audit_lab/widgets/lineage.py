"""The view of a lineage: the picture of the way back, what is amiss with it, and the facts of one node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from audit_lab.charts.lineage import lineage_graph
from audit_lab.seal.hidden_letters import spelled
from audit_lab.widgets.page import facts, moment, note, page, paragraph, picture, section, table
from audit_lab.widgets.panel import Panel

if TYPE_CHECKING:
    from audit_lab.replay.lineage import LineageGraph

__all__ = ["LineageView"]

_EDGES = {"from": "From", "relation": "Relation", "to": "To", "stated_by": "Stated by", "at": "At"}
_EVERYTHING = "Everything"
#: A picture keeps its own size and is moved inside this box; scaled to a page's width, its words would be too small.
#: It takes the focus, so that it can be moved with the arrow keys, too.
_SCROLLED = (
    'tabindex="0" role="region" aria-label="Picture of the lineage" '
    'style="overflow-x: auto; overflow-y: hidden; border: 1px solid rgba(128,128,128,0.25); border-radius: 4px"'
)
_MOST_ROWS = 200
_LONGEST_OPTION = 90


class LineageView(Panel):
    """Picture, gaps and edges of a lineage, with a dropdown for the node to look at.

    Parameters
    ----------
    graph
        What ``decision.lineage_graph()`` or ``log.lineage_graph(model, version)`` returned.
    """

    controls = ("node",)

    def __init__(self, graph: LineageGraph) -> None:
        self._graph = graph
        names = [(spelled(_shortened(name)), name) for name in graph.names]
        self.node = ipywidgets.Dropdown(
            options=[(_EVERYTHING, ""), *names], value="", description="Node", layout=ipywidgets.Layout(width="98%")
        )
        self._content = ipywidgets.HTML()
        drawer, self._code = self._code_drawer()
        self.node.observe(self._refresh, names="value")
        super().__init__([self.node, self._content, drawer])
        self._refresh()

    @property
    def subject(self) -> LineageGraph:
        """The lineage."""
        return self._graph

    def parts(self) -> list[str]:
        """Return the picture, what is amiss, the chosen node's facts, and the edges."""
        graph = self._graph
        chart = lineage_graph(*graph.to_frames(), subtitle=graph.origin, focus=self.node.value or None)
        amiss = [note(f"{gap.code}: {gap.what} {gap.effect}", bad=True) for gap in graph.gaps]
        edges = [{**edge, "at": moment(edge["at"])} for edge in graph.to_dict()["edges"]]
        left = len(edges) - _MOST_ROWS
        return [
            paragraph(graph.summary()[0]),
            f"<div {_SCROLLED}>{_own_size(picture(chart, graph.summary()[0]))}</div>",
            section("What is amiss", "".join(amiss) or paragraph("Nothing was found amiss.")),
            section(self.node.value, self._facts()),
            section("Edges", table(edges[:_MOST_ROWS], _EDGES)),
            paragraph(f"{left:,} more edges are not listed." if left > 0 else ""),
        ]

    def text(self) -> str:
        """Return counts and what is amiss in lines of text."""
        return "\n".join(self._graph.summary())

    def code(self) -> str:
        """Return the Python that makes this lineage and shows it, with the chosen node."""
        kind, _, rest = self._graph.root.partition(":")
        if kind == "prediction":
            made = f"lineage = log.decision({rest!r}).lineage_graph()"
        else:
            model, _, version = rest.rpartition("@")
            made = f"lineage = log.lineage_graph({model!r}, {version!r})"
        return f"import audit_lab as al\n\n{made}\n{self._showing('lineage')}\n"

    def _facts(self) -> str:
        if not self.node.value:
            return ""
        node = self._graph.node(self.node.value)
        known = facts(list(node.attributes.items()))
        if not node.is_described:
            return paragraph("The log names this node and does not describe it.")
        return known or paragraph("No table of the log describes such a node: its name is all there is.")

    def _refresh(self, _: Any = None) -> None:
        self._content.value = page(self.parts())
        self._code.value = self._shown_code()


def _own_size(image: str) -> str:
    """Return a picture that is not scaled to the width of the page."""
    return image.replace("max-width: 100%", "max-width: none", 1)


def _shortened(name: str) -> str:
    if len(name) <= _LONGEST_OPTION:
        return name
    half = _LONGEST_OPTION // 2
    return f"{name[:half]}\N{HORIZONTAL ELLIPSIS}{name[-half:]}"
