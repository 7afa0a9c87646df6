"""Tell labels from the truth by the score: a label was made from it by a threshold, the truth was not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.capture.candidate import Candidate, best_first
from audit_lab.log.files.printable import printable
from audit_lab.log.foreign.values import parse_number, parse_text

if TYPE_CHECKING:
    from audit_lab.capture.column_profile import FolderProfile

__all__ = ["parted", "weighed"]

_FOLLOWS = 0.98
_STRENGTHENED = 0.3
_WEAKENED = 0.2
_ROWS_PER_VALUE = 10
_TWO = 2


def weighed(profile: FolderProfile, role: str, candidates: list[Candidate], score: str) -> list[Candidate]:
    """Weigh the candidates for ``label`` or ``outcome`` anew: what follows the score is a label, and is no truth."""
    found = []
    for candidate in candidates:
        share = parted(profile, score, candidate.column)
        if share is None:
            found.append(candidate)
            continue
        follows = share >= _FOLLOWS
        change = (_STRENGTHENED if follows else -_WEAKENED) * (1 if role == "label" else -1)
        word = "follows" if follows else "does not follow"
        why = f"{candidate.why}; it {word} {printable(score)} (one threshold parts its values to {share:.0%})"
        confidence = min(max(candidate.confidence + change, 0.05), 0.97)
        found.append(replace(candidate, confidence=confidence, why=why))
    return best_first(found)


def parted(profile: FolderProfile, score: str, column: str) -> float | None:
    """Return how well the best threshold of a score parts a column's two values, in the sampled rows.

    Returns
    -------
    float or None
        The balanced accuracy of that threshold, 0.5 to 1: half of one plus the Kolmogorov-Smirnov distance between the
        scores of either value. None where the column has not two values, each in ten rows or more.
    """
    schema = profile.folder.schema
    if score == column or not profile.columns[column].plain:
        return None
    value = parse_text(column, schema[column], whole_numbers=True)
    pairs = profile.sample.select(score=parse_number(score, schema[score]), value=value).drop_nulls()
    counts = dict(pairs["value"].value_counts().rows())
    if len(counts) != _TWO or min(counts.values()) < _ROWS_PER_VALUE:
        return None
    one, other = (pl.col("value") == name for name in sorted(counts))
    steps = pairs.group_by("score").agg(one=one.sum(), other=other.sum()).sort("score")
    shares = steps.select((pl.col(name).cum_sum() / pl.col(name).sum()).alias(name) for name in ("one", "other"))
    distance = shares.select((pl.col("one") - pl.col("other")).abs().max()).item()
    return (1 + float(distance)) / 2
