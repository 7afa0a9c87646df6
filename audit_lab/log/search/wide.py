"""One row per prediction with its features beside it: what searches, drift and cohorts look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.engines.answers import collected
from audit_lab.log.index.shelf import derived
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.search.pairing import Order, order_of, repeated_ids
from audit_lab.log.segments import ROW, SEGMENT, SegmentSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from audit_lab.log.store import LogStore

__all__ = ["HAS_INPUTS", "INPUT", "Beside", "once", "side_by_side", "wide", "wide_columns"]

#: What the name of a feature's column begins with beside those of the prediction, so that it may bear any name.
INPUT = "inputs/"
#: The column that says whether a prediction has inputs, true or null.
HAS_INPUTS = "__has_inputs__"

_OWN = ("prediction_id", "occurred_at", "model_name", "model_version", "score", "label", "decision")
#: Through what it came; a feature that bears one of these names goes before.
_THROUGH = ("endpoint", "node")
_ID = "prediction_id"
_KEYS = (_ID, "recorded_at", SEGMENT, ROW)

#: Inputs of up to so many predictions are picked by their ids; for more, the tables are joined.
_FEW = 200_000
#: In files with up to so many rows it is counted how many lie in a time range.
_FEW_TO_COUNT = 4_000_000


def wide(
    store: LogStore, model: str, since: datetime | None = None, until: datetime | None = None
) -> tuple[nw.LazyFrame[Any], list[str]]:
    """Put a model's predictions and their inputs side by side, on the log's engine; never multiplies rows.

    Parameters
    ----------
    store, model
        The log and the model.
    since, until
        Only predictions of ``since <= occurred_at < until``.

    Returns
    -------
    frame, features
        `frame` has its id, time, model, version, score, label and decision and a column for each feature; a feature
        that bears one of those names is prefixed with ``inputs.``. Endpoint and node stand beside, unless a feature is
        called so. Predictions without inputs, or whose id stands twice among them, have nulls there.
    """
    if model not in store.models():
        predictions = Beside(store, (), since, until).predictions()
        return predictions.filter(nw.col("model_name") == model).select(*wide_columns(())[0]), []
    beside = Beside(store, (model,), since, until)
    columns, features = wide_columns(beside.dtypes)
    return beside.frame().select(*columns), features


def wide_columns(names: Iterable[str]) -> tuple[list[nw.Expr], list[str]]:
    """Return the columns that `wide` gives of predictions with features of these names, and what it calls features."""
    outputs = nw.col("outputs").struct
    own = {name: nw.col(name) for name in _OWN} | {each: outputs.field(each) for each in ("score", "label")}
    called = {name: f"inputs.{name}" if name in _OWN else name for name in names}
    beside = [nw.col(name) for name in _THROUGH if name not in called.values()]
    features = [nw.col(INPUT + name).alias(other) for name, other in called.items()]
    return [*(expr.alias(name) for name, expr in own.items()), *beside, *features], list(called.values())


@dataclass(frozen=True)
class Beside:
    """Predictions of some models with their inputs beside them, on the log's engine.

    Of a store whose predictions are evened out (`LogStore.evened`) those that do not count are left out.

    A feature is a column named with the prefix `INPUT`; `HAS_INPUTS` says whether a prediction has inputs. Where they
    are missing, or stand twice under its id, these columns are null.

    Parameters
    ----------
    store
        The log.
    models
        The models whose predictions and inputs are wanted.
    since, until
        Only predictions of ``since <= occurred_at < until``.
    """

    store: LogStore
    models: tuple[str, ...]
    since: datetime | None = None
    until: datetime | None = None

    @cached_property
    def dtypes(self) -> dict[str, pl.DataType]:
        """The features of the models, in the order in which they have them, and the type of each over all models.

        Raises
        ------
        NotFoundError
            The log holds no inputs of one of the models.
        MisuseError
            Two models have a feature of one name whose types do not go together.
        """
        from audit_lab.log.unification import widened

        found: dict[str, pl.DataType] = {}
        for model in self.models:
            for name, dtype in self.store.inputs(model).collect_schema().items():
                if name in _KEYS:
                    continue
                known = found.get(name, dtype)
                # Two models' numbers of one name are searched together, and not stored: double precision will do.
                wider = widened(known, dtype) or (pl.Float64() if known.is_numeric() and dtype.is_numeric() else None)
                if wider is None:
                    raise MisuseError(
                        f"the models {', '.join(self.models)} disagree on the feature {name}: "
                        f"{found[name]} and {dtype}",
                        "Name one of them, as model=... or --model.",
                    )
                found[name] = wider
        return found

    def predictions(self) -> nw.LazyFrame[Any]:
        """Return the predictions of every model, with where they stand, without inputs."""
        return self._counting(self._every())

    def frame(self, features: Sequence[str] | None = None, *, others: bool = False) -> nw.LazyFrame[Any]:
        """Return the predictions of the models, in no particular order.

        Parameters
        ----------
        features
            The features wanted; all when omitted.
        others
            Whether predictions of other models, or of none, are wanted too; they have no inputs.
        """
        wanted = list(self.dtypes if features is None else features)
        frames = [self._of_model(model, wanted) for model in self.models]
        if others:
            foreign = nw.col("model_name").is_null() | ~nw.col("model_name").is_in(list(self.models))
            nothing = [nw.lit(None, self._as_narwhals[name]).alias(INPUT + name) for name in wanted]
            rest = self.predictions().filter(foreign) if self.models else self.predictions()
            frames.append(rest.with_columns(*nothing, nw.lit(None, nw.Boolean()).alias(HAS_INPUTS)))
        return frames[0] if len(frames) == 1 else nw.concat(frames, how="vertical")

    def named(self) -> list[nw.Expr]:
        """Return each feature of a table of inputs that has all of them, named with the prefix `INPUT`."""
        return [self._feature(name, there=True) for name in self.dtypes]

    def inputs_of(self, ids: pl.Series) -> pl.DataFrame:
        """Return ``prediction_id``, ``model_name`` and the struct ``inputs`` of predictions that have any."""
        schema = {_ID: pl.String(), "model_name": pl.String(), "inputs": pl.Struct(self.dtypes)}
        if ids.is_empty() or not self.models:
            return pl.DataFrame(schema=schema)
        answers = []
        for model in self.models:
            rows = self._picked(once(self.store, model), ids)
            answer = collected(rows, f"the inputs of {self.store.location}")
            fields = [
                pl.col(name).cast(dtype) if name in answer.columns else pl.lit(None, dtype=dtype).alias(name)
                for name, dtype in self.dtypes.items()
            ]
            made = pl.struct(fields) if fields else pl.lit(None, dtype=pl.Struct({}))
            answers.append(answer.select(_ID, pl.lit(model).alias("model_name"), made.alias("inputs")))
        return pl.concat(answers)

    def _of_model(self, model: str, features: list[str]) -> nw.LazyFrame[Any]:
        has = set(self.store.inputs(model).collect_schema())
        named = [self._feature(name, there=name in has) for name in features]
        predictions = self.predictions().filter(nw.col("model_name") == model)
        if self.store.engine.name == "polars":
            ids = self._few_ids(predictions)
            if ids is not None:
                # Every row of these ids is picked, so an id that stands twice among all inputs shows here.
                inputs = self._picked(self.store.inputs_frame(model), ids).unique(subset=[_ID], keep="none")
                return _joined(predictions, self._flagged(inputs, named))
            beside = self._in_order(model, named)
            if beside is not None:
                return self._counting(beside)
            return _joined(predictions, self._flagged(once(self.store, model), named))
        return predictions.join(self._flagged(once(self.store, model, features), named), on=_ID, how="left")

    def _few_ids(self, predictions: nw.LazyFrame[Any]) -> pl.Series | None:
        """Return the ids of the predictions where a time range leaves few of them."""
        if self.since is None and self.until is None:
            return None
        source = self.store.source
        rows = source.rows_between("predictions", self.since, self.until) if isinstance(source, SegmentSource) else None
        if rows is not None and len(rows) > _FEW_TO_COUNT:
            return None
        ids = collected(predictions.select(_ID), f"the predictions of {self.store.location}")[_ID]
        return ids if ids.len() <= _FEW else None

    def _in_order(self, model: str, features: list[nw.Expr]) -> nw.LazyFrame[Any] | None:
        """Put two tables side by side whose rows follow one another in the same order; None where they do not."""
        order = order_of(self.store, model)
        every = self.since is None and self.until is None
        if order is Order.APART or (order is Order.WITHOUT_OTHERS and not every):
            return None
        if every:
            predictions = self._every()
            if order is Order.WITHOUT_OTHERS:
                predictions = predictions.filter(nw.col("model_name") == model)
            return side_by_side(predictions, self.store.inputs_frame(model), features)
        source = self.store.source
        if not isinstance(source, SegmentSource):
            return None
        rows = source.rows_between("predictions", self.since, self.until)
        if rows is None or not self._states_rows(model):
            return None
        one, other = (nw.from_native(source.scan_rows(name, rows)) for name in ("predictions", INPUTS_PREFIX + model))
        return self._within(side_by_side(one, other, features))

    def _every(self) -> nw.LazyFrame[Any]:
        return self._within(self.store.frame("predictions", self.since, self.until))

    def _counting(self, predictions: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Leave out what does not count where predictions are evened out; the others keep their order on polars."""
        evened = self.store.evened
        if evened is None or evened.left_out.is_empty():
            return predictions
        gone = self.store.engine.local(evened.left_out.to_frame(_ID))
        if not predictions.implementation.is_polars():
            return predictions.join(gone, on=_ID, how="anti")
        kept = predictions.to_native().join(gone.to_native(), on=_ID, how="anti", maintain_order="left")
        found: nw.LazyFrame[Any] = nw.from_native(kept)
        return found

    def _states_rows(self, model: str) -> bool:
        """Whether the files of both tables have the rows that the manifest states, so that rows go by their number."""
        tables = ("predictions", INPUTS_PREFIX + model)
        source = self.store.source
        if not isinstance(source, SegmentSource):
            return False
        return derived(
            self.store, ("states rows", model), tables, lambda: all(source.states_rows(name) for name in tables)
        )

    def _flagged(self, inputs: nw.LazyFrame[Any], features: list[nw.Expr]) -> nw.LazyFrame[Any]:
        return inputs.select(_ID, *features, nw.lit(value=True).alias(HAS_INPUTS))

    def _within(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        if self.since is not None:
            frame = frame.filter(nw.col("occurred_at") >= self.since)
        return frame if self.until is None else frame.filter(nw.col("occurred_at") < self.until)

    def _picked(self, inputs: nw.LazyFrame[Any], ids: pl.Series) -> nw.LazyFrame[Any]:
        """Return the rows of inputs that have one of these ids."""
        chosen = ids.drop_nulls().unique()
        if chosen.len() <= _FEW and self.store.engine.name == "polars":
            return inputs.filter(nw.col(_ID).is_in(chosen.to_list()))
        return inputs.join(self.store.engine.local(chosen.to_frame(_ID)), on=_ID, how="semi")

    def _feature(self, name: str, *, there: bool) -> nw.Expr:
        wanted = self._as_narwhals[name]
        if not there:
            return nw.lit(None, wanted).alias(INPUT + name)
        return (nw.col(name).cast(wanted) if len(self.models) > 1 else nw.col(name)).alias(INPUT + name)

    @cached_property
    def _as_narwhals(self) -> dict[str, Any]:
        dtypes = nw.from_native(pl.LazyFrame(schema=self.dtypes)).collect_schema()
        if self.store.engine.name == "polars":
            return dict(dtypes)
        texts = nw.Categorical, nw.Enum
        return {name: nw.String() if isinstance(dtype, texts) else dtype for name, dtype in dtypes.items()}


def _joined(predictions: nw.LazyFrame[Any], inputs: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Join by id with polars; the predictions keep their order, which narwhals cannot ask for."""
    native = predictions.to_native().join(inputs.to_native(), on=_ID, how="left", maintain_order="left")
    joined: nw.LazyFrame[Any] = nw.from_native(native)
    return joined


def side_by_side(
    predictions: nw.LazyFrame[Any], inputs: nw.LazyFrame[Any], features: list[nw.Expr]
) -> nw.LazyFrame[Any]:
    """Put features of inputs beside predictions of polars, row by row: they must stand in the same order."""
    if features:
        beside = [predictions.to_native(), inputs.select(*features).to_native()]
        predictions = nw.from_native(pl.concat(beside, how="horizontal"))
    return predictions.with_columns(nw.lit(value=True).alias(HAS_INPUTS))


def once(store: LogStore, model: str, features: Sequence[str] | None = None) -> nw.LazyFrame[Any]:
    """Return a model's inputs without those whose id stands twice among them: which belongs where cannot be told.

    Where only some `features` are needed, others may be left out.
    """
    inputs = store.inputs_frame(model, None if features is None else (_ID, *features))
    repeated = repeated_ids(store, INPUTS_PREFIX + model)
    return inputs if repeated.is_empty() else inputs.join(store.engine.local(repeated.to_frame()), on=_ID, how="anti")
