"""The background of an explanation: which recorded decisions the explained one is compared with, and their digest."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import AuditLabError
from audit_lab.log.files.reading import collect
from audit_lab.log.samplings import weight

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

__all__ = ["BackgroundRows", "choose_background", "eligible_rows"]

#: With fewer earlier decisions than this, decisions of the same version at any time are taken.
_FEWEST_EARLIER = 20

_DIFFERENT = 2
_BYTES, _SPARE, _RANGE = 8, 11, 2.0**53

_NOT_FEATURES = ("prediction_id", "recorded_at", "supersedes")


@dataclass(frozen=True)
class BackgroundRows:
    """Recorded inputs that stand for what the model usually sees.

    Parameters
    ----------
    frame
        One column for each recorded feature, one row for each of `ids`, in that order.
    ids
        The prediction ids of the rows.
    sha256
        Digest (hexadecimal) of ids and values in canonical text.
    description
        How the rows were chosen, in a sentence.
    later
        How many of the rows were decided no earlier than the explained decision.
    """

    frame: pl.DataFrame
    ids: tuple[str, ...]
    sha256: str
    description: str
    later: int = 0

    @cached_property
    def content_sha256(self) -> str:
        """Digest (hexadecimal) of ids and values as they are, which `sha256` only states."""
        return _digest(self.ids, self.frame)


def choose_background(
    predictions: pl.LazyFrame,
    inputs: pl.LazyFrame,
    model_name: str,
    model_version: str,
    before: datetime,
    *,
    rows: int = 100,
    seed: int = 0,
    prediction_id: str | None = None,
    eligible: pl.DataFrame | None = None,
) -> BackgroundRows:
    """Choose background rows so that everybody who asks again gets the same ones.

    Of the decisions that the same model version took before `before` and whose inputs were recorded, take those with
    the smallest SHA-256 of ``seed|prediction_id``. Where fewer than 20 exist, decisions of that version at any time
    are eligible; the description and `later` say so. An id that stands more than once in either table is never taken.
    Where they were recorded at different rates each is as likely to be taken as the served ones that it stands for,
    whatever is recorded later: see `eligible_rows`.

    Parameters
    ----------
    predictions, inputs
        The log's predictions and the inputs of the model; `inputs` has a column ``prediction_id``.
    model_name, model_version
        Whose decisions are eligible.
    before
        When the explained decision was taken.
    rows
        How many rows at most.
    seed
        Another seed gives other rows.
    prediction_id
        The explained decision, which is never part of its own background.
    eligible
        What `eligible_rows` gave for the same tables, version and seed, where that is at hand.

    Raises
    ------
    AuditLabError
        No row is eligible.
    """
    if eligible is None:
        eligible = eligible_rows(predictions, inputs, model_name, model_version, seed)
    times = eligible.filter(pl.col("prediction_id").ne_missing(pl.lit(prediction_id, dtype=pl.String)))
    earlier = times.filter(pl.col("occurred_at") < before)
    whole = earlier.height < _FEWEST_EARLIER
    pool = times if whole else earlier
    if pool.is_empty():
        raise AuditLabError(
            f"no other decision of {model_name} {model_version} has recorded inputs, so there is no background",
            "Record the inputs of this version's decisions; without any, SHAP and LIME have nothing to compare with.",
        )
    ids = pool["prediction_id"].head(rows).to_list()
    known_earlier = set(earlier["prediction_id"] if whole else ids)
    order = pl.LazyFrame({"prediction_id": ids, "_order": range(len(ids))})
    chosen = collect(order.join(inputs, on="prediction_id", how="inner").sort("_order"), f"inputs/{model_name}")
    frame = chosen.drop("_order", *_NOT_FEATURES, strict=False)
    return BackgroundRows(
        frame,
        tuple(ids),
        _digest(ids, frame),
        f"{len(ids)} of {pool.height} decisions of {model_name} {model_version} with recorded inputs, "
        f"{_when(before, whole=whole)}; those with the smallest {_rule(pool['rate'], seed)}",
        later=sum(name not in known_earlier for name in ids),
    )


def eligible_rows(
    predictions: pl.LazyFrame, inputs: pl.LazyFrame, model_name: str, model_version: str, seed: int
) -> pl.DataFrame:
    """Return ``prediction_id`` and ``occurred_at`` of decisions that may be in a background, in the order of choice.

    They are those of the version whose id is unique and whose inputs exist, sorted by the SHA-256 of
    ``seed|prediction_id``: the same for every decision of the version. ``rate`` is at which each was recorded.

    Notes
    -----
    Where rates differ the order is that of ``-rate * ln(1 - u)``, u being the first 53 bits of the SHA-256 as a share
    of all: a sample without replacement with the weights 1 / rate (Efraimidis and Spirakis, *Weighted random sampling
    with a reservoir* (2006)). Of equal rates it is the order of the SHA-256.
    """
    rate = 1 / weight() if "sampling_rate" in predictions.collect_schema() else pl.lit(1.0)
    versions = (
        predictions.with_columns(rate=rate)
        .group_by("prediction_id")
        .agg(pl.len().alias("places"), pl.col("occurred_at", "model_name", "model_version", "rate").first())
    )
    recorded = inputs.group_by("prediction_id").agg(pl.len().alias("rows"))
    mine = (pl.col("model_name") == model_name) & (pl.col("model_version") == model_version)
    eligible = (
        versions.filter((pl.col("places") == 1) & mine)
        .join(recorded.filter(pl.col("rows") == 1), on="prediction_id", how="inner")
        .select("prediction_id", "occurred_at", "rate")
    )
    found = collect(eligible, f"predictions, or inputs/{model_name},")
    digests = [_order(seed, name) for name in found["prediction_id"]]
    waits = [-math.log1p(-(int.from_bytes(digest[:_BYTES], "big") >> _SPARE) / _RANGE) for digest in digests]
    first = pl.Series(waits, dtype=pl.Float64) * found["rate"]
    order = found.with_columns(_first=first, _order=pl.Series(digests, dtype=pl.Binary))
    by = ["_order"] if found["rate"].n_unique() < _DIFFERENT else ["_first", "_order"]
    return order.sort(by).drop("_first", "_order")


def _rule(rates: pl.Series, seed: int) -> str:
    rule = f"SHA-256 of '{seed}|prediction_id'"
    if rates.n_unique() < _DIFFERENT:
        return rule
    lowest, highest = rates.to_numpy().min(), rates.to_numpy().max()
    return f"{rule}, weighed by one over the rates of {lowest:g} to {highest:g} at which they were recorded"


def _order(seed: int, prediction_id: str) -> bytes:
    return hashlib.sha256(f"{seed}|{prediction_id}".encode()).digest()


def _digest(ids: Iterable[str], frame: pl.DataFrame) -> str:
    """Digest one JSON line for the column names (sorted) and one for each row: its id, then its values."""
    ordered = frame[sorted(frame.columns)]
    digest = hashlib.sha256()
    rows = [[name, *row] for name, row in zip(ids, ordered.rows(), strict=True)]
    for line in (["prediction_id", *ordered.columns], *rows):
        digest.update(json.dumps(line, ensure_ascii=False, separators=(",", ":"), default=str).encode() + b"\n")
    return digest.hexdigest()


def _when(before: datetime, *, whole: bool) -> str:
    when = f"before {before.isoformat()}"
    return f"at any time, because fewer than {_FEWEST_EARLIER} were decided {when}" if whole else f"decided {when}"
