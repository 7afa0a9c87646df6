"""Edges of the lineage graph, and the walk along them: from a node back to everything that it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.log.index.shelf import derived
from audit_lab.replay.corrections import in_order_of_recording, standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from audit_lab.log.store import LogStore

__all__ = ["MAXIMUM_EDGES", "Edge", "Leaving", "Walk", "leaving_edges", "lineage_of", "walk", "walk_lineage"]

#: How many edges one answer may have; a sound lineage has tens.
MAXIMUM_EDGES = 10_000

_LINEAGE = "lineage"
_COLUMNS = ("from_node", "relation", "to_node", "at", "run_id", "transformation", "sha256")


@dataclass(frozen=True)
class Edge:
    """One edge of the lineage graph; `relation` is of W3C PROV (``wasGeneratedBy``, ``used`` ...).

    `at`, `run_id`, `transformation` and `sha256` are those of the lineage row; `source` is the table that states it.
    """

    from_node: str
    relation: str
    to_node: str
    at: datetime | None = None
    run_id: str | None = None
    transformation: str | None = None
    sha256: str | None = None
    source: str = _LINEAGE


@dataclass(frozen=True)
class Leaving:
    """The edges of a log's lineage table by the node that they leave, in order of their ids.

    `superseded` counts the rows that a later row corrects, `incomplete` those that lack one of their ends: neither is
    walked along.
    """

    edges: Mapping[str, Sequence[Edge]]
    superseded: int
    incomplete: int


@dataclass(frozen=True)
class Walk:
    """Edges reachable from some nodes, nearest first; `is_cut` where there were more than `MAXIMUM_EDGES`."""

    edges: tuple[Edge, ...]
    is_cut: bool = False


def lineage_of(store: LogStore, model_name: str | None, model_version: str | None) -> tuple[Edge, ...]:
    """Return the edges reachable from a version and from its model's inputs, nearest first; cycles end.

    At most `MAXIMUM_EDGES`; `walk_lineage` says whether there were more.
    """
    return walk_lineage(store, model_name, model_version).edges


def walk_lineage(store: LogStore, model_name: str | None, model_version: str | None) -> Walk:
    """Return the edges reachable from a version and from its model's inputs, and whether that is all of them."""
    return derived(
        store,
        ("lineage of", model_name, model_version),
        (_LINEAGE,),
        lambda: _walk_lineage(leaving_edges(store).edges, model_name, model_version),
    )


def leaving_edges(store: LogStore) -> Leaving:
    """Return the log's lineage table by the node that an edge leaves; a row whose id stands twice counts once."""
    return derived(store, "edges by node", (_LINEAGE,), lambda: _leaving(store))


def walk(leaving: Mapping[str, Sequence[Edge]], starts: Iterable[str]) -> Walk:
    """Return the edges reachable from some nodes, level by level, at most `MAXIMUM_EDGES`."""
    frontier = list(dict.fromkeys(starts))
    seen, found = set(frontier), list[Edge]()
    while frontier:
        edges = [edge for node in frontier for edge in leaving.get(node, ())]
        if len(found) + len(edges) > MAXIMUM_EDGES:
            return Walk((*found, *edges[: MAXIMUM_EDGES - len(found)]), is_cut=True)
        found += edges
        frontier = list(dict.fromkeys(edge.to_node for edge in edges if edge.to_node not in seen))
        seen.update(frontier)
    return Walk(tuple(found))


def _walk_lineage(leaving: Mapping[str, Sequence[Edge]], model_name: str | None, model_version: str | None) -> Walk:
    version = f"model:{model_name}@{model_version}"
    inputs = [f"prediction-inputs:{model_name}"] if leaving.get(version) else []
    return walk(leaving, [version, *inputs])


def _leaving(store: LogStore) -> Leaving:
    rows = in_order_of_recording(store, _LINEAGE)
    corrected = standing(rows, _edge_id, _edge_id)
    # An edge's id may be a digest of what it says: what corrects it then has another id, and names this one.
    others = {row["supersedes"] for row in corrected.rows if row["supersedes"] != row["edge_id"]}
    current: dict[str, dict[str, Any]] = {}
    for row in corrected.rows:
        if row["edge_id"] not in others:
            current.setdefault(row["edge_id"], row)
    repeated = len(corrected.rows) - len({row["edge_id"] for row in corrected.rows})
    leaving: dict[str, list[Edge]] = {}
    incomplete = 0
    for _, row in sorted(current.items()):
        if row["from_node"] and row["relation"] and row["to_node"]:
            leaving.setdefault(row["from_node"], []).append(Edge(*(row[name] for name in _COLUMNS)))
        else:
            incomplete += 1
    return Leaving(leaving, len(rows) - repeated - len(current), incomplete)


def _edge_id(row: dict[str, Any]) -> str:
    return str(row["edge_id"])
