"""What the replay of many predictions came to: a verdict for each, their summary, and what explains what diverged."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.replay.verdict import Verdict
from audit_lab.seal.hidden_letters import spelling_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from audit_lab.replay.causes.cause import Explanation
    from audit_lab.replay.runner import Ran

__all__ = ["BatchReplay", "GroupExplanation"]

_REPRODUCED = (str(Verdict.EXACT), str(Verdict.WITHIN_TOLERANCE))


@dataclass(frozen=True)
class GroupExplanation:
    """What a search for causes came to, for the predictions of one version that parted at one step on one day."""

    model_name: str
    model_version: str
    code: str
    day: str
    diverged: int
    explanation: Explanation


@dataclass(frozen=True)
class BatchReplay:
    """The verdict of each prediction, and how each model and version was run.

    Parameters
    ----------
    scanned
        One row for each prediction (`audit_lab.replay.runner.RESULT_SCHEMA`), in memory or in the folder it is kept in.
    ran
        Model and version in one to isolation, tolerance, environment and notes.
    explanations
        What reproduces what diverged, by version, step and day; the days with most divergences.
    kept
        The folder, None where the rows are in memory.
    asked
        Which predictions were asked for, and how they were to be run, as JSON-safe values; ``expression`` is None too
        where it was a polars expression, and ``by_polars`` is that as text then.
    decisions_of
        Reconstructs decisions that are named by ids or places, as ``log.decisions`` does; None where no log was asked.
    """

    scanned: pl.LazyFrame
    ran: Mapping[str, Ran]
    explanations: tuple[GroupExplanation, ...] = ()
    kept: Path | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    decisions_of: Callable[..., Any] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def rows(self) -> pl.DataFrame:
        """One row for each prediction, in order of time, then id."""
        return self.scanned.sort("occurred_at", "prediction_id", "place", maintain_order=True).collect()

    @property
    def isolation(self) -> dict[str, dict[str, str]]:
        """Model and version in one to what bound the child that ran it."""
        return {name: each.isolation for name, each in self.ran.items()}

    @cached_property
    def groups(self) -> pl.DataFrame:
        """Predictions by model, version, verdict and code: count, largest distance, most units, and the first id."""
        keys = ["model_name", "model_version", "verdict", "code"]
        at, ident = "occurred_at", "prediction_id"
        counted = (
            self.scanned.group_by(keys)
            .agg(
                pl.len().alias("predictions"),
                pl.col("distance").max().alias("largest_distance"),
                pl.col("ulps").max().alias("most_ulps"),
                _first(at).alias(at),
            )
            .collect()
        )
        # Without a sort of all rows: of the first moment of each group there are few.
        earliest = self.scanned.select(*keys, at, ident).join(
            counted.lazy().select(*keys, at), on=[*keys, at], how="semi", nulls_equal=True
        )
        first = earliest.group_by(keys).agg(_first(ident).alias("first_id")).collect()
        return counted.drop(at).join(first, on=keys, how="left", nulls_equal=True).sort(keys)

    @cached_property
    def _followed(self) -> pl.DataFrame:
        """Count the predictions that state no version, by the version that deployments name."""
        known = pl.col("version_said").is_not_null() & pl.col("model_version").is_not_null()
        counted = self.scanned.filter(known).group_by("model_name", "model_version").len("predictions")
        return counted.sort("model_name", "model_version").collect()

    @property
    def predictions(self) -> int:
        """How many there are."""
        return int(self.groups["predictions"].sum())

    @property
    def reproduced(self) -> int:
        """How many came out the same, exactly or within the tolerance."""
        return int(self.groups.filter(pl.col("verdict").is_in(_REPRODUCED))["predictions"].sum())

    def not_reproduced(self, limit: int | None = None) -> pl.DataFrame:
        """Return the rows that diverged or could not be replayed, in order of time, the first `limit` of them."""
        wanted = self.scanned.filter(~pl.col("verdict").is_in(_REPRODUCED))
        ordered = wanted.sort("occurred_at", "prediction_id", "place", maintain_order=True)
        return (ordered if limit is None else ordered.head(limit)).collect()

    @spelling_text
    def summary(self) -> list[str]:
        """Return the result in plain sentences."""
        if not self.predictions:
            return ["No prediction matches, so nothing was replayed."]
        counts = dict(self.groups.group_by("verdict").agg(pl.col("predictions").sum()).iter_rows())
        parts = [f"{counts[str(each)]:,} {each}" for each in Verdict if str(each) in counts]
        lines = [f"{self.reproduced:,} of {self.predictions:,} predictions were reproduced: {', '.join(parts)}."]
        lines += [
            f"{row['predictions']:,} of {row['model_name'] or 'no model'} "
            f"{row['model_version'] or 'without a version'} are {row['verdict']} ({row['code']}), "
            f"first {row['first_id']}."
            for row in self.groups.filter(~pl.col("verdict").is_in(_REPRODUCED)).iter_rows(named=True)
        ]
        lines += [
            f"{row['predictions']:,} of {row['model_name']} {row['model_version']} state no version: that it decided "
            "follows from the deployments alone."
            for row in self._followed.iter_rows(named=True)
        ]
        lines += [f"{name}: {sentence}" for name, each in self.ran.items() for sentence in each.sentences()]
        lines += [
            f"{each.model_name} {each.model_version} on {each.day}, {each.diverged:,} with {each.code}: "
            f"{each.explanation.statement}"
            for each in self.explanations
        ]
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the rows as JSON-safe values."""
        return {
            "predictions": self.predictions,
            "reproduced": self.reproduced,
            "groups": self.groups.to_dicts(),
            "ran": {
                name: {
                    "isolation": each.isolation,
                    "tolerance": each.tolerance,
                    "environment": each.environment,
                    "notes": list(each.sentences()),
                }
                for name, each in self.ran.items()
            },
            "explanations": [
                {
                    "model_name": each.model_name,
                    "model_version": each.model_version,
                    "code": each.code,
                    "day": each.day,
                    "diverged": each.diverged,
                    **each.explanation.to_dict(),
                }
                for each in self.explanations
            ],
        }

    @spelling_text
    def __repr__(self) -> str:
        """Return the first sentences of the summary."""
        return "BatchReplay: " + " ".join(self.summary()[:3])


def _first(name: str) -> pl.Expr:
    """Return the least value, where null is less than any."""
    return pl.when(pl.col(name).null_count() == 0).then(pl.col(name).min())
