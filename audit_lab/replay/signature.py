"""The signature of a model version: which features it takes, in which order, and what it puts out."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from audit_lab.errors import ModelError

__all__ = ["Feature", "Output", "Signature"]

_DTYPES = ("str", "float", "int", "bool")


@dataclass(frozen=True)
class Feature:
    """One input of a model: its name, dtype (``str``, ``float``, ``int``, ``bool``), unit and known categories."""

    name: str
    dtype: str
    unit: str | None = None
    description: str | None = None
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Output:
    """What a score means: its kind, the labels on either side of the threshold, and the decision for each label."""

    kind: str
    positive: str
    negative: str
    decisions: tuple[tuple[str, str], ...] = ()

    def decision(self, label: str) -> str:
        """Return the decision that a label leads to when no rule fires; the label itself unless declared."""
        return dict(self.decisions).get(label, label)


@dataclass(frozen=True)
class Signature:
    """Features in the order in which the model takes them, and its output."""

    features: tuple[Feature, ...]
    output: Output

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in the model's order."""
        return tuple(feature.name for feature in self.features)

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
        document: dict[str, Any] = {
            "features": [asdict(feature) for feature in self.features],
            "output": asdict(self.output),
        }
        document["output"]["decisions"] = dict(self.output.decisions)
        return json.dumps(document, ensure_ascii=False)


def _feature(entry: dict[str, Any]) -> Feature:
    if entry["dtype"] not in _DTYPES or not isinstance(entry["name"], str):
        raise ValueError(f"feature {entry['name']!r} has dtype {entry['dtype']!r}; known are {', '.join(_DTYPES)}")
    categories = entry.get("categories")
    return Feature(
        entry["name"],
        entry["dtype"],
        entry.get("unit"),
        entry.get("description"),
        None if categories is None else tuple(str(category) for category in categories),
    )


def _output(entry: dict[str, Any]) -> Output:
    decisions = entry.get("decisions") or {}
    return Output(
        str(entry["kind"]),
        str(entry["positive"]),
        str(entry["negative"]),
        tuple(sorted((str(label), str(decision)) for label, decision in decisions.items())),
    )
