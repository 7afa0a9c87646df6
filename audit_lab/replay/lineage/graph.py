"""The lineage graph of one decision or of one model version: described nodes, edges, and what is amiss with them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.files.printable import printable
from audit_lab.seal.hidden_letters import spelling_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.replay.lineage.edges import Edge

__all__ = ["KINDS", "LineageGap", "LineageGraph", "Node", "node_of"]

#: What stands before the colon of a node's name, and what such a node is.
KINDS = {
    "prediction": "one scored item",
    "prediction-inputs": "what a model is given when it scores",
    "deployment": "a version put into service",
    "approval": "an act of the approval of a version",
    "model": "a registered model version",
    "logged-model": "a model that a run left behind, registered or not",
    "run": "a training, evaluation or pipeline run",
    "job": "a pipeline step, without a run of its own",
    "dataset": "data in one version",
    "commit": "code in one version",
    "code": "a file of code that a run read",
    "feature-source": "where features come from when a model scores",
    "source": "where data come from",
    "person": "somebody who acted",
}
#: Any other node.
_OTHER = "other"
_SHOWN = 60


@dataclass(frozen=True)
class LineageGap:
    """Something amiss in a lineage: a stable code, what, what follows from it, and the nodes that it is about."""

    code: str
    what: str
    effect: str
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Node:
    """One node: its whole name, its kind (one of `KINDS`, or ``other``), and what the log's tables say about it.

    `attributes` holds JSON-safe values; `is_described` is False where a table should have a row for the node and has
    none.
    """

    name: str
    kind: str
    label: str
    attributes: Mapping[str, Any]
    is_described: bool = True


def node_of(name: str, attributes: Mapping[str, Any] | None = None, *, is_described: bool = True) -> Node:
    """Return a node by its name, ``kind:label``; a name of another form is a node of kind ``other``."""
    kind, _, label = name.partition(":")
    if kind not in KINDS or not label:
        kind, label = _OTHER, name
    facts = {key: plain for key, value in (attributes or {}).items() if (plain := _plain(value)) is not None}
    return Node(name, kind, str(facts.pop("label", label)), facts, is_described)


@dataclass(frozen=True)
class LineageGraph:
    """A decision's or a version's way back to data and code.

    Attributes
    ----------
    root
        The node that it is the lineage of.
    origin
        The log's name.
    nodes
        Nearest to the root first.
    edges
        Each in the direction of its relation: from what came later to what it came from.
    cycles
        Nodes in order, each cycle's last one leading to its first; a true lineage has none.
    gaps
        What is amiss, gravest first.
    is_cut
        Whether there was more than one answer may hold; a gap says so.
    superseded
        How many rows of the lineage table were left out because a later row corrects them.
    """

    root: str
    origin: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    cycles: tuple[tuple[str, ...], ...]
    gaps: tuple[LineageGap, ...]
    is_cut: bool = False
    superseded: int = 0

    def node(self, name: str) -> Node:
        """Return a node by its whole name.

        Raises
        ------
        KeyError
            The graph has no such node.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        """The whole names of its nodes, nearest to the root first."""
        return tuple(node.name for node in self.nodes)

    def to_frames(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return nodes and edges as frames.

        Returns
        -------
        tuple of polars.DataFrame
            Nodes: ``node``, ``kind``, ``label``, ``facts`` (text, one fact to a line), ``described``, ``in_cycle``,
            ``is_root``. Edges: ``source``, ``target``, ``relation``, ``stated_by``, ``at``, ``transformation``.
        """
        in_cycle = {name for cycle in self.cycles for name in cycle}
        nodes = [
            {
                "node": node.name,
                "kind": node.kind,
                "label": node.label,
                "facts": "\n".join(f"{name}: {value}" for name, value in node.attributes.items()),
                "described": node.is_described,
                "in_cycle": node.name in in_cycle,
                "is_root": node.name == self.root,
            }
            for node in self.nodes
        ]
        edges = [
            {
                "source": edge.from_node,
                "target": edge.to_node,
                "relation": edge.relation,
                "stated_by": edge.source,
                "at": edge.at,
                "transformation": edge.transformation,
            }
            for edge in self.edges
        ]
        return pl.DataFrame(nodes, _NODES), pl.DataFrame(edges, _EDGES)

    def to_dict(self) -> dict[str, Any]:
        """Return the graph as JSON-safe values."""
        return {
            "root": self.root,
            "origin": self.origin,
            "nodes": [
                {"node": node.name, "kind": node.kind, "described": node.is_described, **_nested(node.attributes)}
                for node in self.nodes
            ],
            "edges": [
                {
                    "from": edge.from_node,
                    "relation": edge.relation,
                    "to": edge.to_node,
                    "at": _plain(edge.at),
                    "run_id": edge.run_id,
                    "transformation": edge.transformation,
                    "sha256": edge.sha256,
                    "stated_by": edge.source,
                }
                for edge in self.edges
            ],
            "cycles": [list(cycle) for cycle in self.cycles],
            "gaps": [
                {"code": gap.code, "what": gap.what, "effect": gap.effect, "nodes": list(gap.nodes)}
                for gap in self.gaps
            ],
            "is_cut": self.is_cut,
            "superseded": self.superseded,
        }

    def to_prov_json(self) -> str:
        """Return the graph as W3C PROV-JSON; see `audit_lab.replay.lineage.prov_json`."""
        from audit_lab.replay.lineage.prov_json import prov_json

        return prov_json(self)

    @spelling_text
    def summary(self) -> list[str]:
        """Return what the graph holds, and what is amiss, as sentences; foreign text is safe for a terminal."""
        tables = sorted({edge.source for edge in self.edges})
        counted = f"{_count(len(self.nodes), 'node')} and {_count(len(self.edges), 'edge')}"
        stated = f", stated by {', '.join(tables)}" if tables else ""
        superseded = (
            [f"Left out of the log's lineage: {_count(self.superseded, 'row')} that later rows correct."]
            if self.superseded
            else []
        )
        gaps = [f"{gap.code}: {gap.what} {gap.effect}" for gap in self.gaps]
        return [f"{printable(self.root, _SHOWN)}: {counted}{stated}.", *superseded, *gaps]

    @spelling_text
    def __repr__(self) -> str:
        """Return the root, its counts, and the codes of what is amiss."""
        gaps = f"; gaps: {', '.join(dict.fromkeys(gap.code for gap in self.gaps))}" if self.gaps else ""
        return (
            f"LineageGraph of {printable(self.root, _SHOWN)}: "
            f"{_count(len(self.nodes), 'node')}, {_count(len(self.edges), 'edge')}{gaps}"
        )


_NODES: dict[str, pl.DataType | type[pl.DataType]] = {
    "node": pl.String,
    "kind": pl.String,
    "label": pl.String,
    "facts": pl.String,
    "described": pl.Boolean,
    "in_cycle": pl.Boolean,
    "is_root": pl.Boolean,
}
_EDGES: dict[str, pl.DataType | type[pl.DataType]] = {
    "source": pl.String,
    "target": pl.String,
    "relation": pl.String,
    "stated_by": pl.String,
    "at": pl.Datetime("us", "UTC"),
    "transformation": pl.String,
}


def _nested(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {"attributes": dict(attributes)} if attributes else {}


def _plain(value: Any) -> Any:
    """Return a value as JSON takes it; None for what is missing, text for what JSON has no number for."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
