"""`Counterfactuals`: changes that would have flipped a decision, what they were held to, and what was tried."""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.seal.digests import sha256
from audit_lab.seal.hidden_letters import spelling, spelling_text
from audit_lab.seal.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.explain.counterfactual.change import Change
    from audit_lab.explain.counterfactual.constraints import Constraints
    from audit_lab.explain.counterfactual.supported import Supported

__all__ = ["Attempts", "Counterfactual", "Counterfactuals"]


@dataclass(frozen=True)
class Counterfactual:
    """Changes with which the decision would have been another one.

    Parameters
    ----------
    changes
        What would have to be otherwise, in the model's order; everything else stays as recorded.
    distance
        The mean of what the changes add over all features, Gower's distance, above 0 and up to 1.
    score, label, rule, decision
        What the real model, its threshold and rules make of it.
    """

    changes: tuple[Change, ...]
    distance: float
    score: float | None
    label: str | None
    rule: str | None
    decision: str

    def words(self) -> str:
        """Return the changes in words."""
        said = [change.words() for change in self.changes]
        return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"

    def sentence(self) -> str:
        """Return what it would have led to, in a sentence."""
        score = "" if self.score is None else f", score {self.score:.4g}"
        so = f"({self.rule}{score}; distance {self.distance:.3g})"
        return f"With {self.words()} it would have been {self.decision!r} {so}."


@dataclass(frozen=True)
class Attempts:
    """What was tried.

    Parameters
    ----------
    candidates, limit
        How many candidates were run, and how many might have been.
    most_changes
        How many features a candidate might change at once.
    exhaustive_changes
        Up to how many changes every combination of allowed values was run that could have been nearer or new; 0 where
        not even all single changes were.
    allowed
        Feature to the number of values that it might be changed to.
    fixed
        Feature that stayed as it is, and why.
    refused
        Why and how many candidates gave no answer.
    unstable
        How many flips did not come out again when they were run once more, and are left out.
    """

    candidates: int
    limit: int
    most_changes: int
    exhaustive_changes: int
    allowed: Mapping[str, int]
    fixed: Mapping[str, str]
    refused: Mapping[str, int]
    unstable: int


@dataclass(frozen=True)
class Counterfactuals:
    """The nearest counterfactuals of one decision.

    Parameters
    ----------
    prediction_id, place, model_name, model_version, artifact_sha256
        The decision, and the artifact that was run.
    inputs
        The recorded row.
    score, label, rule, decision, threshold
        What the system made of it, as it came out again now; the replay agrees with the record.
    target
        The decision that was wanted; None: any other.
    overridden_to
        What a person changed the decision to afterwards; None where nobody did.
    wanted
        How many were asked for.
    found
        What was found, nearest first.
    constraints, data, between
        What changes were held to: the stated constraints, the declared data whose values count as supported, and
        whether numbers between those seen count too.
    tried
        What was tried.
    isolation, notes
        What bound the child that ran the model, and what else was seen.
    """

    prediction_id: str
    place: str
    model_name: str
    model_version: str | None
    artifact_sha256: str | None
    inputs: Mapping[str, Any]
    score: float | None
    label: str | None
    rule: str | None
    decision: str
    threshold: float | None
    target: str | None
    overridden_to: str | None
    wanted: int
    found: tuple[Counterfactual, ...]
    constraints: Constraints
    data: Supported
    between: bool
    tried: Attempts
    isolation: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of `canonical`."""
        return sha256(self.canonical())

    def canonical(self) -> bytes:
        """Return question and answer as RFC 8785 JSON: the same bytes whenever, and in whichever child, it is asked."""
        return canonical_json(self._answer())

    @spelling_text
    def summary(self) -> list[str]:
        """Return the answer in plain sentences."""
        score = "" if self.score is None else f", score {self.score:.4g}"
        edge = "" if self.threshold is None else f", threshold {self.threshold:g}"
        ruled = f", by {self.rule}" if self.rule else ""
        who = f"{self.model_name} {self.model_version}"
        lines = [f"{who} decided {self.decision!r} about {self.prediction_id}{score}{edge}{ruled}."]
        if self.overridden_to is not None:
            lines.append(
                f"A person changed that to {self.overridden_to!r} afterwards; what is asked here is what the system "
                "would have had to be given to decide otherwise."
            )
        lines += [f"{number}. {each.sentence()}" for number, each in enumerate(self.found, 1)]
        lines += self._missing()
        lines.append(self.constraints.words())
        lines += self._ground()
        return lines

    def _missing(self) -> list[str]:
        """Say what was not found, and never more than what was tried shows."""
        if len(self.found) == self.wanted:
            return []
        tried = self.tried
        other = "other " if self.found else ""
        to = f" to {self.target!r}" if self.target is not None else ""
        spoken = f"{tried.candidates:,} candidates"
        changes = _features(tried.most_changes)
        if not tried.allowed:
            return ["No feature has another value that was seen and is allowed, so nothing was tried."]
        if tried.exhaustive_changes >= min(tried.most_changes, len(tried.allowed)) and not tried.refused:
            said = f"No {other}flip{to} exists with up to {changes} changed, among the values allowed: "
            return [f"{said}all were tried ({spoken})."]
        proof = "Not every combination was tried, so that is no proof that there is none."
        return [f"No {other}flip{to} was found among {spoken} with up to {changes} changed. {proof}"]

    def _ground(self) -> list[str]:
        """Say what the answer rests on."""
        tried, data = self.tried, self.data
        seen = "seen in" if not self.between else "seen, or for numbers between those seen, in"
        order = (
            "Nearest means: the fewest features changed, then Gower's distance, then the order of features and values."
        )
        each = "Each has another set of changed features, and none holds all of another's."
        whole = tried.exhaustive_changes
        how = "not every allowed change of one feature, so nearer ones may exist"
        if whole:
            what = "change of one feature" if whole == 1 else f"combination of up to {whole} features"
            how = f"every allowed {what} among them: where no more is changed, none is nearer"
        lines = [
            f"Allowed values are those {seen} {data.rows:,} decisions {data.scope} (SHA-256 {data.sha256[:12]}).",
            f"{order} {each} {tried.candidates:,} candidates were run, {how}.",
        ]
        if tried.fixed:
            lines.append(f"Kept: {', '.join(f'{name} ({why})' for name, why in tried.fixed.items())}.")
        if tried.refused:
            said = ", ".join(f"{count:,} ({code})" for code, count in tried.refused.items())
            lines.append(f"Candidates that gave no answer: {said}.")
        if tried.unstable:
            lines.append(
                f"{tried.unstable} flips did not come out again when they were run once more, and were left out: the "
                "model does not always give the same answer."
            )
        if data.thinned:
            lines.append(f"Of {', '.join(data.thinned)} not every value that was seen was considered.")
        if self.found:
            lines.append(
                "Each was run through the real artifact, threshold and rules twice. It says what this version would "
                "have decided, not what caused it, nor that the change can be made or would help."
            )
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-safe values; unlike `canonical` with what bound the child, a new one each time."""
        return {
            **self._answer(),
            "digest": self.digest,
            "summary": self.summary(),
            "isolation": dict(self.isolation),
            "notes": list(self.notes),
        }

    def _answer(self) -> dict[str, Any]:
        return {
            "prediction_id": self.prediction_id,
            "place": self.place,
            "model_name": self.model_name,
            "model_version": self.model_version,
            "artifact_sha256": self.artifact_sha256,
            "inputs": {name: _plain(value) for name, value in self.inputs.items()},
            "score": _plain(self.score),
            "label": self.label,
            "rule": self.rule,
            "decision": self.decision,
            "threshold": _plain(self.threshold),
            "target": self.target,
            "overridden_to": self.overridden_to,
            "wanted": self.wanted,
            "found": [_plain_all(asdict(each)) for each in self.found],
            "constraints": _plain_all(self.constraints.to_dict()),
            "data": self.data.to_dict(),
            "between": self.between,
            "order": "features changed, then Gower's distance",
            "tried": asdict(self.tried),
        }

    @spelling_text
    def __repr__(self) -> str:
        """Return the decision, and what would flip it."""
        return "Counterfactuals: " + " ".join(self.summary()[: 1 + max(1, len(self.found))])

    @spelling
    def _repr_html_(self) -> str:
        """Return the sentences; every text is escaped."""
        return f"<ul>{''.join(f'<li>{html.escape(line)}</li>' for line in self.summary())}</ul>"


def _features(count: int) -> str:
    return "one feature" if count == 1 else f"{count} features"


def _plain(value: Any) -> Any:
    """Return a value as JSON takes it: what is no finite number, text or truth value becomes text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    return value if isinstance(value, float) and abs(value) < float("inf") else str(value)


def _plain_all(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain_all(each) for name, each in value.items()}
    return [_plain_all(each) for each in value] if isinstance(value, list | tuple) else _plain(value)
