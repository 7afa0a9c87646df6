"""What was planted in the flights log: for tests as JSON, for people as a page. Neither is part of the log."""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from builder.delay_versions import CANARY, HOTFIX, auc_by_month
from builder.served import within

if TYPE_CHECKING:
    from builder.faults import FaultPlan
    from builder.flights_log import FlightsLog

__all__ = ["truth", "truth_json", "truth_page"]

#: Longer lists of ids stand in the truth as a digest only.
_MOST_IDS = 200
#: The page shows the first few.
_SHOWN_IDS = 3
_UNREPLAYABLE = "UNREPLAYABLE"


def truth(log: FlightsLog, plan: FaultPlan) -> dict[str, Any]:
    """Return what an investigator should find in the flights log, and what a replay of all of it must say."""
    faults = [
        _inputs_missing(log, plan),
        _not_registered(log, plan),
        _digest_mismatch(log, plan),
        _unit_change(log, plan),
        _duplicate_id(log, plan),
        _sequence_gap(log, plan),
    ]
    predictions = log.served.kept.height
    unreplayable = {fault["code"]: fault["predictions"] for fault in faults if fault["verdict"] == _UNREPLAYABLE}
    return {
        "seed": plan.seed,
        "log": "flights",
        "flights": log.served.scored.height,
        "predictions": predictions,
        "replay": {"EXACT": predictions - sum(unreplayable.values()), _UNREPLAYABLE: unreplayable},
        "faults": faults,
        "real_incidents": _real_incidents(log.served.scored),
        "auc_by_month": auc_by_month(log.served.kept),
    }


def _fault(
    kind: str,
    title: str,
    window: tuple[date, int],
    rows: pl.DataFrame,
    outcome: tuple[str | None, str | None],
    **details: Any,
) -> dict[str, Any]:
    """Describe a fault; `rows` are its predictions in the log, `outcome` what replay says of them (verdict, code)."""
    ids = sorted(rows["prediction_id"].unique())
    first, days = window
    return {
        "kind": kind,
        "title": title,
        "since": first.isoformat(),
        "until": (first + timedelta(days=days)).isoformat(),
        "predictions": rows.height,
        "verdict": outcome[0],
        "code": outcome[1],
        **details,
        "ids_sha256": hashlib.sha256("\n".join(ids).encode()).hexdigest(),
        "ids": ids if len(ids) <= _MOST_IDS else None,
    }


def _inputs_missing(log: FlightsLog, plan: FaultPlan) -> dict[str, Any]:
    rows = log.served.scored.filter(log.served.without_inputs & ~log.served.lost)
    return _fault(
        "inputs-missing",
        "predictions without inputs",
        (plan.inputs_missing_from, plan.inputs_missing_days),
        rows,
        (_UNREPLAYABLE, "inputs-missing"),
        carrier=plan.inputs_missing_carrier,
    )


def _not_registered(log: FlightsLog, plan: FaultPlan) -> dict[str, Any]:
    return _fault(
        "version-not-registered",
        "a model version in traffic that is not in the registry",
        (plan.hotfix_from, plan.hotfix_days),
        log.served.kept.filter(pl.col("version") == HOTFIX),
        (_UNREPLAYABLE, "version-not-registered"),
        model_version=HOTFIX,
        artifact_sha256=log.hotfix.sha256,
    )


def _digest_mismatch(log: FlightsLog, plan: FaultPlan) -> dict[str, Any]:
    return _fault(
        "artifact-digest-mismatch",
        "an artifact whose digest is not the recorded one",
        (plan.canary_from, plan.canary_days),
        log.served.kept.filter(pl.col("version") == CANARY),
        (_UNREPLAYABLE, "artifact-digest-mismatch"),
        model_version=CANARY,
        artifact_uri=log.recorded_canary.uri,
        recorded_sha256=log.recorded_canary.sha256,
        found_sha256=log.overwritten_canary.sha256,
    )


def _unit_change(log: FlightsLog, plan: FaultPlan) -> dict[str, Any]:
    change = plan.unit_change
    return _fault(
        "unit-change",
        "a week in which one feature arrived in another unit",
        (plan.unit_from, plan.unit_days),
        log.served.kept.filter(within(plan.unit_from, plan.unit_days)),
        ("EXACT", None),
        feature=change.feature,
        unit=change.unit,
        arrived_as=change.arrives_as,
        factor=change.factor,
    )


def _duplicate_id(log: FlightsLog, plan: FaultPlan) -> dict[str, Any]:
    return _fault(
        "duplicate-id",
        "one prediction id on two flights",
        (plan.duplicate_on, 1),
        log.served.scored.filter(log.served.shared_id),
        (_UNREPLAYABLE, "ambiguous-id"),
    )


def _sequence_gap(log: FlightsLog, plan: FaultPlan) -> dict[str, Any]:
    lost = log.served.scored.filter(log.served.lost)
    return _fault(
        "sequence-gap",
        "a gap in a writer's sequence",
        (plan.gap_on, (lost["date"].max() - plan.gap_on).days + 1),  # type: ignore[operator]
        lost.clear(),
        (None, None),
        writer_id=plan.gap_writer,
        first_lost=lost["sequence"].min(),
        last_lost=lost["sequence"].max(),
        lost=lost.height,
    )


def _real_incidents(scored: pl.DataFrame) -> dict[str, Any]:
    """Return what really happened in 2015 and is not planted."""
    month = pl.col("date").dt.month()
    cancelled = {
        f"2015-{number:02d}": round(scored.filter(month == number).select(pl.col("cancelled").mean()).item(), 4)
        for number in (1, 2, 3)
    }
    last = scored.filter(pl.col("carrier") == "US")["date"].max()
    return {"last_flight_of_us": str(last), "cancelled_share": cancelled}


_WHERE = {
    "inputs-missing": "all predictions of carrier {carrier}; inputs has no row for them",
    "version-not-registered": "model_version {model_version}; a deployment names it, model_versions does not",
    "artifact-digest-mismatch": "model_version {model_version}; `{artifact_uri}` has SHA-256 `{found_sha256:.12}`..., "
    "the registry says `{recorded_sha256:.12}`...",
    "unit-change": "{feature} arrived in {arrived_as} instead of {unit} (x {factor:.6g}) on every prediction",
    "duplicate-id": "id `{ids[0]}`, each flight with its own inputs and outcome",
    "sequence-gap": "{writer_id}: {lost} sequence numbers, {first_lost} to {last_lost}, are in no table",
}
_MUST_SAY = {
    "unit-change": "EXACT: the model really scored what arrived; drift shows it",
    "sequence-gap": "nothing: what was lost cannot be replayed; the gap itself is the finding",
}


def truth_page(facts: dict[str, Any]) -> str:
    """Return the truth as a Markdown page."""
    faults = facts["faults"]
    where = [_WHERE[fault["kind"]].format(**fault) for fault in faults]
    must_say = [_MUST_SAY.get(fault["kind"], f"{fault['verdict']}, `{fault['code']}`") for fault in faults]
    rows = [
        f"| {number} | {fault['title']} | {fault['since']} | {fault['until']} | {place} | "
        f"{fault['predictions']} | {say} |"
        for number, (fault, place, say) in enumerate(zip(faults, where, must_say, strict=True), start=1)
    ]
    listed = [
        f"- {fault['title']}: {' '.join(f'`{name}`' for name in fault['ids'][:_SHOWN_IDS])}"
        for fault in faults
        if fault["ids"]
    ]
    months = [f"| {month} | {auc:.3f} |" for month, auc in facts["auc_by_month"].items()]
    real = facts["real_incidents"]
    storms = ", ".join(f"{share:.2%} in {month}" for month, share in real["cancelled_share"].items())
    unreplayable = ", ".join(f"{count} `{code}`" for code, count in facts["replay"][_UNREPLAYABLE].items())
    parts = [
        "# The truth about sample_data/flights",
        (
            f"Written by `sample_data/build.py` with seed {facts['seed']}; the same, for programs, is in `TRUTH.json`. "
            "Nothing here is in the log itself. Do not read on if you want to find the faults yourself."
        ),
        "## Six planted faults",
        "Days are UTC; the last one is excluded.",
        "| # | fault | since | until | where | predictions | what replay must say |\n|---|---|---|---|---|---|---|\n"
        + "\n".join(rows),
        (
            f"Of {facts['flights']} flights, {facts['predictions']} have a prediction in the log. "
            f"Replaying all of these gives {facts['replay']['EXACT']} EXACT; UNREPLAYABLE are {unreplayable}."
        ),
        "## Real incidents, not planted",
        (
            f"- Carrier US merged into AA and left the reporting: its last flight is of {real['last_flight_of_us']}.\n"
            f"- The storms of February: cancelled were {storms}."
        ),
        "## Area under the ROC curve by month, as served",
        "The features predict delays weakly; rest no story about performance on this log.",
        "| month | AUC |\n|---|---|\n" + "\n".join(months),
        "## One planted in sample_data/credit",
        _credit(facts["credit"]),
        "## Where to begin",
        f"Up to {_SHOWN_IDS} prediction ids of each fault; `TRUTH.json` has the others, or the digest of many.",
        "\n".join(listed),
    ]
    return "\n\n".join(parts) + "\n"


def _credit(credit: dict[str, Any]) -> str:
    mixed = credit["mixed_up"]
    return (
        f"{credit['explanations_of_record']} denials of credit-approval 2.0.0 have an explanation of record. That of "
        f"`{mixed['prediction_id']}` holds the values of `{mixed['holds_the_values_of']}`, the next one that was "
        "explained: its base and values do not add up to the model's output, and an agreement must say that it "
        "disagrees. The others are right, of the log-odds and against the training data. The seed does not move this."
    )


def truth_json(facts: dict[str, Any]) -> str:
    """Return the truth as JSON text."""
    return json.dumps(facts, indent=1) + "\n"
