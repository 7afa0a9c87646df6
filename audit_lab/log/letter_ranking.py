"""Which rows match a letter best, found in passes over the log that hold no more than the best.

The clues that stand in the predictions themselves are scored in one pass. An amount stands in the inputs: the ids whose
inputs match are taken in parts of bounded size, and each part is joined to the predictions. A row is among the best in
the end only if it is among the best without the amount, or among the best of those whose amount matches.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.letter_amount import numeric_inputs
from audit_lab.log.letter_candidate import as_word
from audit_lab.log.reading import collect, reading
from audit_lab.log.segments import ROW, SEGMENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.log.letter_amount import LetterAmount
    from audit_lab.log.letter_candidate import Clues
    from audit_lab.log.letter_time import LetterTime
    from audit_lab.log.store import LogStore

__all__ = ["best_rows"]

#: How many ids are joined at once.
_IDS_AT_A_TIME = 1_000_000
_MET, _DISTANCE, _RANK, _OVERRIDDEN = "_met", "_distance", "_rank", "_overridden"
#: Best first: the order of the candidates themselves, so that cutting here loses none of them.
_ORDER = (_MET, _DISTANCE, _RANK, "occurred_at", "prediction_id", SEGMENT, ROW)
_DESCENDING = (True, False, False, True, False, False, False)
_NEEDED = ("prediction_id", "occurred_at", "model_name", "model_version", "subject_id", "decision", "outputs")


def best_rows(
    store: LogStore, predictions: pl.LazyFrame, clues: Clues, units: dict[str, dict[str, str | None]], limit: int
) -> tuple[pl.DataFrame, int]:
    """Return the rows among which the `limit` best candidates are, and how many rows match at least one clue.

    Parameters
    ----------
    store
        The log.
    predictions
        The rows to rank, placed, of one customer or of all.
    clues
        What the letter says.
    units
        Model to input to unit, as far as known.
    limit
        How many of the best are wanted.
    """
    scored = _scored(store, predictions, clues)
    best, matching = _best(scored, limit, f"the predictions of {store.path}")
    tops = [best]
    if clues.amount is not None:
        models = store.models() if clues.model is None else sorted({clues.model} & set(store.models()))
        for model in models:
            of_model = scored.filter(pl.col("model_name") == model)
            for ids in _matching_ids(store, model, clues.amount, units.get(model, {})):
                joined = of_model.drop(_RANK).join(ids.lazy(), on="prediction_id", how="inner")
                top, found = _best(joined, limit, f"the inputs of {model}", unmatched=True)
                tops.append(top)
                matching += found
    rows = pl.concat(tops, how="diagonal").unique([SEGMENT, ROW], keep="any").sort(SEGMENT, ROW)
    return rows.drop(_MET, _DISTANCE, _RANK), matching


def _scored(store: LogStore, predictions: pl.LazyFrame, clues: Clues) -> pl.LazyFrame:
    """Add to each row how many clues it meets, but for the amount, and its distance in time in microseconds."""
    frame = predictions.select(*_NEEDED, SEGMENT, ROW)
    met = [pl.lit(0, dtype=pl.Int8)]
    if clues.subject is not None:
        met.append(pl.col("subject_id").eq_missing(pl.lit(clues.subject)))
    if clues.decision is not None:
        word = as_word(pl.lit(clues.decision))
        changed = store.table("overrides").filter(as_word(pl.col("decision_after")) == word)
        ids = changed.select("prediction_id", pl.lit(value=True).alias(_OVERRIDDEN)).unique("prediction_id")
        frame = frame.join(ids, on="prediction_id", how="left")
        recorded = (pl.col("decision"), pl.col("outputs").struct.field("label"))
        met += [pl.any_horizontal(*((as_word(text) == word) for text in recorded), pl.col(_OVERRIDDEN))]
    distance = pl.lit(None, dtype=pl.Int64)
    if clues.time is not None:
        distance = _distance(clues.time)
        met.append(distance <= _microseconds(clues.time))
    counted = pl.sum_horizontal([each.fill_null(value=False).cast(pl.Int8) for each in met])
    columns = (counted.alias(_MET), distance.alias(_DISTANCE), pl.lit(None, dtype=pl.Int8).alias(_RANK))
    return frame.with_columns(*columns).select(*_NEEDED, SEGMENT, ROW, _MET, _DISTANCE, _RANK)


def _microseconds(given: LetterTime) -> int:
    return round(given.within.total_seconds() * 1_000_000)


def _distance(given: LetterTime) -> pl.Expr:
    """Return how far each row lies from the nearest reading of the letter's time."""
    moment = pl.col("occurred_at").dt.epoch("us")
    far = []
    for first, last in given.spans:
        start, end = (pl.lit(each).dt.epoch("us") for each in (first, last))
        far.append(pl.max_horizontal(start - moment, moment - end, pl.lit(0, dtype=pl.Int64)))
    return pl.when(moment.is_not_null()).then(pl.min_horizontal(far))


def _best(frame: pl.LazyFrame, limit: int, what: str, *, unmatched: bool = False) -> tuple[pl.DataFrame, int]:
    """Return the best rows, and how many meet a clue; with `unmatched`, how many meet none (and so match newly)."""
    ordered = frame.sort(_ORDER, descending=_DESCENDING, nulls_last=True).head(limit)
    counted = frame.select((pl.col(_MET) == 0 if unmatched else pl.col(_MET) > 0).sum())
    with reading(what):
        top, count = pl.collect_all([ordered, counted], engine="streaming")
    return top, int(count.item())


def _matching_ids(
    store: LogStore, model: str, amount: LetterAmount, units: dict[str, str | None]
) -> Iterator[pl.DataFrame]:
    """Yield the ids whose inputs match an amount, each once with its closest way, in parts of bounded size."""
    inputs = store.inputs(model)
    what = f"the inputs of {model}"
    with reading(what):
        names = numeric_inputs(inputs.collect_schema())
    rank = amount.rank({name: units.get(name) for name in names}).alias(_RANK)
    matched = inputs.select("prediction_id", rank).filter(pl.col(_RANK).is_not_null())
    parts = math.ceil(int(collect(matched.select(pl.len()), what).item()) / _IDS_AT_A_TIME)
    for part in range(parts):
        some = matched.filter(pl.col("prediction_id").hash() % parts == part)
        yield collect(some.group_by("prediction_id").agg(pl.col(_RANK).min()), what)
