"""What else happened around the delay-risk model: training, deployment, rollback, alerts, configuration."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from builder.draws import one_uuid7
from builder.faults import day_start
from builder.flights_registry import AUC_FLOOR
from builder.invented import to_json
from builder.served import MODEL

if TYPE_CHECKING:
    from builder.faults import FaultPlan

__all__ = ["event_rows"]

_HOUR = timedelta(hours=1)
_WORST_STORM_DAY = date(2015, 2, 2)
_ROLLBACK_ALERT = datetime(2015, 8, 11, 15, 0, tzinfo=UTC)
_FEATURE_SOURCES = {
    "distance_miles": "flight-schedule",
    "carrier_mean_delay_7d": "carrier-performance",
    "carrier_delay_rate_7d": "carrier-performance",
}


def event_rows(scored: pl.DataFrame, tables: dict[str, pl.DataFrame], plan: FaultPlan) -> pl.DataFrame:
    """Return the events, oldest first; every number in a summary is counted in the flights themselves.

    Parameters
    ----------
    scored
        One row per flight, as :class:`builder.served.Served` holds them.
    tables
        The tables ``runs`` and ``deployments`` of this log.
    plan
        Where the faults are.
    """
    rows = [
        *_training_events(tables["runs"]),
        *_evaluation_alerts(tables["runs"]),
        *_deployment_events(tables["deployments"]),
        *_storm_events(scored),
        _rollback_alert(scored),
        *_source_events(plan),
    ]
    rows.sort(key=lambda row: (row["at"], row["kind"], row["summary"]))
    ids = [one_uuid7(row["at"], f"event {position} {row['summary']}") for position, row in enumerate(rows)]
    return pl.DataFrame(rows).with_columns(pl.Series("event_id", ids), pl.col("at").alias("recorded_at"))


def _event(
    at: datetime, what: tuple[str, str], actor: str, subject: tuple[str, str], summary: str, *, payload: Any
) -> dict[str, Any]:
    return {
        "at": at,
        "kind": what[0],
        "severity": what[1],
        "actor": actor,
        "subject_kind": subject[0],
        "subject": subject[1],
        "summary": summary,
        "payload": to_json(payload),
    }


def _training_events(runs: pl.DataFrame) -> list[dict[str, Any]]:
    trained = runs.filter(pl.col("kind") != "evaluation")
    return [
        _event(
            run["ended_at"],
            ("training", "info"),
            "train-delay-risk",
            ("run", run["run_id"]),
            f"{run['kind'].capitalize()} run {run['run_id']} ended: {run['reason']}",
            payload={"hyperparameters": json.loads(run["hyperparameters"])},
        )
        for run in trained.iter_rows(named=True)
    ]


def _evaluation_alerts(runs: pl.DataFrame) -> list[dict[str, Any]]:
    """Return an alert for each month whose AUC, as known after it, is under the registered floor."""
    events = []
    for run in runs.filter(pl.col("kind") == "evaluation").iter_rows(named=True):
        metrics = json.loads(run["metrics"])
        if metrics["roc_auc"] < AUC_FLOOR:
            summary = (
                f"{run['reason'].capitalize()}: AUC {metrics['roc_auc']:.3f} is under the floor of {AUC_FLOOR:.2f}"
            )
            at = run["ended_at"]
            events.append(
                _event(at, ("alert", "warning"), "evaluate-delay-risk", ("model", MODEL), summary, payload=metrics)
            )
    return events


def _deployment_events(deployments: pl.DataFrame) -> list[dict[str, Any]]:
    """Return an event for each change of what a slot serves, told apart by what changed."""
    events = []
    before: dict[str, str] = {}
    for row in deployments.iter_rows(named=True):
        slot, version, share = row["deployment_id"], row["model_version"], row["traffic_share"]
        rollback = row["reason"].startswith("rollback")
        kind = "rollback" if rollback else "deployment" if before.get(slot) != version else "traffic change"
        before[slot] = version
        summary = f"{slot} serves {version} with {share:.0%} of traffic: {row['reason']}"
        severity = "warning" if rollback else "info"
        payload = {"model_version": version, "traffic_share": share}
        events.append(
            _event(row["from_time"], (kind, severity), row["actor"], ("deployment", slot), summary, payload=payload)
        )
    return events


def _storm_events(scored: pl.DataFrame) -> list[dict[str, Any]]:
    """Return what operations wrote about the real winter storms of February 2015."""
    share = pl.col("cancelled").mean()
    day = scored.filter(pl.col("date") == _WORST_STORM_DAY).select(share).item()
    january, february = (scored.filter(pl.col("date").dt.month() == month).select(share).item() for month in (1, 2))
    operations = "operations-desk"
    return [
        _event(
            day_start(_WORST_STORM_DAY + timedelta(days=1)) + 6 * _HOUR,
            ("alert", "warning"),
            operations,
            ("model", MODEL),
            f"Winter storm: {day:.1%} of the flights of {_WORST_STORM_DAY} were cancelled",
            payload={"cancelled_share": round(day, 4)},
        ),
        _event(
            datetime(2015, 3, 2, 9, 0, tzinfo=UTC),
            ("incident", "warning"),
            operations,
            ("model", MODEL),
            f"February storms closed: {february:.1%} of the month's flights were cancelled, {january:.1%} in January",
            payload={"cancelled_share": {"2015-01": round(january, 4), "2015-02": round(february, 4)}},
        ),
    ]


def _rollback_alert(scored: pl.DataFrame) -> dict[str, Any]:
    """Return the alert behind the rollback: what version 3.0.0 had called late, and what had been late by then."""
    known = scored.filter((pl.col("version") == "3.0.0") & (pl.col("observed_at") < _ROLLBACK_ALERT))
    decided = float((known["label"] == "late").mean())  # type: ignore[arg-type]
    late = float(known["late"].mean())  # type: ignore[arg-type]
    summary = (
        f"3.0.0 has called {decided:.1%} of {known.height} departures late, {late:.1%} were: "
        "more than operations can staff for"
    )
    payload = {"late_decision_share": round(decided, 4), "late_share": round(late, 4), "rows": known.height}
    return _event(_ROLLBACK_ALERT, ("alert", "warning"), "operations-desk", ("model", MODEL), summary, payload=payload)


def _source_events(plan: FaultPlan) -> list[dict[str, Any]]:
    """Return the supplier's two configuration changes around the week of the other unit; neither names a unit."""
    source = _FEATURE_SOURCES[plan.unit_change.feature]
    begin = day_start(plan.unit_from)
    changes = (
        (begin, "moved to the supplier's new export"),
        (begin + plan.unit_days * 24 * _HOUR, "moved back to the supplier's former export"),
    )
    return [
        _event(
            at,
            ("configuration", "info"),
            "data-platform",
            ("feature-source", source),
            f"Feature source {source} {what}",
            payload={},
        )
        for at, what in changes
    ]
