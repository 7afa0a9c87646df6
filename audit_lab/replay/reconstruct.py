"""Rejoin one prediction with its inputs, its model version, lineage, events and outcome, and name every gap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import ModelError
from audit_lab.log.lookup import prediction_row
from audit_lab.log.reading import collect
from audit_lab.replay.lineage import Edge, lineage_of
from audit_lab.replay.registered import load_registered
from audit_lab.replay.registry import InForce, registered_versions, version_in_force
from audit_lab.replay.signature import Signature
from audit_lab.replay.verdict import EFFECTS

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["Gap", "Reconstruction", "reconstruct"]

_EVENTS_AROUND = timedelta(days=14)
_NO_REPLAY = "It cannot be replayed or explained; the recorded decision can still be shown."


@dataclass(frozen=True)
class Gap:
    """Something that should be there and is not: a stable code, what is missing, and what follows from that."""

    code: str
    what: str
    effect: str


@dataclass(frozen=True)
class Reconstruction:
    """A prediction with everything the log knows about it; rows are dicts by canonical column name.

    `inputs` maps feature to recorded value (None when they are missing or ambiguous); `places` lists every place where
    the id stands; `events` are those of the model within 14 days before and after.
    """

    prediction_id: str
    place: str
    places: tuple[str, ...]
    prediction: dict[str, Any]
    inputs: dict[str, Any] | None
    in_force: InForce
    model_version: dict[str, Any] | None
    signature: Signature | None
    lineage: tuple[Edge, ...]
    approvals: tuple[dict[str, Any], ...]
    events: tuple[dict[str, Any], ...]
    overrides: tuple[dict[str, Any], ...]
    outcome: dict[str, Any] | None
    gaps: tuple[Gap, ...]


def reconstruct(store: LogStore, asked: str) -> Reconstruction:
    """Reconstruct the prediction that an id, or a place (``id@segment:row``), names.

    Raises
    ------
    NotFoundError, AmbiguousIdError
        As `audit_lab.log.lookup.prediction_row`.
    LogError
        A table cannot be read.
    """
    row, place, places = prediction_row(store, asked)
    name, version = row["model_name"], row["model_version"]
    in_force = version_in_force(store, name, row["occurred_at"], row["environment"], version)
    registered, signature, gaps = _registered(store, name, version)
    inputs, input_gaps = _inputs(store, row, places, signature)
    lineage = lineage_of(store, name, version)
    outcome = _outcome(store, row["prediction_id"])
    gaps = [*input_gaps, *gaps, *_other_gaps(row, in_force, lineage, outcome, places)]
    return Reconstruction(
        prediction_id=row["prediction_id"],
        place=place,
        places=tuple(places),
        prediction=row,
        inputs=inputs,
        in_force=in_force,
        model_version=registered,
        signature=signature,
        lineage=lineage,
        approvals=_of_version(store, "approvals", name, version),
        events=_events(store, row),
        overrides=_of_prediction(store, "overrides", row["prediction_id"]),
        outcome=outcome,
        gaps=tuple(gaps),
    )


def _registered(
    store: LogStore, name: str | None, version: str | None
) -> tuple[dict[str, Any] | None, Signature | None, list[Gap]]:
    """Return the registry row, its signature, and a gap for whatever keeps the version from being run."""
    rows = registered_versions(store).get((name or "", version or ""), [])
    try:
        model = load_registered(store, name, version)
    except ModelError as error:
        row = rows[-1] if rows else None
        return row, _signature(row), [Gap(error.code, error.message[0].upper() + error.message[1:] + ".", _NO_REPLAY)]
    return model.version, model.signature, []


def _signature(row: dict[str, Any] | None) -> Signature | None:
    try:
        return None if row is None else Signature.parse(row["signature"])
    except ModelError:
        return None  # the gap names it already


def _inputs(
    store: LogStore, row: dict[str, Any], places: list[str], signature: Signature | None
) -> tuple[dict[str, Any] | None, list[Gap]]:
    missing = Gap("inputs-missing", EFFECTS["inputs-missing"], _NO_REPLAY)
    if row["model_name"] not in store.models():
        return None, [missing]
    frame = store.inputs(row["model_name"]).filter(pl.col("prediction_id") == row["prediction_id"])
    found = collect(frame, f"the inputs of {store.path}").drop("prediction_id", "recorded_at")
    if not found.height:
        return None, [missing]
    if found.height > 1 or len(places) > 1:
        what = (
            f"The id stands in {len(places)} places, with {found.height} rows of inputs: "
            "which belong here cannot be told."
        )
        return None, [Gap("ambiguous-id", what, _NO_REPLAY)]
    values = found.row(0, named=True)
    names = signature.names if signature else tuple(values)
    lacking = [name for name in names if name not in values]
    ordered = {
        name: values[name] for name in (*(n for n in names if n in values), *(n for n in values if n not in names))
    }
    if lacking:
        return ordered, [Gap("inputs-incomplete", f"The recorded inputs lack {', '.join(lacking)}.", _NO_REPLAY)]
    return ordered, []


def _other_gaps(
    row: dict[str, Any],
    in_force: InForce,
    lineage: tuple[Edge, ...],
    outcome: dict[str, Any] | None,
    places: list[str],
) -> list[Gap]:
    gaps = []
    if len(places) > 1:
        what = f"The id stands in {len(places)} places: {', '.join(places)}."
        gaps.append(Gap("id-repeated", what, "Overrides and outcomes under this id may belong to either prediction."))
    if in_force.agrees is False:
        gaps.append(Gap("version-disagrees", in_force.statement, "Ask operations which version answered."))
    if in_force.agrees is None:
        gaps.append(
            Gap("version-in-force-unknown", in_force.statement, "The stated version is not confirmed by deployments.")
        )
    if not lineage:
        gaps.append(
            Gap(
                "lineage-missing", "The log has no lineage of this version.", "What it was trained on is not on record."
            )
        )
    if row["error"] is not None:
        gaps.append(Gap("prediction-failed", f"The prediction failed: {row['error']}.", "There is no score to replay."))
    if outcome is None:
        gaps.append(
            Gap("outcome-missing", "No outcome is recorded.", "Whether the decision proved right cannot be said.")
        )
    return gaps


def _of_prediction(store: LogStore, table: str, prediction_id: str) -> tuple[dict[str, Any], ...]:
    frame = store.table(table).filter(pl.col("prediction_id") == prediction_id).sort("recorded_at")
    return tuple(collect(frame, f"the {table} of {store.path}").iter_rows(named=True))


def _of_version(store: LogStore, table: str, name: str | None, version: str | None) -> tuple[dict[str, Any], ...]:
    same = (pl.col("model_name") == pl.lit(name)) & (pl.col("model_version") == pl.lit(version))
    return tuple(
        collect(store.table(table).filter(same).sort("recorded_at"), f"the {table} of {store.path}").iter_rows(
            named=True
        )
    )


def _outcome(store: LogStore, prediction_id: str) -> dict[str, Any] | None:
    rows = _of_prediction(store, "outcomes", prediction_id)
    return rows[-1] if rows else None


def _events(store: LogStore, row: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    at = row["occurred_at"]
    if at is None:
        return ()
    near = pl.col("at").is_between(at - _EVENTS_AROUND, at + _EVENTS_AROUND)
    frame = store.table("events").filter(near).sort("at", "event_id")
    rows = collect(frame, f"the events of {store.path}").iter_rows(named=True)
    others = _other_models(store, row["model_name"])
    return tuple(event for event in rows if _concerns(event, row["model_name"], others))


def _concerns(event: dict[str, Any], model_name: str | None, others: set[tuple[str, str]]) -> bool:
    """Whether an event is not known to be about another model."""
    if event["subject_kind"] in ("model", "model_version"):
        return (event["subject"] or "").partition("@")[0] == model_name
    return (event["subject_kind"], event["subject"]) not in others


def _other_models(store: LogStore, model_name: str | None) -> set[tuple[str, str]]:
    """Return the subjects that are known to belong to another model: its runs and deployments."""
    registry = collect(store.table("model_versions"), f"the model versions of {store.path}").iter_rows(named=True)
    slots = collect(store.table("deployments"), f"the deployments of {store.path}").iter_rows(named=True)
    subjects = [("run", row["run_id"], row["model_name"]) for row in registry]
    subjects += [("deployment", row["deployment_id"], row["model_name"]) for row in slots]
    mine = {(kind, subject) for kind, subject, model in subjects if model == model_name}
    return {(kind, subject) for kind, subject, _ in subjects} - mine
