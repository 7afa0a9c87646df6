"""A cause that reproduces the record, and what a search for causes came to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["KINDS", "Cause", "Explanation", "Tried"]

#: Kinds of cause, and how a sentence names what was tried. Of causes that reproduce equally much, earlier kinds rank
#: first: a registered version is on record, a threshold or rule has fewer ways to fit by chance than an input.
KINDS: dict[str, str] = {
    "registered-threshold": "the version's registered threshold",
    "another-version": "other registered versions",
    "another-threshold": "other thresholds",
    "other-rules": "other rules",
    "precision": "precisions",
    "missing-value": "ways to read a missing value",
    "category-encoding": "codings of categories",
    "unit": "units of a feature",
}


@dataclass(frozen=True)
class Cause:
    """A change that reproduces what was recorded.

    Parameters
    ----------
    kind
        A key of `KINDS`.
    feature
        The feature that it is about, None where it is about no single one.
    value
        What was other: the version, the threshold or its bounds, the conversion, the coding.
    what
        The same as a sentence.
    reproduced, examined
        How many of the diverged decisions that were examined it reproduces.
    exact
        Whether all of these bit for bit; else within the tolerance.
    contradicted
        How many decisions beside, from the same time, come out as recorded without the change and would not with it: it
        did not befall them.
    as_well
        Changes that nobody makes and that reproduce as many, in words: where there are any, the cause explains nothing.
    alternatives
        Values of the same kind, for the same feature, that reproduce as many, nearest first.
    """

    kind: str
    feature: str | None
    value: str
    what: str
    reproduced: int
    examined: int
    exact: bool
    contradicted: int = 0
    as_well: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tried:
    """How many changes of a kind were tried, and the most diverged decisions that one of them reproduces."""

    kind: str
    changes: int
    most_reproduced: int


@dataclass(frozen=True)
class Explanation:
    """What a search for causes came to.

    Parameters
    ----------
    step
        The step at which replay and record part: score, label, rule or decision.
    causes
        What reproduces the diverged decisions examined, best first; empty where nothing does.
    rivals
        Changes that reproduce as many, so that it cannot be told which it was, or that may do so by chance.
    tried
        What was tried.
    examined
        How many diverged decisions were examined.
    statement
        The same as sentences.
    """

    step: str
    causes: tuple[Cause, ...]
    rivals: tuple[Cause, ...]
    tried: tuple[Tried, ...]
    examined: int
    statement: str

    @property
    def explained(self) -> bool:
        """Whether a cause was found; never the nearest guess."""
        return bool(self.causes)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-safe values."""
        return {**asdict(self), "explained": self.explained}
