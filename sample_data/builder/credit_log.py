"""The credit log as a whole: the life cycle around its two versions, and what every reader must know."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.log.files.durable import write_bytes
from audit_lab.log.files.write import write_log
from builder.artifacts import encode, signature_json
from builder.credit import (
    CREDIT_MODEL,
    ENDPOINT,
    RULE,
    SECOND_CUTOFF,
    SECOND_FROM,
    THRESHOLDS,
    Credit,
    credit_tables,
)
from builder.credit_explanations import explanation_rows
from builder.credit_models import (
    BOOSTER_PARAMETERS,
    PIPELINE_PARAMETERS,
    cross_validated_auc,
    train_booster,
    train_pipeline,
)
from builder.draws import one_uuid7
from builder.invented import built_with, commit_id, container_sha256, runtime_json, to_json
from builder.provenance import input_edges, version_edges

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_credit"]

_NOTES = [
    ("The 1,000 applicants, their 20 attributes and their outcomes are real: the Statlog German credit data of 1994."),
    (
        "All times are invented, and so is the order of the applicants: the data set has neither. The amounts are "
        "Deutsche Mark although the invented year is 2025."
    ),
    (
        "Both models are trained on the public data set that the applicants come from. Nobody is scored by a version "
        "that was trained on them: 1.0.0 is trained on the applicants whom 2.0.0 scores, 2.0.0 on those of 1.0.0 "
        "whose outcomes were known at its cutoff."
    ),
    (
        "The cutoff of 1.0.0 is invented too: its training rows stand for an older book of loans, and come back later"
        " as applicants."
    ),
    (
        "personal_status_and_sex is decoded from the raw codes of the data set, because the published decoded file "
        "has that column in another order than its rows; documented coding errors of the data set itself are left as "
        "they are."
    ),
    "Outcomes are there for denied applicants too, because the data set has them; a lender would not learn them.",
    (
        "Some denials of 2.0.0 have an explanation of record: XGBoost's own path-dependent SHAP values of the "
        "log-odds, kept by a nightly job."
    ),
    "Overrides, contests, people, nodes, latencies, commits and container digests are invented.",
]

_FIRST_CUTOFF = datetime(2024, 12, 1, tzinfo=UTC)
_LIVE = {"1.0.0": datetime(2025, 1, 1, 8, 0, tzinfo=UTC), "2.0.0": SECOND_FROM}
_CUTOFF = {"1.0.0": _FIRST_CUTOFF, "2.0.0": SECOND_CUTOFF}
_PARAMETERS = {"1.0.0": PIPELINE_PARAMETERS, "2.0.0": BOOSTER_PARAMETERS}
_TRAIN = {"1.0.0": train_pipeline, "2.0.0": train_booster}
_CHANGELOG = {
    "1.0.0": "First version: one-hot encoding and logistic regression.",
    "2.0.0": "Gradient-boosted trees, trained on the first applicants whose outcomes are known.",
}
_DAY = timedelta(days=1)


def write_credit(credit: Credit, folder: Path) -> None:
    """Write the folder of the credit log."""
    for artifact in credit.artifacts.values():
        write_bytes(folder / artifact.uri, artifact.content)
    about = {
        "origin": "audit-lab.example/credit",
        "description": "Credit decisions on 1,000 German applicants",
        "notes": _NOTES,
        "built_with": built_with(),
    }
    write_log(folder, {**credit_tables(credit), **_life_cycle(credit)}, about)


def _life_cycle(credit: Credit) -> dict[str, pl.DataFrame]:
    names = list(credit.artifacts)
    datasets = [_dataset_row(credit, name) for name in names]
    evaluations = {name: _evaluation(credit, name) for name in names}
    versions = [_version_row(credit, name, evaluations[name]) for name in names]
    runs = [_run_row(credit, name, evaluations[name]) for name in names]
    deployments = [_deployment_row(name) for name in names]
    edges = input_edges(CREDIT_MODEL, ("application-form", "credit-bureau"), _FIRST_CUTOFF)
    for version, run, name in zip(versions, runs, names, strict=True):
        edges += version_edges(version, run, f"credit-training@{name}", ())
    return {
        "datasets": pl.DataFrame(datasets),
        "model_versions": pl.DataFrame(versions),
        "runs": pl.DataFrame(runs),
        "deployments": pl.DataFrame(deployments),
        "approvals": pl.DataFrame([act for version in versions for act in _approval_rows(version)]),
        "lineage": pl.DataFrame(edges, infer_schema_length=None),
        "events": _event_rows(runs, deployments),
        "explanations": explanation_rows(credit),
    }


def _dataset_row(credit: Credit, name: str) -> dict[str, Any]:
    rows = credit.training_rows[name].sort("row")
    bad = (rows["creditability"] == "bad").to_numpy().astype(np.float32)
    matrix = np.column_stack([encode(rows, credit.features), bad]).astype("<f4")
    return {
        "dataset_id": "credit-training",
        "version": name,
        "sha256": hashlib.sha256(matrix.tobytes()).hexdigest(),
        "schema": to_json([*(feature.name for feature in credit.features), "bad"]),
        "rows": rows.height,
        "source": "Statlog German credit data (sample_data/sources)",
        "legal_basis": "public research data, CC BY 4.0; the applicants are not identifiable",
        "transformations": "text as its position in the signature's categories, for the digest only where the model "
        "encodes it otherwise",
        "anomalies": "personal_status_and_sex decoded again from the raw codes: 599 of 1,000 rows of the published "
        "decoded column were another applicant's",
        "quality": f"{float(bad.mean()):.4f} of the rows are bad",
        "owner": "credit-risk-team",
        "recorded_at": _CUTOFF[name],
    }


def _run_row(credit: Credit, name: str, evaluation: str) -> dict[str, Any]:
    started = _CUTOFF[name]
    return {
        "run_id": f"run-{CREDIT_MODEL}-{name}",
        "kind": "training",
        "started_at": started,
        "ended_at": started + timedelta(minutes=6),
        "code_commit": commit_id(f"{CREDIT_MODEL} {name}"),
        "pipeline_id": "train-credit-approval",
        "hyperparameters": to_json(_PARAMETERS[name]),
        "seeds": to_json({"xgboost": BOOSTER_PARAMETERS["seed"]} if name == "2.0.0" else {}),
        "environment": runtime_json(credit.artifacts[name].artifact_format),
        "datasets_in": to_json([f"credit-training@{name}"]),
        "metrics": evaluation,
        "reason": "first version" if name == "1.0.0" else "first outcomes known",
        "recorded_at": started + timedelta(minutes=6),
    }


def _evaluation(credit: Credit, name: str) -> str:
    rows = credit.training_rows[name].sort("row")
    auc = cross_validated_auc(_TRAIN[name], rows, credit.features)
    return to_json({"metric": "roc_auc", "cross_validated_auc": auc, "folds": 5, "rows": rows.height})


def _version_row(credit: Credit, name: str, evaluation: str) -> dict[str, Any]:
    artifact = credit.artifacts[name]
    output = {
        "kind": "probability",
        "positive": "bad",
        "negative": "good",
        "decisions": {"bad": "deny", "good": "approve"},
    }
    return {
        "model_name": CREDIT_MODEL,
        "model_version": name,
        "run_id": f"run-{CREDIT_MODEL}-{name}",
        "artifact_uri": artifact.uri,
        "artifact_sha256": artifact.sha256,
        "artifact_format": artifact.artifact_format,
        "signature": signature_json(credit.features, output),
        "output_kind": "probability",
        "threshold": THRESHOLDS[name],
        "decision_rules": to_json([RULE]),
        "changelog": _CHANGELOG[name],
        "justification": "A demonstration on research data of 1994; not fit for deciding about anyone.",
        "training_cutoff": _CUTOFF[name],
        "sample_size": credit.training_rows[name].height,
        "evaluation": evaluation,
        "monitoring": to_json({"psi_major": 0.25, "window": "1mo"}),
        "runtime": runtime_json(artifact.artifact_format),
        "intended_use": "proposes approve or deny to a credit officer, who may override it",
        "risk_tier": "high",
        "recorded_at": _CUTOFF[name] + timedelta(minutes=10),
    }


def _approval_rows(version: dict[str, Any]) -> list[dict[str, Any]]:
    evidence = hashlib.sha256(version["evaluation"].encode()).hexdigest()
    live = _LIVE[version["model_version"]]
    acts = (
        (live - 7 * _DAY, "submitted", "ines.moreau", "model developer", "ready for review", version["changelog"]),
        (
            live - 4 * _DAY,
            "approved",
            "karel.novak",
            "model risk officer",
            "fit for its intended use",
            "officer decides",
        ),
        (live - 3 * _DAY, "promoted", "henrik.lund", "head of credit", "may serve production", "approval complete"),
    )
    return [
        {
            "model_name": CREDIT_MODEL,
            "model_version": version["model_version"],
            "act": act,
            "approver": approver,
            "role": role,
            "meaning": meaning,
            "reason": reason,
            "evidence_sha256": evidence,
            "recorded_at": at,
        }
        for at, act, approver, role, meaning, reason in acts
    ]


def _deployment_row(name: str) -> dict[str, Any]:
    return {
        "deployment_id": f"{CREDIT_MODEL}-primary",
        "from_time": _LIVE[name],
        "model_name": CREDIT_MODEL,
        "model_version": name,
        "environment": "production",
        "endpoint": ENDPOINT,
        "container_sha256": container_sha256(f"{CREDIT_MODEL} {name}"),
        "configuration": to_json({"replicas": 1}),
        "traffic_share": 1.0,
        "actor": "henrik.lund",
        "reason": _CHANGELOG[name],
        "recorded_at": _LIVE[name],
    }


def _event_rows(runs: list[dict[str, Any]], deployments: list[dict[str, Any]]) -> pl.DataFrame:
    """Return an event for each training run and each deployment, oldest first."""
    trained = [
        (run["ended_at"], "training", "run", run["run_id"], f"Training run {run['run_id']} ended") for run in runs
    ]
    deployed = [
        (
            row["from_time"],
            "deployment",
            "deployment",
            row["deployment_id"],
            f"{CREDIT_MODEL} serves {row['model_version']}",
        )
        for row in deployments
    ]
    rows = [
        {
            "event_id": one_uuid7(at, f"{kind} {summary}"),
            "at": at,
            "kind": kind,
            "severity": "info",
            "actor": "train-credit-approval" if kind == "training" else "henrik.lund",
            "subject_kind": subject_kind,
            "subject": subject,
            "summary": summary,
            "payload": to_json({}),
            "recorded_at": at,
        }
        for at, kind, subject_kind, subject, summary in sorted(trained + deployed)
    ]
    return pl.DataFrame(rows)
