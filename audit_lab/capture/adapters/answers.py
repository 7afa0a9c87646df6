"""What a model answered for one instance as the columns of a prediction; what has no column is kept as JSON."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Answers"]

#: Names that fields of answers have, in lower case without ``_`` and ``-``; the first that is there plays the role.
_NAMES = {
    "score": ("score", "probability", "prob", "predictedscore", "predictedprobability", "confidence"),
    "label": ("label", "predictedlabel", "class", "predictedclass"),
    "probabilities": ("probabilities", "probs", "predictproba", "scores"),
    "decision": ("decision",),
}
_EITHER = ("prediction", "predictions", "output", "outputs", "result", "0")
#: What a caller calls an answer that is a bare value.
_BARE = "value"
_NEAR = 1e-3
_NUMBERS = (float, int)
_SCORES = frozenset({float, type(None)})


class Answers:
    """Answers of a part, column by column.

    Parameters
    ----------
    roles
        Role to the field that plays it, as the caller says; known names play theirs where nothing is said.

    Attributes
    ----------
    score, label, probabilities, decision, answer
        One value for each answer, None where there is none. `answer` is the JSON of what has no column otherwise.
    """

    def __init__(self, roles: Mapping[str, str]) -> None:
        self._roles = roles
        self._bare = next((role for role, field in roles.items() if field == _BARE), None)
        self.score: list[float | None] = []
        self.label: list[str | None] = []
        self.probabilities: list[list[float] | None] = []
        self.decision: list[str | None] = []
        self.answer: list[str | None] = []

    def extend(self, outputs: Sequence[Any] | None, count: int) -> None:
        """Add the answers of an exchange of so many instances; None where it has no response."""
        if outputs is None:
            for column in (self.score, self.label, self.probabilities, self.decision, self.answer):
                column.extend([None] * count)
            return
        for value in outputs:
            self._add(value)

    def extend_scores(self, scores: list[float | None]) -> bool:
        """Add answers that are bare numbers with a point, or none, all at once; whether they are just that."""
        if self._bare is not None or not _SCORES.issuperset(map(type, scores)):
            return False
        self.score.extend(scores)
        for column in (self.label, self.probabilities, self.decision, self.answer):
            column.extend([None] * len(scores))
        return True

    def _add(self, value: Any) -> None:
        found: dict[str, Any] = {}
        rest = self._of_fields(value, found) if isinstance(value, dict) else self._of_bare(value, found)
        kept = None if rest is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
        self._row(found.get("score"), found.get("label"), found.get("probabilities"), found.get("decision"), kept)

    def _row(self, score: Any, label: Any, probabilities: Any, decision: Any, answer: str | None) -> None:
        self.score.append(score)
        self.label.append(label)
        self.probabilities.append(probabilities)
        self.decision.append(decision)
        self.answer.append(answer)

    def _of_bare(self, value: Any, found: dict[str, Any]) -> Any:
        """Put a bare answer into its column; return what has none."""
        if isinstance(value, list) and len(value) == 1:
            return self._of_bare(value[0], found)
        return None if value is None or _put(self._bare or _role(value), value, found) else value

    def _of_fields(self, value: dict[str, Any], found: dict[str, Any]) -> Any:
        """Put the fields of an answer into their columns; return what has none."""
        left = dict(value)
        named = {name.lower().replace("_", "").replace("-", ""): name for name in value}
        for role, names in _NAMES.items():
            field = self._roles.get(role) or next((named[name] for name in names if name in named), None)
            if field in left and _put(role, left[field], found):
                del left[field]
        either = next((named[name] for name in _EITHER if named.get(name) in left), None)
        if either is not None:
            role = _role(left[either])
            if role not in found and _put(role, left[either], found):
                del left[either]
        return left or None


def _role(value: Any) -> str:
    if isinstance(value, list):
        return "probabilities"
    return "score" if type(value) in _NUMBERS else "label"


def _put(role: str, value: Any, found: dict[str, Any]) -> bool:
    """Put a value into the column of its role, where it can stand there without loss."""
    if isinstance(value, list) and len(value) == 1 and role != "probabilities":
        value = value[0]
    if role == "score":
        fits = type(value) in _NUMBERS and (type(value) is float or abs(value) <= 2**53)
        if fits:
            found[role] = float(value)
        return fits
    if role == "probabilities":
        numbers = isinstance(value, list) and len(value) > 1 and all(type(each) in _NUMBERS for each in value)
        likely = numbers and all(0 <= each <= 1 for each in value) and abs(math.fsum(value) - 1) <= _NEAR
        if likely:
            found[role] = [float(each) for each in value]
        return likely
    if type(value) is bool:
        found[role] = "true" if value else "false"
    elif isinstance(value, str | int):
        found[role] = str(value)
    elif type(value) is float and value == int(value if math.isfinite(value) else 0):
        found[role] = str(int(value))
    else:
        return False
    return True
