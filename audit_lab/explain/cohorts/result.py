"""`CohortAttribution`: what moved a model's output over the decisions of a group, and which decisions it rests on."""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.explain.cohorts.selection import Span
from audit_lab.explain.cohorts.sentences import cohort_sentences
from audit_lab.replay.impact.row_digest import rows_sha256
from audit_lab.seal.digests import sha256
from audit_lab.seal.hidden_letters import spelling, spelling_text
from audit_lab.seal.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from audit_lab.explain.attribution import Background, Check
    from audit_lab.explain.background import BackgroundRows
    from audit_lab.explain.cohorts.comparison import Contrast
    from audit_lab.explain.cohorts.moments import Moments

__all__ = ["CohortAttribution", "DependenceBin", "FeatureAttribution", "LeftOut"]

_FORMAT = "audit_lab.cohort-attribution"
_VERSION = 1
_SHOWN = 20


@dataclass(frozen=True)
class DependenceBin:
    """The rows whose recorded value of a feature lies in one range, is one text, or is missing.

    Parameters
    ----------
    number
        Counted from 0 within its feature.
    kind
        ``number``, ``text``, ``missing``, or ``others`` (texts that are not kept one by one).
    lowest, highest
        Of a range of numbers: the smallest and the largest value that occurs in it.
    text
        Of a text; truth values are ``true`` and ``false``.
    moments, least, most
        Of the feature's contributions, over all rows of the bin.
    quartiles
        Of the contributions of the sampled rows in it, by linear interpolation; None of fewer than four.
    sampled
        How many sampled rows are in it.
    expression
        What `find` selects it with, or None where no expression does.
    """

    number: int
    kind: str
    lowest: float | None
    highest: float | None
    text: str | None
    moments: Moments
    least: float
    most: float
    quartiles: tuple[float, float, float] | None
    sampled: int
    expression: str | None

    @property
    def span(self) -> Span:
        """What of the recorded values it holds."""
        return Span(self.kind, self.lowest, self.highest, self.text)

    @property
    def label(self) -> str:
        """The bin in words: ``2 to 5``, the text itself, ``missing``, ``other texts``."""
        if self.kind == "number":
            low, high = (f"{value:.6g}" for value in (self.lowest, self.highest))
            return low if low == high else f"{low} to {high}"
        return {"missing": "missing", "others": "other texts"}.get(self.kind, str(self.text))


@dataclass(frozen=True)
class FeatureAttribution:
    """What one feature contributed over all explained rows.

    Parameters
    ----------
    feature, unit
        Its name and unit, as the model's signature has them.
    rank
        1 for the largest mean magnitude; of equal ones, by name.
    value, size
        Moments of its contributions, and of their magnitudes.
    least, most
        Its smallest and its largest contribution.
    raised, lowered
        In how many rows it raised, or lowered, the output.
    bins
        What it contributed by its recorded value: numbers in order, texts by rows, then others and missing.
    is_constant
        Whether one and the same value was recorded in all rows, or none in any.
    """

    feature: str
    unit: str | None
    rank: int
    value: Moments
    size: Moments
    least: float
    most: float
    raised: int
    lowered: int
    bins: tuple[DependenceBin, ...]
    is_constant: bool


@dataclass(frozen=True)
class LeftOut:
    """Rows of the group that are not explained: the code of why, how many, the first, and what it means."""

    code: str
    rows: int
    first_id: str | None
    effect: str


@dataclass(frozen=True)
class CohortAttribution:
    """SHAP values of the decisions of a group, added up; immutable, canonical in bytes, named by its digest.

    Parameters
    ----------
    asked
        The log and its state, and which of its predictions were asked about, as JSON-safe values.
    model_name, model_version, artifact_sha256
        Whose decisions they are.
    matching, explained
        How many decisions the question finds of this version, and how many of them are explained.
    chosen
        How those were chosen, where not all that could be explained are; else None.
    left_out
        Those that could not be explained, by reason.
    output_explained, label, algorithm, perturbation, library, library_version, seed, background
        As in `Attribution`; `seed` is that of the sample too.
    base_value
        Where the contributions of each row start.
    output
        Moments of the model's output over the explained rows.
    features
        In order of rank.
    checks
        What the explanation was tested for, over all rows.
    kept
        How many rows are kept one by one: of the sample, and at each end of each feature.
    points
        The kept rows, one line for each feature: ``feature``, ``kind`` (``sample``, ``highest``, ``lowest``),
        ``prediction_id``, ``place``, ``occurred_at``, ``value`` (text), ``number`` (null of a text), ``bin``,
        ``position`` (that of the bin, from 0 to 1; null where values have no order), ``contribution``.
    background_rows
        The background itself, to explain another group against; None where the training data is it.
    isolation, environment
        As in `Attribution`; not part of the digest.
    notes
        What whoever reads it must know of the version, in sentences.
    ask
        Reads the log again for the decisions of a bin of a feature, given by feature and number.
    decisions_of
        Reconstructs decisions that are named by ids or places, as ``log.decisions`` does; None where no log was asked.
    """

    asked: Mapping[str, Any]
    model_name: str
    model_version: str
    artifact_sha256: str
    matching: int
    explained: int
    chosen: str | None
    left_out: tuple[LeftOut, ...]
    output_explained: str
    label: str | None
    algorithm: str
    perturbation: str
    library: str
    library_version: str
    seed: int
    background: Background
    base_value: float
    output: Moments
    features: tuple[FeatureAttribution, ...]
    checks: tuple[Check, ...]
    kept: tuple[int, int]
    points: pl.DataFrame = field(repr=False, compare=False)
    background_rows: BackgroundRows | None = field(repr=False, compare=False)
    isolation: dict[str, str] = field(default_factory=dict, repr=False)
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()
    ask: Callable[[str, int], pl.DataFrame] | None = field(default=None, repr=False, compare=False)
    decisions_of: Callable[..., Any] | None = field(default=None, repr=False, compare=False)

    def feature(self, name: str) -> FeatureAttribution:
        """Return what a feature contributed.

        Raises
        ------
        MisuseError
            The model has no such feature.
        """
        for each in self.features:
            if each.feature == name:
                return each
        known = ", ".join(each.feature for each in self.features[:_SHOWN])
        raise MisuseError(f"{name!r} is no feature of {self.model_name} {self.model_version}", f"It has {known}.")

    def against(self, reference: CohortAttribution, *, confidence: float = 0.95) -> Contrast:
        """Return what moved the mean output from a reference to this group; see `audit_lab.explain.cohorts.contrast`.

        Raises
        ------
        MisuseError
            They cannot be contrasted.
        """
        from audit_lab.explain.cohorts.comparison import contrast

        return contrast(self, reference, confidence=confidence)

    def rows_of(self, feature: str, number: int) -> pl.DataFrame:
        """Return the explained decisions behind a bin of a feature, in the order of the log.

        Returns
        -------
        pl.DataFrame
            ``prediction_id``, ``place``, ``occurred_at``, and ``value``, the recorded one.

        Raises
        ------
        MisuseError
            There is no such feature or bin, or this attribution is not connected with its log any more.
        """
        bins = self.feature(feature).bins
        if not 0 <= number < len(bins):
            raise MisuseError(f"{feature} has no bin {number}", f"Its bins are 0 to {len(bins) - 1}.")
        if self.ask is None:
            raise MisuseError("these attributions are not connected with their log", "Ask the log for them again.")
        return self.ask(feature, number)

    def points_of(self, feature: str) -> pl.DataFrame:
        """Return the kept rows of a feature, in the order of their contributions."""
        return self.points.filter(pl.col("feature") == self.feature(feature).feature)

    @cached_property
    def importance(self) -> pl.DataFrame:
        """One row for each feature, in order of rank: name, unit, means, spread, extremes, and how many it raised."""
        schema = {
            "rank": pl.Int64,
            "feature": pl.String,
            "unit": pl.String,
            "mean_magnitude": pl.Float64,
            "mean": pl.Float64,
            "spread": pl.Float64,
            "least": pl.Float64,
            "most": pl.Float64,
            "raised": pl.Int64,
            "lowered": pl.Int64,
        }
        rows = [
            (
                *(each.rank, each.feature, each.unit, each.size.mean, each.value.mean, each.value.spread),
                *(each.least, each.most, each.raised, each.lowered),
            )
            for each in self.features
        ]
        return pl.DataFrame(rows, schema=schema, orient="row")

    def dependence(self, feature: str) -> pl.DataFrame:
        """Return the bins of a feature: number, kind, label, bounds, rows, mean, spread, extremes and quartiles."""
        schema = {
            "bin": pl.Int64,
            "kind": pl.String,
            "label": pl.String,
            "lowest": pl.Float64,
            "highest": pl.Float64,
            "rows": pl.Int64,
            "mean": pl.Float64,
            "spread": pl.Float64,
            "least": pl.Float64,
            "most": pl.Float64,
            "lower_quartile": pl.Float64,
            "median": pl.Float64,
            "upper_quartile": pl.Float64,
            "sampled": pl.Int64,
            "expression": pl.String,
        }
        rows = [
            (
                *(each.number, each.kind, each.label, each.lowest, each.highest, each.moments.rows, each.moments.mean),
                *(each.moments.spread, each.least, each.most, *(each.quartiles or (None, None, None))),
                *(each.sampled, each.expression),
            )
            for each in self.feature(feature).bins
        ]
        return pl.DataFrame(rows, schema=schema, orient="row")

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of question and answer; the same question of the same log has the same."""
        return sha256(canonical_json(self._answer()))

    @spelling_text
    def describe(self) -> list[str]:
        """Return the answer in a few plain sentences, and the notes."""
        return [*cohort_sentences(self), *self.notes]

    def to_dict(self) -> dict[str, Any]:
        """Return everything but single decisions as JSON-safe values."""
        return {
            **self._answer(),
            "digest": self.digest,
            "summary": self.describe(),
            "isolation": self.isolation,
            "environment": self.environment,
        }

    def _answer(self) -> dict[str, Any]:
        background = {"description": self.background.description, "rows": len(self.background.rows)}
        return {
            "format": _FORMAT,
            "version": _VERSION,
            "asked": dict(self.asked),
            "model_name": self.model_name,
            "model_version": self.model_version,
            "artifact_sha256": self.artifact_sha256,
            "matching": self.matching,
            "explained": self.explained,
            "chosen": self.chosen,
            "left_out": [asdict(each) for each in self.left_out],
            "method": "shap",
            "output_explained": self.output_explained,
            "label": self.label,
            "algorithm": self.algorithm,
            "perturbation": self.perturbation,
            "library": self.library,
            "library_version": self.library_version,
            "seed": self.seed,
            "background": {**background, "sha256": self.background.sha256},
            "base_value": self.base_value,
            "output": asdict(self.output),
            "features": [_plain(each) for each in self.features],
            "checks": [asdict(each) for each in self.checks],
            "kept": {"sample": self.kept[0], "ends": self.kept[1]},
            "points_sha256": rows_sha256(self.points),
        }

    @spelling_text
    def __repr__(self) -> str:
        """Return the first sentences."""
        return "CohortAttribution: " + " ".join(self.describe()[:2])

    @spelling
    def _repr_html_(self) -> str:
        """Return the sentences and the features that moved most; every text is escaped."""
        said = "".join(f"<li>{html.escape(line)}</li>" for line in self.describe())
        names = ("rank", "feature", "mean_magnitude", "mean")
        head = "".join(f"<th style='text-align:left'>{name.replace('_', ' ')}</th>" for name in names)
        body = "".join(
            "<tr>"
            + "".join(f"<td style='text-align:left'>{html.escape(_shown(row[name]))}</td>" for name in names)
            + "</tr>"
            for row in self.importance.head(_SHOWN).iter_rows(named=True)
        )
        return f"<ul>{said}</ul><table><tr>{head}</tr>{body}</table><small>digest {self.digest}</small>"


def _plain(each: FeatureAttribution) -> dict[str, Any]:
    """Return a feature as JSON-safe values; integers that JSON cannot keep become text."""
    found = asdict(each)
    for one in found["bins"]:
        one["quartiles"] = None if one["quartiles"] is None else list(one["quartiles"])
        for end in ("lowest", "highest"):
            if isinstance(one[end], int) and abs(one[end]) >= 2**53:
                one[end] = str(one[end])
    found["bins"] = list(found["bins"])
    return found


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
