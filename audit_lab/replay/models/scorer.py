"""A loaded model: what every format has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt
    import polars as pl

    from audit_lab.replay.signature import Signature

    Numbers = npt.NDArray[np.float64]

__all__ = ["ModelFault", "Note", "Outputs", "Scorer"]


class ModelFault(Exception):  # noqa: N818 - a finding about a model, which crosses to the parent as an answer
    """A model and what the registry says of it do not fit together; `code` is the stable reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Note(NamedTuple):
    """Something a reader of the replay must know although it went through."""

    code: str
    message: str


class Outputs(NamedTuple):
    """What a model gave for each row; None where its kind has none. Shapes ``(rows,)`` and ``(rows, classes)``."""

    scores: Numbers | None
    probabilities: Numbers | None
    labels: list[str | None] | None


class Scorer(ABC):
    """A loaded model.

    A kind that the model's library cannot give is a fault of its own; so each of the five methods below is overridden
    where it makes sense.

    Attributes
    ----------
    native
        The library's own object.
    signature
        What the registry says about features and output.
    notes
        What was not checked, or was chosen where the file left a choice.
    unseen
        For each feature, how many values of the frame scored last were in none of its known categories.
    """

    #: What the model is called in messages.
    noun = "model"

    def __init__(self, native: Any, signature: Signature) -> None:
        self.native = native
        self.signature = signature
        self.notes: list[Note] = []
        self.unseen: dict[str, int] = {}

    def outputs(self, frame: pl.DataFrame) -> Outputs:
        """Return what the model gives for recorded feature columns, of the kind that the signature states.

        Raises
        ------
        ModelFault
            Code ``output-kind-differs``: the model gives no output of this kind.
        """
        kind, rows = self.signature.output.kind, frame.height
        self.unseen = {}
        if kind == "label":
            return Outputs(None, None, list(self._labels(frame)) if rows else [])
        if kind == "multiclass":
            classes = self.classes()
            probabilities = _numbers(self._probabilities(frame) if rows else np.empty((0, len(classes))))
            if probabilities.shape != (rows, len(classes)):
                raise self._fault(f"gives probabilities of shape {probabilities.shape} for {len(classes)} classes")
            best = probabilities.argmax(axis=1)
            return Outputs(probabilities[np.arange(rows), best], probabilities, [classes[place] for place in best])
        single = {"probability": self._probability, "margin": self._margin, "regression": self._value}[kind]
        scores = _numbers(single(frame) if rows else np.empty(0))
        if scores.shape != (rows,):
            raise self._fault(f"gives an output of shape {scores.shape} instead of one number for each row")
        return Outputs(scores, None, None)

    def scores(self, frame: pl.DataFrame) -> Numbers:
        """Return the score of each row, shape ``(rows,)``, float64; `frame` has the recorded feature columns.

        Raises
        ------
        ModelFault
            Code ``output-kind-differs``: the model gives labels and no scores.
        """
        scores = self.outputs(frame).scores
        if scores is None:
            raise self._fault("gives labels and no scores")
        return scores

    def explained(self, row: pl.DataFrame) -> tuple[Callable[[pl.DataFrame], Numbers], str | None]:
        """Return the one score that an explanation of a row is about, as a function of rows, and its label.

        Of several classes it is the probability of the one that the row was given, for whatever rows; else it is the
        score, and the label is the positive one (None where there is none).

        Raises
        ------
        ModelFault
            Code ``output-kind-differs``: the model gives labels and no scores.
        """
        if self.signature.output.kind != "multiclass":
            self.scores(row)
            return self.scores, self.signature.output.positive
        labels = self.outputs(row).labels or []
        label = str(labels[0])
        place = self.classes().index(label)

        def scores(frame: pl.DataFrame) -> Numbers:
            probabilities = self.outputs(frame).probabilities
            return np.empty(0) if probabilities is None else probabilities[:, place]

        return scores, label

    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Return the labels in the model's order."""

    def _probability(self, _frame: pl.DataFrame) -> npt.NDArray[Any]:
        raise self._fault("gives no probability")

    def _margin(self, _frame: pl.DataFrame) -> npt.NDArray[Any]:
        raise self._fault("gives no raw margin")

    def _value(self, _frame: pl.DataFrame) -> npt.NDArray[Any]:
        raise self._fault("predicts no number")

    def _labels(self, _frame: pl.DataFrame) -> Sequence[str | None]:
        raise self._fault("gives no labels")

    def _probabilities(self, _frame: pl.DataFrame) -> npt.NDArray[Any]:
        raise self._fault("gives no probability for each class")

    def _fault(self, what: str) -> ModelFault:
        kind = self.signature.output.kind
        return ModelFault("output-kind-differs", f"the {self.noun} {what}; the registry states the kind {kind}")

    def _positive_place(self, classes: Sequence[str]) -> int:
        """Return which of two columns of probabilities is the positive label's.

        By name where the model's classes are the signature's labels; else the second, as every library here has it.
        """
        output = self.signature.output
        if len(classes) != 2:  # noqa: PLR2004 - two sides of a threshold
            raise self._fault(f"has {len(classes)} classes")
        for known in (tuple(classes), output.classes):
            if output.positive in known and output.negative in known:
                return known.index(output.positive)
        return 1

    def _agreed(self, classes: Sequence[str], *, coded: bool) -> tuple[str, ...]:
        """Return the classes by their names in the signature, which must be those of the model.

        Parameters
        ----------
        classes
            The model's, as text.
        coded
            Whether the model knows its classes only as 0, 1, 2 ..., which the signature may then name.
        """
        stated = self.signature.output.classes
        if not stated or stated == tuple(classes):
            return tuple(classes)
        if coded and len(stated) == len(classes):
            return stated
        listed = ", ".join(classes)
        raise self._fault(f"has the classes {listed}, not {', '.join(stated)}")


def _numbers(values: npt.NDArray[Any]) -> Numbers:
    """Widen to float64, which no bit of a float32 is lost by."""
    return np.asarray(values, dtype=np.float64)
