"""What the log's tables say about the nodes of a lineage graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.files.reading import collect
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.replay.corrections import standing
from audit_lab.replay.lineage.stated import dataset_node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
    """Return the rows that describe some nodes, by name, in order of recording; none for what nothing describes.

    A row that a later one corrects is left out.
    """
    wanted = set(names)
    found: dict[str, list[dict[str, Any]]] = {}
    for kind, (table, own, node, columns) in _TABLES.items():
        mine = [name for name in wanted if name.startswith(f"{kind}:")]
        rows = _rows(store, table, node.is_in(mine)) if mine else []
        for row in standing(rows, own, own).rows:
            facts = {name: row[name] for name in columns if row.get(name) is not None}
            found.setdefault(f"{kind}:{own(row)}", []).append(facts)
    return found


def _rows(store: LogStore, table: str, same: pl.Expr) -> list[dict[str, Any]]:
    kept = None if store.shelf is None else store.shelf.small(table)
    where = f"the {table} of {store.location}"
    rows = collect(store.placed(table).filter(same), where) if kept is None else kept.filter(same)
    return rows.sort("recorded_at", SEGMENT, ROW, nulls_last=False).rows(named=True)


def _run(row: dict[str, Any]) -> str:
    return str(row["run_id"])


def _dataset(row: dict[str, Any]) -> str:
    return dataset_node(row["dataset_id"], row["version"]).removeprefix("dataset:")


def _model(row: dict[str, Any]) -> str:
    return f"{row['model_name']}@{row['model_version']}"


_VERSION = pl.col("version").fill_null("")
#: Kind of node to its table, what one of its rows is called there, its node as an expression, and its facts.
_TABLES: dict[str, tuple[str, Callable[[dict[str, Any]], str], pl.Expr, tuple[str, ...]]] = {
    "run": ("runs", _run, pl.format("run:{}", "run_id"), _RUN),
    "dataset": (
        "datasets",
        _dataset,
        pl.when(_VERSION == "")
        .then(pl.format("dataset:{}", "dataset_id"))
        .otherwise(pl.format("dataset:{}@{}", "dataset_id", _VERSION)),
        _DATASET,
    ),
    "model": ("model_versions", _model, pl.format("model:{}@{}", "model_name", "model_version"), _MODEL),
}
