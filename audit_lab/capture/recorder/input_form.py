"""The names of a model's inputs, and its values in their order."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from msgspec import Raw

from audit_lab.capture.recorder.recorded_column import type_name
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["InputForm"]


class InputForm:
    """What a recorder knows of its model's inputs: their names in order, once these are known, and their types.

    Parameters
    ----------
    model
        The model's name, for messages.
    features
        Names in order, or a mapping of each to its type; None takes the names from the first inputs.

    Raises
    ------
    MisuseError
        The names are not different ones, or a type is unknown.
    """

    def __init__(self, model: str, features: Sequence[str] | Mapping[str, Any] | None) -> None:
        self._model = model
        self.types = (
            {name: type_name(dtype, name) for name, dtype in features.items()} if isinstance(features, Mapping) else {}
        )
        self.names: tuple[str, ...] = ()
        self._width = -1
        self._pick: Callable[[Any], tuple[Any, ...]] = _nothing_known
        self._learning = threading.Lock()
        if features is not None:
            self._learn(tuple(features))

    def values(self, inputs: Any) -> Any:
        """Return the values in the order of the names, or a mapping where the names are others.

        Raises
        ------
        MisuseError
            Inputs without names are not as many as the names.
        """
        try:
            values = self._pick(inputs)
            return values if len(inputs) == self._width else dict(inputs)
        except (KeyError, TypeError, IndexError):
            return self._otherwise(inputs)

    def begin_in_child(self) -> None:
        """After a fork: nobody learns names here."""
        self._learning = threading.Lock()

    def _learn(self, names: tuple[str, ...]) -> None:
        if len(set(names)) != len(names) or not all(isinstance(name, str) and name for name in names):
            raise MisuseError("the features are not different names", "Give each input its own name.")
        self.names, self._width = names, len(names)
        self._pick = _picker(names)

    def _otherwise(self, inputs: Any) -> Any:
        """Return inputs that are not a mapping with just the known names."""
        if isinstance(inputs, Raw):
            return inputs
        if isinstance(inputs, Mapping):
            with self._learning:
                if self._width < 0:
                    self._learn(tuple(inputs))
                    return self._pick(inputs)
            return dict(inputs)
        values = inputs.tolist() if hasattr(inputs, "tolist") else list(inputs)
        if self._width < 0:
            raise MisuseError("inputs without names cannot be recorded", "Give features=[...] to the recorder.")
        if len(values) != self._width:
            message = f"{len(values)} inputs cannot be the {self._width} features of {self._model}"
            raise MisuseError(message, "Give them in the order of features=, or as a mapping.")
        return values


def _picker(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that takes the values of names, in their order, out of a mapping."""
    if not names:
        return _nothing_known
    if len(names) == 1:
        (only,) = names
        return lambda inputs: (inputs[only],)
    return itemgetter(*names)


def _nothing_known(_: Any) -> tuple[Any, ...]:
    raise KeyError
