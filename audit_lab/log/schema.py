"""The canonical tables of an audit log (schema version 1): their columns, dtypes and keys."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

__all__ = ["INPUTS_PREFIX", "SCHEMA_VERSION", "TABLES", "TIME", "Table", "is_pattern", "table_schema"]

SCHEMA_VERSION = 1

#: All times: UTC, microseconds.
TIME = pl.Datetime("us", "UTC")

#: Inputs are one table per model, named ``inputs/<model name>``.
INPUTS_PREFIX = "inputs/"

_TEXT = pl.String
_FLOAT = pl.Float64
_OUTPUTS = pl.Struct({"score": pl.Float64, "label": pl.String, "probabilities": pl.List(pl.Float64)})


@dataclass(frozen=True)
class Table:
    """One canonical table: its key columns, its time column and the dtype of each column."""

    name: str
    key: tuple[str, ...]
    time: str
    columns: dict[str, pl.DataType | type[pl.DataType]]


def _table(name: str, key: str, time: str, **columns: pl.DataType | type[pl.DataType]) -> Table:
    """Build a table whose `recorded_at` and `supersedes` need not be repeated for each."""
    shared: dict[str, pl.DataType | type[pl.DataType]] = {"recorded_at": TIME, "supersedes": _TEXT}
    return Table(name, tuple(key.split()), time, {**columns, **shared})


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        _table(
            "predictions",
            "prediction_id",
            "occurred_at",
            prediction_id=_TEXT,
            occurred_at=TIME,
            model_name=_TEXT,
            model_version=_TEXT,
            request_id=_TEXT,
            trace_id=_TEXT,
            subject_id=_TEXT,
            outputs=_OUTPUTS,
            parameters=_TEXT,
            threshold=_FLOAT,
            decision=_TEXT,
            decision_rule=_TEXT,
            environment=_TEXT,
            endpoint=_TEXT,
            node=_TEXT,
            clock_source=_TEXT,
            latency_ms=_FLOAT,
            risk_tier=_TEXT,
            sampling_rule=_TEXT,
            sampling_rate=_FLOAT,
            sequence=pl.Int64,
            writer_id=_TEXT,
            error=_TEXT,
        ),
        _table(
            "overrides",
            "prediction_id recorded_at",
            "recorded_at",
            prediction_id=_TEXT,
            kind=_TEXT,
            actor=_TEXT,
            role=_TEXT,
            reason=_TEXT,
            rule=_TEXT,
            decision_before=_TEXT,
            decision_after=_TEXT,
        ),
        _table(
            "explanations",
            "prediction_id method",
            "recorded_at",
            prediction_id=_TEXT,
            method=_TEXT,
            values=_TEXT,
            base_value=_FLOAT,
            background_sha256=_TEXT,
            seed=pl.Int64,
            versions=_TEXT,
        ),
        _table(
            "outcomes",
            "prediction_id observed_at",
            "observed_at",
            prediction_id=_TEXT,
            observed_at=TIME,
            label=_TEXT,
            value=_FLOAT,
            source=_TEXT,
        ),
        _table(
            "datasets",
            "dataset_id version",
            "recorded_at",
            dataset_id=_TEXT,
            version=_TEXT,
            uri=_TEXT,
            sha256=_TEXT,
            schema=_TEXT,
            rows=pl.Int64,
            source=_TEXT,
            legal_basis=_TEXT,
            filters=_TEXT,
            transformations=_TEXT,
            anomalies=_TEXT,
            quality=_TEXT,
            owner=_TEXT,
        ),
        _table(
            "runs",
            "run_id",
            "started_at",
            run_id=_TEXT,
            kind=_TEXT,
            started_at=TIME,
            ended_at=TIME,
            code_commit=_TEXT,
            pipeline_id=_TEXT,
            hyperparameters=_TEXT,
            seeds=_TEXT,
            environment=_TEXT,
            hardware=_TEXT,
            cost=_TEXT,
            datasets_in=_TEXT,
            datasets_out=_TEXT,
            metrics=_TEXT,
            reason=_TEXT,
        ),
        _table(
            "model_versions",
            "model_name model_version",
            "recorded_at",
            model_name=_TEXT,
            model_version=_TEXT,
            run_id=_TEXT,
            artifact_uri=_TEXT,
            artifact_sha256=_TEXT,
            artifact_format=_TEXT,
            signature=_TEXT,
            output_kind=_TEXT,
            threshold=_FLOAT,
            decision_rules=_TEXT,
            changelog=_TEXT,
            justification=_TEXT,
            training_cutoff=TIME,
            sample_size=pl.Int64,
            evaluation=_TEXT,
            monitoring=_TEXT,
            runtime=_TEXT,
            intended_use=_TEXT,
            risk_tier=_TEXT,
            retirement=_TEXT,
        ),
        _table(
            "approvals",
            "model_name model_version recorded_at",
            "recorded_at",
            model_name=_TEXT,
            model_version=_TEXT,
            act=_TEXT,
            approver=_TEXT,
            role=_TEXT,
            meaning=_TEXT,
            reason=_TEXT,
            evidence_sha256=_TEXT,
        ),
        _table(
            "deployments",
            "deployment_id from_time",
            "from_time",
            deployment_id=_TEXT,
            from_time=TIME,
            model_name=_TEXT,
            model_version=_TEXT,
            environment=_TEXT,
            endpoint=_TEXT,
            node=_TEXT,
            container_sha256=_TEXT,
            configuration=_TEXT,
            traffic_share=_FLOAT,
            actor=_TEXT,
            reason=_TEXT,
        ),
        _table(
            "lineage",
            "edge_id",
            "at",
            edge_id=_TEXT,
            from_node=_TEXT,
            to_node=_TEXT,
            relation=_TEXT,
            at=TIME,
            run_id=_TEXT,
            transformation=_TEXT,
            sha256=_TEXT,
            openlineage_id=_TEXT,
        ),
        _table(
            "events",
            "event_id",
            "at",
            event_id=_TEXT,
            at=TIME,
            kind=_TEXT,
            severity=_TEXT,
            actor=_TEXT,
            purpose=_TEXT,
            subject_kind=_TEXT,
            subject=_TEXT,
            summary=_TEXT,
            payload=_TEXT,
        ),
    )
}


def is_pattern(name: str) -> bool:
    """Whether a column's name means several columns to whoever asks polars for it: no log could be read with one."""
    return name == "*" or (name.startswith("^") and name.endswith("$"))


def table_schema(name: str) -> pl.Schema:
    """Return the canonical schema of a table, columns in canonical order.

    Raises
    ------
    KeyError
        `name` is not a canonical table (the ``inputs/...`` tables have no fixed schema).
    """
    return pl.Schema(TABLES[name].columns)
