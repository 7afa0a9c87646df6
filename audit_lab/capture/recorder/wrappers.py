"""Record what a function or a model predicts without a change to whoever calls it."""

from __future__ import annotations

import copy
import inspect
import json
import time
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar, cast

from audit_lab.capture.recorder.model_rows import rows_asked, rows_of_answer
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
        Called with the function's own arguments, for the mapping of features to record; by default its first argument,
        given by place or by name, is that mapping.
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
        first = _first_name(function)

        @wraps(function)
        def call(*arguments: _P.args, **named: _P.kwargs) -> _R:
            values, started = self._taken(arguments, named, first), time.perf_counter_ns()
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
        first = _first_name(function)

        @wraps(function)
        async def call(*arguments: Any, **named: Any) -> Any:
            values, started = self._taken(arguments, named, first), time.perf_counter_ns()
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

    def _taken(self, arguments: tuple[Any, ...], named: dict[str, Any], first: str | None) -> Any:
        if self._inputs is not None:
            return self._recorder.take(self._inputs(*arguments, **named))
        if arguments:
            return self._recorder.take(arguments[0])
        if first is None or first not in named:
            raise MisuseError(
                "a recorded function was called without what it predicts from",
                "Give that as its first argument, or say with inputs= where it is.",
            )
        return self._recorder.take(named[first])

    def _returned(self, values: Any, result: Any, started: int) -> Ticket:
        said = _said(result if self._outputs is None else self._outputs(result))
        return self._recorder.record(values, said.pop("outputs"), latency_ms=_since(started), **said)

    def _raised(self, values: Any, error: BaseException, started: int) -> Ticket:
        return self._recorder.record(values, error=_told(error), latency_ms=_since(started))


class RecordedModel:
    """A model with scikit-learn's methods, of which every row that it predicts is recorded.

    ``predict`` and ``predict_proba`` give what the model gives (a list, where that is an iterator); all else is the
    model's own. Rows of one call share a request id, where it has more than one. Several outputs for one row are
    recorded in ``parameters``: none of them is the score.

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
        if "_model" not in self.__dict__:  # while it is being copied
            raise AttributeError(name)
        return getattr(self._model, name)

    def __copy__(self) -> RecordedModel:
        """Return another model that is recorded by the same recorder."""
        return self._of(copy.copy(self._model))

    def __deepcopy__(self, memo: dict[int, Any]) -> RecordedModel:
        """Return another model that is recorded by the same recorder, which is not copied."""
        return self._of(copy.deepcopy(self._model, memo))

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: a recorder is of one process."""
        raise MisuseError("a recorded model cannot be pickled: its recorder is of this process", "Pickle the model.")

    def _of(self, model: Any) -> RecordedModel:
        features, positive, decide = self._features, self._positive, self._decide
        return RecordedModel(model, self._recorder, features=features, positive=positive, decide=decide)

    def predict(self, X: Any, **options: Any) -> Any:  # noqa: N803 (scikit-learn's name)
        """Predict, and record a label for each row, or a score where the model does not classify."""
        classes = getattr(self._model, "classes_", None)

        def said(values: list[Any]) -> dict[str, Any]:
            if len(values) != 1:
                return _several(values)
            if classes is None:
                return self._decided(float(values[0]), {"score": float(values[0])})
            return {"outputs": {"label": str(values[0])}}

        return self._recorded(X, lambda: self._model.predict(X, **options), said)

    def predict_proba(self, X: Any, **options: Any) -> Any:  # noqa: N803 (scikit-learn's name)
        """Predict, and record the probabilities of each row, with that of the positive class of two as the score."""
        classes = [str(each) for each in getattr(self._model, "classes_", ())]
        if self._positive is not None and classes and str(self._positive) not in classes:
            message = f"the model has no class {str(self._positive)[:80]!a} that could be positive"
            raise MisuseError(message, f"It has {', '.join(classes)[:200]}.")

        def said(values: list[Any]) -> dict[str, Any]:
            if any(isinstance(each, list) for each in values):
                return _several(values)
            chances = [float(each) for each in values]
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
            if isinstance(result, Iterator):
                result = list(result)  # or there would be nothing left for who asked
        except BaseException as error:
            took = _since(started)
            self._recorder.record_request(
                [{"inputs": values, "error": _told(error), "latency_ms": took} for values in taken], **together
            )
            raise
        took = _since(started)
        answers = rows_of_answer(result, len(taken))
        records: list[dict[str, Any]] = []
        for values, row in zip(taken, answers if len(answers) == len(taken) else [None] * len(taken), strict=True):
            if row is None:
                told: dict[str, Any] = {
                    "outputs": None,
                    "error": f"the model gave {len(answers)} results for {len(taken)} rows",
                }
            else:
                told = said(row)
            records.append({"inputs": values, "latency_ms": took, **told})
        self._recorder.record_request(records, **together)
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
        rows = rows_asked(X)
        if any(len(row) != len(names) for row in rows):
            width = next(len(row) for row in rows if len(row) != len(names))
            raise MisuseError(f"a row of {width} values cannot be the {len(names)} features", "Correct features=.")
        return names, rows


def _said(result: Any) -> dict[str, Any]:
    """Return what `Recorder.record` is to be told of a function's result."""
    if not isinstance(result, Mapping):
        return {"outputs": result}
    outputs = {name: result[name] for name in _OUTPUTS if name in result}
    return {"outputs": outputs, **{name: value for name, value in result.items() if name not in _OUTPUTS}}


def _several(values: list[Any]) -> dict[str, Any]:
    """Return what is recorded of several outputs for one row: none of them is the score."""
    return {"outputs": None, "parameters": json.dumps({"outputs": values}, default=str)}


def _first_name(function: Callable[..., Any]) -> str | None:
    """Return the name of a function's first parameter; None where it has none that can be named, or tells nothing."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return parameters[0].name if parameters and parameters[0].kind in named else None


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:_LONGEST_ERROR]


def _since(started: int) -> float:
    return (time.perf_counter_ns() - started) * _MILLISECOND
