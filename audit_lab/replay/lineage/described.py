"""What the log's tables say about the nodes of a lineage graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.index.shelf import table_rows
from audit_lab.replay.lineage.stated import dataset_node

if TYPE_CHECKING:
    from collections.abc import Iterable

    from audit_lab.log.store import LogStore

__all__ = ["DESCRIBED_BY", "described"]

#: Kind of node to the table that should have a row for it. The other kinds are described by no table.
DESCRIBED_BY = {"run": "runs", "dataset": "datasets", "model": "model_versions"}

_RUN = (
    "kind",
    "started_at",
    "ended_at",
    "code_commit",
    "pipeline_id",
    "seeds",
    "reason",
    "state",
    "error",
    "recorded_at",
)
_DATASET = (
    "version",
    "uri",
    "sha256",
    "digest",
    "rows",
    "source",
    "legal_basis",
    "filters",
    "transformations",
    "anomalies",
    "quality",
    "owner",
    "recorded_at",
)
_MODEL = (
    "run_id",
    "artifact_sha256",
    "artifact_format",
    "training_cutoff",
    "sample_size",
    "threshold",
    "risk_tier",
    "recorded_at",
)


def described(store: LogStore, names: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows that describe some nodes, by name, in order of ``recorded_at``; none for what nothing describes.

    A row that a later one corrects is left out.
    """
    wanted = set(names)
    found: dict[str, list[dict[str, Any]]] = {}
    runs = [name.removeprefix("run:") for name in wanted if name.startswith("run:")]
    if runs:
        _collect(found, _rows(store, "runs", pl.col("run_id").is_in(runs)), _RUN, lambda row: f"run:{row['run_id']}")
    if any(name.startswith("dataset:") for name in wanted):
        ids = pl.format("dataset:{}", "dataset_id")
        whole = pl.when(pl.col("version").fill_null("") == "").then(ids).otherwise(ids + "@" + pl.col("version"))
        rows = _rows(store, "datasets", whole.is_in(list(wanted)))
        _collect(found, rows, _DATASET, lambda row: dataset_node(row["dataset_id"], row["version"]))
    if any(name.startswith("model:") for name in wanted):
        whole = pl.format("model:{}@{}", "model_name", "model_version")
        rows = _rows(store, "model_versions", whole.is_in(list(wanted)))
        _collect(found, rows, _MODEL, lambda row: f"model:{row['model_name']}@{row['model_version']}")
    return found


def _rows(store: LogStore, table: str, same: pl.Expr) -> pl.DataFrame:
    return table_rows(store, table, same).sort("recorded_at", nulls_last=True)


def _collect(
    found: dict[str, list[dict[str, Any]]], rows: pl.DataFrame, columns: tuple[str, ...], name_of: Any
) -> None:
    present = [name for name in columns if name in rows.columns]
    for row in rows.iter_rows(named=True):
        facts = {name: row[name] for name in present if row[name] is not None}
        if row["supersedes"] is not None:
            found[name_of(row)] = []
        found.setdefault(name_of(row), []).append(facts)
