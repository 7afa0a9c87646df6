"""Which rows match a letter best, found in passes over the log that hold no more than the best.

The clues are scored over the few columns that they need, and only the best rows are then read whole. An amount stands
in the inputs: the ids whose inputs match it are gathered first, up to a million; an amount that more inputs match tells
nothing apart, so it is taken more strictly, or left out, and the letter's notes say so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.files.reading import collect, reading
from audit_lab.log.index.lookup import look_up
from audit_lab.log.letter.amount import numeric_inputs
from audit_lab.log.letter.candidate import as_word
from audit_lab.log.segments import ROW, SEGMENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.log.letter.amount import LetterAmount
    from audit_lab.log.letter.candidate import Clues
    from audit_lab.log.letter.local_time import LetterTime
    from audit_lab.log.store import LogStore

__all__ = ["Ranking", "Units", "best_rows"]

#: Model to input to unit, as far as the registry states them.
Units = dict[str, dict[str, str | None]]

#: How many ids whose inputs match an amount are held at most.
_MOST_IDS = 1_000_000
_MET, _DISTANCE, _RANK, _OVERRIDDEN, _LABEL = "_met", "_distance", "_rank", "_overridden", "_label"
#: Best first: the order of the candidates themselves, so that cutting here loses none of them.
_ORDER = (_MET, _DISTANCE, _RANK, "occurred_at", SEGMENT, ROW)
_DESCENDING = (True, False, False, True, False, False)


@dataclass(frozen=True)
class Ranking:
    """The rows of the best candidates, the clues as they were applied, how many rows meet one, and what to know."""

    rows: pl.DataFrame
    clues: Clues
    matching: int
    notes: tuple[str, ...] = ()


def best_rows(store: LogStore, clues: Clues, units: Units, limit: int) -> Ranking:
    """Return the predictions of the whole log that match a letter best.

    Raises
    ------
    MisuseError
        The amount is the only clue, and stands in too many inputs to tell them apart.
    """
    notes: tuple[str, ...] = ()
    ids = None
    if clues.amount is not None:
        clues, ids, notes = _amount_applied(store, clues, clues.amount, units)
    scored = _scored(store, clues, ids).filter(pl.col(_MET) > 0)
    what = f"the predictions of {store.location}"
    best = scored.sort(_ORDER, descending=_DESCENDING, nulls_last=True).head(limit)
    places = collect(best.select("prediction_id", SEGMENT, ROW), what)
    matching = int(collect(scored.select(pl.len()), what).item())
    return Ranking(_whole(store, places), clues, matching, notes)


def _whole(store: LogStore, places: pl.DataFrame) -> pl.DataFrame:
    """Return rows with all their columns: through the locator where there is one, else in one pass."""
    ids = places["prediction_id"].unique()
    if store.shelf is None:
        every = store.placed("predictions").filter(pl.col("prediction_id").is_in(ids.implode()))
        rows = collect(every, f"the predictions of {store.location}")
    else:
        found = [look_up(store, "predictions", "prediction_id", each).rows for each in ids]
        rows = pl.concat(found, how="diagonal_relaxed") if found else collect(store.placed("predictions").head(0), "")
    return rows.join(places.select(SEGMENT, ROW), on=[SEGMENT, ROW], how="semi").sort(SEGMENT, ROW)


def _amount_applied(
    store: LogStore, clues: Clues, amount: LetterAmount, units: Units
) -> tuple[Clues, pl.DataFrame | None, tuple[str, ...]]:
    """Return the ids whose inputs match the amount, as strictly as it takes to have a bounded number of them."""
    models = store.models() if clues.model is None else sorted({clues.model} & set(store.models()))
    ids = _matching_ids(store, models, amount, units)
    if ids is not None:
        return clues, ids, ()
    exact = amount.exactly()
    ids = _matching_ids(store, models, exact, units)
    many = f"the inputs of more than {_MOST_IDS:,} decisions"
    if ids is not None:
        note = f"The amount {amount}, rounded or in other units, stands in {many}: it was taken exactly"
        return replace(clues, amount=exact), ids, (note,)
    remaining = replace(clues, amount=None)
    if not remaining.asked:
        raise MisuseError(
            f"the amount {amount} stands in {many}", "Give another clue too: a customer, a time or a decision."
        )
    return remaining, None, (f"The amount {amount} stands in {many}: it tells nothing apart, and was left out",)


def _matching_ids(store: LogStore, models: Sequence[str], amount: LetterAmount, units: Units) -> pl.DataFrame | None:
    """Return model, id and closest way of all inputs that match an amount; None where there are too many."""
    found = [pl.DataFrame(schema={"model_name": pl.String, "prediction_id": pl.String, _RANK: pl.Int8})]
    for model in models:
        inputs = store.inputs(model)
        with reading(f"the inputs of {model}"):
            schema = inputs.collect_schema()
        stated = {name: units.get(model, {}).get(name) for name in numeric_inputs(schema)}
        matched = inputs.filter(amount.is_in(stated)).select(
            pl.lit(model).alias("model_name"), "prediction_id", amount.rank(stated).alias(_RANK)
        )
        ids = collect(matched.head(_MOST_IDS + 1), f"the inputs of {model}")
        found.append(ids.group_by("model_name", "prediction_id").agg(pl.col(_RANK).min()))
        if ids.height > _MOST_IDS or sum(each.height for each in found) > _MOST_IDS:
            return None
    return pl.concat(found)


def _scored(store: LogStore, clues: Clues, ids: pl.DataFrame | None) -> pl.LazyFrame:
    """Return the place of each row, how many clues it meets, and what it is ordered by beside that."""
    label = pl.col("outputs").struct.field("label").alias(_LABEL)
    frame = store.placed("predictions")
    if clues.model is not None:
        frame = frame.filter(pl.col("model_name") == clues.model)
    frame = frame.select("prediction_id", "occurred_at", "model_name", "subject_id", "decision", label, SEGMENT, ROW)
    met = [] if clues.subject is None else [pl.col("subject_id") == clues.subject]
    if clues.decision is not None:
        word = as_word(pl.lit(clues.decision))
        changed = store.table("overrides").filter(as_word(pl.col("decision_after")) == word)
        overridden = changed.select("prediction_id", pl.lit(value=True).alias(_OVERRIDDEN)).unique("prediction_id")
        frame = frame.join(overridden, on="prediction_id", how="left", build_side="force_right")
        recorded = [as_word(pl.col(name)) == word for name in ("decision", _LABEL)]
        met.append(pl.any_horizontal(*(each.fill_null(value=False) for each in recorded), pl.col(_OVERRIDDEN)))
    rank = pl.lit(None, dtype=pl.Int8).alias(_RANK)
    if ids is not None:
        frame = frame.join(ids.lazy(), on=["model_name", "prediction_id"], how="left", build_side="force_right")
        rank = pl.col(_RANK)
        met.append(rank.is_not_null())
    distance = pl.lit(None, dtype=pl.Int64)
    if clues.time is not None:
        distance = _distance(clues.time)
        met.append(distance <= round(clues.time.within.total_seconds() * 1_000_000))
    counted = pl.sum_horizontal(each.fill_null(value=False).cast(pl.Int8) for each in met)
    columns = ("prediction_id", "occurred_at", SEGMENT, ROW)
    return frame.select(*columns, counted.alias(_MET), distance.alias(_DISTANCE), rank)


def _distance(given: LetterTime) -> pl.Expr:
    """Return how far each row lies from the nearest reading of the letter's time, in microseconds."""
    moment = pl.col("occurred_at").dt.epoch("us")
    far = []
    for first, last in given.spans:
        start, end = (pl.lit(each).dt.epoch("us") for each in (first, last))
        far.append(pl.max_horizontal(start - moment, moment - end, pl.lit(0, dtype=pl.Int64)))
    return pl.when(moment.is_not_null()).then(pl.min_horizontal(far))
