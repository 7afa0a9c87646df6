"""The life cycle of the delay-risk model: datasets, runs, versions and lineage, with the rollout beside them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from builder.artifacts import encode, signature_json
from builder.delay_models import FEATURES, INTERCEPT, SCALED_WEIGHTS, WEIGHTS_BY_CARRIER
from builder.delay_versions import HOTFIX, auc_by_month
from builder.faults import day_start
from builder.flights_rollout import approval_rows, deployment_rows
from builder.invented import commit_id, runtime_json, to_json
from builder.provenance import input_edges, version_edges
from builder.served import MODEL

if TYPE_CHECKING:
    from builder.delay_versions import DelayVersion
    from builder.faults import FaultPlan

__all__ = ["AUC_FLOOR", "WEAK", "evaluation_rows", "registry_tables"]

WEAK = (
    "These features predict delays weakly (area under the ROC curve a little above 0.5): "
    "no conclusion about performance should rest on them."
)
AUC_FLOOR = 0.52

_SCORECARD_FIXED = datetime(2014, 12, 15, 10, 0, tzinfo=UTC)
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_OWNER = "delay-risk-team"


def registry_tables(
    flights: pl.DataFrame, versions: dict[str, DelayVersion], overwritten: DelayVersion, plan: FaultPlan
) -> dict[str, pl.DataFrame]:
    """Return the tables that speak of the model, without the version that nobody registered.

    Parameters
    ----------
    flights
        All flights with features in their true units.
    versions
        Version name to version, the unregistered one included.
    overwritten
        The later retraining of the canary, which has a run and no registered version.
    plan
        Where the faults are.
    """
    registered = [version for name, version in versions.items() if name != HOTFIX]
    runs = [_run_row(version) for version in registered]
    rows = [_version_row(version) for version in registered]
    datasets = [row for version in registered for row in _dataset_rows(flights, version)]
    edges = input_edges(MODEL, ("flight-schedule", "carrier-performance"), _SCORECARD_FIXED)
    for version, row, run in zip(registered, rows, runs, strict=True):
        dataset_id, dataset_version = _training_set(version)
        sources = [] if version.trained_until is None else [f"flight-outcomes@{dataset_version}"]
        edges += version_edges(row, run, f"{dataset_id}@{dataset_version}", sources)
    return {
        "datasets": pl.DataFrame(datasets, infer_schema_length=None),
        "runs": pl.DataFrame([*runs, _retraining_row(overwritten)]),
        "model_versions": pl.DataFrame(rows, infer_schema_length=None),
        "approvals": pl.DataFrame([act for row in rows for act in approval_rows(row, plan)]),
        "deployments": pl.DataFrame(deployment_rows(plan)),
        "lineage": pl.DataFrame(edges, infer_schema_length=None),
    }


def _run_id(version: DelayVersion) -> str:
    """Return the id of the run that made a version."""
    return f"run-{MODEL}-{version.version}"


def _run_started(version: DelayVersion) -> datetime:
    """Return when the run that made a version began: at its training cutoff."""
    return version.training_cutoff or _SCORECARD_FIXED


def _registered_at(version: DelayVersion) -> datetime:
    return _run_started(version) + timedelta(minutes=20)


def _training_set(version: DelayVersion) -> tuple[str, str]:
    """Return the id and version of the data set that a model version was made from."""
    if version.trained_until is None:
        return "delay-risk-scorecard-weights", version.version
    return "delay-risk-training", version.trained_until.isoformat()


def _weights() -> dict[str, Any]:
    scaled = {
        name: {"mean": mean, "scale": scale, "weight": weight} for name, (mean, scale, weight) in SCALED_WEIGHTS.items()
    }
    return {"intercept": INTERCEPT, "carrier": WEIGHTS_BY_CARRIER, "scaled": scaled}


def _dataset_rows(flights: pl.DataFrame, version: DelayVersion) -> list[dict[str, Any]]:
    """Return the data set a version was trained on, and the outcomes behind it."""
    dataset_id, dataset_version = _training_set(version)
    shared = {"version": dataset_version, "recorded_at": _run_started(version), "owner": _OWNER}
    if version.trained_until is None:
        weights = to_json(_weights())
        return [
            {
                "dataset_id": dataset_id,
                "sha256": hashlib.sha256(weights.encode()).hexdigest(),
                "rows": 1 + len(WEIGHTS_BY_CARRIER) + len(SCALED_WEIGHTS),
                "source": "published weights, set by judgement",
                "transformations": "none",
                "quality": "not fitted to any flight",
                "schema": weights,
                **shared,
            }
        ]
    rows = flights.filter(pl.col("date") <= version.trained_until)
    late = rows["late"].to_numpy().astype(np.float32)
    matrix = np.column_stack([encode(rows, FEATURES), late]).astype("<f4")
    outcomes = np.column_stack([rows["row"].to_numpy(), late]).astype("<i8")
    return [
        {
            "dataset_id": "flight-outcomes",
            "sha256": hashlib.sha256(outcomes.tobytes()).hexdigest(),
            "rows": rows.height,
            "source": "US DOT BTS on-time performance 2015, the sample published with popmon (sample_data/sources)",
            "legal_basis": "public data of the US government; no personal data",
            "filters": f"flights dated 2015-01-01 to {version.trained_until}",
            "anomalies": "the delay is missing exactly where a flight never left; those count as late",
            "schema": to_json({"row": "int64", "late": "int64"}),
            **shared,
        },
        {
            "dataset_id": dataset_id,
            "sha256": hashlib.sha256(matrix.tobytes()).hexdigest(),
            "rows": rows.height,
            "source": "flight-outcomes and the feature sources, in the units of the signature",
            "legal_basis": "public data of the US government; no personal data",
            "filters": f"flights dated 2015-01-01 to {version.trained_until}",
            "transformations": "late = departure delay over 15 minutes, or cancelled; carrier as its position in the "
            "signature's categories; look-back features end two days before the flight",
            "quality": f"{late.mean():.4f} of the rows are late",
            "schema": to_json([*(feature.name for feature in FEATURES), "late"]),
            **shared,
        },
    ]


def _run_row(version: DelayVersion) -> dict[str, Any]:
    started = _run_started(version)
    dataset_id, dataset_version = _training_set(version)
    ended = started + timedelta(minutes=14)
    return {
        "run_id": _run_id(version),
        "kind": "training",
        "started_at": started,
        "ended_at": ended,
        "code_commit": commit_id(f"{MODEL} {version.version}"),
        "pipeline_id": "train-delay-risk",
        "hyperparameters": to_json(version.parameters),
        "seeds": to_json({"xgboost": 2015} if version.trained_until else {}),
        "environment": runtime_json(version.artifact.artifact_format),
        "datasets_in": to_json([f"{dataset_id}@{dataset_version}"]),
        "datasets_out": to_json([]),
        "metrics": to_json({"backtest_auc_by_month": version.backtest}),
        "reason": "scheduled retraining" if version.trained_until else "first version",
        "recorded_at": ended,
    }


def _retraining_row(overwritten: DelayVersion) -> dict[str, Any]:
    """Return the run of the retraining that nobody registered; its name is all that ties it to the canary."""
    run = _run_row(overwritten)
    return {
        **run,
        "run_id": f"{_run_id(overwritten)}-b",
        "kind": "retraining",
        "reason": "retraining with newer flights",
    }


def _version_row(version: DelayVersion) -> dict[str, Any]:
    return {
        "model_name": MODEL,
        "model_version": version.version,
        "run_id": _run_id(version),
        "artifact_uri": version.artifact.uri,
        "artifact_sha256": version.artifact.sha256,
        "artifact_format": version.artifact.artifact_format,
        "signature": signature_json(FEATURES, {"kind": "probability", "positive": "late", "negative": "on time"}),
        "output_kind": "probability",
        "threshold": version.threshold,
        "decision_rules": to_json([]),
        "changelog": version.changelog,
        "justification": _justification(version),
        "training_cutoff": version.training_cutoff,
        "sample_size": version.sample_size,
        "evaluation": _evaluation(version),
        "monitoring": to_json({"psi_major": 0.25, "auc_floor": AUC_FLOOR, "window": "1w"}),
        "runtime": runtime_json(version.artifact.artifact_format),
        "intended_use": "tells operations which departures may leave late; not for passengers, not for crew rating",
        "risk_tier": "low",
        "recorded_at": _registered_at(version),
    }


def _justification(version: DelayVersion) -> str:
    if version.trained_until is not None:
        return (
            f"Trained on the {version.sample_size} flights dated 2015-01-01 to {version.trained_until}, whose outcomes "
            f"were all known at the cutoff. {WEAK}"
        )
    return (
        "log-odds = intercept + weight of the carrier + sum of weight x (value - mean) / scale, with the published "
        f"weights {to_json(_weights())}. They were set by judgement and fitted to nothing."
    )


def _evaluation(version: DelayVersion) -> str:
    if version.trained_until is None:
        return to_json(
            {"metric": "roc_auc", "auc_by_month": {}, "method": "not evaluated before use", "statement": WEAK}
        )
    return to_json(
        {
            "metric": "roc_auc",
            "auc_by_month": version.backtest,
            "method": "each month is scored by a model with the same parameters, trained on what was known when the "
            "month began",
            "statement": WEAK,
        }
    )


def evaluation_rows(kept: pl.DataFrame) -> list[dict[str, Any]]:
    """Return one evaluation run per month, over the predictions as they were served.

    Parameters
    ----------
    kept
        Columns ``date``, ``score``, ``label`` and ``late`` of the predictions in the log.
    """
    rows = []
    for month, auc in auc_by_month(kept).items():
        served = kept.filter(pl.col("date").dt.strftime("%Y-%m") == month)
        begins = day_start(served["date"].dt.month_start()[0])
        started = day_start((begins + 31 * _DAY).date().replace(day=1)) + 2 * _DAY + 6 * _HOUR
        metrics = {
            "roc_auc": auc,
            "rows": served.height,
            "late_share": round(float(served["late"].mean()), 4),
            "late_decision_share": round(float((served["label"] == "late").mean()), 4),
        }
        rows.append(
            {
                "run_id": f"run-{MODEL}-evaluation-{month}",
                "kind": "evaluation",
                "started_at": started,
                "ended_at": started + timedelta(minutes=3),
                "code_commit": commit_id(f"{MODEL} evaluation"),
                "pipeline_id": "evaluate-delay-risk",
                "metrics": to_json(metrics),
                "reason": f"monthly evaluation of {month}",
                "recorded_at": started + timedelta(minutes=3),
            }
        )
    return rows
