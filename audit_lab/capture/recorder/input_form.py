"""The names of a model's inputs, and its values in their order, changed as a redaction says."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from msgspec import Raw

from audit_lab.capture.recorder.feature_names import check_feature_names
from audit_lab.capture.recorder.record_form import is_missing
from audit_lab.capture.recorder.recorded_column import type_name
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from audit_lab.capture.redaction.rule import Rule
    from audit_lab.capture.redaction.source_redaction import SourceRedaction

__all__ = ["InputForm"]

_MOST_CHECKED = 10_000


class InputForm:
    """What a recorder knows of its model's inputs: their names in order, once these are known, and their types.

    Parameters
    ----------
    model
        The model's name, for messages.
    features
        Names in order, or a mapping of each to its type; None takes the names from the first inputs.
    redaction
        What is changed of the values; None where nothing is.

    Attributes
    ----------
    names, types
        The names of what is recorded, in order; what a redaction leaves out is not among them. Feature to the name of
        its type, where it is declared.

    Raises
    ------
    MisuseError
        The names are not different ones, cannot be columns, or are too many; a type is unknown; a redaction has a rule
        for none of them.
    """

    def __init__(
        self,
        model: str,
        features: Sequence[str] | Mapping[str, Any] | None,
        redaction: SourceRedaction | None = None,
    ) -> None:
        self._model, self._redaction = model, redaction
        declared = features.items() if isinstance(features, Mapping) else ()
        rules = {name: self._rule(name) for name, _ in declared}
        self.types = {
            name: "String" if _gives_text(rules[name]) else type_name(dtype, name)
            for name, dtype in declared
            if not _is_left_out(rules[name])
        }
        self.names: tuple[str, ...] = ()
        self._width = -1
        self._pick: Callable[[Any], tuple[Any, ...]] = _nothing_known
        #: Places of what is recorded among the names as they are asked for, and what is applied at which of them.
        self._kept: tuple[int, ...] = ()
        self._changes: tuple[tuple[int, Callable[[Any], Any]], ...] = ()
        #: Names, besides the known ones, that were found to be such.
        self._checked: frozenset[str] = frozenset()
        self._learning = threading.Lock()
        if features is not None:
            self._learn(tuple(features))

    def values(self, inputs: Any) -> Any:
        """Return the values in the order of the names, or a mapping where the names are others.

        Raises
        ------
        MisuseError
            Inputs without names are not as many as the names, or are no row; or a new name cannot be a column.
        """
        if type(inputs) is not dict and type(inputs) is not Raw and _is_no_row(inputs):
            raise _no_row(inputs)
        try:
            values = self._pick(inputs)
            is_known = len(inputs) == self._width
        except (KeyError, TypeError, IndexError):
            return self._otherwise(inputs)
        if not is_known:
            return self._by_name(inputs)
        return self._changed(values) if self._changes else values

    def begin_in_child(self) -> None:
        """After a fork: nobody learns names here."""
        self._learning = threading.Lock()

    def _learn(self, names: tuple[str, ...]) -> None:
        check_feature_names(names)
        if self._redaction is not None:
            self._redaction.check_features(self._model, names)
        rules = [self._rule(name) for name in names]
        self._kept = tuple(place for place, rule in enumerate(rules) if not _is_left_out(rule))
        changes = [(place, rules[kept]) for place, kept in enumerate(self._kept)]
        self._changes = tuple((place, rule.apply) for place, rule in changes if rule is not None and rule.apply)
        self.names, self._width = tuple(names[kept] for kept in self._kept), len(names)
        self._pick = _picker(self.names)

    def _rule(self, name: str) -> Rule | None:
        return None if self._redaction is None else self._redaction.of_feature(self._model, name)

    def _changed(self, values: Sequence[Any]) -> list[Any]:
        made = list(values)
        for place, apply in self._changes:
            made[place] = None if is_missing(made[place]) else apply(made[place])
        return made

    def _by_name(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return inputs of other names than the known ones."""
        if not inputs.keys() <= self._checked:
            check_feature_names(tuple(inputs))
            self._checked = frozenset(inputs) if len(self._checked) > _MOST_CHECKED else self._checked.union(inputs)
        if self._redaction is None:
            return dict(inputs)
        made = {}
        for name, value in inputs.items():
            rule = self._redaction.of_feature(self._model, name)
            if not _is_left_out(rule):
                made[name] = value if rule.apply is None or is_missing(value) else rule.apply(value)
        return made

    def _otherwise(self, inputs: Any) -> Any:
        """Return inputs that are not a mapping with just the known names."""
        if isinstance(inputs, Raw):
            return inputs
        if isinstance(inputs, Mapping):
            with self._learning:
                if self._width < 0:
                    self._learn(tuple(inputs))
                    return self._changed(self._pick(inputs))
            return self._by_name(inputs)
        values = inputs.tolist() if hasattr(inputs, "tolist") else list(inputs)
        if self._width < 0:
            raise MisuseError("inputs without names cannot be recorded", "Give features=[...] to the recorder.")
        if len(values) != self._width:
            message = f"{len(values)} inputs cannot be the {self._width} features of {self._model}"
            raise MisuseError(message, "Give them in the order of features=, or as a mapping.")
        return values if self._redaction is None else self._changed([values[kept] for kept in self._kept])


def _is_no_row(inputs: Any) -> bool:
    """Whether something has no order of its own, or is more than one row, or none."""
    if isinstance(inputs, str | bytes | bytearray | AbstractSet) or not isinstance(inputs, Iterable):
        return True
    return hasattr(inputs, "columns") or getattr(inputs, "ndim", 1) != 1


def _no_row(inputs: Any) -> MisuseError:
    message = f"inputs cannot be a {type(inputs).__name__}"
    return MisuseError(message, "Give a mapping of features to values, or the values of one row in their order.")


def _is_left_out(rule: Rule | None) -> bool:
    return rule is not None and rule.name == "drop"


def _gives_text(rule: Rule | None) -> bool:
    return rule is not None and rule.gives_text


def _picker(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that takes the values of names, in their order, out of a mapping."""
    if not names:
        return lambda _: ()
    if len(names) == 1:
        (only,) = names
        return lambda inputs: (inputs[only],)
    return itemgetter(*names)


def _nothing_known(_: Any) -> tuple[Any, ...]:
    raise KeyError
