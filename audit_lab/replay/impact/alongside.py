"""Further columns of the predictions, read in step with the chunks of a replay, which does without them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.engines.choice import engine_named
from audit_lab.log.files.reading import reading
from audit_lab.log.search.wide import Beside
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.replay.recorded_rows import CHUNK_ROWS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from audit_lab.log.search.query import Question
    from audit_lab.log.store import LogStore
    from audit_lab.replay.recorded_rows import Chunk

__all__ = ["PREDICTION", "Alongside"]

#: What the name of a column of the predictions begins with beside what a replay reads of them.
PREDICTION = "predictions."

_PLACE = "__place__"


class Alongside:
    """Reads the predictions of a question once more, and puts columns of theirs beside chunks of the same question.

    Parameters
    ----------
    store, question
        As of the chunks.
    models
        The model of each part, as `audit_lab.replay.recorded_rows.RecordedRows` has them.
    columns
        Names of columns of the predictions.
    """

    def __init__(
        self, store: LogStore, question: Question, models: Sequence[str | None], columns: Collection[str]
    ) -> None:
        self._store = store if store.engine.name == "polars" else replace(store, engine=engine_named("polars"))
        self._question = question
        self._models = models
        self._columns = sorted(columns)
        self._part: int | None = None
        self._batches: Iterator[pl.DataFrame] = iter(())
        self._rest: pl.DataFrame | None = None

    def rows(self, chunk: Chunk) -> pl.DataFrame:
        """Return the rows of a chunk with the columns, each named with the prefix `PREDICTION`.

        Chunks come in the order of the log; some may be left out. A row without an id has no place, and nulls here.

        Raises
        ------
        LogError
            The predictions cannot be read.
        """
        if not self._columns:
            return chunk.rows
        if chunk.part != self._part:
            self._part = chunk.part
            self._batches, self._rest = self._read(self._models[chunk.part]), None
        beside = self._found(chunk.rows["place"])
        return chunk.rows.join(beside, left_on="place", right_on=_PLACE, how="left", maintain_order="left")

    def _found(self, places: pl.Series) -> pl.DataFrame:
        """Return what stands at some places, which are in the order of the log; what lies before them is let go."""
        wanted = places.drop_nulls()
        found = [self._nothing()]
        if not wanted.len():
            return found[0]
        last = wanted[-1]
        while True:
            batch = self._rest if self._rest is not None else next(self._batches, None)
            self._rest = None
            if batch is None:
                return pl.concat(found)
            end = batch[_PLACE].index_of(last)
            here = batch if end is None else batch[: end + 1]
            found.append(here.filter(pl.col(_PLACE).is_in(wanted.implode())))
            if end is not None:
                self._rest = batch[end + 1 :]
                return pl.concat(found)

    def _nothing(self) -> pl.DataFrame:
        schema = self._store.table("predictions").collect_schema()
        return pl.DataFrame(schema={_PLACE: pl.String(), **{PREDICTION + name: schema[name] for name in self._columns}})

    def _read(self, model: str | None) -> Iterator[pl.DataFrame]:
        known = [name for name in self._models if name is not None]
        frame: pl.LazyFrame = (
            Beside(self._store, (), self._question.since, self._question.until).predictions().to_native()
        )
        named = pl.col("model_name")
        own = named == model if model is not None else ~named.is_in(known) | named.is_null()
        place = pl.format("{}@{}:{}", pl.col("prediction_id"), pl.col(SEGMENT), pl.col(ROW)).alias(_PLACE)
        columns = [pl.col(name).alias(PREDICTION + name) for name in self._columns]
        chosen = frame.filter(own).select(place, *columns)
        batches: Any = iter(chosen.collect_batches(chunk_size=CHUNK_ROWS, maintain_order=True, engine="streaming"))
        while True:
            with reading(f"the predictions of {self._store.location}"):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch
