"""The lineage of a model version: every edge that leads from it back to runs, commits, data and feature sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.log.index.shelf import derived, table_rows

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["Edge", "lineage_of"]

#: How many edges one answer may have; a sound lineage has tens.
_MAXIMUM_EDGES = 10_000


@dataclass(frozen=True)
class Edge:
    """One edge of the lineage graph; `relation` is of W3C PROV (``wasGeneratedBy``, ``used`` ...)."""

    from_node: str
    relation: str
    to_node: str


def lineage_of(store: LogStore, model_name: str | None, model_version: str | None) -> tuple[Edge, ...]:
    """Return the edges reachable from a version and from its model's inputs, nearest first; cycles end."""
    leaving = derived(store, "edges by node", ("lineage",), lambda: _leaving(store))
    frontier = [f"model:{model_name}@{model_version}"]
    seen, found = set(frontier), list[Edge]()
    if leaving.get(frontier[0]):
        frontier.append(f"prediction-inputs:{model_name}")
    while frontier and len(found) < _MAXIMUM_EDGES:
        edges = [edge for node in frontier for edge in leaving.get(node, [])]
        found += edges
        frontier = list(dict.fromkeys(edge.to_node for edge in edges if edge.to_node not in seen))
        seen.update(frontier)
    return tuple(found)


def _leaving(store: LogStore) -> dict[str, list[Edge]]:
    """Return the edges that leave each node, in order of their ids."""
    leaving: dict[str, list[Edge]] = {}
    rows = table_rows(store, "lineage").sort("edge_id").select("from_node", "relation", "to_node")
    for edge in (Edge(*row) for row in rows.iter_rows()):
        leaving.setdefault(edge.from_node, []).append(edge)
    return leaving
