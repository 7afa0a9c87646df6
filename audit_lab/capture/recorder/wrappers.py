"""Record what a function or a model predicts without a change to whoever calls it."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.capture.recorder.recorder import Recorder
    from audit_lab.capture.recorder.ticket import Ticket

__all__ = ["RecordedModel", "recorded"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

_LONGEST_ERROR = 2_000
_MILLISECOND = 1e-6
_OUTPUTS = frozenset({"score", "label", "probabilities"})


def recorded(
    recorder: Recorder,
    *,
    inputs: Callable[..., Mapping[str, Any]] | None = None,
    outputs: Callable[[Any], Mapping[str, Any]] | None = None,
    wait: bool = False,
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Return a decorator that records each call of a function, whether it returns or raises.

    The inputs are taken before the call, so that a function that changes them is recorded as it was asked. The function
    may be a coroutine.

    Parameters
    ----------
    recorder
        What records.
    inputs
        Called with the function's own arguments, for the mapping of features to record; by default its first argument
        is that mapping.
    outputs
        Called with what the function returned, for a mapping of ``score``, ``label``, ``probabilities`` and what else
        `Recorder.record` takes, such as ``decision``; by default a number is a score, a text a label, and a mapping
        is taken as it is.
    wait
        Return from the function only when the record is on the disk: no record, no prediction.

    Raises
    ------
    MisuseError, StorageError
        From the decorated function: what `Recorder.record` raises.
    """
    calls = _Calls(recorder, inputs, outputs)

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        if inspect.iscoroutinefunction(function):
            return cast("Callable[_P, _R]", calls.awaited(function, wait=wait))
        return calls.called(function, wait=wait)

    return decorate


class _Calls:
    """Records the calls of functions: what they were given, and what they returned or raised."""

    def __init__(
        self,
        recorder: Recorder,
        inputs: Callable[..., Mapping[str, Any]] | None,
        outputs: Callable[[Any], Mapping[str, Any]] | None,
    ) -> None:
        self._recorder, self._inputs, self._outputs = recorder, inputs, outputs

    def called(self, function: Callable[_P, _R], *, wait: bool) -> Callable[_P, _R]:
        @wraps(function)
        def call(*arguments: _P.args, **named: _P.kwargs) -> _R:
            values, started = self._taken(arguments, named), time.perf_counter_ns()
            try:
                result = function(*arguments, **named)
            except BaseException as error:
                ticket = self._raised(values, error, started)
                if wait:
                    ticket.wait()
                raise
            ticket = self._returned(values, result, started)
            if wait:
                ticket.wait()
            return result

        return call

    def awaited(self, function: Callable[..., Any], *, wait: bool) -> Callable[..., Any]:
        @wraps(function)
        async def call(*arguments: Any, **named: Any) -> Any:
            values, started = self._taken(arguments, named), time.perf_counter_ns()
            try:
                result = await function(*arguments, **named)
            except BaseException as error:
                ticket = self._raised(values, error, started)
                if wait:
                    await ticket
                raise
            ticket = self._returned(values, result, started)
            if wait:
                await ticket
            return result

        return call

    def _taken(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        return self._recorder.take(arguments[0] if self._inputs is None else self._inputs(*arguments, **named))

    def _returned(self, values: Any, result: Any, started: int) -> Ticket:
        said = _said(result if self._outputs is None else self._outputs(result))
        return self._recorder.record(values, said.pop("outputs"), latency_ms=_since(started), **said)

    def _raised(self, values: Any, error: BaseException, started: int) -> Ticket:
        return self._recorder.record(values, error=_told(error), latency_ms=_since(started))


class RecordedModel:
    """A model with scikit-learn's methods, of which every row that it predicts is recorded.

    ``predict`` and ``predict_proba`` give what the model gives; all else is the model's own. Rows of one call share a
    request id, where it has more than one.

    Parameters
    ----------
    model
        What has ``predict``, and ``predict_proba`` where it classifies.
    recorder
        What records.
    features
        The names of the columns; by default those of a data frame that is given, or the model's own.
    positive
        The class whose probability is the score, where there are two; by default the last.
    decide
        Score to decision.
    """

    def __init__(
        self,
        model: Any,
        recorder: Recorder,
        *,
        features: Sequence[str] | None = None,
        positive: Any = None,
        decide: Callable[[float], str] | None = None,
    ) -> None:
        self._model, self._recorder = model, recorder
        self._features = None if features is None else tuple(features)
        self._positive, self._decide = positive, decide

    def __getattr__(self, name: str) -> Any:
        """Return what the model has."""
        return getattr(self._model, name)

    def predict(self, X: Any, **options: Any) -> Any:  # noqa: N803 (scikit-learn's name)
        """Predict, and record a label for each row, or a score where the model does not classify."""
        classes = getattr(self._model, "classes_", None)

        def said(value: Any) -> dict[str, Any]:
            if classes is None:
                return self._decided(float(value), {"score": float(value)})
            return {"outputs": {"label": str(value)}}

        return self._recorded(X, lambda: self._model.predict(X, **options), said)

    def predict_proba(self, X: Any, **options: Any) -> Any:  # noqa: N803 (scikit-learn's name)
        """Predict, and record the probabilities of each row, with that of the positive class of two as the score."""
        classes = [str(each) for each in getattr(self._model, "classes_", ())]

        def said(row: Any) -> dict[str, Any]:
            chances = [float(each) for each in row]
            outputs: dict[str, Any] = {"probabilities": chances}
            if classes:
                outputs["label"] = classes[max(range(len(chances)), key=chances.__getitem__)]
            if len(chances) != 2:  # noqa: PLR2004 (a score is of one class of two)
                return {"outputs": outputs}
            place = 1 if self._positive is None or not classes else classes.index(str(self._positive))
            return self._decided(chances[place], {**outputs, "score": chances[place]})

        return self._recorded(X, lambda: self._model.predict_proba(X, **options), said)

    def _decided(self, score: float, outputs: dict[str, Any]) -> dict[str, Any]:
        return {"outputs": outputs} | ({} if self._decide is None else {"decision": self._decide(score)})

    def _recorded(self, X: Any, predict: Callable[[], Any], said: Callable[[Any], dict[str, Any]]) -> Any:  # noqa: N803
        names, rows = self._rows(X)
        taken = [self._recorder.take(dict(zip(names, row, strict=True))) for row in rows]
        together: dict[str, Any] = {"request_id": self._recorder.new_id()} if len(taken) > 1 else {}
        started = time.perf_counter_ns()
        try:
            result = predict()
        except BaseException as error:
            for values in taken:
                self._recorder.record(values, error=_told(error), latency_ms=_since(started), **together)
            raise
        took = _since(started)
        for values, row in zip(taken, result, strict=True):
            told = said(row)
            self._recorder.record(values, told.pop("outputs"), latency_ms=took, **told, **together)
        return result

    def _rows(self, X: Any) -> tuple[Sequence[str], list[Any]]:  # noqa: N803
        """Return the names of the columns, and the rows as Python values."""
        names = self._features
        if names is None and hasattr(X, "columns"):
            names = tuple(str(name) for name in X.columns)
        if names is None and hasattr(self._model, "feature_names_in_"):
            names = tuple(str(name) for name in self._model.feature_names_in_)
        if names is None:
            raise MisuseError("the columns of what is predicted have no names", "Give features=[...].")
        if hasattr(X, "rows"):  # polars
            return names, X.rows()
        if hasattr(X, "itertuples"):  # pandas
            return names, list(X.itertuples(index=False, name=None))
        return names, X.tolist() if hasattr(X, "tolist") else list(X)


def _said(result: Any) -> dict[str, Any]:
    """Return what `Recorder.record` is to be told of a function's result."""
    if not isinstance(result, Mapping):
        return {"outputs": result}
    outputs = {name: result[name] for name in _OUTPUTS if name in result}
    return {"outputs": outputs, **{name: value for name, value in result.items() if name not in _OUTPUTS}}


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:_LONGEST_ERROR]


def _since(started: int) -> float:
    return (time.perf_counter_ns() - started) * _MILLISECOND
