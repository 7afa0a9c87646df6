"""A reconstructed decision as JSON-safe values, and as a plain table."""

from __future__ import annotations

import html
import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audit_lab.replay.reconstruction import Reconstruction

__all__ = ["decision_document", "decision_html", "iso", "overridden"]

_OUTCOME = ("observed_at", "label", "value", "source")
_FURTHER_OUTCOME = (*_OUTCOME, "recorded_at", "place", "corrected_by")
_EXPLANATION = ("method", "recorded_at", "base_value", "seed", "background_sha256", "values", "corrected_by")
_RUN = ("run_id", "kind", "started_at", "ended_at", "code_commit", "reason")
_DATASET = ("dataset_id", "version", "uri", "sha256", "rows", "source", "legal_basis", "recorded_at")
_SLOT = ("deployment_id", "from_time", "until", "model_version", "environment", "endpoint", "traffic_share", "actor")
_OVERRIDE = (
    "recorded_at",
    "kind",
    "actor",
    "role",
    "reason",
    "rule",
    "decision_before",
    "decision_after",
    "corrected_by",
)


def decision_document(parts: Reconstruction) -> dict[str, Any]:
    """Return a reconstruction as the document that the panel, the widgets and ``--json`` show."""
    row, signature = parts.prediction, parts.signature
    units = {feature.name: feature.unit for feature in signature.features} if signature else {}
    outputs = row["outputs"] or {}
    registered = parts.model_version or {}
    threshold = row["threshold"] if row["threshold"] is not None else registered.get("threshold")
    return {
        "prediction_id": parts.prediction_id,
        "place": parts.place,
        "occurred_at": iso(row["occurred_at"]),
        "model_name": row["model_name"],
        "stated_version": row["model_version"],
        "in_force": {
            "versions": list(parts.in_force.versions),
            "agrees": parts.in_force.agrees,
            "statement": parts.in_force.statement,
        },
        "score": _finite(outputs.get("score")),
        "label": outputs.get("label"),
        "threshold": _finite(threshold),
        "decision": row["decision"],
        "decision_rule": row["decision_rule"],
        "artifact_sha256": registered.get("artifact_sha256"),
        "training_cutoff": iso(registered.get("training_cutoff")),
        "inputs": [
            {"feature": name, "value": _plain(value), "unit": units.get(name)}
            for name, value in (parts.inputs or {}).items()
        ],
        "lineage": [{"from": e.from_node, "relation": e.relation, "to": e.to_node} for e in parts.lineage],
        "events": [_event(event, row["occurred_at"]) for event in parts.events],
        "approvals": [_plain_row(r, "recorded_at", "act", "approver", "role", "reason") for r in parts.approvals],
        "overrides": [_plain_row(r, *_OVERRIDE) for r in parts.overrides],
        "outcome": None if parts.outcome is None else _plain_row(parts.outcome, *_OUTCOME),
        "final_decision": parts.final_decision,
        "outcomes": [_plain_row(row, *_FURTHER_OUTCOME) for row in parts.outcomes],
        "explanations": [_plain_row(row, *_EXPLANATION) for row in parts.explanations],
        "deployments": [_plain_row(row, *_SLOT) for row in parts.deployments],
        "runs": [_plain_row(row, *_RUN) for row in parts.provenance.runs],
        "datasets": [_plain_row(row, *_DATASET) for row in parts.provenance.datasets],
        "commits": list(parts.provenance.commits),
        "feature_sources": [_plain_row(row, "source", "relation", "at") for row in parts.provenance.feature_sources],
        "findings": [{"code": finding.code, "what": finding.what} for finding in parts.findings],
        "gaps": [{"code": gap.code, "what": gap.what, "effect": gap.effect} for gap in parts.gaps],
    }


def decision_html(shown: dict[str, Any]) -> str:
    """Return the main facts of a decision's document as an HTML table; every text is escaped."""
    facts = {
        "Prediction": shown["place"],
        "Decided": f"{shown['decision']} (rule: {shown['decision_rule']})",
        "When": shown["occurred_at"],
        "Score": f"{shown['score']} (threshold {shown['threshold']})",
        "Overridden": overridden(shown),
        "Version": f"{shown['model_name']} {shown['stated_version'] or '(not stated)'}",
        "In force": shown["in_force"]["statement"],
        **{f"Input {entry['feature']}": f"{entry['value']} {entry['unit'] or ''}" for entry in shown["inputs"]},
        "Outcome": (shown["outcome"] or {}).get("label"),
        **{f"Finding: {found['code']}": found["what"] for found in shown["findings"]},
        **{f"Gap: {gap['code']}": f"{gap['what']} {gap['effect']}" for gap in shown["gaps"]},
    }
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(str(name))}</th>"
        f"<td style='text-align:left'>{html.escape('' if value is None else str(value))}</td></tr>"
        for name, value in facts.items()
    )
    return f"<table>{rows}</table>"


def overridden(shown: dict[str, Any]) -> str:
    """Return what a person changed last about a decision, in a sentence; "no" where nobody did."""
    standing = [row for row in shown["overrides"] if row.get("corrected_by") is None]
    changed = [row for row in standing if row["decision_after"] not in (None, row["decision_before"])]
    if not changed:
        return "no"
    last = changed[-1]
    return (
        f"to {last['decision_after']}, by {last['actor']} ({last['role']}) on {last['recorded_at']}: {last['reason']}"
    )


def iso(value: datetime | None) -> str | None:
    """Return a time as ISO 8601 text."""
    return None if value is None else value.isoformat()


def _finite(value: float | None) -> float | None:
    """Return a number as JSON takes it; None for what JSON has no number for."""
    return value if value is not None and math.isfinite(value) else None


def _plain(value: Any) -> Any:
    """Return a value as JSON takes it; what JSON has no number for becomes text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return iso(value) if isinstance(value, datetime) else str(value)


def _event(event: dict[str, Any], decided_at: datetime) -> dict[str, Any]:
    side = {"when": "before" if event["at"] <= decided_at else "after"}
    return _plain_row(event, "at", "kind", "severity", "actor", "summary") | side


def _plain_row(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: _plain(row[name]) for name in names}
