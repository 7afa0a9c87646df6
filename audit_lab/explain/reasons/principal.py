"""The reasons of one decision: who decided, up to four principal reasons, against which reference, how checked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from audit_lab.explain.reasons.notice_text import notice_text
from audit_lab.seal.digests import sha256
from audit_lab.seal.hidden_letters import spelling
from audit_lab.seal.strict_json import canonical_json

if TYPE_CHECKING:
    from audit_lab.explain.attribution import Check

__all__ = ["BASES", "Push", "Reason", "Reasons", "Reference"]

#: Who or what made the decision that stands, or why no reasons are given.
BASES = {
    "score": "the score of the model",
    "rule": "a decision rule",
    "override": "a person, who changed the system's decision",
    "not-adverse": "the decision is not adverse",
    "changed": "a person changed an adverse decision, and it does not stand any more",
    "not-reproduced": "the model, run again, does not give the recorded decision",
}


@dataclass(frozen=True)
class Push:
    """How far one feature pushed the score towards the adverse side, in the units of the explained output.

    Parameters
    ----------
    feature, value, unit
        The feature, its recorded value as text, its unit.
    contribution
        Its Shapley value against the reference; positive towards the adverse side.
    effect
        How much the score moves away from the adverse side, on average, when the reference's values are put in its
        place one after the other and nothing else is changed. By running the real model.
    """

    feature: str
    value: str
    unit: str | None
    contribution: float
    effect: float


@dataclass(frozen=True)
class Reason:
    """One reason; `code` is None where the document has none, and `text` says so then.

    `pushes` are the features that it stands for, strongest first; none for a rule or a person.
    """

    code: str | None
    text: str
    pushes: tuple[Push, ...] = ()
    caution: str | None = None


@dataclass(frozen=True)
class Reference:
    """The decisions that the reasons are relative to: the reference's name, in words, by id, and by their digest."""

    name: str
    description: str
    rows: tuple[str, ...]
    sha256: str


@dataclass(frozen=True)
class Reasons:
    """The principal reasons of one decision.

    Parameters
    ----------
    prediction_id, occurred_at, model_name, model_version
        The decision; the time as ISO 8601.
    recorded, standing
        What the system decided, and what stands after persons.
    basis
        A key of `BASES`.
    why
        That in a sentence, with the rule's or the person's own words.
    reasons
        At most four, strongest first.
    secondary
        Where a rule decided and the score alone would have too: the reasons of the score.
    further
        Reasons beyond those four.
    joint
        Features with an adverse contribution that are not named, since alone, with the reference's values in their
        place, the score does not move away from the adverse side.
    joint_effect, joint_text
        How much it does with the reference's values in the place of all of these at once, and that in words; None where
        there are none.
    direction
        Which way of the score is adverse, in a sentence; None where no score was looked at.
    reference, attribution_sha256, checks
        What the reasons of the score are relative to, the digest of the explanation, and how both were checked.
    codes_version, codes_sha256
        The document of reason codes.
    """

    prediction_id: str
    occurred_at: str | None
    model_name: str
    model_version: str
    recorded: str
    standing: str
    basis: str
    why: str
    codes_version: str
    codes_sha256: str
    reasons: tuple[Reason, ...] = ()
    secondary: tuple[Reason, ...] = ()
    further: tuple[Reason, ...] = ()
    joint: tuple[str, ...] = ()
    joint_effect: float | None = None
    joint_text: str | None = None
    direction: str | None = None
    reference: Reference | None = None
    attribution_sha256: str | None = None
    checks: tuple[Check, ...] = ()

    @property
    def unmapped(self) -> tuple[str, ...]:
        """A sentence for each feature, rule or person that pushed the decision and has no reason in the document."""
        return tuple(each.text for each in (*self.reasons, *self.secondary, *self.further) if each.code is None)

    @property
    def is_complete(self) -> bool:
        """Whether the model gives the recorded decision, what pushed it has a reason, and every check passed.

        Where the score decided and no input could be named, it is not.
        """
        told = self.basis != "not-reproduced" and bool(self.reasons or self.basis != "score")
        return told and not self.unmapped and all(check.passed for check in self.checks)

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of everything that is said."""
        return sha256(canonical_json(asdict(self)))

    def notice(self) -> str:
        """Return a notice in plain language: numbered reasons, the reference, and what was not checked."""
        return notice_text(self)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-safe values, the notice among it."""
        said = {"unmapped": list(self.unmapped), "is_complete": self.is_complete, "notice": self.notice()}
        return {**asdict(self), **said, "digest": self.digest}

    def __str__(self) -> str:
        """Return the notice."""
        return self.notice()

    @spelling
    def _repr_html_(self) -> str:
        return f"<pre style='white-space:pre-wrap'>{escape(self.notice())}</pre>"
