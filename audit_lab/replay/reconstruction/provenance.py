"""The rows behind a version's lineage: the runs, data sets, commits and feature sources that its edges name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.index.shelf import table_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from audit_lab.log.store import LogStore
    from audit_lab.replay.lineage import Edge

__all__ = ["Provenance", "provenance_of"]


@dataclass(frozen=True)
class Provenance:
    """What a version was made by and from.

    Parameters
    ----------
    runs, datasets
        Rows of these tables, each as a dict, in order of recording; the rows that later ones correct among them.
    commits
        Code commits that edges or runs name, each once.
    feature_sources
        The lineage rows by which features come from a source: ``source``, ``relation``, ``from_node``, ``at``,
        ``transformation`` and ``sha256``.
    unresolved
        Runs and data sets that edges name and no row describes.
    """

    runs: tuple[dict[str, Any], ...] = ()
    datasets: tuple[dict[str, Any], ...] = ()
    commits: tuple[str, ...] = ()
    feature_sources: tuple[dict[str, Any], ...] = ()
    unresolved: tuple[str, ...] = ()


def provenance_of(store: LogStore, lineage: Iterable[Edge], run_id: str | None) -> Provenance:
    """Return the rows that edges lead to, and the run that the registry names.

    Raises
    ------
    LogError
        A table cannot be read.
    """
    edges = tuple(lineage)
    nodes = list(dict.fromkeys(node for edge in edges for node in (edge.from_node, edge.to_node)))
    run_ids = list(dict.fromkeys([*([run_id] if run_id else []), *_named(nodes, "run")]))
    dataset_names = _named(nodes, "dataset")
    runs = _rows(store, "runs", pl.col("run_id"), run_ids)
    version = pl.col("version").fill_null("")
    name = pl.when(version == "").then("dataset_id").otherwise(pl.format("{}@{}", "dataset_id", version))
    datasets = _rows(store, "datasets", name, dataset_names)
    described = {f"run:{row['run_id']}" for row in runs}
    described |= {
        f"dataset:{row['dataset_id']}{'@' if row['version'] else ''}{row['version'] or ''}" for row in datasets
    }
    asked = [*(f"run:{each}" for each in run_ids), *(f"dataset:{each}" for each in dataset_names)]
    commits = [*_named(nodes, "commit"), *(row["code_commit"] for row in runs if row["code_commit"])]
    return Provenance(
        runs=runs,
        datasets=datasets,
        commits=tuple(dict.fromkeys(commits)),
        feature_sources=tuple(
            {
                "source": edge.to_node.partition(":")[2],
                "relation": edge.relation,
                "from_node": edge.from_node,
                "at": edge.at,
                "transformation": edge.transformation,
                "sha256": edge.sha256,
            }
            for edge in edges
            if edge.to_node.startswith("feature-source:")
        ),
        unresolved=tuple(node for node in asked if node not in described),
    )


def _named(nodes: Iterable[str], kind: str) -> list[str]:
    return [node.removeprefix(f"{kind}:") for node in nodes if node.startswith(f"{kind}:")]


def _rows(store: LogStore, table: str, name: pl.Expr, names: list[str]) -> tuple[dict[str, Any], ...]:
    if not names:
        return ()
    rows = table_rows(store, table, name.is_in(names)).sort("recorded_at", nulls_last=False, maintain_order=True)
    return tuple(rows.iter_rows(named=True))
