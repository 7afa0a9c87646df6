"""The signature of a model version: which features it takes, in which order, and what it puts out."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from audit_lab.errors import ModelError

__all__ = ["KINDS", "Feature", "Output", "Signature"]

#: What a model puts out. ``probability``: the score is that of the positive label. ``margin``: the score is the raw
#: sum before any link function. ``regression``: the score is the predicted value. ``label``: a label and no score.
#: ``multiclass``: a probability for each class; the label is the likeliest, and the score is its probability.
KINDS = ("probability", "margin", "regression", "label", "multiclass")

_DTYPES = ("str", "float", "int", "bool")
#: Kinds of which nothing stands on either side of a threshold.
_WITHOUT_SIDES = ("label", "multiclass")


@dataclass(frozen=True)
class Feature:
    """One input of a model: its name, dtype (``str``, ``float``, ``int``, ``bool``), unit and known categories.

    `group` is the name of what several features say together, such as the columns that a text was recorded one-hot in.
    """

    name: str
    dtype: str
    unit: str | None = None
    description: str | None = None
    categories: tuple[str, ...] | None = None
    group: str | None = None


@dataclass(frozen=True)
class Output:
    """What a model's answer means.

    Parameters
    ----------
    kind
        One of `KINDS`.
    positive, negative
        The labels at or above the threshold, and below it. None where the kind has no sides (``label``,
        ``multiclass``) or no threshold is declared (``margin`` and ``regression`` may do without).
    decisions
        Label and decision, for each label that is not itself the decision.
    classes
        The labels of a ``multiclass`` or ``label`` model in the model's own order; empty where only the artifact says.
    """

    kind: str
    positive: str | None = None
    negative: str | None = None
    decisions: tuple[tuple[str, str], ...] = ()
    classes: tuple[str, ...] = ()

    def decision(self, label: str | None) -> str | None:
        """Return the decision that a label leads to when no rule fires; the label itself unless declared."""
        return None if label is None else dict(self.decisions).get(label, label)


@dataclass(frozen=True)
class Signature:
    """Features in the order in which the model takes them, and its output."""

    features: tuple[Feature, ...]
    output: Output

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in the model's order."""
        return tuple(feature.name for feature in self.features)

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Features that are declared to say one thing together, by the name of that."""
        found: dict[str, tuple[str, ...]] = {}
        for feature in self.features:
            if feature.group is not None:
                found[feature.group] = (*found.get(feature.group, ()), feature.name)
        return found

    @classmethod
    def parse(cls, text: str | None, model: str = "the model version") -> Signature:
        """Read a signature from the JSON of a registry row.

        Raises
        ------
        ModelError
            Code ``signature-unreadable``: the text is missing, not JSON, or not a signature.
        """
        try:
            document = json.loads(text or "")
            features = tuple(_feature(entry) for entry in document["features"])
            output = _output(document["output"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(
                f"the signature of {model} in the registry cannot be read ({type(error).__name__}: {error})",
                "Ask the model's owner for the feature signature; without it no input can be matched to the model.",
                "signature-unreadable",
            ) from error
        if len({feature.name for feature in features}) != len(features) or not features:
            raise ModelError(
                f"the signature of {model} names no feature, or one feature twice",
                "Ask the model's owner for the correct feature signature.",
                "signature-unreadable",
            )
        return cls(features, output)

    def to_json(self) -> str:
        """Return the signature as the JSON that `parse` reads."""
        return self._json

    @cached_property
    def _json(self) -> str:
        document: dict[str, Any] = {
            "features": [asdict(feature) for feature in self.features],
            "output": asdict(self.output),
        }
        document["output"]["decisions"] = dict(self.output.decisions)
        for feature in document["features"]:
            if feature["group"] is None:
                del feature["group"]
        for name in ("positive", "negative", "classes"):
            if not document["output"][name]:
                del document["output"][name]
        return json.dumps(document, ensure_ascii=False)


def _feature(entry: dict[str, Any]) -> Feature:
    if entry["dtype"] not in _DTYPES or not isinstance(entry["name"], str):
        raise ValueError(f"feature {entry['name']!r} has dtype {entry['dtype']!r}; known are {', '.join(_DTYPES)}")
    group = entry.get("group")
    if not (group is None or (isinstance(group, str) and group)):
        raise ValueError(f"feature {entry['name']!r} has a group that is no name")
    categories = entry.get("categories")
    return Feature(
        entry["name"],
        entry["dtype"],
        entry.get("unit"),
        entry.get("description"),
        None if categories is None else tuple(str(category) for category in categories),
        group,
    )


def _output(entry: dict[str, Any]) -> Output:
    kind = entry["kind"]
    if kind not in KINDS:
        raise ValueError(f"the output is of kind {kind!r}; known are {', '.join(KINDS)}")
    sides = [entry.get(name) for name in ("positive", "negative")]
    if (None in sides and kind == "probability") or sides.count(None) == 1:
        raise ValueError(f"the output of kind {kind} does not name both its positive and its negative label")
    if kind in _WITHOUT_SIDES and sides != [None, None]:
        raise ValueError(f"the output of kind {kind} has classes, not a positive and a negative label")
    classes = tuple(str(label) for label in entry.get("classes") or ())
    if len(set(classes)) != len(classes) or len(classes) == 1:
        raise ValueError("the output names one class only, or one class twice")
    positive, negative = (None if side is None else str(side) for side in sides)
    if positive is not None and (positive == negative or (classes and {positive, negative} != set(classes))):
        raise ValueError("the output's positive and negative label are one, or are not its two classes")
    decisions = entry.get("decisions") or {}
    return Output(
        kind,
        positive,
        negative,
        tuple(sorted((str(label), str(decision)) for label, decision in decisions.items())),
        classes,
    )
