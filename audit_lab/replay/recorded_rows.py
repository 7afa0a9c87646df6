"""The recorded predictions of a window with their inputs beside them, read in chunks, so that memory does not grow.

Rows come in the order in which the log holds them, model by model: the same window gives the same chunks each time,
which is what lets a replay that was stopped go on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.engines.choice import engine_named
from audit_lab.log.erasure.erased import erased_ids
from audit_lab.log.files.reading import reading
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.search import pairing
from audit_lab.log.search.query import find
from audit_lab.log.search.wide import INPUT, Beside
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.following import with_followed, with_followed_versions
from audit_lab.replay.readiness import ERASED, ERASED_INPUTS, FAILED, HAS_INPUTS, REDACTED, REPEATED, REPEATED_INPUTS
from audit_lab.replay.redacted import is_redacted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from audit_lab.log.search.query import Question
    from audit_lab.log.store import LogStore

__all__ = ["CHUNK_ROWS", "Chunk", "RecordedRows", "recorded"]

#: Large enough that what each chunk costs besides its rows does not count, small enough for a hundred features.
CHUNK_ROWS = 65_536

_ID = "prediction_id"
_ENVIRONMENT = "environment"
_WHICH = ["place", "occurred_at", "model_name", "model_version"]


@dataclass(frozen=True)
class Chunk:
    """Some rows of a part (a model's predictions), and which chunk of it they are.

    `rows` has ``prediction_id``, ``place``, ``occurred_at``, ``model_name``, ``model_version`` (the one that follows
    from the deployments, where none is stated: `audit_lab.replay.following.SAID` tells that), ``threshold``,
    ``recorded_score``, ``recorded_label``, ``recorded_probabilities``, ``recorded_rule``, ``recorded_decision``, a
    column named with the prefix `FEATURE` for each column of the model's inputs, and the flags that
    `audit_lab.replay.readiness` names.
    """

    part: int
    number: int
    rows: pl.DataFrame


def recorded() -> list[pl.Expr]:
    """Return what a replay compares with, from the columns of the predictions."""
    outputs = pl.col("outputs").struct
    return [
        pl.col("prediction_id"),
        pl.col("place"),
        pl.col("occurred_at"),
        pl.col("model_name"),
        pl.col("model_version"),
        pl.col("threshold"),
        *(outputs.field(name).alias(f"recorded_{name}") for name in ("score", "label", "probabilities")),
        pl.col("decision_rule").alias("recorded_rule"),
        pl.col("decision").alias("recorded_decision"),
        pl.col("error").is_not_null().alias(FAILED),
    ]


class RecordedRows:
    """What a question finds, in chunks.

    Parameters
    ----------
    store
        The log.
    question
        Which predictions. An expression is answered by the log's engine first; rows are always read by polars.
    chunk_rows
        Rows of a chunk; the last one of a part may have fewer.

    Raises
    ------
    MisuseError, NotFoundError
        As `audit_lab.log.search.query.find`.
    """

    def __init__(self, store: LogStore, question: Question, chunk_rows: int = CHUNK_ROWS) -> None:
        self._question = question
        self._chunk_rows = chunk_rows
        self._found = None if question.expression is None else find(store, question).select(*_WHICH, _ENVIRONMENT)
        # An engine for whole tables brings nothing to rows that all come into this process.
        self._store = store if store.engine.name == "polars" else replace(store, engine=engine_named("polars"))
        known = self._store.models()
        self.models: tuple[str | None, ...] = (question.model,) if question.model else (*known, None)

    def first_version(self) -> tuple[str | None, str | None, datetime | None] | None:
        """Return model, version and time of one of the first predictions; None where they are not to be had at once.

        Raises
        ------
        LogError
            A table cannot be read.
        """
        question = self._question
        if self._found is not None:
            found: pl.DataFrame = self._found.head(1)
        else:
            predictions = Beside(self._store, (), question.since, question.until).predictions().to_native()
            same = pl.col("model_name").eq_missing(pl.lit(self.models[0]))
            head = predictions.select(*_WHICH[1:], _ENVIRONMENT).head(self._chunk_rows).filter(same).head(1)
            with reading(f"the predictions of {self._store.location}"):
                found = head.collect()
        known = with_followed(self._store, found)
        return next(known.select("model_name", "model_version", "occurred_at").iter_rows(), None)

    def versions(self) -> pl.DataFrame:
        """Return the versions of the predictions: model, version, how many (``predictions``), ``first`` time.

        Where a prediction states none, its version is the one that follows from the deployments; of how many that is
        so, ``unstated`` says.

        Raises
        ------
        LogError
            A table cannot be read.
        """
        question = self._question
        if self._found is not None:
            found = self._found.lazy()
        else:
            found = Beside(self._store, (), question.since, question.until).predictions().to_native()
        if question.model is not None:
            found = found.filter(pl.col("model_name") == question.model)
        keys = ["model_name", "model_version"]
        counted = (
            with_followed_versions(self._store, found.with_columns(unstated=pl.col("model_version").is_null()))
            .group_by(keys)
            .agg(
                pl.len().cast(pl.Int64).alias("predictions"),
                pl.col("occurred_at").min().alias("first"),
                pl.col("unstated").sum(),
            )
        )
        with reading(f"the predictions of {self._store.location}"):
            told: pl.DataFrame = counted.sort(keys, nulls_last=True).collect()
        return told

    def chunks(self, done: frozenset[tuple[int, int]] = frozenset()) -> Iterator[Chunk]:
        """Yield the chunks in order.

        Parameters
        ----------
        done
            Parts and numbers of chunks that are not wanted; where they come first in a part, their rows are not read.

        Raises
        ------
        LogError
            A table cannot be read.
        """
        for part, model in enumerate(self.models):
            first = 0
            while (part, first) in done:
                first += 1
            frame = self._frame(model)
            for number, rows in enumerate(self._rechunked(frame, first * self._chunk_rows), first):
                if (part, number) not in done:
                    yield Chunk(part, number, rows)

    def _frame(self, model: str | None) -> pl.LazyFrame:
        """Return the predictions of a model, or those of models without inputs, coded by what is a row's own."""
        store, question = self._store, self._question
        known = store.models()
        if model is None or model not in known:
            frame = Beside(store, (), question.since, question.until).predictions().to_native()
            own = ~pl.col("model_name").is_in(known) | pl.col("model_name").is_null()
            frame = frame.filter(own if model is None else pl.col("model_name") == model)
            columns = [pl.lit(None, dtype=pl.Boolean).alias(name) for name in (HAS_INPUTS, REPEATED_INPUTS)]
            columns.append(pl.lit(value=False).alias(ERASED_INPUTS))
        else:
            beside = Beside(store, (model,), question.since, question.until)
            frame = beside.frame().to_native()
            table = INPUTS_PREFIX + model
            twice = pairing.repeated_inputs(store, model)
            erased = erased_ids(store, table, list(beside.dtypes))
            columns = [pl.col(INPUT + name).alias(FEATURE + name) for name in beside.dtypes]
            columns += [
                pl.col(HAS_INPUTS),
                _among(twice).alias(REPEATED_INPUTS),
                _among(erased).alias(ERASED_INPUTS),
            ]
        repeated = pairing.repeated_ids(store, "predictions")
        gone = erased_ids(store, "predictions", ("outputs",))
        flags = [_among(repeated).alias(REPEATED), _among(gone).alias(ERASED), is_redacted(store).alias(REDACTED)]
        placed = frame.with_columns(place=pl.format("{}@{}:{}", pl.col(_ID), pl.col(SEGMENT), pl.col(ROW)))
        chosen = placed if self._found is None else self._among_found(placed, self._found)
        return chosen.select(*recorded(), *flags, *columns, _ENVIRONMENT)

    def _among_found(self, placed: pl.LazyFrame, found: pl.DataFrame) -> pl.LazyFrame:
        """Keep the rows that an expression found, in their order; a row without an id has no place."""
        return placed.join(found.lazy().select(_WHICH), on=_WHICH, how="semi", nulls_equal=True, maintain_order="left")

    def _rechunked(self, frame: pl.LazyFrame, skipped: int) -> Iterator[pl.DataFrame]:
        """Yield rows in chunks of one size, whatever batches they are read in."""
        pending: list[pl.DataFrame] = []
        held = 0
        what = f"the predictions of {self._store.location}"
        batches: Any = iter(
            frame.slice(skipped).collect_batches(chunk_size=self._chunk_rows, maintain_order=True, engine="streaming")
        )
        while True:
            with reading(what):
                batch = next(batches, None)
            if batch is None:
                break
            pending.append(with_followed(self._store, batch).drop(_ENVIRONMENT))
            held += batch.height
            while held >= self._chunk_rows:
                together = pl.concat(pending)
                yield together[: self._chunk_rows]
                pending, held = [together[self._chunk_rows :]], held - self._chunk_rows
        if held:
            yield pl.concat(pending)


def _among(ids: pl.Series) -> pl.Expr:
    """Return whether a prediction's id is one of these."""
    return pl.lit(value=False) if ids.is_empty() else pl.col(_ID).is_in(ids.implode())
