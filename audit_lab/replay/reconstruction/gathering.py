"""Gather the facts about many decisions in frames: rows by index, deployments by stretches, versions once each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.erasure.erased import erased_places
from audit_lab.log.index.batch_lookup import look_up_many
from audit_lab.log.redactions import redactions
from audit_lab.log.schema import INPUTS_PREFIX, TIME
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.replay.following import SAID, with_followed
from audit_lab.replay.reconstruction.events import EVENTS_AROUND, times_of_events
from audit_lab.replay.reconstruction.facts import FACTS, VERSION_COLUMNS, version_row, with_derived
from audit_lab.replay.reconstruction.history import HISTORIES, explained_by, history, outcome_by, overrides_by
from audit_lab.replay.reconstruction.inputs_ahead import InputsAhead, inputs_of
from audit_lab.replay.reconstruction.reconstruction import places_told
from audit_lab.replay.reconstruction.stretches import in_force_of
from audit_lab.replay.reconstruction.version_facts import facts_of_edition, version_facts
from audit_lab.replay.redacted import redaction_told
from audit_lab.replay.registration import edition_numbers

if TYPE_CHECKING:
    from audit_lab.log.index.batch_lookup import FoundPredictions
    from audit_lab.log.store import LogStore

__all__ = ["Gathered", "gathered", "prediction_columns"]

#: The columns of predictions that facts are made of.
_COLUMNS = (
    "occurred_at",
    "model_name",
    "model_version",
    "outputs",
    "threshold",
    "decision",
    "decision_rule",
    "environment",
    "error",
    "supersedes",
)

_ID = "prediction_id"
_ACTS: dict[str, pl.DataType] = {
    "model_name": pl.String(),
    "model_version": pl.String(),
    "last_act_at": TIME,
    "last_act": pl.String(),
}
_INPUTS = {"model_name": pl.String, _ID: pl.String, "input_rows": pl.UInt32, "inputs_erased": pl.String}


@dataclass(frozen=True)
class Gathered:
    """The facts about decisions, and the rows that they were made of.

    Parameters
    ----------
    facts
        A row for each decision that was asked for; see `audit_lab.replay.reconstruction.facts`.
    inputs
        By model, the rows of inputs under the ids of its predictions, with ``_segment`` and ``_row``.
    histories
        By table; see `audit_lab.replay.reconstruction.history.history`.
    corrected
        ``place`` and ``corrected_by`` of predictions whose id stands in several places.
    """

    facts: pl.DataFrame
    inputs: dict[str, pl.DataFrame]
    histories: dict[str, pl.DataFrame]
    corrected: pl.DataFrame


def prediction_columns(store: LogStore) -> tuple[str, ...]:
    """Return the columns of predictions that facts are made of: what few logs ask about only there."""
    subject = () if erased_places(store, "predictions").is_empty() else ("subject_id",)
    writer = ("writer_id",) if redactions(store) else ()
    return (*_COLUMNS, *subject, *writer)


def gathered(store: LogStore, found: FoundPredictions, ahead: InputsAhead) -> Gathered:
    """Gather the facts about predictions that were looked up, with the columns `prediction_columns` at least.

    Parameters
    ----------
    store, found
        The log, and the predictions.
    ahead
        Inputs that are read already.

    Raises
    ------
    LogError
        A table cannot be read.
    """
    own = found.rows.select(SEGMENT, ROW, *prediction_columns(store))
    outputs = pl.col("outputs").struct
    base = found.answers.join(own, on=[SEGMENT, ROW], how="left", maintain_order="left").with_columns(
        **{name: outputs.field(name) for name in ("score", "label", "probabilities")}
    )
    base = _with_erased(store, base)
    corrected = _corrected(store, found)
    told = _places(found)
    ids = base.filter("found")[_ID].unique()
    inputs, counted = _inputs(store, base, ahead)
    histories = {table: history(table, look_up_many(store, table, _ID, ids, confirm=False).rows) for table in HISTORIES}
    in_force = in_force_of(store, base)
    base = with_followed(store, base)
    followed = pl.when(pl.col("model_version").is_not_null()).then(SAID).alias("followed")
    base = base.with_columns(followed, edition_numbers(store, base))
    versions = _versions(store, base)
    facts = (
        base.join(told, on=_ID, how="left", maintain_order="left")
        .join(corrected, on="place", how="left", maintain_order="left")
        .join(counted, on=["model_name", _ID], how="left", maintain_order="left")
        .join(overrides_by(store, histories["overrides"]), on=_ID, how="left", maintain_order="left")
        .join(outcome_by(histories["outcomes"]), on=_ID, how="left", maintain_order="left")
        .join(explained_by(histories["explanations"]), on=_ID, how="left", maintain_order="left")
        .join(_unclear(histories), on=_ID, how="left", maintain_order="left")
        .join(
            versions, on=["model_name", "model_version", "edition"], how="left", maintain_order="left", nulls_equal=True
        )
        .hstack(_redacted(store, base))
        .hstack(in_force)
        .hstack(_last_acts(store, base))
        .hstack(_events(store, base))
        .with_columns(keeps_approvals=pl.lit(value=store.source.tables().get("approvals", 0) > 0))
    )
    shaped = with_derived(facts.select(pl.col(name).cast(dtype) for name, dtype in FACTS.items()))
    return Gathered(shaped.with_columns(found.answers["asked"], found.answers["found"]), inputs, histories, corrected)


def _with_erased(store: LogStore, base: pl.DataFrame) -> pl.DataFrame:
    """Say what was erased of the predictions that have a null where an erasure leaves one."""
    erased = erased_places(store, "predictions")
    if erased.is_empty():
        nothing = pl.lit(None, dtype=pl.String)
        return base.with_columns(prediction_erased=nothing, output_erased=pl.lit(value=False))
    looked_for = pl.col("outputs").is_null() | pl.col("subject_id").is_null()
    fields = pl.when(looked_for).then("fields")
    joined = base.join(erased, on=[SEGMENT, ROW], how="left", maintain_order="left")
    return joined.with_columns(
        prediction_erased=fields.list.join(", "), output_erased=fields.list.contains("outputs").fill_null(value=False)
    ).drop("fields")


def _redacted(store: LogStore, base: pl.DataFrame) -> pl.DataFrame:
    """Say what was changed of each prediction before it was recorded."""
    if "writer_id" not in base.columns:
        nothing = pl.repeat(None, base.height, dtype=pl.String)
        return pl.select(nothing.alias("redacted"), nothing.alias("redacted_besides"))
    asked = base.select("model_name", "model_version", "edition", "writer_id")
    known = redactions(store)
    told = []
    for row in asked.filter(pl.col("writer_id").is_in(list(known))).unique(maintain_order=True).iter_rows():
        signature = facts_of_edition(store, *row[:3]).signature
        told.append((*row, *redaction_told(store, row[3], () if signature is None else signature.names)))
    schema = {**asked.schema, "redacted": pl.String(), "redacted_besides": pl.String()}
    words = pl.DataFrame(told, schema=schema, orient="row")
    return asked.join(words, on=asked.columns, how="left", nulls_equal=True, maintain_order="left").select(
        "redacted", "redacted_besides"
    )


def _places(found: FoundPredictions) -> pl.DataFrame:
    """Return the places of each id as a sentence has them; ids that stand twice are few."""
    copies = found.rows.group_by(_ID, maintain_order=True).agg(pl.col("place").first(), pl.len().alias("count"))
    several = copies.filter(pl.col("count") > 1)[_ID]
    texts = [
        (name, places_told(places))
        for name, places in found.rows.filter(pl.col(_ID).is_in(several.implode()))
        .group_by(_ID, maintain_order=True)
        .agg("place")
        .iter_rows()
    ]
    once = copies.filter(pl.col("count") == 1).select(_ID, pl.col("place").alias("places_told"))
    return pl.concat([once, pl.DataFrame(texts, schema={_ID: pl.String, "places_told": pl.String}, orient="row")])


def _corrected(store: LogStore, found: FoundPredictions) -> pl.DataFrame:
    """Return which predictions a later row under the same id corrects."""
    several = found.answers.filter(pl.col("places") > 1)[_ID].unique()
    if several.is_empty():
        return pl.DataFrame(schema={"place": pl.String, "corrected_by": pl.String})
    rows = history("predictions", look_up_many(store, "predictions", _ID, several).rows)
    return rows.select("place", "corrected_by").drop_nulls()


def _inputs(store: LogStore, base: pl.DataFrame, ahead: InputsAhead) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """Return the inputs of each model's predictions, and for each how many rows it has and what was erased of them."""
    found: dict[str, pl.DataFrame] = {}
    counted = [pl.DataFrame(schema=_INPUTS)]
    known = set(store.models())
    for model in base["model_name"].drop_nulls().unique().sort():
        if model not in known:
            continue
        table = INPUTS_PREFIX + model
        ids = base.filter(pl.col("model_name") == model)[_ID].unique()
        rows = inputs_of(store, model, ids, ahead)
        found[model] = rows
        erased = erased_places(store, table)
        fields = rows.select(_ID, SEGMENT, ROW).join(erased, on=[SEGMENT, ROW], how="left")
        by_id = fields.group_by(_ID).agg(
            pl.len().cast(pl.UInt32).alias("input_rows"),
            pl.col("fields").first().list.join(", ").alias("inputs_erased"),
        )
        counted.append(by_id.select(pl.lit(model).alias("model_name"), _ID, "input_rows", "inputs_erased"))
    return found, pl.concat(counted)


def _unclear(histories: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Return for each prediction why one of the corrections under its id could not be followed."""
    frames = [rows.select(_ID, "unclear").drop_nulls("unclear") for rows in histories.values() if "unclear" in rows]
    together = pl.concat([pl.DataFrame(schema={_ID: pl.String, "unclear": pl.String}), *frames])
    return together.unique(_ID, keep="first", maintain_order=True)


def _versions(store: LogStore, base: pl.DataFrame) -> pl.DataFrame:
    """Return the facts about each version that the predictions state, once for each row the registry had of it."""
    stated = base.filter("found").select("model_name", "model_version", "edition").unique(maintain_order=True)
    rows = [
        {**pair, **version_row(facts_of_edition(store, pair["model_name"], pair["model_version"], pair["edition"]))}
        for pair in stated.iter_rows(named=True)
    ]
    return pl.DataFrame(rows, schema={**stated.schema, **VERSION_COLUMNS})


def _last_acts(store: LogStore, base: pl.DataFrame) -> pl.DataFrame:
    """Return the last act on each prediction's version at or before it."""
    pairs = base.filter("found").select("model_name", "model_version").unique(maintain_order=True).drop_nulls()
    acts = [
        (name, version, at, act)
        for name, version in pairs.iter_rows()
        for at, act in version_facts(store, name, version).acts
    ]
    if not acts:
        nothing = [pl.lit(None, dtype=_ACTS[name]).alias(name) for name in ("last_act", "last_act_at")]
        return base.select(pl.repeat(None, base.height).alias("_")).with_columns(nothing).drop("_")
    frame = pl.DataFrame(acts, schema=_ACTS, orient="row")
    numbered = base.select("model_name", "model_version", "occurred_at").with_row_index("_order")
    dated = numbered.drop_nulls().sort("occurred_at", maintain_order=True)
    joined = dated.join_asof(
        frame.sort("last_act_at", maintain_order=True),
        left_on="occurred_at",
        right_on="last_act_at",
        by=["model_name", "model_version"],
        strategy="backward",
        coalesce=False,
        check_sortedness=False,
    )
    whole = numbered.join(joined.select("_order", "last_act", "last_act_at"), on="_order", how="left")
    return whole.sort("_order").select("last_act", "last_act_at")


def _events(store: LogStore, base: pl.DataFrame) -> pl.DataFrame:
    """Return how many events of its model lie around each prediction."""
    numbered = base.select("model_name", "occurred_at", "found").with_row_index("_order")
    counted = [pl.DataFrame(schema={"_order": pl.UInt32, "events": pl.UInt32})]
    dated = numbered.filter(pl.col("found") & pl.col("occurred_at").is_not_null())
    for of_model in dated.partition_by("model_name", maintain_order=True):
        at = of_model["occurred_at"]
        first, last = at.min(), at.max()
        times = times_of_events(store, of_model["model_name"][0], first, last)  # type: ignore[arg-type]
        after = times.search_sorted(at + EVENTS_AROUND, side="right")
        before = times.search_sorted(at - EVENTS_AROUND, side="left")
        counted.append(of_model.select("_order", (after - before).cast(pl.UInt32).alias("events")))
    return numbered.join(pl.concat(counted), on="_order", how="left", maintain_order="left").select("events")
