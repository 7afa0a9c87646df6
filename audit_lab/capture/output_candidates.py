"""How well a column fits the roles of what a model put out, and what became of it: by name, type and values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.capture import vocabulary as say
from audit_lab.capture.candidate import Candidate, few, first_that_holds, listed, seen_values
from audit_lab.capture.time_form import time_form
from audit_lab.log.foreign.values import parse_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.capture.column_profile import ColumnProfile

__all__ = ["OUTPUTS"]

_MOSTLY = 0.99
_TWO_WAYS = frozenset({"0", "1", "true", "false"})
_OUTPUT_WORDS = frozenset({"risk", "output", "outputs"})
_TRUTH_PHRASES = ({"y", "true"}, {"ground", "truth"}, {"true", "label"}, {"true", "class"})


def _score(column: ColumnProfile) -> Candidate | None:
    words = set(column.words)
    named = bool(words & say.SCORE) or (column.words[:1] == ("p",) and len(words) > 1)
    numbers = (
        column.sample.alias("score").to_frame().select(parse_number("score", column.dtype)) if column.plain else None
    )
    known = pl.Series([], dtype=pl.Float64) if numbers is None else numbers.to_series().drop_nulls()
    if column.dtype == pl.Boolean or known.len() < _MOSTLY * column.sample.len() or not known.len():
        return None
    within = float(known.is_between(0, 1).mean() or 0.0)  # type: ignore[arg-type]
    inside = within >= _MOSTLY and not column.dtype.is_integer()
    share = "every value sampled lies" if within == 1 else f"{within:.1%} of the values sampled lie"
    low, high = known.to_frame().select(pl.first().min().alias("low"), pl.first().max().alias("high")).row(0)
    reach = f"its values run from {low:g} to {high:g}, so it is no probability"
    graded = not few(column) or not column.values or not column.values <= _TWO_WAYS
    exact = bool(words & say.SCORE) and not words - say.SCORE - say.MODEL - say.PREDICTED
    return first_that_holds(
        column,
        (named and inside, 0.75 if column.is_text else 0.95, f"named as a score or probability, and {share} in 0 to 1"),
        (named, 0.75 if exact else 0.4, f"named as a score; {reach}"),
        (column.is_text, 0.0, "numbers written as text, and not named as a score"),
        (bool(words & say.PREDICTED) and graded, 0.85 if inside else 0.7, "a number named as a prediction"),
        (bool(words & _OUTPUT_WORDS) and inside, 0.6, f"named like an output, and {share} in 0 to 1"),
        (inside and graded, 0.3, f"{share} in 0 to 1, but its name does not say that it is a score"),
    )


def _label(column: ColumnProfile) -> Candidate | None:
    words, seen = set(column.words), f"with {seen_values(column)}"
    if not few(column) or words & say.OUTCOME or "true" in words:
        return None
    predicted = bool(words & say.PREDICTED)
    return first_that_holds(
        column,
        (
            (predicted and bool(words & say.LABEL)) or words >= {"y", "hat"},
            0.95,
            f"named as the predicted label, {seen}",
        ),
        (predicted and not words & say.ID, 0.85, f"named as a prediction, {seen}"),
        (
            bool(words) and words <= say.LABEL,
            0.5,
            f"named as a label (predicted or true, its name does not say), {seen}",
        ),
    )


def _decision(column: ColumnProfile) -> Candidate | None:
    if not few(column) or column.values is None:
        return None
    words, seen = set(column.words), f"with {seen_values(column)}"
    verdicts = 2 * len(column.values & say.VERDICTS) >= len(column.values)
    telling = verdicts and bool(column.values - say.PLAIN_VERDICTS)
    named = bool(words & say.DECISION) and not words & (say.ID | say.TIME | say.SCORE)
    return first_that_holds(
        column,
        (named, 0.93, f"named as a decision, {seen}"),
        (
            verdicts and bool(words & say.RESULT),
            0.75,
            f"named as a result, and its values are verdicts: {listed(column)}",
        ),
        (telling and bool(words & say.OUTCOME), 0.75, f"its values are verdicts: {listed(column)}"),
        (telling, 0.6, f"its values are verdicts ({listed(column)}), though its name does not say so"),
        (bool(words & say.RESULT), 0.4, f"named as a result, {seen}"),
    )


def _outcome(column: ColumnProfile) -> Candidate | None:
    words = set(column.words)
    if not column.plain or words & (say.ID | say.TIME | say.SCORE | say.PREDICTED):
        return None
    if not (few(column) or column.dtype.is_numeric()):
        return None
    seen = f"with {seen_values(column)}" if few(column) else f"with numbers from {column.low:g} to {column.high:g}"
    named = bool(words & say.OUTCOME) or any(words >= phrase for phrase in _TRUTH_PHRASES)
    values = column.values or frozenset()
    verdicts = 2 * len(values & (say.VERDICTS - say.PLAIN_VERDICTS)) > len(values)
    return first_that_holds(
        column,
        (named and verdicts, 0.4, f"named as an outcome, but its values are verdicts: {listed(column)}"),
        (named, 0.93, f"named as the truth, {seen}"),
        (
            bool(words) and words <= say.LABEL and few(column),
            0.5,
            f"named as a label (predicted or true, its name does not say), {seen}",
        ),
        (column.words == ("y",), 0.6, f"named y, as the truth often is, {seen}"),
    )


def _threshold(column: ColumnProfile) -> Candidate | None:
    words = set(column.words)
    if not column.dtype.is_numeric() or not (words & say.THRESHOLD or words >= {"cut", "off"}):
        return None
    if few(column):
        return Candidate(column.name, 0.95, f"named as a threshold, with {seen_values(column)}")
    return Candidate(column.name, 0.5, "named as a threshold, but it takes many values")


def _latency(column: ColumnProfile) -> Candidate | None:
    words = set(column.words)
    is_duration = isinstance(column.dtype, pl.Duration)
    if not is_duration and (not column.dtype.is_numeric() or (column.low or 0) < 0 or time_form(column)):
        return None
    units = [say.UNITS[word] for word in column.words if word in say.UNITS]
    unit = units[-1] if units else "ms"
    said = "" if units or is_duration else "; its unit is not stated and taken as milliseconds"
    if words & say.LATENCY:
        return Candidate(column.name, 0.95 if not said else 0.8, f"named as a latency{said}", unit)
    if words & say.DURATION and words & say.DURATION_OF:
        return Candidate(column.name, 0.9 if not said else 0.7, f"named as the duration of serving{said}", unit)
    if words & say.DURATION and (units or is_duration):
        return Candidate(column.name, 0.6, "named as a short duration, of what its name does not say", unit)
    return None


OUTPUTS: dict[str, Callable[[ColumnProfile], Candidate | None]] = {
    "latency_ms": _latency,
    "score": _score,
    "threshold": _threshold,
    "decision": _decision,
    "outcome": _outcome,
    "label": _label,
}
