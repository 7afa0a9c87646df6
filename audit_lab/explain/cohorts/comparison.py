"""Two groups side by side: which feature moved the model's mean output from the one to the other.

Contributions add up to the output less the base value, row by row, and so do their means. Two groups that are explained
against one background have one base value; the difference of their mean outputs is then the sum, over the features, of
the differences of mean contributions. Nothing is left over, which is checked.

Intervals are those of Welch, *The generalization of Student's problem when several different population variances are
involved* (1947): the difference of two means with unequal variances, from counts, means and variances alone.
"""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.explain.attribution import Check
from audit_lab.explain.cohorts.sentences import contrast_sentences
from audit_lab.seal.digests import sha256
from audit_lab.seal.hidden_letters import spelling, spelling_text
from audit_lab.seal.strict_json import canonical_json

if TYPE_CHECKING:
    from audit_lab.explain.cohorts.moments import Moments
    from audit_lab.explain.cohorts.result import CohortAttribution

__all__ = ["Contrast", "FeatureContrast", "contrast"]

_FORMAT = "audit_lab.cohort-contrast"
_VERSION = 1
_SHOWN = 20
#: Values of float32 that are added up; as a part of the mean outputs, or of one.
_LEFT_OVER = 1e-5
#: What two groups must have in common, so that their contributions are of one kind, and start at one base value.
_SAME = {
    "model_name": "model",
    "model_version": "version",
    "artifact_sha256": "artifact",
    "output_explained": "explained output",
    "label": "label",
    "algorithm": "algorithm",
    "library_version": "library version",
}


@dataclass(frozen=True)
class FeatureContrast:
    """How a feature's contributions differ between group and reference.

    Parameters
    ----------
    feature, unit
        Its name and unit.
    group_mean, reference_mean, mean
        The mean contribution in each, and the first less the second: what of the moved mean output is this feature's.
    interval
        Of `mean`; None where there is none.
    group_size, reference_size, size, size_interval
        The same of the mean magnitude: how much more, or less, the feature mattered, whichever way.
    """

    feature: str
    unit: str | None
    group_mean: float
    reference_mean: float
    mean: float
    interval: tuple[float, float] | None
    group_size: float
    reference_size: float
    size: float
    size_interval: tuple[float, float] | None


@dataclass(frozen=True)
class Contrast:
    """What moved the mean output between two groups of decisions of one version.

    Parameters
    ----------
    group, reference
        The two; differences are the first less the second.
    features
        Largest difference of mean contributions first; of equal ones, by name.
    confidence
        Of the intervals, for example 0.95.
    without_interval
        Why there are none, where there are none.
    shared
        How many decisions of the two samples are the same, which then are not independent.
    check
        ``additivity``: whether the differences add up to that of the mean outputs.
    """

    group: CohortAttribution
    reference: CohortAttribution
    features: tuple[FeatureContrast, ...]
    confidence: float
    without_interval: str | None
    shared: int
    check: Check

    @property
    def moved(self) -> float:
        """The mean output of the group less that of the reference."""
        return self.group.output.mean - self.reference.output.mean

    @property
    def table(self) -> pl.DataFrame:
        """One row for each feature, with its differences and their intervals (``_low`` and ``_high``)."""
        schema = {
            "feature": pl.String,
            "unit": pl.String,
            **dict.fromkeys(
                ("group_mean", "reference_mean", "mean", "mean_low", "mean_high", "group_size", "reference_size"),
                pl.Float64,
            ),
            **dict.fromkeys(("size", "size_low", "size_high"), pl.Float64),
        }
        rows = [
            (
                *(each.feature, each.unit, each.group_mean, each.reference_mean, each.mean),
                *(each.interval or (None, None)),
                *(each.group_size, each.reference_size, each.size, *(each.size_interval or (None, None))),
            )
            for each in self.features
        ]
        return pl.DataFrame(rows, schema=schema, orient="row")

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of the differences and of both groups by their digests."""
        return sha256(canonical_json(self._answer()))

    @spelling_text
    def describe(self) -> list[str]:
        """Return the answer in a few plain sentences."""
        return contrast_sentences(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the differences, and both groups, as JSON-safe values."""
        return {
            **self._answer(),
            "digest": self.digest,
            "summary": self.describe(),
            "group": self.group.to_dict(),
            "reference": self.reference.to_dict(),
        }

    def _answer(self) -> dict[str, Any]:
        features = [
            {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(each).items()}
            for each in self.features
        ]
        return {
            "format": _FORMAT,
            "version": _VERSION,
            "group_sha256": self.group.digest,
            "reference_sha256": self.reference.digest,
            "moved": self.moved,
            "features": features,
            "confidence": self.confidence,
            "without_interval": self.without_interval,
            "shared": self.shared,
            "check": asdict(self.check),
        }

    @spelling_text
    def __repr__(self) -> str:
        """Return the first sentences."""
        return "Contrast: " + " ".join(self.describe()[:2])

    @spelling
    def _repr_html_(self) -> str:
        """Return the sentences and the largest differences; every text is escaped."""
        said = "".join(f"<li>{html.escape(line)}</li>" for line in self.describe())
        rows = "".join(
            f"<tr><td>{html.escape(each.feature)}</td><td>{each.mean:+.4g}</td><td>{each.size:+.4g}</td></tr>"
            for each in self.features[:_SHOWN]
        )
        head = "<tr><th>feature</th><th>mean contribution</th><th>mean magnitude</th></tr>"
        return f"<ul>{said}</ul><table>{head}{rows}</table>"


def contrast(group: CohortAttribution, reference: CohortAttribution, *, confidence: float = 0.95) -> Contrast:
    """Compare what features contributed in two groups of decisions of one version.

    Parameters
    ----------
    group, reference
        Explained in one way and against one background: give the second ``background=first.background_rows``.
    confidence
        Of the intervals, between 0 and 1.

    Raises
    ------
    MisuseError
        They are of different versions, or were not explained in the same way; or the confidence is none.
    """
    if not 0 < confidence < 1:
        raise MisuseError(f"the confidence is {confidence}", "Give one between 0 and 1, like 0.95.")
    for name, called in _SAME.items():
        one, other = getattr(group, name), getattr(reference, name)
        if one != other:
            raise MisuseError(
                f"the groups cannot be contrasted: their {called} differs ({one} and {other})",
                "Ask for both of one version, with the same perturbation and output.",
            )
    if group.background.sha256 != reference.background.sha256:
        raise MisuseError(
            "the groups were explained against different backgrounds, so their contributions start at different values",
            "Explain one against the background of the other: background=other.background_rows.",
        )
    few = [f"{name} has one explained decision" for name, each in _named(group, reference) if each.explained == 1]
    pairs = ((each, reference.feature(each.feature)) for each in group.features)
    found = [
        FeatureContrast(
            ours.feature,
            ours.unit,
            ours.value.mean,
            theirs.value.mean,
            ours.value.mean - theirs.value.mean,
            _interval(ours.value, theirs.value, confidence),
            ours.size.mean,
            theirs.size.mean,
            ours.size.mean - theirs.size.mean,
            _interval(ours.size, theirs.size, confidence),
        )
        for ours, theirs in pairs
    ]
    found.sort(key=lambda each: (-abs(each.mean), each.feature))
    return Contrast(
        group,
        reference,
        tuple(found),
        confidence,
        " and ".join(few) or None,
        len(_sampled(group) & _sampled(reference)),
        _check(sum(each.mean for each in found), group, reference),
    )


def _named(group: CohortAttribution, reference: CohortAttribution) -> tuple[tuple[str, CohortAttribution], ...]:
    return ("the group", group), ("the reference", reference)


def _interval(one: Moments, other: Moments, confidence: float) -> tuple[float, float] | None:
    """Return the interval of the difference of two means; None where the variances cannot be told, or are nought."""
    from scipy.special import stdtrit

    if one.variance is None or other.variance is None:
        return None
    parts = one.variance / one.rows, other.variance / other.rows
    moved, squared = one.mean - other.mean, sum(parts)
    if squared == 0:
        return None
    # In parts of their sum, because the squares of small variances would be nothing.
    freedom = 1 / sum((part / squared) ** 2 / (each.rows - 1) for part, each in zip(parts, (one, other), strict=True))
    reach = float(stdtrit(freedom, (1 + confidence) / 2)) * squared**0.5
    return moved - reach, moved + reach


def _sampled(cohort: CohortAttribution) -> set[str]:
    return set(cohort.points.filter(pl.col("kind") == "sample")["place"].unique())


def _check(total: float, group: CohortAttribution, reference: CohortAttribution) -> Check:
    ends = group.output.mean, reference.output.mean
    left = abs(total - (ends[0] - ends[1]))
    allowed = _LEFT_OVER * max(1.0, *(abs(end) for end in ends))
    verb = "add up" if left <= allowed else "do not add up"
    detail = (
        f"the features' differences {verb} to that of the mean outputs (left over {left:.1e}, allowed {allowed:.0e})"
    )
    return Check("additivity", left <= allowed, detail)
