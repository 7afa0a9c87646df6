"""What a log says of predictions that were served and not recorded: by which rule, how many, and what for others stand.

A recorder that samples counts what it sees, and says so about once a minute in an event. Each of its records states the
probability with which it was recorded; one over that is its weight.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from audit_lab.log.engines.answers import collected
from audit_lab.log.files.printable import printable
from audit_lab.log.files.reading import collect
from audit_lab.log.index.shelf import derived, table_rows

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.log.store import LogStore

__all__ = [
    "SAMPLED",
    "Rule",
    "Sampled",
    "estimated",
    "is_sampled",
    "recorded_only",
    "sampled",
    "together",
    "weight",
    "within",
]

#: The kind of the events.
SAMPLED = "recorder.sampled"

_LATER = {"overrides": "overrides", "outcomes": "outcomes"}


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
    stated = within(store, since, until).filter(~rate.is_null() & (rate > 0) & (rate < 1))
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
    rows = within(store, since, until).filter(~rate.is_null() & (rate > 0) & (rate < 1), nw.col("model_name") == model)
    request = rows.select(nw.coalesce("request_id", "prediction_id").alias("request"))
    sizes = request.group_by("request").agg(nw.len().alias("size"))
    counted = sizes.select(nw.col("size").sum().alias("rows"), nw.len().alias("requests"))
    found = collected(counted, f"the predictions of {store.location}").row(0, named=True)
    return int(found["rows"]) / int(found["requests"]) if found["requests"] else 1.0


def within(store: LogStore, since: datetime | None, until: datetime | None) -> nw.LazyFrame[Any]:
    """Return the predictions of ``since <= occurred_at < until``, for the log's engine."""
    rows = store.frame("predictions", since, until)
    if since is not None:
        rows = rows.filter(nw.col("occurred_at") >= since)
    return rows if until is None else rows.filter(nw.col("occurred_at") < until)


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
