"""Every prediction of a log with the code of what keeps it from being replayed, as frames of the log's engine.

The codes are those of `readiness`; here they are made for whole tables at once, by model and version, without inputs
ever being brought into this process.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from audit_lab.errors import ModelError
from audit_lab.log.engines.answers import collected
from audit_lab.log.erasure.erased import erased_ids
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.search.pairing import repeated_ids
from audit_lab.log.search.wide import Beside
from audit_lab.replay.readiness import (
    BY_THRESHOLD,
    ERASED,
    ERASED_INPUTS,
    FAILED,
    HAS_OUTPUT,
    REPEATED,
    REPEATED_INPUTS,
    decides_by_threshold,
    has_output,
    misfit,
    obstacle,
)
from audit_lab.replay.registered import load_registered

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.log.store import LogStore
    from audit_lab.replay.signature import Output, Signature

__all__ = ["CodedPredictions"]

_ID = "prediction_id"
_CODED = (_ID, "occurred_at", "model_name", "model_version", "code")


@dataclass(frozen=True)
class _Version:
    """A version that predictions state: the code that all of them have, or the model that can be run."""

    model_name: str | None
    model_version: str | None
    code: str | None
    threshold: float | None = None
    signature: Signature | None = None

    def states(self) -> nw.Expr:
        """Return whether a prediction states this version."""
        stated = (("model_name", self.model_name), ("model_version", self.model_version))
        one, other = (nw.col(name).is_null() if text is None else nw.col(name) == text for name, text in stated)
        return one & other


class CodedPredictions:
    """The predictions of a log with their codes.

    Parameters
    ----------
    store
        The log.
    """

    def __init__(self, store: LogStore) -> None:
        self._store = store

    def frames(self) -> list[nw.LazyFrame[Any]]:
        """Return frames that together hold each prediction once: id, time, model, version and code."""
        frames = [self._of_model(name) for name in dict.fromkeys(each.model_name for each in self._runnable) if name]
        constant = [each for each in self._versions if each.code is not None]
        if constant:
            stated = nw.any_horizontal(*(each.states() for each in constant), ignore_nulls=False)
            codes = [nw.when(each.states()).then(nw.lit(each.code)) for each in constant]
            rows = self._own_flags(self._store.frame("predictions").filter(stated))
            frames.append(rows.with_columns(obstacle(nw.coalesce(*codes)).alias("code")).select(*_CODED))
        return frames

    @property
    def _runnable(self) -> list[_Version]:
        return [each for each in self._versions if each.code is None]

    @cached_property
    def _versions(self) -> list[_Version]:
        stated = self._store.frame("predictions").select("model_name", "model_version").unique()
        rows = collected(stated, f"the predictions of {self._store.location}").sort("model_name", "model_version")
        return [self._version(name, version) for name, version in rows.iter_rows()]

    def _version(self, model_name: str | None, model_version: str | None) -> _Version:
        try:
            model = load_registered(self._store, model_name, model_version)
        except ModelError as error:
            return _Version(model_name, model_version, error.code)
        there = model.version["model_name"] in self._store.models()
        inputs = self._store.inputs(model.version["model_name"]).collect_schema() if there else None
        wanting = misfit(model, inputs)
        if wanting is not None:
            return _Version(model_name, model_version, wanting[0])
        return _Version(model_name, model_version, None, model.version["threshold"], model.signature)

    def _of_model(self, model_name: str) -> nw.LazyFrame[Any]:
        """Return the predictions of a model's versions that can be run."""
        versions = [each for each in self._runnable if each.model_name == model_name]
        stated = nw.col("model_version").is_in([each.model_version for each in versions])
        outputs = nw.col("outputs").struct
        defaults = [
            nw.when(each.states()).then(nw.lit(each.threshold)) for each in versions if each.threshold is not None
        ]
        rows = self._own_flags(Beside(self._store, (model_name,)).frame([]).filter(stated)).with_columns(
            outputs.field("score").alias("recorded_score"),
            outputs.field("label").alias("recorded_label"),
            outputs.field("probabilities").alias("recorded_probabilities"),
            nw.col("decision").alias("recorded_decision"),
            nw.coalesce(nw.col("threshold"), *defaults).alias("threshold"),
        )
        table = INPUTS_PREFIX + model_name
        features = {name for each in versions if each.signature for name in each.signature.names}
        rows = rows.with_columns(
            _by_version(versions, has_output).alias(HAS_OUTPUT),
            _by_version(versions, lambda output: nw.lit(decides_by_threshold(output))).alias(BY_THRESHOLD),
        )
        flagged = self._flagged(rows, repeated_ids(self._store, table), REPEATED_INPUTS)
        flagged = self._flagged(flagged, erased_ids(self._store, table, features), ERASED_INPUTS)
        return flagged.with_columns(obstacle().alias("code")).select(*_CODED)

    def _own_flags(self, predictions: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        failed = predictions.with_columns((~nw.col("error").is_null()).alias(FAILED))
        repeated = self._flagged(failed, repeated_ids(self._store, "predictions"), REPEATED)
        return self._flagged(repeated, erased_ids(self._store, "predictions", ("outputs",)), ERASED)

    def _flagged(self, rows: nw.LazyFrame[Any], ids: pl.Series, name: str) -> nw.LazyFrame[Any]:
        """Add a column that is true for the predictions of some ids, and null or false for the others."""
        if ids.is_empty():
            return rows.with_columns(nw.lit(value=False).alias(name))
        listed = self._store.engine.local(ids.to_frame(_ID).with_columns(pl.lit(value=True).alias(name)))
        return rows.join(listed, on=_ID, how="left")


def _by_version(versions: list[_Version], ask: Callable[[Output], nw.Expr]) -> nw.Expr:
    """Ask each row what its version's kind of output wants; where all versions put out the same, only once."""
    kinds: dict[tuple[str, bool], tuple[nw.Expr, list[nw.Expr]]] = {}
    for each in versions:
        if each.signature is not None:
            output = each.signature.output
            kind = (output.kind, decides_by_threshold(output))
            kinds.setdefault(kind, (ask(output), []))[1].append(each.states())
    if len(kinds) == 1:
        return next(iter(kinds.values()))[0]
    stated = ((answer, nw.any_horizontal(*states, ignore_nulls=True)) for answer, states in kinds.values())
    return nw.coalesce(*(nw.when(mine).then(answer) for answer, mine in stated))
