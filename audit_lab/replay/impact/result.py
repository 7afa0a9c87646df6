"""`Impact`: which decisions a correction changes, by group and subject, and what could not be said."""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.replay.impact.row_digest import rows_sha256
from audit_lab.replay.impact.sentences import impact_sentences
from audit_lab.seal.digests import sha256
from audit_lab.seal.hidden_letters import spelling, spelling_text
from audit_lab.seal.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from audit_lab.replay.impact.kinds import Change
    from audit_lab.replay.impact.met import Unmet
    from audit_lab.replay.impact.tally import Counts
    from audit_lab.replay.runner import Ran

__all__ = ["Impact"]

_FORMAT = "audit_lab.impact"
_VERSION = 1
_SHOWN = 20


@dataclass(frozen=True)
class Impact:
    """What a correction changes about the decisions of a window.

    Parameters
    ----------
    changes
        The correction: its parts, in order.
    asked
        The log and its state, and which of its predictions were asked about, as JSON-safe values.
    counts
        How many predictions there are, were decided both ways, are given otherwise, and are affected.
    affected
        One row for each affected decision, in order of time, then id: ``prediction_id``, ``place``, ``occurred_at``,
        ``model_name``, ``model_version``, ``subject_id`` (a pseudonym), ``is_touched``; ``score``, ``label``, ``rule``
        and ``decision`` with ``_before`` (as replayed without the correction) and ``_after`` (with it);
        ``decision_recorded``, ``final_decision``, ``is_overridden``, ``is_put_right``; and each group with the prefix
        ``group.``.
    by_group
        ``group``, ``value``, ``predictions``, ``decided``, ``affected``, and ``share`` of the decided.
    why_not_decided
        How many predictions were not decided, by ``stage`` (``record``: it cannot be replayed; ``replay``: its replay
        is not its record; ``correction``: it cannot be decided under the correction), ``code`` and version.
    not_decided
        These one by one, the first 100,000 of them.
    score_shifts
        Quantiles of score after minus score before, over the decisions whose score moved.
    unmet
        Changes, and values of a recoding, that nothing in the window was found for: nobody being affected by them is no
        answer.
    ran
        Model and version in one to how it was run.
    kept
        The folder that every case is kept in, None where they are not.
    sampled
        What must be known where some predictions were served and not recorded, one sentence without its full stop.
    decisions_of
        Reconstructs decisions that are named by ids or places, as ``log.decisions`` does; None where no log was asked.
    """

    changes: tuple[Change, ...]
    asked: Mapping[str, Any]
    counts: Counts
    affected: pl.DataFrame = field(repr=False)
    by_group: pl.DataFrame = field(repr=False)
    why_not_decided: pl.DataFrame = field(repr=False)
    not_decided: pl.DataFrame = field(repr=False)
    score_shifts: Mapping[str, Any] = field(repr=False)
    unmet: tuple[Unmet, ...]
    ran: Mapping[str, Ran] = field(repr=False)
    kept: Path | None = None
    sampled: str | None = None
    decisions_of: Callable[..., Any] | None = field(default=None, repr=False, compare=False)

    @property
    def description(self) -> str:
        """The correction in one line."""
        return "; then ".join(change.description for change in self.changes)

    @property
    def captions(self) -> list[str]:
        """What stands below the title of a picture of it: the correction, and where some of that met nothing."""
        return [self.description, *(["Some of this correction met nothing: see the answer"] if self.unmet else [])]

    @property
    def correction_sha256(self) -> str:
        """The digest (hexadecimal) that names the correction: of the canonical JSON of its parts."""
        return sha256(canonical_json([change.to_dict() for change in self.changes]))

    @cached_property
    def by_subject(self) -> pl.DataFrame:
        """Pseudonym, ``affected`` decisions, ``first`` and ``last`` time, how many were ``put_right``; most first."""
        known = self.affected.filter(pl.col("subject_id").is_not_null())
        return (
            known.group_by("subject_id")
            .agg(
                pl.len().cast(pl.Int64).alias("affected"),
                pl.col("occurred_at").min().alias("first"),
                pl.col("occurred_at").max().alias("last"),
                pl.col("is_put_right").sum().cast(pl.Int64).alias("put_right"),
            )
            .sort(-pl.col("affected"), "subject_id")
        )

    @cached_property
    def directions(self) -> pl.DataFrame:
        """How many affected decisions go from what to what: ``decision_before``, ``decision_after``, ``decisions``."""
        return (
            self.affected.group_by("decision_before", "decision_after")
            .agg(
                pl.len().cast(pl.Int64).alias("decisions"),
                pl.col("is_overridden").sum().cast(pl.Int64).alias("overridden"),
                pl.col("is_put_right").sum().cast(pl.Int64).alias("put_right"),
            )
            .sort(-pl.col("decisions"), "decision_before", "decision_after", nulls_last=True)
        )

    @cached_property
    def affected_sha256(self) -> str:
        """Digest of the affected rows, see `audit_lab.replay.impact.row_digest.rows_sha256`."""
        return rows_sha256(self.affected)

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of question, correction and answer; the same question of the same log has the same."""
        return sha256(canonical_json(self._answer()))

    @spelling_text
    def summary(self) -> list[str]:
        """Return the answer in plain sentences."""
        return impact_sentences(self)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but single decisions as JSON-safe values."""
        ran = {
            name: {
                "isolation": each.isolation,
                "tolerance": each.tolerance,
                "environment": each.environment,
                "notes": list(each.sentences()),
            }
            for name, each in sorted(self.ran.items())
        }
        return {**self._answer(), "digest": self.digest, "summary": self.summary(), "ran": ran}

    def _answer(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "version": _VERSION,
            "asked": dict(self.asked),
            "correction": [change.to_dict() for change in self.changes],
            "correction_sha256": self.correction_sha256,
            "description": self.description,
            "counts": asdict(self.counts),
            "unmet": [asdict(each) for each in self.unmet],
            "directions": self.directions.to_dicts(),
            "by_group": self.by_group.to_dicts(),
            "subjects": self.by_subject.height,
            "why_not_decided": self.why_not_decided.to_dicts(),
            "score_shifts": dict(self.score_shifts),
            "affected_sha256": self.affected_sha256,
        }

    @spelling_text
    def __repr__(self) -> str:
        """Return the first sentences of the summary."""
        return "Impact: " + " ".join(self.summary()[:3])

    @spelling
    def _repr_html_(self) -> str:
        """Return the sentences, and the affected by group; every text is escaped."""
        said = "".join(f"<li>{html.escape(line)}</li>" for line in self.summary())
        names = ("group", "value", "decided", "affected", "share")
        head = "".join(f"<th style='text-align:left'>{name}</th>" for name in names)
        body = "".join(
            "<tr>"
            + "".join(f"<td style='text-align:left'>{html.escape(_shown(row[name]))}</td>" for name in names)
            + "</tr>"
            for row in self.by_group.head(_SHOWN).iter_rows(named=True)
        )
        return f"<ul>{said}</ul><table><tr>{head}</tr>{body}</table>"


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.1%}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
