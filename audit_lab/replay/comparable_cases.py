"""`Comparable`: the nearest cases of a decision, how far each is and in what it differs, in frames and in sentences."""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.replay.decision_rules import FEATURE
from audit_lab.seal.digests import sha256
from audit_lab.seal.hidden_letters import spelling, spelling_text
from audit_lab.seal.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from audit_lab.replay.gower import Scale

__all__ = ["CASES", "Comparable", "differences"]

CASES = pl.Schema(
    {
        "rank": pl.Int64(),
        "prediction_id": pl.String(),
        "place": pl.String(),
        "occurred_at": pl.Datetime("us", "UTC"),
        "model_version": pl.String(),
        "score": pl.Float64(),
        "decision": pl.String(),
        "final_decision": pl.String(),
        "is_overridden": pl.Boolean(),
        "distance": pl.Float64(),
        "compared": pl.Int64(),
        "differing": pl.Int64(),
    }
)

_DIFFERENCES = pl.Schema(
    {
        "rank": pl.Int64(),
        "prediction_id": pl.String(),
        "feature": pl.String(),
        "unit": pl.String(),
        "this": pl.String(),
        "other": pl.String(),
        "difference": pl.Float64(),
        "part": pl.Float64(),
    }
)

_LEFT_OUT = {
    "prediction-failed": "gave no answer",
    "ambiguous-id": "have an id that stands in several places",
    "erased": "were erased of what a comparison needs",
    "inputs-missing": "have no inputs",
    "decision-missing": "have no decision",
    "nothing-in-common": "have no feature that both have",
}
_SPOKEN = 3
_WHOLE = 1e15


@dataclass(frozen=True)
class Comparable:
    """The nearest comparable cases of a decision.

    Parameters
    ----------
    prediction_id, place, decision
        The decision.
    asked
        What was asked, as JSON-safe values.
    scope
        Which decisions were looked at, in words.
    scales
        The features that count, each with the range that differences are divided by.
    searched, compared, candidates
        How many decisions were looked at, how many of them could be compared, and how many of those came into question
        (were decided otherwise, where that was asked).
    left_out
        Why and how many could not be compared.
    cases
        One row for each case, nearest first: ``rank``, ``prediction_id``, ``place``, ``occurred_at``,
        ``model_version``, ``score``, ``decision``, ``final_decision`` (after overrides), ``is_overridden``,
        ``distance``, ``compared`` and ``differing`` (numbers of features).
    differences
        One row for each case and feature: ``this`` and ``other`` (values as text), ``difference`` (other less this, of
        numbers), ``part`` (what the feature adds before the mean is taken, 0 to 1; null where it does not count).
    sampled
        What must be known where some decisions were served and not recorded, one sentence without its full stop.
    decisions_of
        Reconstructs decisions that are named by ids or places, as ``log.decisions`` does; None where no log was asked.
    """

    prediction_id: str
    place: str
    decision: str | None
    asked: Mapping[str, Any]
    scope: str
    scales: tuple[Scale, ...]
    searched: int
    compared: int
    candidates: int
    left_out: Mapping[str, int]
    cases: pl.DataFrame = field(repr=False)
    differences: pl.DataFrame = field(repr=False)
    sampled: str | None = None
    decisions_of: Callable[..., Any] | None = field(default=None, repr=False, compare=False)

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of question and answer."""
        return sha256(canonical_json(self._answer()))

    @spelling_text
    def summary(self) -> list[str]:
        """Return the answer in plain sentences."""
        version = f"{self.asked['model_name']} {self.asked['model_version'] or 'without a version'}"
        whose = version if self.asked["same_version"] else f"{self.asked['model_name']}, any version,"
        otherwise = self.asked["decided_otherwise"]
        word = f" decided otherwise than {self.decision!r}" if otherwise else ""
        candidates = f", and {self.candidates:,} of those were{word}" if otherwise else ""
        looked_at = f"{self.searched:,} decisions of {whose} {self.scope} were looked at"
        lines = [f"{looked_at}; {self.compared:,} can be compared with {self.prediction_id}{candidates}."]
        if not self.cases.height:
            lines.append(f"None of them was{word}." if otherwise else "There is none to compare with.")
        lines += [self._sentence(row, word) for row in self.cases.head(1).iter_rows(named=True)]
        if self.left_out:
            parts = [f"{count:,} {_LEFT_OUT[code]} ({code})" for code, count in self.left_out.items()]
            lines.append(f"Not compared: {', '.join(parts)}.")
        if "version_said" in self.asked:
            lines.append(self.asked["version_said"])
        if self.sampled is not None:
            lines.append(f"{self.sampled[0].upper()}{self.sampled[1:]}.")
        if self.asked["not_comparable"]:
            lines.append(f"Features that cannot be compared: {', '.join(self.asked['not_comparable'])}.")
        lines.append(
            f"Distance: Gower (1971), the mean of the differences in {len(self.scales)} features, 0 (the same) to 1. "
            "A number's difference is divided by its range among all that can be compared and this one, however "
            "decided; a feature that one of the two lacks does not count. That a case is near does not say why it was "
            "decided as it was."
        )
        return lines

    def _sentence(self, row: Mapping[str, Any], word: str) -> str:
        own = self.differences.filter(pl.col("rank") == row["rank"], pl.col("part") > 0)
        order = own.sort(-pl.col("part"), maintain_order=True).to_dicts()
        said = [_difference(each) for each in order[:_SPOKEN]]
        more = f", and in {len(order) - _SPOKEN} more" if len(order) > _SPOKEN else ""
        differs = f"differs in {', '.join(said)}{more}" if said else "differs in none of the features that both have"
        final = ""
        if row["is_overridden"]:
            final = f", overridden to {row['final_decision']!r} afterwards"
        return (
            f"The nearest case{word}, {row['prediction_id']} ({row['decision']!r}{final}), is at distance "
            f"{row['distance']:.4g}: it {differs}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-safe values."""
        return {**self._answer(), "digest": self.digest, "summary": self.summary()}

    def _answer(self) -> dict[str, Any]:
        cases = self.cases.with_columns(pl.col("occurred_at").dt.to_string("iso:strict"))
        return {
            "prediction_id": self.prediction_id,
            "place": self.place,
            "decision": self.decision,
            "asked": dict(self.asked),
            "scope": self.scope,
            "scales": [asdict(scale) for scale in self.scales],
            "searched": self.searched,
            "compared": self.compared,
            "candidates": self.candidates,
            "left_out": dict(self.left_out),
            "cases": [_finite(row) for row in cases.to_dicts()],
            "differences": self.differences.to_dicts(),
        }

    @spelling_text
    def __repr__(self) -> str:
        """Return the first sentences of the summary."""
        return "Comparable: " + " ".join(self.summary()[:2])

    @spelling
    def _repr_html_(self) -> str:
        """Return sentences and cases; every text is escaped."""
        said = "".join(f"<li>{html.escape(line)}</li>" for line in self.summary())
        names = ("rank", "prediction_id", "decision", "final_decision", "distance", "differing")
        head = "".join(f"<th style='text-align:left'>{name}</th>" for name in names)
        cells = (
            "".join(f"<td style='text-align:left'>{html.escape(_shown(row[name]))}</td>" for name in names)
            for row in self.cases.iter_rows(named=True)
        )
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        return f"<ul>{said}</ul><table><tr>{head}</tr>{body}</table>"


def differences(scales: Sequence[Scale], cases: pl.DataFrame) -> pl.DataFrame:
    """Return in what each case differs, feature by feature, cases in order.

    Parameters
    ----------
    scales
        The features, with the decision's own values.
    cases
        ``rank``, ``prediction_id`` and each feature with the prefix `FEATURE`.
    """
    rows = []
    parts = {scale.name: scale.parts(cases[FEATURE + scale.name]) for scale in scales} if cases.height else {}
    for place, case in enumerate(cases.iter_rows(named=True)):
        for scale in scales:
            other, part = case[FEATURE + scale.name], float(parts[scale.name][place])
            counts = part == part  # noqa: PLR0124 - not a number where the feature does not count
            both = counts and scale.is_number
            difference = float(other) - scale.value if both else None
            rows.append(
                (
                    case["rank"],
                    case["prediction_id"],
                    scale.name,
                    scale.unit,
                    _exact(scale.value),
                    _exact(other),
                    difference,
                    part if counts else None,
                )
            )
    return pl.DataFrame(rows, schema=_DIFFERENCES, orient="row")


def _difference(row: Mapping[str, Any]) -> str:
    unit = f" {row['unit']}" if row["unit"] else ""
    values = f"({row['this']} here, {row['other']} there)"
    if row["difference"] is None:
        return f"{row['feature']} {values}"
    return f"{row['feature']} by {_number(abs(row['difference']))}{unit} {values}"


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) and value < _WHOLE else f"{value:,.6g}"


def _exact(value: Any) -> str | None:
    """Return a value with every digit it has, whole numbers without a point; a missing one as None."""
    if value is None:
        return None
    return (
        repr(value).removesuffix(".0") if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
    )


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """Return a case as JSON takes it: a score that is no finite number becomes text."""
    score = row["score"]
    return row if score is None or abs(score) < float("inf") else {**row, "score": str(score)}


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
