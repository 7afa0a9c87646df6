"""Build the lineage graph of a prediction or of a model version."""

from __future__ import annotations

from collections import ChainMap
from itertools import chain
from typing import TYPE_CHECKING, Any

from audit_lab.errors import NotFoundError
from audit_lab.log.files.printable import printable
from audit_lab.log.index.shelf import derived
from audit_lab.replay.lineage.cycles import cycles_of
from audit_lab.replay.lineage.described import DESCRIBED_BY, described
from audit_lab.replay.lineage.edges import Edge, leaving_edges, walk
from audit_lab.replay.lineage.gaps import gaps_of
from audit_lab.replay.lineage.graph import LineageGraph, node_of
from audit_lab.replay.lineage.stated import approval_edges, prediction_edges, stated_edges
from audit_lab.replay.registry import registered_versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from audit_lab.log.store import LogStore

__all__ = ["graph_of_prediction", "graph_of_version"]

_PREDICTION = ("occurred_at", "decision", "decision_rule", "threshold", "environment", "endpoint", "request_id")
_TABLES = ("lineage", "model_versions", "runs")
_SHOWN = 60


def graph_of_prediction(store: LogStore, row: Mapping[str, Any]) -> LineageGraph:
    """Return the lineage of one prediction: version and inputs, deployments, approvals, runs, commits and data.

    Parameters
    ----------
    row
        Its row of the predictions table.

    Raises
    ------
    LogError
        A table cannot be read.
    """
    root = f"prediction:{row['prediction_id']}"
    served, slots = prediction_edges(store, row)
    approved, acts = approval_edges(store, row["model_name"], row["model_version"])
    facts = {name: row[name] for name in _PREDICTION}
    facts["score"] = (row["outputs"] or {}).get("score")
    return _graph(store, root, [*served, *approved], {root: facts, **slots, **acts})


def graph_of_version(store: LogStore, model_name: str, model_version: str) -> LineageGraph:
    """Return the lineage of one model version: its approvals, runs, commits and data.

    Raises
    ------
    NotFoundError
        Neither the registry nor the lineage knows the version.
    LogError
        A table cannot be read.
    """
    root = f"model:{model_name}@{model_version}"
    if (model_name, model_version) not in registered_versions(store) and root not in leaving_edges(store).edges:
        known = ", ".join(printable(f"{name} {version}", _SHOWN) for name, version in list(registered_versions(store)))
        raise NotFoundError(
            f"neither the registry nor the lineage knows {printable(f'{model_name} {model_version}', _SHOWN)}",
            f"Registered are: {printable(known, 1_000) or 'none'}.",
        )
    approved, acts = approval_edges(store, model_name, model_version)
    return _graph(store, root, approved, acts)


def _graph(store: LogStore, root: str, own: Sequence[Edge], facts: Mapping[str, Mapping[str, Any]]) -> LineageGraph:
    recorded = leaving_edges(store)
    every = derived(
        store, "edges of all tables", _TABLES, lambda: _together(recorded.edges, chain(*stated_edges(store).values()))
    )
    found = walk(_together(every, own), [root])
    names = list(dict.fromkeys([root, *(end for edge in found.edges for end in (edge.from_node, edge.to_node))]))
    rows = described(store, names)
    knots = cycles_of((edge.from_node, edge.to_node) for edge in found.edges)
    nodes = []
    for name in names:
        rows_of_it = rows.get(name, [])
        known = rows_of_it[-1] if rows_of_it else facts.get(name, {})
        node = node_of(name, known)
        needs = node.kind in DESCRIBED_BY
        nodes.append(node_of(name, known, is_described=bool(rows_of_it)) if needs else node)
    return LineageGraph(
        root=root,
        origin=store.origin,
        nodes=tuple(nodes),
        edges=found.edges,
        cycles=tuple(nodes for nodes, _ in knots),
        gaps=gaps_of(root, found.edges, rows, knots, is_cut=found.is_cut, incomplete=recorded.incomplete),
        is_cut=found.is_cut,
        superseded=recorded.superseded,
    )


def _together(leaving: Mapping[str, Sequence[Edge]], further: Iterable[Edge]) -> Mapping[str, Sequence[Edge]]:
    """Return the edges by the node that they leave, with further ones; what is said already is not said twice."""
    changed: dict[str, Sequence[Edge]] = {}
    for edge in further:
        edges = changed.get(edge.from_node, leaving.get(edge.from_node, ()))
        if (edge.relation, edge.to_node) not in ((each.relation, each.to_node) for each in edges):
            changed[edge.from_node] = [*edges, edge]
    return ChainMap(changed, leaving)  # type: ignore[arg-type]
