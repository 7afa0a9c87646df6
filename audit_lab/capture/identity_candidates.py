"""How well a column fits the roles that say which prediction, when, and of which model: by name, type and values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.capture import vocabulary as say
from audit_lab.capture.candidate import Candidate, few, seen_values
from audit_lab.capture.time_form import time_form

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.capture.column_profile import ColumnProfile

__all__ = ["IDENTITY"]

_MOSTLY = 0.9
_HALF = 0.5
_RARE = 0.05
_ENOUGH_ROWS = 20
_CERTAINTY_OF_FORM = {"dates": 0.45, "ISO 8601 text": 0.6}
_UUID = re.compile(r"(?i)[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}|(hex:)?[0-9a-f]{32,64}|[0-9a-hjkmnp-tv-z]{26}")
_VERSION_VALUE = re.compile(r"(?i)[a-z]{0,4}[-_.]?\d+(\.\d+){0,3}([-+][\w.]+)?|[0-9a-f]{7,64}|\d{4}-\d{2}(-\d{2})?")


def _prediction_id(column: ColumnProfile) -> Candidate | None:
    words, named = set(column.words), bool(say.ID & set(column.words))
    if not (column.plain or column.dtype == pl.Binary) or column.dtype == pl.Boolean:
        return None
    if not named and (column.dtype.is_float() or time_form(column)):
        return None
    if not column.looks_unique:
        why = "named like an id, but many of its values repeat"
        return Candidate(column.name, 0.4, why) if named and words & say.ITEM and column.uniqueness > _HALF else None
    confidence, why = _id_by_name(words) if named else _id_by_value(column)
    if not confidence:
        return None
    distinct = (
        "every value is distinct" if column.all_distinct else "as far as can be estimated every value is distinct"
    )
    if column.rows < _ENOUGH_ROWS:
        confidence, distinct = min(confidence, 0.7), f"{distinct} (in {column.rows} rows, which proves little)"
    return Candidate(column.name, confidence, f"{why}, and {distinct}")


def _id_by_name(words: set[str]) -> tuple[float, str]:
    if words & say.SUBJECT:
        return 0.4, "named as the id of a subject, not of a prediction"
    if words & (say.PREDICTED | {"inference"}):
        return 0.97, "named as a prediction's id"
    if words & say.REQUEST:
        return 0.88, "named as a request's id, which can name predictions"
    if words & say.ITEM or words <= say.ID:
        return 0.93, "named as an id"
    return 0.7, "named like an id"


def _id_by_value(column: ColumnProfile) -> tuple[float, str]:
    if column.texts and sum(bool(_UUID.fullmatch(text)) for text in column.texts) >= _MOSTLY * len(column.texts):
        return 0.7, "its values look like UUIDs or digests"
    if column.is_text:
        return 0.35, "it is text, though its name does not say that it is an id"
    if column.dtype.is_integer() and column.low is not None and column.high == column.low + column.rows - 1:
        return 0.35, "it counts the rows, though its name does not say that it is an id"
    return 0.0, ""


def _occurred_at(column: ColumnProfile) -> Candidate | None:
    form = time_form(column)
    if form is None:
        return None
    words = set(column.words)
    made, other = words & say.MADE, words & say.OTHER_TIME
    certain = 0.35 if form[1] == "s" and not words & (say.TIME | say.MADE) else _CERTAINTY_OF_FORM.get(form[0], 0.55)
    confidence = certain + 0.25 * bool(words & say.TIME) + 0.1 * bool(made) - 0.35 * bool(other)
    why = [f"it holds {form[0]}"]
    if words & say.TIME:
        why.append("is named as a time")
    if made:
        why.append("is named after the prediction or its event")
    if other:
        why.append(f"but {', '.join(sorted(other))} names another moment")
    return Candidate(column.name, min(max(confidence, 0.05), 0.97), ", ".join(why), form[1])


def _model_name(column: ColumnProfile) -> Candidate | None:
    words = set(column.words)
    if not words & say.MODEL or words & (say.VERSION | say.SCORE | say.PREDICTED | say.THRESHOLD) or not few(column):
        return None
    rest = words - say.MODEL - {"name"} - say.ID
    if rest:
        return Candidate(column.name, 0.35, f"names a model, but also {', '.join(sorted(rest))}")
    if column.dtype.is_numeric() and not words & say.ID:
        return Candidate(column.name, 0.35, "named as a model, but its values are numbers")
    return Candidate(column.name, 0.93, f"named as a model, with {seen_values(column)}")


def _model_version(column: ColumnProfile) -> Candidate | None:
    words = set(column.words)
    if not words & say.VERSION or not (few(column) or (column.plain and column.uniqueness < _RARE)):
        return None
    if words & say.OTHER_VERSION:
        return Candidate(column.name, 0.2, "named as the version of something else than a model")
    shaped = all(_VERSION_VALUE.fullmatch(text) for text in column.values or ())
    seen = f", with {seen_values(column)}" + (" shaped like versions" if shaped else "")
    if words & say.MODEL:
        return Candidate(column.name, 0.97 if shaped else 0.9, f"named as a model's version{seen}")
    if words <= say.VERSION:
        return Candidate(column.name, 0.8 if shaped else 0.65, f"named as a version{seen}")
    return Candidate(column.name, 0.5 if shaped else 0.3, f"named as a version, but also as something else{seen}")


def _request_id(column: ColumnProfile) -> Candidate | None:
    if column.nested or column.dtype.is_float() or not (set(column.words) & say.REQUEST and set(column.words) & say.ID):
        return None
    return Candidate(column.name, 0.93, "named as a request's id")


def _subject_id(column: ColumnProfile) -> Candidate | None:
    if column.nested or column.dtype.is_temporal() or column.dtype == pl.Boolean or not set(column.words) & say.SUBJECT:
        return None
    if set(column.words) & say.ID:
        return Candidate(column.name, 0.93, "named as the id of a person or thing decided on")
    if set(column.words) <= say.SUBJECT and column.values is None:
        return Candidate(column.name, 0.6, "named after a person or thing, with many values")
    return None


IDENTITY: dict[str, Callable[[ColumnProfile], Candidate | None]] = {
    "prediction_id": _prediction_id,
    "occurred_at": _occurred_at,
    "model_version": _model_version,
    "model_name": _model_name,
    "request_id": _request_id,
    "subject_id": _subject_id,
}
