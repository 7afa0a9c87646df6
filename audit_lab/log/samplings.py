"""What a log says of predictions that were served and not recorded: by which rule, how many, and what for others stand.

A recorder that samples counts what it sees, and says so about once a minute in an event. Each of its records states the
probability with which it was recorded; one over that is its weight.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from audit_lab.log.engines.answers import collected
from audit_lab.log.evened import Evened
from audit_lab.log.files.printable import printable
from audit_lab.log.files.reading import collect
from audit_lab.log.index.shelf import derived, table_rows
from audit_lab.log.thinned import Thinned, thinned

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.log.store import LogStore

__all__ = [
    "SAMPLED",
    "Rule",
    "Sampled",
    "estimated",
    "evened",
    "is_sampled",
    "recorded_only",
    "sampled",
    "together",
    "weight",
]

#: The kind of the events.
SAMPLED = "recorder.sampled"

_LATER = {"overrides": "overrides", "outcomes": "outcomes"}
#: Predictions recorded at a lower rate than the others count once if no more of what was served goes uncounted so.
_MOST_UNCOUNTED = 0.001
#: Where evening out would leave fewer predictions than this, all count as they are.
_FEWEST = 10
#: Of so many periods of a model it is kept at hand what does not count.
_PERIODS_KEPT = 4
_BYTES, _RANGE = 8, 2.0**64


@dataclass(frozen=True)
class Rule:
    """What became of the predictions that one rule speaks of: how many were seen, and how many recorded."""

    rule: str
    rate: float
    seen: int
    recorded: int


@dataclass(frozen=True)
class Sampled:
    """What a log says of predictions that were not recorded.

    Attributes
    ----------
    rules
        By rule and rate, in order of the rule's words.
    later
        Table to how many of its rows speak of predictions that are not in the log.
    """

    rules: tuple[Rule, ...]
    later: dict[str, int]

    @property
    def seen(self) -> int:
        """Predictions that the recorders saw."""
        return sum(each.seen for each in self.rules)

    @property
    def recorded(self) -> int:
        """Those of them that they recorded."""
        return sum(each.recorded for each in self.rules)

    def summary(self) -> list[str]:
        """Return it in sentences; the first is about the whole."""
        whole = f"{self.recorded:,} of {self.seen:,} predictions that recorders counted were recorded"
        lines = [f"{whole}: of the others there is no row, and no single one can be shown or reconstructed."]
        lines += [
            f"{each.recorded:,} of {each.seen:,} by the rule {printable(each.rule)}, at a rate of {each.rate:g}."
            for each in self.rules
        ]
        lines += [
            f"{count:,} {table} speak of predictions that are not in the log, as ones that were not sampled."
            for table, count in self.later.items()
            if count
        ]
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-safe values."""
        return {"seen": self.seen, "recorded": self.recorded, **asdict(self)}


def sampled(store: LogStore) -> Sampled | None:
    """Return what a log says of predictions that were not recorded; None where nobody sampled.

    Raises
    ------
    LogError
        A table cannot be read.
    """
    tables = ("events", "predictions", *_LATER)
    return derived(store, "sampled", tables, lambda: _read(store))


def weight() -> pl.Expr:
    """Return for how many predictions one stands: one over its sampling rate, and 1 where it states none that can be.

    Looked at is ``sampling_rate``.
    """
    rate = pl.col("sampling_rate")
    return pl.when((rate > 0) & (rate <= 1)).then(1 / rate).otherwise(1.0)


def estimated(rows: pl.LazyFrame, by: list[pl.Expr | str], **counted: pl.Expr) -> pl.LazyFrame:
    """Estimate how many predictions there were, of all that were served, by group; and the variance of each number.

    Parameters
    ----------
    rows
        Predictions, with ``prediction_id``, ``request_id`` and ``sampling_rate``.
    by
        What they are grouped by.
    counted
        Name to which of them are counted (a condition); all of them stand as ``predictions``.

    Returns
    -------
    pl.LazyFrame
        The groups; for each name that was recorded (``recorded_<name>``), the estimate (``<name>``), and the estimate's
        variance (``<name>_variance``).

    Notes
    -----
    The estimator of Horvitz and Thompson and its unbiased variance (Saerndal, Swensson, Wretman, *Model Assisted Survey
    Sampling* (1992), section 2.8). Predictions of one request are recorded by one number that is hashed from its id:
    two of them, with the rates p and q, are both recorded with the probability min(p, q).
    """
    names = ["predictions", *counted]
    keys = [each if isinstance(each, str) else each.meta.output_name() for each in by]
    request = pl.coalesce("request_id", "prediction_id").alias("__request__")
    conditions = {"predictions": pl.lit(value=True), **counted}
    marked = rows.with_columns(
        *(each for each in by if not isinstance(each, str)),
        request,
        (1 / weight()).alias("__rate__"),
        *(conditions[name].fill_null(value=False).cast(pl.Float64).alias(f"__{name}__") for name in names),
    )
    of_request = marked.group_by(*keys, "__request__", "__rate__").agg(pl.col(f"__{name}__").sum() for name in names)
    pairs = of_request.join(of_request, on=[*keys, "__request__"], nulls_equal=True)
    p, q = pl.col("__rate__"), pl.col("__rate___right")
    both = pl.min_horizontal(p, q)
    variances = pairs.group_by(*keys).agg(
        ((1 / (p * q) - 1 / both) * pl.col(f"__{name}__") * pl.col(f"__{name}___right")).sum().alias(f"{name}_variance")
        for name in names
    )
    totals = of_request.group_by(*keys).agg(
        *(pl.col(f"__{name}__").sum().cast(pl.Int64).alias(f"recorded_{name}") for name in names),
        *((pl.col(f"__{name}__") / p).sum().alias(name) for name in names),
    )
    if not keys:
        return pl.concat([totals, variances], how="horizontal")
    return totals.join(variances, on=keys, nulls_equal=True)


def evened(store: LogStore, model: str, since: datetime | None = None, until: datetime | None = None) -> LogStore:
    """Return a log of which those predictions count that were, or would have been, recorded at one rate.

    Parameters
    ----------
    store
        The log.
    model, since, until
        Whose predictions count, and when: ``since <= occurred_at < until``.

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
    known: dict[Any, Evened] = derived(store, ("evened", model), ("predictions",), dict)
    if (since, until) not in known:
        made = _evened(store, model, since, until)
        while len(known) >= _PERIODS_KEPT:
            known.pop(next(iter(known)), None)
        known[since, until] = made
    made_even = replace(store, evened=known[since, until])
    made_even.__dict__["shelf"] = store.shelf
    return made_even


def _evened(store: LogStore, model: str, since: datetime | None, until: datetime | None) -> Evened:
    rows = _within(store, since, until).filter(nw.col("model_name") == model)
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
    mean = together(store, model, since, until)
    thin = Thinned(mean, 0.0, 1.0, nothing) if mean <= 1 else _thinned(store, model, rows, gone, chosen)
    if recorded - gone.len() - thin.left_out.len() < min(_FEWEST, recorded):
        thin = replace(thin, share=None, left_out=nothing)
    left_out = pl.concat([gone, thin.left_out]).sort()
    return Evened(chosen, highest, recorded, recorded - left_out.len(), served, rarer, thin, left_out)


def _thinned(store: LogStore, model: str, rows: nw.LazyFrame[Any], gone: pl.Series, rate: float) -> Thinned:
    """Say which of the predictions that are not gone count."""
    what = f"the predictions of {store.location}"
    request = nw.coalesce("request_id", "prediction_id").alias("request")
    mine = collected(rows.select("prediction_id", request, "occurred_at"), what).drop_nulls("prediction_id")
    return thinned(
        mine.join(gone.to_frame("prediction_id"), on="prediction_id", how="anti"),
        rate,
        lambda ids: _said(store, model, ids),
    )


def _said(store: LogStore, model: str, ids: pl.Series) -> pl.DataFrame:
    """Return score, decision and features of predictions whose ids stand once."""
    wanted = ids.to_frame("prediction_id").lazy()
    predictions = store.table("predictions")
    outputs = predictions.collect_schema()["outputs"]
    score = pl.col("outputs").struct.field("score") if _has_score(outputs) else pl.lit(None, dtype=pl.Float64)
    own = predictions.select("prediction_id", score.alias("outputs.score"), "decision")
    found = collect(own.join(wanted, on="prediction_id", how="semi"), f"the predictions of {store.location}")
    found = found.unique("prediction_id", keep="none")
    if model not in store.models():
        return found
    features = store.inputs(model).join(wanted, on="prediction_id", how="semi")
    flat = [
        name for name, dtype in features.collect_schema().items() if name != "recorded_at" and not dtype.is_nested()
    ]
    inputs = collect(features.select(flat), f"the inputs of {model}").unique("prediction_id", keep="none")
    names = {name: f"inputs.{name}" for name in flat if name != "prediction_id"}
    return found.join(inputs.rename(names), on="prediction_id", how="left")


def _has_score(outputs: pl.DataType) -> bool:
    return isinstance(outputs, pl.Struct) and any(each.name == "score" for each in outputs.fields)


def recorded_only(store: LogStore, model: str | None, since: datetime | None, until: datetime | None) -> str | None:
    """Return what must be said of an answer about predictions one by one, where others were served beside them.

    Returns
    -------
    str or None
        One sentence without its full stop; None where no prediction states a rate below 1.
    """
    if not is_sampled(store, model, since, until):
        return None
    return (
        "some predictions were recorded by a sampling rule: each counts once here, and those that were served and not "
        "recorded are in no number"
    )


def is_sampled(store: LogStore, model: str | None, since: datetime | None, until: datetime | None) -> bool:
    """Say whether a prediction of a model (of any for None) states that others were not recorded: a rate below 1."""
    rate = nw.col("sampling_rate")
    # Asked of the rate alone first: where no row states one, which statistics of the files tell, none is read.
    stated = _within(store, since, until).filter(~rate.is_null() & (rate > 0) & (rate < 1))
    what = f"the predictions of {store.location}"
    if not collected(stated.select(rate).head(1), what).height:
        return False
    if model is None:
        return True
    return bool(collected(stated.filter(nw.col("model_name") == model).select(rate).head(1), what).height)


def together(store: LogStore, model: str, since: datetime | None, until: datetime | None) -> float:
    """Return how many predictions a request has in the mean, of those of a model recorded at a rate below 1.

    Requests are sampled, and all of one with it: its predictions are not sampled apart from each other.
    """
    rate = nw.col("sampling_rate")
    rows = _within(store, since, until).filter(~rate.is_null() & (rate > 0) & (rate < 1), nw.col("model_name") == model)
    request = rows.select(nw.coalesce("request_id", "prediction_id").alias("request"))
    sizes = request.group_by("request").agg(nw.len().alias("size"))
    counted = sizes.select(nw.col("size").sum().alias("rows"), nw.len().alias("requests"))
    found = collected(counted, f"the predictions of {store.location}").row(0, named=True)
    return int(found["rows"]) / int(found["requests"]) if found["requests"] else 1.0


def _within(store: LogStore, since: datetime | None, until: datetime | None) -> nw.LazyFrame[Any]:
    rows = store.frame("predictions", since, until)
    if since is not None:
        rows = rows.filter(nw.col("occurred_at") >= since)
    return rows if until is None else rows.filter(nw.col("occurred_at") < until)


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


def _read(store: LogStore) -> Sampled | None:
    rows = table_rows(store, "events", pl.col("kind") == SAMPLED)
    counts: dict[tuple[str, float], list[int]] = {}
    for payload in rows["payload"]:
        for rule, rate, seen, recorded in _rules(payload):
            count = counts.setdefault((rule, rate), [0, 0])
            count[0] += seen
            count[1] += recorded
    if not counts:
        return None
    rules = tuple(Rule(rule, rate, *count) for (rule, rate), count in sorted(counts.items()))
    known = store.table("predictions").select("prediction_id")
    later = {}
    for table, words in _LATER.items():
        if store.source.tables().get(table):
            unknown = store.table(table).join(known, on="prediction_id", how="anti").select(pl.len())
            later[words] = int(collect(unknown, f"the {table} of {store.location}").item())
    return Sampled(rules, later)


def _rules(payload: str | None) -> list[tuple[str, float, int, int]]:
    """Read an event; one that says nothing that can be understood says nothing."""
    try:
        said = json.loads(payload or "")["rules"]
        return [(str(one["rule"]), float(one["rate"]), int(one["seen"]), int(one["recorded"])) for one in said]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return []
