"""Even out the predictions of a sampled log: which of them count, so that all that do were recorded at one rate."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from audit_lab.log.engines.answers import collected
from audit_lab.log.evened import Evened
from audit_lab.log.files.reading import collect
from audit_lab.log.index.shelf import derived
from audit_lab.log.samplings import is_sampled, together, weight, within
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.thinned import Thinned, thinned

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from audit_lab.log.store import LogStore

__all__ = ["evened"]

#: Predictions recorded at a lower rate than the others count once if no more of what was served goes uncounted so.
_MOST_UNCOUNTED = 0.001
#: Where evening out would leave fewer predictions than this, all count as they are.
_FEWEST = 10
#: Of so many periods of a model it is kept at hand what does not count.
_PERIODS_KEPT = 4
_BYTES, _RANGE = 8, 2.0**64
_ID = "prediction_id"


def evened(
    store: LogStore,
    model: str,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    outcomes: bool = False,
    known_by: datetime | None = None,
) -> LogStore:
    """Return a log of which those predictions count that were, or would have been, recorded at one rate.

    Parameters
    ----------
    store
        The log.
    model, since, until
        Whose predictions count, and when: ``since <= occurred_at < until``.
    outcomes, known_by
        Whether an answer is about outcomes too, and by when these were recorded, whenever for None.

    Returns
    -------
    LogStore
        The same log where no prediction states a rate below 1; else one whose `LogStore.evened` says what counts.

    Raises
    ------
    LogError
        The predictions cannot be read.

    Notes
    -----
    A prediction that was recorded at the rate p counts with the probability r / p, where r is the lowest rate: it was
    recorded and counts with the probability r, whatever p. Whether it does is decided by its request, so that all of a
    request that were recorded at one rate count, or none do: by the first 64 bits of the SHA-256 of its id, a zero byte
    and ``evened``. That is another number than the one by which the request was sampled. Where those of one request
    are more alike than others, a share of each request's counts (`audit_lab.log.thinned`).
    """
    if not is_sampled(store, model, since, until):
        return store
    tables = ("predictions", f"{INPUTS_PREFIX}{model}", *(["outcomes"] if outcomes else []))
    known: dict[Any, Evened] = derived(store, ("evened", model, outcomes), tables, dict)
    if (since, until, known_by) not in known:
        made = _evened(store, model, since, until, _outcomes(store, known_by) if outcomes else None)
        while len(known) >= _PERIODS_KEPT:
            known.pop(next(iter(known)), None)
        known[since, until, known_by] = made
    made_even = replace(store, evened=known[since, until, known_by])
    made_even.__dict__["shelf"] = store.shelf
    return made_even


def _evened(
    store: LogStore,
    model: str,
    since: datetime | None,
    until: datetime | None,
    outcomes: pl.LazyFrame | None = None,
) -> Evened:
    rows = within(store, since, until).filter(nw.col("model_name") == model)
    what = f"the predictions of {store.location}"
    counted = collected(rows.group_by("sampling_rate").agg(nw.len().alias("rows")), what)
    by_rate = (
        counted.select((1 / weight()).alias("rate"), pl.col("rows").cast(pl.Int64))
        .group_by("rate")
        .agg(pl.col("rows").sum(), served=(pl.col("rows") / pl.col("rate")).sum())
        .sort("rate")
    )
    recorded, served = int(by_rate["rows"].sum()), float(by_rate["served"].sum())
    highest = float(by_rate["rate"][-1])
    chosen = _even_rate(by_rate, served)
    nothing = pl.Series("prediction_id", [], dtype=pl.String)
    kept = by_rate.select((pl.col("rows") * (chosen / pl.col("rate")).clip(upper_bound=1)).sum()).item()
    if kept < min(_FEWEST, recorded):
        mean = together(store, model, since, until)
        return Evened(None, highest, recorded, recorded, served, 0, Thinned(mean, 1.0, None, nothing), nothing)
    gone = _not_counted(rows, chosen, what) if highest > chosen else nothing
    rarer = int(by_rate.filter(pl.col("rate") < chosen)["rows"].sum())

    def said(ids: pl.Series) -> pl.DataFrame:
        return _said(store, model, ids, outcomes)

    mean = together(store, model, since, until)
    thin = Thinned(mean, 0.0, 1.0, nothing) if mean <= 1 else _thinned(store, rows, gone, chosen, said)
    if recorded - gone.len() - thin.left_out.len() < min(_FEWEST, recorded):
        thin = replace(thin, share=None, left_out=nothing)
    left_out = pl.concat([gone, thin.left_out]).sort()
    return Evened(chosen, highest, recorded, recorded - left_out.len(), served, rarer, thin, left_out)


def _thinned(
    store: LogStore,
    rows: nw.LazyFrame[Any],
    gone: pl.Series,
    rate: float,
    said: Callable[[pl.Series], pl.DataFrame],
) -> Thinned:
    """Say which of the predictions that are not gone count."""
    request = nw.coalesce("request_id", _ID).alias("request")
    mine = collected(rows.select(_ID, request, "occurred_at"), f"the predictions of {store.location}").drop_nulls(_ID)
    return thinned(mine.join(gone.to_frame(_ID), on=_ID, how="anti"), rate, said)


def _outcomes(store: LogStore, known_by: datetime | None) -> pl.LazyFrame | None:
    if not store.source.tables().get("outcomes"):
        return None
    rows = store.table("outcomes")
    if known_by is not None:
        rows = rows.filter(pl.col("recorded_at") <= known_by)
    return rows.select(_ID, pl.col("label", "value").name.prefix("outcome."))


def _said(store: LogStore, model: str, ids: pl.Series, outcomes: pl.LazyFrame | None) -> pl.DataFrame:
    """Return score, decision, features and outcome of predictions; null where an id stands more than once."""
    wanted = ids.unique().to_frame("prediction_id")
    predictions = store.table("predictions")
    has_score = _has_score(predictions.collect_schema()["outputs"])
    score = pl.col("outputs").struct.field("score") if has_score else pl.lit(None, dtype=pl.Float64)
    asked = [predictions.select(_ID, "decision", score.alias("score"))]
    if model in store.models():
        inputs = store.inputs(model).drop("recorded_at", strict=False)
        flat = [name for name, dtype in inputs.collect_schema().items() if not dtype.is_nested()]
        asked.append(inputs.select(pl.col(name).name.prefix("" if name == _ID else "inputs.") for name in flat))
    if outcomes is not None:
        asked.append(outcomes)
    for rows in asked:
        mine = rows.join(wanted.lazy().select(_ID), on=_ID, how="semi")
        once = collect(mine, f"what is said of predictions of {store.location}").unique(_ID, keep="none")
        wanted = wanted.join(once, on=_ID, how="left")
    return wanted


def _has_score(outputs: pl.DataType) -> bool:
    return isinstance(outputs, pl.Struct) and any(each.name == "score" for each in outputs.fields)


def _even_rate(by_rate: pl.DataFrame, served: float) -> float:
    """Return the lowest rate, or a higher one where those below it stand for next to nothing."""
    rates, rows = by_rate["rate"].to_numpy(), by_rate["rows"].to_numpy()
    chosen = float(rates[0])
    for place in range(1, rates.size):
        uncounted = (rows[:place] * (1 / rates[:place] - 1 / rates[place])).sum()
        if uncounted > _MOST_UNCOUNTED * served:
            break
        chosen = float(rates[place])
    return chosen


def _not_counted(rows: nw.LazyFrame[Any], rate: float, what: str) -> pl.Series:
    """Return the ids of those that were recorded at a higher rate, and would not have been at this one."""
    own, null = nw.col("sampling_rate"), nw.col("sampling_rate").is_null()
    higher = rows.filter(null | (own > rate) | (own <= 0))
    asked = higher.select("prediction_id", "sampling_rate", nw.coalesce("request_id", "prediction_id").alias("request"))
    frame = collected(asked, what).drop_nulls("prediction_id")
    least = (frame.select(rate * weight()).to_series() * _RANGE).to_list()
    gone = [not _share(request) < bound for request, bound in zip(frame["request"].to_list(), least, strict=True)]
    return frame["prediction_id"].filter(pl.Series(gone, dtype=pl.Boolean)).sort()


def _share(request: str) -> int:
    digest = sha256(f"{request}\0evened".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:_BYTES], "big")
