"""Ids of predictions: each once in a log, though vendors repeat ids, and files are handed over twice.

A record whose id the log has, with the same time, inputs and answers, says nothing new and is refused as repeated.
Otherwise the id was used again, and the exchange gets the id ``ID~2``, ``ID~3`` and so on. The instances of an exchange
with several are ``ID#0``, ``ID#1`` and so on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from audit_lab.capture.adapters.exchange import REPEATED, Refusal
from audit_lab.capture.adapters.part import Part, instance_names, label_text
from audit_lab.log.files.reading import collect
from audit_lab.log.schema import INPUTS_PREFIX, TIME
from audit_lab.log.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from audit_lab.capture.adapters.block import Exchange, Place
    from audit_lab.capture.adapters.exchange import Half
    from audit_lab.capture.adapters.part import Built
    from audit_lab.capture.adapters.settings import Settings
    from audit_lab.log.store import LogStore

__all__ = ["Named", "named", "repeated_labels"]

_INSTANCE = re.compile(r"#[0-9]+\Z")
_BASE = r"(~[0-9]+)?(#[0-9]+)?$"
_AGAIN = re.compile(r"(?:~[0-9]+)?(?:#[0-9]+)?\Z")


#: What the ids of repeated keys, and of instances, are made with.
_MARKS = "#~"


class Named(NamedTuple):
    """What became of the exchanges of a part.

    Attributes
    ----------
    ids
        The id of each.
    refused
        Exchange to why it is refused.
    completes
        Exchanges that only give the inputs of a prediction that the log has without any.
    """

    ids: list[str]
    refused: dict[int, Refusal]
    completes: set[int]


def named(
    log: Path,
    part: Part,
    settings: Settings,
    types: Callable[[str], pl.Schema],
) -> Named:
    """Give every exchange of a part an id that the log does not have; find those that say nothing new."""
    keys = part.keys()
    refused: dict[int, Refusal] = {}
    completes: set[int] = set()
    known = _Known(log, keys)
    if known.is_empty() and len(set(keys)) == len(keys) and not _has_mark(keys):
        return Named(keys, refused, completes)
    exchanges = part.exchanges
    told = _told_before(known, exchanges, settings, types) if not known.is_empty() else {}
    ids: list[str] = []
    earlier: dict[str, list[int]] = {}
    taken = known.taken
    for number, key in enumerate(keys):
        name = key
        if number in told:
            completes |= {number} if told[number] is None else set()
            if told[number] is not None:
                refused[number] = told[number]  # type: ignore[assignment]
        elif any(_same(exchanges[number], exchanges[each]) for each in earlier.get(key, ())):
            refused[number] = Refusal(REPEATED, "another record has the same id, time, inputs and answers")
        else:
            again = 1
            while name in taken:
                again += 1
                name = f"{key}~{again}"
            size = exchanges[number].size
            taken |= {name, _INSTANCE.sub("", name), *(f"{name}#{place}" for place in range(size if size > 1 else 0))}
            earlier.setdefault(key, []).append(number)
        ids.append(name)
    return Named(ids, refused, completes)


def _has_mark(keys: Sequence[str]) -> bool:
    text = "\n".join(keys)
    return any(mark in text for mark in _MARKS)


def _same(one: Exchange, other: Exchange) -> bool:
    said, same = one.decoded[:2], other.decoded[:2]
    # NaN is not equal to itself, and says the same all the same.
    return one.half.at == other.half.at and (said == same or repr(said) == repr(same))


class _Known:
    """The predictions that a log has of some keys."""

    def __init__(self, log: Path, keys: Sequence[str]) -> None:
        self.store: LogStore = open_store(log)
        self.taken: set[str] = set()
        self.rows: pl.DataFrame | None = None
        if not self.store.source.tables().get("predictions"):
            return
        asked = [_AGAIN.sub("", key) for key in keys] if _has_mark(keys) else keys
        wanted = pl.LazyFrame({"_base": pl.Series(asked, dtype=pl.String)}).unique()
        name, where = pl.col("prediction_id"), f"the predictions of {log}"
        marked = pl.any_horizontal(name.str.contains(mark, literal=True) for mark in _MARKS)
        base = name.str.replace(_BASE, "").alias("_base")
        predictions = self.store.table("predictions")
        # Most often the log has none of them, and one column shows that.
        bases = pl.concat([predictions.filter(~marked).select(_base=name), predictions.filter(marked).select(base)])
        if collect(bases.join(wanted, on="_base", how="semi").select(pl.len()), where).item() == 0:
            return
        rows = predictions.select("prediction_id", "occurred_at", "model_name", "outputs", base)
        self.rows = collect(rows.join(wanted, on="_base", how="semi"), where)
        names = self.rows["prediction_id"].to_list()
        self.taken = {*names, *(_INSTANCE.sub("", name) for name in names)}

    def is_empty(self) -> bool:
        return self.rows is None or self.rows.is_empty()


def _told_before(
    known: _Known, exchanges: Sequence[Exchange], settings: Settings, types: Callable[[str], pl.Schema]
) -> dict[int, Refusal | None]:
    """Return which exchanges the log has, or has without a side; None where only inputs are to be added."""
    concerned = [number for number, each in enumerate(exchanges) if each.half.key in known.taken]
    if not concerned or known.rows is None:
        return {}
    part = Part()
    for number in concerned:
        part.add(exchanges[number])
    keys = [exchanges[number].half.key for number in concerned]
    built = part.build(keys, settings, types)
    told: dict[int, Refusal | None] = {}
    for place, state in _states(known, built).items():
        number = concerned[place]
        if state == "same":
            told[number] = Refusal(REPEATED, "the log has a prediction with the same id, time, inputs and answers")
        elif state == "late-request":
            told[number] = None
        elif state == "late-response":
            reason = "the log has its request, without a response, since an earlier run; a sealed row is not changed"
            told[number] = Refusal(REPEATED, reason)
    return told


def _states(known: _Known, built: Built) -> dict[int, str]:
    """Compare the rows of exchanges with those that the log has under their ids, instance by instance."""
    rows = built.predictions.select("prediction_id", "occurred_at", "model_name", "outputs", "_owner")
    there = known.rows.with_columns(  # type: ignore[union-attr]
        name=pl.col("prediction_id").str.replace(r"~[0-9]+(#[0-9]+)?$", "$1")
    )
    joined = rows.join(there, left_on="prediction_id", right_on="name", how="inner", suffix="_there")
    digests, stored = _input_digests(known, built, joined)
    joined = joined.join(digests, on=["_owner", "prediction_id"], how="left").join(
        stored, left_on="prediction_id_there", right_on="prediction_id", how="left", suffix="_there"
    )
    at = pl.col("occurred_at").eq_missing(pl.col("occurred_at_there"))
    answered = pl.col("outputs").is_not_null()
    answered_there = pl.col("outputs_there").is_not_null()
    asked, asked_there = pl.col("values").is_not_null(), pl.col("values_there").is_not_null()
    same = (
        at & pl.col("outputs").eq_missing(pl.col("outputs_there")) & pl.col("values").eq_missing(pl.col("values_there"))
    )
    state = (
        pl.when(same)
        .then(pl.lit("same"))
        .when(asked & ~answered & answered_there & ~asked_there)
        .then(pl.lit("late-request"))
        .when(answered & ~asked & asked_there & ~answered_there)
        .then(pl.lit("late-response"))
    )
    counts = dict(built.predictions.group_by("_owner").len().iter_rows())
    found: dict[int, str] = {}
    # Each run that the log has of a key is one candidate: all instances have to agree with those of one of them.
    candidate = pl.col("prediction_id_there").str.replace(r"#[0-9]+$", "")
    told = joined.select("_owner", candidate=candidate, state=state).drop_nulls()
    for owner, _, state_, count in told.group_by("_owner", "candidate", "state").len().sort("_owner").iter_rows():
        if count == counts[owner]:
            found.setdefault(owner, state_)
    return found


def _input_digests(known: _Known, built: Built, joined: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the inputs of the exchanges, and those that the log has, each as one comparable text."""
    schema = {"prediction_id": pl.String, "values": pl.String}
    # Exchanges of one part may have one id, so that an id is not enough to tell whose inputs these are.
    mine, theirs = [pl.DataFrame(schema={"_owner": pl.UInt32, **schema})], [pl.DataFrame(schema=schema)]
    wanted = joined.select(prediction_id="prediction_id_there").unique()
    for model, frame in built.inputs.items():
        mine.append(frame.select("_owner", "prediction_id", values=_as_text(frame)))
        if INPUTS_PREFIX + model in known.store.source.tables():
            stored = known.store.table(INPUTS_PREFIX + model).join(wanted.lazy(), on="prediction_id", how="semi")
            rows = collect(stored, f"the inputs of {model}")
            theirs.append(rows.select("prediction_id", values=_as_text(rows)))
    return pl.concat(mine).unique(["_owner", "prediction_id"]), pl.concat(theirs).unique("prediction_id")


def _as_text(frame: pl.DataFrame) -> pl.Expr:
    """Return the values of a row that are not null, by name, as JSON."""
    left_out = {"prediction_id", "recorded_at", "_owner"}
    texts = [
        pl.when(pl.col(name).is_not_null()).then(pl.concat_str(pl.lit(f"{name}="), _said(frame, name), pl.lit(";")))
        for name in sorted(set(frame.columns) - left_out)
    ]
    return pl.concat_str(texts, ignore_nulls=True) if texts else pl.lit("")


def _said(frame: pl.DataFrame, name: str) -> pl.Expr:
    # JSON has neither NaN nor infinities.
    return pl.col(name).cast(pl.String) if frame[name].dtype.is_float() else pl.struct(name).struct.json_encode()


def repeated_labels(log: Path, labels: Sequence[tuple[Half, list[Any], Place]]) -> set[int]:
    """Return the numbers of the label records that say what the log, or an earlier one of them, says already."""
    if not labels:
        return set()
    schema = pl.Schema(
        {"_number": pl.UInt32(), "prediction_id": pl.String(), "observed_at": pl.Int64(), "label": pl.String()}
    )
    rows = [
        (number, name, at, label_text(value)[0])
        for number, (half, values, _) in enumerate(labels)
        for name, at, value in zip(instance_names(half.key, len(values)), [half.at] * len(values), values, strict=True)
    ]
    said = pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.col("observed_at").cast(TIME))
    counts = said.group_by("_number").len()
    first = said.select(first=pl.struct("prediction_id", "observed_at", "label").is_first_distinct())["first"]
    repeated = said.filter(~first)
    store = open_store(log)
    if store.source.tables().get("outcomes"):
        stored = store.table("outcomes").select("prediction_id", "observed_at", "label")
        there = collect(stored.join(said.lazy(), on=["prediction_id", "label"], how="semi"), f"the outcomes of {log}")
        timed = said.filter(pl.col("observed_at").is_not_null()).join(
            there, on=["prediction_id", "observed_at", "label"], how="semi"
        )
        untimed = said.filter(pl.col("observed_at").is_null()).join(there, on=["prediction_id", "label"], how="semi")
        repeated = pl.concat([repeated, timed, untimed]).unique()
    whole = repeated.group_by("_number").len().join(counts, on=["_number", "len"], how="semi")
    return set(whole["_number"].to_list())
