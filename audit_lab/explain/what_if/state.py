"""One state of a what-if: inputs, what came of them, and what is to be known of a value."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.log.files.printable import printable

if TYPE_CHECKING:
    from audit_lab.explain.attribution import Value

__all__ = ["Input", "Refusal", "Remark", "Side", "plain", "value_words"]

_WHOLE = 2**53 - 1
_LONGEST = 80


@dataclass(frozen=True)
class Input:
    """One feature: its recorded value, its value in this state, and whether that was changed; None is missing."""

    feature: str
    unit: str | None
    recorded: Value
    value: Value
    is_changed: bool

    def words(self) -> str:
        """Return the change in words."""
        after, before = (value_words(value, self.unit) for value in (self.value, self.recorded))
        return f"{printable(self.feature)} {after} instead of {before}"


@dataclass(frozen=True)
class Side:
    """What a model, its threshold and its rules make of inputs, or what the record says that they made of them.

    `probabilities` are those of all classes, in the model's order, where it gives several; else None.
    """

    score: float | None
    label: str | None
    rule: str | None
    decision: str | None
    probabilities: tuple[float, ...] | None = None

    def is_same(self, other: Side) -> bool:
        """Whether another side has the same values to the bit; a score that is no number is the same as itself."""
        return repr(asdict(self)) == repr(asdict(other))

    def steps(self, threshold: float | None) -> str:
        """Return the way from the score to the decision in words."""
        said = []
        if self.score is not None:
            edge = ""
            if threshold is not None and math.isfinite(self.score):
                edge = f", {'at or above' if self.score >= threshold else 'below'} the threshold {threshold:g}"
            said.append(f"score {self.score:.4g}{edge}")
        said += [f"label {printable(self.label)!r}"] if self.label is not None else []
        said += [f"rule {printable(self.rule)!r}"] if self.rule is not None else []
        said += [f"decision {printable(self.decision)!r}" if self.decision is not None else "no decision"]
        return " \N{RIGHTWARDS ARROW} ".join(said)


@dataclass(frozen=True)
class Refusal:
    """Why a model gave no answer to inputs: a stable code, and the detail."""

    code: str
    detail: str


@dataclass(frozen=True)
class Remark:
    """What must be known of a value that was put in: a stable code, and a sentence."""

    feature: str
    code: str
    sentence: str


def value_words(value: Value, unit: str | None = None) -> str:
    """Return a value with its unit as a reader expects it: every digit, foreign text quoted and without escapes."""
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return repr(printable(value, _LONGEST))
    whole = isinstance(value, int) or (value.is_integer() and abs(value) <= _WHOLE)
    text = f"{int(value):,}" if whole else repr(value)
    return f"{text} {printable(unit)}" if unit else text


def plain(value: Any) -> Any:
    """Return a value as canonical JSON takes it: what is no finite number of 53 bits, text or truth value is text."""
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _WHOLE else str(value)
    return value if isinstance(value, float) and math.isfinite(value) else str(value)
