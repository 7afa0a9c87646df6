"""Drift of one model's inputs, score and decision, as a user asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import narwhals as nw
import polars as pl

from audit_lab.errors import AuditLabError
from audit_lab.face.column_types import is_measured, left_out
from audit_lab.face.description import predicting_model
from audit_lab.face.drift_reference import moment_asked, reference_asked
from audit_lab.face.progress import WatchedStore
from audit_lab.face.windowed_rows import OUTCOMES
from audit_lab.log.erasure.erased import erased_ids
from audit_lab.log.evening import evened
from audit_lab.log.files.reading import collect
from audit_lab.log.index.sketch_cache import SketchCache
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.search.pairing import repeated_ids
from audit_lab.log.search.pairs import pairs_of
from audit_lab.log.search.wide import Beside, wide, wide_columns
from audit_lab.monitor.counts import fits_memory
from audit_lab.monitor.drift import drift
from audit_lab.monitor.filed import Filed
from audit_lab.monitor.performance.known import OUTCOME_COLUMNS, outcomes_known

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from audit_lab.log.search.pairs import Pair, Pairs
    from audit_lab.log.store import LogStore
    from audit_lab.monitor.counts import Source
    from audit_lab.monitor.drift import Drift
    from audit_lab.monitor.multivariate import MultivariateDrift
    from audit_lab.monitor.performance.known import Outcomes

__all__ = ["DriftQuestion", "drift_of", "drift_together_of"]

_Moved = TypeVar("_Moved", bound="Drift | MultivariateDrift")

#: What is measured of a prediction itself, and the column that it comes from.
_OWN = {"score": "predictions.outputs", "decision": "predictions.decision"}
#: What can be measured besides: the label that was predicted, and what came true.
_BESIDES = {"label": "predictions.outputs", **OUTCOMES}
_MEASURED = ("outputs", "decision")
_ID = "prediction_id"


@dataclass(frozen=True)
class DriftQuestion:
    """What a user asks about drift; the parameters of `AuditLog.drift`."""

    columns: Sequence[str] | None = None
    every: str = "1w"
    reference: Any = None
    model: str | None = None
    zone: str = "UTC"
    around: Any = None
    before: str = "4w"
    after: str = "0d"
    false_alarms: float = 0.05
    seed: int = 0

    def words(self) -> dict[str, Any]:
        """Return what differs from the defaults, and always `every`, for a journal."""
        reference, around = self.reference, self.around
        if not isinstance(reference, str | tuple | list | None):
            reference = f"a {type(reference).__name__}"
        if hasattr(around, "prediction_id"):
            around = around.prediction_id
        said: dict[str, Any] = {"every": self.every, "columns": self.columns, "reference": reference}
        said |= {"model": self.model, "around": around}
        if around is not None:
            said |= {"before": self.before, "after": self.after}
        usual = DriftQuestion()
        names = ("zone", "false_alarms", "seed")
        return said | {name: value for name in names if (value := getattr(self, name)) != getattr(usual, name)}


def drift_of(store: LogStore, asked: DriftQuestion) -> tuple[Drift, set[str]]:
    """Return the drift, and the columns that it was computed from.

    Raises
    ------
    MisuseError
        The reference lacks its beginning or its end, or another part of the question cannot be meant.
    """
    return _measured(store, asked, partial(drift, false_alarms=asked.false_alarms, seed=asked.seed))


def drift_together_of(store: LogStore, asked: DriftQuestion) -> tuple[MultivariateDrift, set[str]]:
    """Return the drift of all columns together, and the columns that it was computed from.

    Raises
    ------
    MisuseError
        As `drift_of`; or the reference is rolling or too small, or the columns are too many.
    """
    from audit_lab.monitor.multivariate import multivariate_drift

    return _measured(store, asked, partial(multivariate_drift, rate=asked.false_alarms, seed=asked.seed))


def _measured(store: LogStore, asked: DriftQuestion, measure: Callable[..., _Moved]) -> tuple[_Moved, set[str]]:
    """Measure a question's rows file by file where they seem to lie so, and as wholes where they turn out not to."""
    filed = _filed(store, _model(asked))
    if filed is not None:
        try:
            measured = _put(store, asked, filed, measure)
        except AuditLabError:
            if filed.pairs.hold():
                raise
        else:
            if filed.pairs.hold():
                return measured
    return _put(store, asked, None, measure)


@dataclass(frozen=True)
class _FileByFile:
    model: str
    pairs: Pairs
    rows: Filed


def _put(
    store: LogStore, asked: DriftQuestion, filed: _FileByFile | None, measure: Callable[..., _Moved]
) -> tuple[_Moved, set[str]]:
    """Return what is measured of the rows of a question, and the log's columns in them."""
    predicting = filed.model if filed else predicting_model(store, _model(asked))
    features = _features(store, predicting)
    chosen = list(asked.columns) if asked.columns is not None else [*features, *_OWN]
    unmeasured = {name: features[name] for name in chosen if name in features and not is_measured(features[name])}
    if len(unmeasured) < len(chosen):
        chosen = [name for name in chosen if name not in unmeasured]
    gone = _erased(store, predicting)
    asks = any(name in OUTCOMES and name not in features for name in chosen)
    known_outcomes = outcomes_known(store, None) if asks else None
    outcomes = None if known_outcomes is None else _outcomes(store, known_outcomes)
    even = evened(store, predicting)

    def rows(since: datetime | None, until: datetime | None) -> nw.LazyFrame[Any]:
        found = wide(even, predicting, since, until)[0]
        if not gone.is_empty():
            found = found.filter(~nw.col(_ID).is_in(gone.to_list()))
        return found if outcomes is None else found.join(store.engine.local(outcomes), on=_ID, how="left")

    options = {
        "time": "occurred_at",
        "columns": chosen,
        "every": asked.every,
        "reference": reference_asked(store, asked.reference),
        "zone": asked.zone,
        "around": moment_asked(store, asked.around, asked.before, asked.after),
        "version": "model_version",
    }
    without = f"{gone.len():,} predictions are left out: values of theirs were erased, which is no drift"
    known = _OWN | _BESIDES
    touched = {known.get(name, f"inputs.{name}") for name in chosen}
    plain = gone.is_empty() and outcomes is None and (even.evened is None or even.evened.left_out.is_empty())
    source: Source = filed.rows if filed and plain else rows
    # File by file, each row's inputs are those that stand beside it: no id is looked for.
    twice = () if source is not rows else _repeated(store, predicting)
    moved = measure(source, **options)
    further = (*(() if gone.is_empty() else (without,)), *(() if even.evened is None else (even.evened.fact,)))
    further = (*further, *left_out(unmeasured), *store.retyped(predicting), *twice)
    further = (*further, *(() if known_outcomes is None else known_outcomes.facts))
    return (replace(moved, facts=(*moved.facts, *further)) if further else moved), touched


def _filed(store: LogStore, model: str | None) -> _FileByFile | None:
    """Return the model and its rows file by file, where they are many, lie so, and there are no other models."""
    named = [model] if model is not None else store.models()
    if len(named) != 1 or named[0] not in store.models():
        return None
    known = store.source.tables().get("predictions", 0)
    if fits_memory(known, len(store.inputs(named[0]).collect_schema())):
        return None
    cache = SketchCache()
    found = pairs_of(store, named[0], cache)
    if found is None:
        return None
    rows = (
        _Telling(found.pairs, cache, tell=store.tell) if isinstance(store, WatchedStore) else Filed(found.pairs, cache)
    )
    return _FileByFile(named[0], found, rows)


@dataclass(frozen=True, eq=False)
class _Telling(Filed):
    """Rows file by file, which tell how many are read next."""

    tell: Callable[[str, int], None] = field(kw_only=True)

    def known(
        self,
        pairs: Sequence[Pair],
        question: Any,
        schemas: Mapping[str, Mapping[str, Any]],
        make: Callable[[], dict[str, pl.DataFrame]],
    ) -> dict[str, pl.DataFrame]:
        self.tell("predictions", sum(each.rows for each in pairs))
        return super().known(pairs, question, schemas, make)


def _features(store: LogStore, model: str) -> dict[str, pl.DataType]:
    """Return the features as `wide` calls them, and their types."""
    dtypes = Beside(store, (model,)).dtypes if model in store.models() else {}
    return dict(zip(wide_columns(dtypes)[1], dtypes.values(), strict=True))


def _model(asked: DriftQuestion) -> str | None:
    """Return the model that is asked about: that of the decision, where one is given and no model is named."""
    if asked.model is None and hasattr(asked.around, "prediction"):
        name: str | None = asked.around.prediction["model_name"]
        return name
    return asked.model


def _outcomes(store: LogStore, known: Outcomes) -> pl.DataFrame:
    """Return the outcome that counts, as performance takes it, of each prediction whose id stands once."""
    unclear = repeated_ids(store, "predictions").to_frame(_ID).lazy()
    counts = known.frame.join(unclear, on=_ID, how="anti").select(_ID, *OUTCOME_COLUMNS)
    return collect(counts, f"the outcomes of {store.location}").sort(_ID)


def _repeated(store: LogStore, model: str) -> tuple[str, ...]:
    """Say of how many ids no inputs are known, as they stand on several rows."""
    count = repeated_ids(store, INPUTS_PREFIX + model).len() if model in store.models() else 0
    return (f"ids that stand on several rows of inputs, whose features count as missing: {count:,}",) if count else ()


def _erased(store: LogStore, model: str) -> pl.Series:
    """Return the ids of the model's predictions that any value was erased of that drift is measured on."""
    inputs = INPUTS_PREFIX + model
    erased = [erased_ids(store, "predictions", _MEASURED)]
    if model in store.models():
        erased.append(erased_ids(store, inputs, store.inputs(model).collect_schema().names()))
    return pl.concat(erased).unique().sort()
