"""Every prediction of a log with the code of what keeps it from being replayed, as frames of the log's engine.

The codes are those of `readiness`; here they are made for whole tables at once, by model and version, without inputs
ever being brought into this process. Beside the code stands whether the prediction can be reconstructed: its row, its
registered version and its inputs are there, each once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
from audit_lab.replay.decision_rules import decides_by_threshold
from audit_lab.replay.following import with_followed_versions
from audit_lab.replay.readiness import (
    BY_THRESHOLD,
    ERASED,
    ERASED_INPUTS,
    FAILED,
    HAS_INPUTS,
    HAS_OUTPUT,
    REDACTED,
    REPEATED,
    REPEATED_INPUTS,
    has_output,
    misfit,
    obstacle,
)
from audit_lab.replay.redacted import is_redacted
from audit_lab.replay.registered import load_registered
from audit_lab.replay.registration import editions, registered_row
from audit_lab.replay.signature import Signature
from audit_lab.replay.tolerance import tolerance_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from datetime import datetime

    from audit_lab.log.store import LogStore
    from audit_lab.replay.registration import Edition
    from audit_lab.replay.signature import Output

__all__ = ["CODED", "CodedPredictions"]

_ID = "prediction_id"
_CONSTANT = "__constant__"
_WHOLE = "__whole__"

#: What the frames hold; ``code`` is null where nothing keeps a prediction from being replayed.
CODED = (_ID, "occurred_at", "model_name", "model_version", "code", "reconstructable")

#: Codes of versions of which no registry row is there, or none that can be told from another.
_NOT_REGISTERED = ("model-not-stated", "version-not-stated", "version-not-registered", "version-ambiguous")


@dataclass(frozen=True)
class _Version:
    """A version that predictions state, or that is followed where they state none, as the registry has or had it.

    Parameters
    ----------
    code
        The code that all of its predictions have; None where it can be run.
    is_whole
        Whether it is registered, and the log's inputs have every column that it takes.
    threshold, signature
        Those of the registry, where it can be run.
    known
        Whether a prediction is judged by this, where a correction of the registry makes a difference; else None.
    """

    model_name: str | None
    model_version: str | None
    code: str | None
    is_whole: bool
    threshold: float | None = None
    signature: Signature | None = None
    known: nw.Expr | None = None

    @property
    def output(self) -> Output | None:
        """What it puts out, where it can be run."""
        return None if self.signature is None else self.signature.output


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
        """Return frames that together hold each prediction once, with the columns of `CODED`.

        Raises
        ------
        LogError
            A table cannot be read.
        """
        stated = {each.model_name for each in self._versions}
        known = [name for name in self._store.models() if name in stated]
        frames = [self._of_model(name) for name in known]
        others = [each for each in self._versions if each.model_name not in known]
        if others:
            rows = self._followed(self._store.frame("predictions"))
            if known:
                rows = rows.filter(nw.col("model_name").is_null() | ~nw.col("model_name").is_in(known))
            code = _by_version(others, lambda each: each.code, _text)
            flagged = self._own_flags(rows).with_columns(obstacle(code).alias("code"))
            frames.append(flagged.with_columns(nw.lit(value=False).alias("reconstructable")))
        return [frame.select(*CODED) for frame in frames]

    @cached_property
    def _versions(self) -> list[_Version]:
        known = self._followed(self._store.frame("predictions")).select("model_name", "model_version").unique()
        rows = collected(known, f"the predictions of {self._store.location}").sort("model_name", "model_version")
        return [each for name, version in rows.iter_rows() for each in self._judged(name, version)]

    @cached_property
    def _unstated(self) -> list[str]:
        """The models of which some prediction states no version."""
        rows = self._store.frame("predictions").filter(nw.col("model_version").is_null()).select("model_name").unique()
        found = collected(rows, f"the predictions of {self._store.location}")["model_name"]
        return found.drop_nulls().to_list()

    def _followed(self, predictions: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Fill the versions that follow from the deployments alone, where some are not stated."""
        return with_followed_versions(self._store, predictions, self._unstated) if self._unstated else predictions

    def _judged(self, model_name: str | None, model_version: str | None) -> list[_Version]:
        """Return a version as the registry has it, once for each time from which on it said something else."""
        stated = model_name is not None and model_version is not None
        known = editions(self._store, str(model_name), str(model_version)) if stated else ()
        if len(known) <= 1:
            return [self._version(model_name, model_version)]
        return [
            replace(self._version(model_name, model_version, edition), known=_judged_by(edition, known[0]))
            for edition in known
        ]

    def _version(self, model_name: str | None, model_version: str | None, edition: Edition | None = None) -> _Version:
        there = model_name is not None and model_name in self._store.models()
        inputs = self._store.inputs(str(model_name)).collect_schema() if there else None
        at = None if edition is None else edition.since
        try:
            model = load_registered(self._store, model_name, model_version, at=at)
        except ModelError as error:
            whole = error.code not in _NOT_REGISTERED and self._complete(
                str(model_name), str(model_version), at, inputs
            )
            return _Version(model_name, model_version, error.code, whole)
        wanting = misfit(model, inputs)
        if wanting is not None:
            return _Version(model_name, model_version, wanting[0], wanting[0] == "inputs-mistyped")
        try:
            tolerance_of(model.version["signature"], model.signature.output.kind)
        except (ValueError, AttributeError):
            return _Version(model_name, model_version, "tolerance-unreadable", is_whole=True)
        threshold, signature = model.version["threshold"], model.signature
        return _Version(model_name, model_version, None, is_whole=True, threshold=threshold, signature=signature)

    def _complete(self, model_name: str, model_version: str, at: datetime | None, inputs: pl.Schema | None) -> bool:
        """Return whether the inputs have each column that the registered signature names, where that can be read."""
        if inputs is None:
            return False
        row, _ = registered_row(self._store, model_name, model_version, at)
        try:
            return all(name in inputs for name in Signature.parse(row["signature"]).names)
        except ModelError:
            return True

    def _of_model(self, model_name: str) -> nw.LazyFrame[Any]:
        """Return the predictions of a model that has inputs."""
        versions = [each for each in self._versions if each.model_name == model_name]
        runnable = [each for each in versions if each.code is None]
        outputs = nw.col("outputs").struct
        beside = Beside(self._store, (model_name,))
        rows = self._own_flags(self._followed(beside.frame([]))).with_columns(
            *(outputs.field(name).alias(f"recorded_{name}") for name in ("score", "label", "probabilities")),
            nw.col("decision").alias("recorded_decision"),
            nw.when(nw.col("threshold").is_nan())
            .then(nw.lit(None, nw.Float64()))
            .otherwise(nw.coalesce("threshold", _by_version(runnable, lambda each: each.threshold, _number)))
            .alias("threshold"),
            _by_version(versions, lambda each: each.code, _text).alias(_CONSTANT),
            _by_version(versions, lambda each: each.is_whole, nw.lit).alias(_WHOLE),
        )
        if runnable:
            rows = rows.with_columns(
                _by_version(runnable, lambda each: each.output, has_output).alias(HAS_OUTPUT),
                _by_version(runnable, lambda each: each.output, _threshold_decides).alias(BY_THRESHOLD),
            )
        table = INPUTS_PREFIX + model_name
        rows = self._flagged(rows, repeated_ids(self._store, table), REPEATED_INPUTS)
        rows = self._flagged(rows, erased_ids(self._store, table, list(beside.dtypes)), ERASED_INPUTS)
        constant = nw.col(_CONSTANT)
        code = obstacle(constant)
        if runnable:
            code = nw.when(constant.is_null()).then(obstacle()).otherwise(code)
        return rows.with_columns(code.alias("code"), _reconstructable().alias("reconstructable"))

    def _own_flags(self, predictions: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        failed = predictions.with_columns((~nw.col("error").is_null()).alias(FAILED))
        repeated = self._flagged(failed, repeated_ids(self._store, "predictions"), REPEATED)
        flagged = repeated.with_columns(is_redacted(self._store, api=nw).alias(REDACTED))
        return self._flagged(flagged, erased_ids(self._store, "predictions", ("outputs",)), ERASED)

    def _flagged(self, rows: nw.LazyFrame[Any], ids: pl.Series, name: str) -> nw.LazyFrame[Any]:
        """Add a column that is true for the predictions of some ids, and null or false for the others."""
        if ids.is_empty():
            return rows.with_columns(nw.lit(value=False).alias(name))
        listed = self._store.engine.local(ids.to_frame(_ID).with_columns(pl.lit(value=True).alias(name)))
        return rows.join(listed, on=_ID, how="left")


def _reconstructable() -> nw.Expr:
    """Return whether row, version and inputs are there, each once, and neither output nor inputs erased or changed."""
    there = nw.col(_WHOLE) & ~nw.col(HAS_INPUTS).is_null()
    amiss = (nw.col(name) for name in (REPEATED, ERASED, REDACTED, REPEATED_INPUTS, ERASED_INPUTS))
    return there & ~nw.any_horizontal(*amiss, ignore_nulls=True)


def _by_version(
    versions: Sequence[_Version], ask: Callable[[_Version], Any], tell: Callable[[Any], nw.Expr]
) -> nw.Expr:
    """Return for each prediction what its version answers; where all versions answer alike, nothing is compared.

    Parameters
    ----------
    versions
        The versions that the predictions may state.
    ask
        What is asked of a version; the answers are compared with each other.
    tell
        Makes an expression of an answer.
    """
    groups: dict[Hashable, list[_Version]] = {}
    for each in versions:
        groups.setdefault(ask(each), []).append(each)
    if len(groups) <= 1:
        return tell(next(iter(groups), None))
    return nw.coalesce(*(nw.when(_states(mine)).then(tell(answer)) for answer, mine in groups.items()))


def _states(versions: list[_Version]) -> nw.Expr:
    """Return whether a prediction states one of some versions."""
    models: dict[str | None, list[str | None]] = {}
    for each in versions:
        if each.known is None:
            models.setdefault(each.model_name, []).append(each.model_version)
    stated = [_is_one_of("model_name", [name]) & _is_one_of("model_version", names) for name, names in models.items()]
    stated += [
        _is_one_of("model_name", [each.model_name]) & _is_one_of("model_version", [each.model_version]) & each.known
        for each in versions
        if each.known is not None
    ]
    return nw.any_horizontal(*stated, ignore_nulls=True)


def _judged_by(edition: Edition, first: Edition) -> nw.Expr:
    """Return whether a prediction is judged by what the registry said for some time; see `Edition`."""
    time = nw.col("occurred_at")
    if edition.is_latest:
        return time.is_null() | (time >= edition.since) | (time < first.since)
    return (time >= edition.since) & (time < edition.until)


def _is_one_of(column: str, texts: list[str | None]) -> nw.Expr:
    present = [text for text in texts if text is not None]
    if len(present) == len(texts):
        return nw.col(column).is_in(present)
    return nw.col(column).is_null() | nw.col(column).is_in(present) if present else nw.col(column).is_null()


def _text(value: str | None) -> nw.Expr:
    return nw.lit(value, nw.String())


def _number(value: float | None) -> nw.Expr:
    return nw.lit(value, nw.Float64())


def _threshold_decides(output: Output) -> nw.Expr:
    return nw.lit(decides_by_threshold(output))
