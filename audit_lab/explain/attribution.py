"""The attribution: what each feature contributed to one prediction, with everything needed to compute it again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from audit_lab.explain.describing import amount_text, sentences
from audit_lab.seal.hidden_letters import spelling, spelling_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from audit_lab.explain.describing import Decided
    from audit_lab.explain.repeating import Repeated

__all__ = ["Attribution", "Background", "Check", "Contribution", "Value"]

#: Up to here a whole number is shown with all its digits, whether it was recorded as a float or not.
_EXACT = 2**53 - 1


#: A recorded value; None where it was missing.
Value = str | float | bool | None


@dataclass(frozen=True)
class Contribution:
    """How far one feature, at its recorded value, moved the explained output; `value` is None when it was missing."""

    feature: str
    value: Value
    contribution: float

    @property
    def value_text(self) -> str:
        """The recorded value as a reader expects it: ``missing``, ``yes``, ``no``, plain numbers, the text itself."""
        if self.value is None:
            return "missing"
        if isinstance(self.value, bool):
            return "yes" if self.value else "no"
        if isinstance(self.value, float) and not (self.value.is_integer() and abs(self.value) <= _EXACT):
            return f"{self.value:.10g}"
        return str(int(self.value) if isinstance(self.value, float) else self.value)


@dataclass(frozen=True)
class Background:
    """The decisions that the explained one is compared with: in words, by id, and by the digest of their content."""

    description: str
    rows: tuple[str, ...]
    sha256: str


@dataclass(frozen=True)
class Check:
    """A test that the explanation was put to; `detail` says in a sentence what was found."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Attribution:
    """One explanation of one prediction; immutable, canonical in bytes, named by its digest.

    Parameters
    ----------
    prediction_id
        The decision that is explained.
    method
        ``shap`` or ``lime``.
    algorithm
        How the values were computed, for example ``exact enumeration, interventional``.
    output_explained
        ``probability`` (contributions between -1 and 1) or ``log-odds``.
    label
        The label whose probability or log-odds is explained.
    contributions
        One for each recorded feature, in the order of the model's signature.
    base_value
        SHAP: the mean output over the background. LIME: the intercept of its local linear model.
    prediction_value
        The model's output for the decision, in the units of `output_explained`.
    background, seed, library, library_version, artifact_sha256
        What the numbers rest on.
    checks
        What the explanation was tested for.
    isolation
        What was in force around the model while it ran. Not part of the digest.
    environment
        Interpreter, system, processor and packages that computed it; on another machine the numbers may differ in their
        last digits. Not part of the digest.
    notes
        What whoever reads it must know of the version, in sentences: that its row in the registry was corrected after
        the decision. Not part of the digest, which names what was computed.
    """

    prediction_id: str
    method: str
    algorithm: str
    output_explained: str
    label: str
    contributions: tuple[Contribution, ...]
    base_value: float
    prediction_value: float
    background: Background
    seed: int
    library: str
    library_version: str
    artifact_sha256: str
    checks: tuple[Check, ...]
    isolation: dict[str, str]
    environment: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, content: bytes) -> Attribution:
        """Return the attribution that `to_json` wrote.

        Raises
        ------
        MalformedError
            The bytes are none, or would be written otherwise; `code` begins ``json.`` or ``attribution.``.
        """
        from audit_lab.explain.attribution_json import parse_attribution

        return parse_attribution(content)

    def to_json(self) -> bytes:
        """Return the canonical UTF-8 bytes (RFC 8785): sorted members, no spaces, shortest exact numbers.

        Raises
        ------
        MalformedError
            A value is of a kind that no recorded feature has, or a text holds half of a surrogate pair.
        """
        from audit_lab.explain.attribution_json import attribution_bytes

        return attribution_bytes(self)

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of the canonical bytes without `isolation`, `environment` and `notes`: its name."""
        from audit_lab.explain.attribution_json import attribution_bytes

        return hashlib.sha256(attribution_bytes(self, around=False)).hexdigest()

    @property
    def elsewhere_within(self) -> float:
        """How far numbers computed again may be from these where processor or libraries are others; equal on this one.

        For each contribution, the base and the output, in the units of the output.
        """
        from audit_lab.explain.repeating import elsewhere_within

        return elsewhere_within(self)

    def repeated_by(self, other: Attribution) -> Repeated:
        """Compare this explanation with the same one computed again: equal bytes, within that distance, or not."""
        from audit_lab.explain.repeating import repeated

        return repeated(self, other)

    def repeats(self) -> str:
        """Return where the same numbers come out again, and how near, in a sentence."""
        from audit_lab.explain.repeating import repeats_text

        return repeats_text(self)

    def ranked(self) -> list[Contribution]:
        """Return the contributions, largest magnitude first; equal ones by name."""
        return sorted(self.contributions, key=lambda entry: (-abs(entry.contribution), entry.feature))

    def to_frame(self) -> pl.DataFrame:
        """Return columns feature, value (text) and contribution, largest magnitude first."""
        import polars as pl

        rows = [(entry.feature, entry.value_text, entry.contribution) for entry in self.ranked()]
        schema = {"feature": pl.String, "value": pl.String, "contribution": pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row")

    @spelling_text
    def describe(self, units: Mapping[str, str | None] | None = None, decided: Decided | None = None) -> list[str]:
        """Return three to five plain sentences, computed from the numbers, and the notes.

        Parameters
        ----------
        units
            Feature to its unit, which then follows its value.
        decided
            What was decided with the output, and by what, which an attribution does not know:
            `audit_lab.explain.describing.Decided.of(decision.prediction, decision.final_decision)`.
        """
        return [*sentences(self, units, decided), *self.notes]

    @spelling
    def _repr_html_(self) -> str:
        head = f"{self.method.upper()} of {self.prediction_id}: {self.output_explained} of {self.label!r}"
        rows = "".join(
            f"<tr><td>{escape(entry.feature)}</td><td>{escape(entry.value_text)}</td>"
            f"<td style='text-align:right'>{escape(amount_text(self, entry.contribution))}</td></tr>"
            for entry in self.ranked()
        )
        said = "".join(f"<li>{escape(sentence)}</li>" for sentence in self.describe())
        checks = "".join(
            f"<li>{escape(check.name)}: {'passed' if check.passed else 'not passed'}. {escape(check.detail)}</li>"
            for check in self.checks
        )
        source = f"{self.algorithm}; {self.library} {self.library_version}; seed {self.seed}; digest {self.digest}"
        source = f"{source}. {self.repeats()}"
        return (
            f"<div><strong>{escape(head)}</strong><ul>{said}</ul>"
            f"<table><thead><tr><th>feature</th><th>value</th><th>contribution</th></tr></thead>"
            f"<tbody>{rows}</tbody></table><ul>{checks}</ul><small>{escape(source)}</small></div>"
        )
