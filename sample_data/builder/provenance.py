"""Lineage edges, in the relations of W3C PROV."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

__all__ = ["input_edges", "version_edges"]


def _edge(from_node: str, relation: str, to_node: str, at: datetime, run_id: str | None = None) -> dict[str, Any]:
    digest = hashlib.sha256(f"{from_node} {relation} {to_node}".encode()).hexdigest()
    return {
        "edge_id": f"edge-{digest[:16]}",
        "from_node": from_node,
        "to_node": to_node,
        "relation": relation,
        "at": at,
        "run_id": run_id,
        "recorded_at": at,
    }


def version_edges(
    version: dict[str, Any], run: dict[str, Any], dataset: str, sources: Iterable[str]
) -> list[dict[str, Any]]:
    """Return the edges from a model version back to its run, that run's data and code, and the data behind those.

    Parameters
    ----------
    version, run
        Rows of ``model_versions`` and ``runs``.
    dataset
        ``id@version`` of what the run used.
    sources
        ``id@version`` of what that was derived from.
    """
    run_id, started = run["run_id"], run["started_at"]
    model = f"model:{version['model_name']}@{version['model_version']}"
    return [
        _edge(model, "wasGeneratedBy", f"run:{run_id}", version["recorded_at"], run_id),
        _edge(f"run:{run_id}", "used", f"dataset:{dataset}", started, run_id),
        _edge(f"run:{run_id}", "wasAssociatedWith", f"commit:{run['code_commit']}", started, run_id),
        *(_edge(f"dataset:{dataset}", "wasDerivedFrom", f"dataset:{name}", started, run_id) for name in sources),
    ]


def input_edges(model: str, sources: Iterable[str], at: datetime) -> list[dict[str, Any]]:
    """Return the edges from a model's inputs back to the feature sources they come from."""
    inputs = f"prediction-inputs:{model}"
    return [_edge(inputs, "wasDerivedFrom", f"feature-source:{source}", at) for source in sources]
