"""Rejoin one prediction with its inputs, its model version, lineage, events and outcome, and name every gap."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import AuditLabError, ModelError
from audit_lab.log.erasure.erased import erased_fields
from audit_lab.log.index.lookup import find_prediction, look_up
from audit_lab.log.index.row_reader import stamp_of
from audit_lab.log.index.shelf import derived, table_rows
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.replay.lineage import Edge, lineage_of
from audit_lab.replay.registered import load_registered
from audit_lab.replay.registry import InForce, registered_versions, version_in_force
from audit_lab.replay.signature import Signature
from audit_lab.replay.verdict import EFFECTS

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.log.index.lookup import FoundPrediction
    from audit_lab.log.index.row_reader import Stamp
    from audit_lab.log.store import LogStore

__all__ = ["Gap", "Reconstruction", "reconstruct"]

_NO_FEATURES = ("prediction_id", "recorded_at", SEGMENT, ROW)
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
    the id stands; `events` are those of the model within 14 days before and after; `searched` says how the id was
    looked for, and what that could miss.
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
    searched: str


def reconstruct(store: LogStore, asked: str) -> Reconstruction:
    """Reconstruct the prediction that an id, or a place (``id@segment:row``), names.

    Raises
    ------
    NotFoundError, AmbiguousIdError
        As `audit_lab.log.index.lookup.find_prediction`.
    LogError
        A table cannot be read.
    """
    found = find_prediction(store, asked)
    row, places = found.row, found.places
    name, version = row["model_name"], row["model_version"]
    in_force = version_in_force(store, name, row["occurred_at"], row["environment"], version)
    registered, signature, gaps = _registered(store, name, version)
    inputs, input_gaps = _inputs(store, row, places, signature)
    lineage = lineage_of(store, name, version)
    outcome = _outcome(store, row["prediction_id"])
    gaps = [*_erased(store, found), *input_gaps, *gaps, *_other_gaps(row, in_force, lineage, outcome, places)]
    return Reconstruction(
        prediction_id=row["prediction_id"],
        place=found.place,
        places=tuple(places),
        prediction=row,
        inputs=inputs,
        in_force=in_force,
        model_version=registered,
        signature=signature,
        lineage=lineage,
        approvals=_approvals(store, name, version),
        events=_events(store, row),
        overrides=_of_prediction(store, "overrides", row["prediction_id"]),
        outcome=outcome,
        gaps=tuple(gaps),
        searched=found.searched,
    )


def _registered(
    store: LogStore, name: str | None, version: str | None
) -> tuple[dict[str, Any] | None, Signature | None, list[Gap]]:
    """Return the registry row, its signature, and a gap for whatever keeps the version from being run.

    The artifact is read and compared with its digest again only where its file or the registry changed.
    """
    rows = registered_versions(store).get((name or "", version or ""), [])
    row, signature, gap = derived(
        store,
        ("registered", name, version),
        ("model_versions",),
        lambda: _checked(store, name, version, rows),
        _artifact_stamp(store, rows),
    )
    return None if row is None else dict(row), signature, [] if gap is None else [gap]


def _checked(
    store: LogStore, name: str | None, version: str | None, rows: list[dict[str, Any]]
) -> tuple[dict[str, Any] | None, Signature | None, Gap | None]:
    try:
        model = load_registered(store, name, version)
    except ModelError as error:
        row = rows[-1] if rows else None
        return row, _signature(row), Gap(error.code, error.message[0].upper() + error.message[1:] + ".", _NO_REPLAY)
    return model.version, model.signature, None


def _artifact_stamp(store: LogStore, rows: list[dict[str, Any]]) -> Stamp | None:
    if not rows or not rows[-1]["artifact_uri"] or store.folder.path is None:
        return None
    try:
        return stamp_of(store.file(rows[-1]["artifact_uri"]))
    except AuditLabError:
        return None  # reading the artifact will say why


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
    rows = look_up(store, INPUTS_PREFIX + row["model_name"], "prediction_id", row["prediction_id"]).rows
    if not rows.height:
        return None, [missing]
    if rows.height > 1 or len(places) > 1:
        what = (
            f"The id stands in {len(places)} places, with {rows.height} rows of inputs: "
            "which belong here cannot be told."
        )
        return None, [Gap("ambiguous-id", what, _NO_REPLAY)]
    values = {name: value for name, value in rows.row(0, named=True).items() if name not in _NO_FEATURES}
    names = signature.names if signature else tuple(values)
    lacking = [name for name in names if name not in values]
    ordered = {
        name: values[name] for name in (*(n for n in names if n in values), *(n for n in values if n not in names))
    }
    erased: tuple[str, ...] = ()
    if any(value is None for value in ordered.values()):
        table = INPUTS_PREFIX + row["model_name"]
        erased = erased_fields(store, table, rows[SEGMENT][0], int(rows[ROW][0]))
    if erased:
        return ordered, [Gap("erased", f"Erased from the inputs: {', '.join(erased)}.", EFFECTS["erased"])]
    if lacking:
        return ordered, [Gap("inputs-incomplete", f"The recorded inputs lack {', '.join(lacking)}.", _NO_REPLAY)]
    return ordered, []


def _erased(store: LogStore, found: FoundPrediction) -> list[Gap]:
    """Return a gap for what was erased of the prediction itself; only where there is a null is it looked for."""
    if found.row["outputs"] is not None and found.row["subject_id"] is not None:
        return []
    segment, _, number = found.place.rpartition("@")[2].rpartition(":")
    fields = erased_fields(store, "predictions", segment, int(number))
    if not fields:
        return []
    what = f"Erased from the prediction: {', '.join(fields)}."
    if "outputs" in fields:
        return [Gap("erased", what, EFFECTS["erased"])]
    return [Gap("partly-erased", what, "What is left can be shown and replayed.")]


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
    rows = look_up(store, table, "prediction_id", prediction_id, confirm=False).rows
    if not rows.height:
        return ()
    return tuple(rows.drop(SEGMENT, ROW).sort("recorded_at").iter_rows(named=True))


def _approvals(store: LogStore, name: str | None, version: str | None) -> tuple[dict[str, Any], ...]:
    same = (pl.col("model_name") == pl.lit(name)) & (pl.col("model_version") == pl.lit(version))
    rows = derived(
        store,
        ("approvals", name, version),
        ("approvals",),
        lambda: table_rows(store, "approvals", same).sort("recorded_at"),
    )
    return tuple(rows.iter_rows(named=True))


def _outcome(store: LogStore, prediction_id: str) -> dict[str, Any] | None:
    rows = _of_prediction(store, "outcomes", prediction_id)
    return rows[-1] if rows else None


def _events(store: LogStore, row: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    at = row["occurred_at"]
    if at is None:
        return ()
    first, last = at - _EVENTS_AROUND, at + _EVENTS_AROUND
    if store.shelf is not None and store.shelf.small("events") is not None:
        times, frame = derived(store, "events in order", ("events",), lambda: _events_in_order(store))
        start = bisect_left(times, first)
        near = frame.slice(start, bisect_right(times, last) - start)
    else:
        near = table_rows(store, "events", pl.col("at").is_between(first, last)).sort("at", "event_id")
    others = derived(
        store,
        ("other models", row["model_name"]),
        ("model_versions", "deployments"),
        lambda: _other_models(store, row["model_name"]),
    )
    rows = near.iter_rows(named=True)
    return tuple(event for event in rows if _concerns(event, row["model_name"], others))


def _events_in_order(store: LogStore) -> tuple[list[datetime], pl.DataFrame]:
    frame = table_rows(store, "events").drop_nulls("at").sort("at", "event_id")
    return frame["at"].to_list(), frame


def _concerns(event: dict[str, Any], model_name: str | None, others: set[tuple[str, str]]) -> bool:
    """Whether an event is not known to be about another model."""
    if event["subject_kind"] in ("model", "model_version"):
        return (event["subject"] or "").partition("@")[0] == model_name
    return (event["subject_kind"], event["subject"]) not in others


def _other_models(store: LogStore, model_name: str | None) -> set[tuple[str, str]]:
    """Return the subjects that are known to belong to another model: its runs and deployments."""
    registry = table_rows(store, "model_versions").iter_rows(named=True)
    slots = table_rows(store, "deployments").iter_rows(named=True)
    subjects = [("run", row["run_id"], row["model_name"]) for row in registry]
    subjects += [("deployment", row["deployment_id"], row["model_name"]) for row in slots]
    mine = {(kind, subject) for kind, subject, model in subjects if model == model_name}
    return {(kind, subject) for kind, subject, _ in subjects} - mine
