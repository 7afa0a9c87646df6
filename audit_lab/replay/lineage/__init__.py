"""Lineage: from a decision, or a model version, back to runs, commits, data and feature sources.

`lineage_of` walks the edges of the log's lineage table. `graph_of_prediction` and `graph_of_version` set beside them
what other tables state (the registry, runs, deployments, approvals), describe every node, and name what is amiss: a
cycle, a node that nothing describes, a run without a commit, data that nobody can reach. A `LineageGraph` says all of
that as frames, as a JSON document and as W3C PROV-JSON.
"""

from __future__ import annotations

from audit_lab.replay.lineage.build import graph_of_prediction, graph_of_version
from audit_lab.replay.lineage.edges import Edge, lineage_of, walk_lineage
from audit_lab.replay.lineage.graph import LineageGap, LineageGraph

__all__ = [
    "Edge",
    "LineageGap",
    "LineageGraph",
    "graph_of_prediction",
    "graph_of_version",
    "lineage_of",
    "walk_lineage",
]
