"""The columns that play no role: which are plausible inputs, and why the others are not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.capture import vocabulary as say
from audit_lab.capture.candidate import few, seen_values
from audit_lab.capture.time_form import time_form

if TYPE_CHECKING:
    from audit_lab.capture.column_profile import ColumnProfile

__all__ = ["InputProposal", "LeftOut", "feature_named", "judge"]

_LONG_TEXT_CHARS = 100
_MANY_VALUES = 0.5
_RESERVED = ("prediction_id", "recorded_at")


@dataclass(frozen=True)
class InputProposal:
    """A column proposed as an input, with how sure that is (0 to 1), why, and sample values safe for a terminal."""

    column: str
    confidence: float
    why: str
    samples: tuple[str, ...]


@dataclass(frozen=True)
class LeftOut:
    """A column that the proposal leaves out, and why."""

    column: str
    why: str


def feature_named(column: ColumnProfile) -> bool:
    """Whether a name is marked as an input, as ``x_amount`` and ``feature_12`` are."""
    return len(column.words) > 1 and column.words[0] in say.FEATURE


def judge(column: ColumnProfile) -> InputProposal | LeftOut:
    """Propose a column that plays no role as an input, or say why not."""
    reason = _unfit(column)
    if reason is not None:
        return LeftOut(column.name, reason)
    kind = "text" if column.is_text else "true or false" if column.dtype == pl.Boolean else "a number"
    if column.is_text and few(column):
        kind = f"text with {seen_values(column)}"
    constant = ", the same in every row sampled" if column.values and len(column.values) == 1 else ""
    if feature_named(column):
        return InputProposal(column.name, 0.9, f"its name marks it as an input; {kind}{constant}", column.examples)
    return InputProposal(column.name, 0.6, f"it plays no other role; {kind}{constant}", column.examples)


def _unfit(column: ColumnProfile) -> str | None:
    """Return why a column cannot be an input, or is not likely to be one."""
    impossible = (
        (column.name in _RESERVED, f"every log has a column named {column.name}, so no input can bear that name"),
        (column.nested, "its values are nested, and this mapping takes no payload apart"),
        (column.dtype == pl.Binary, "its values are bytes"),
        (not column.sample.len(), "it is empty in every row sampled"),
        (column.is_text and _is_json(column.texts), "its values are JSON, and this mapping takes no payload apart"),
        (column.partition, "it stands in the files' paths only, so it sorts files and was no input"),
    )
    reason = next((why for holds, why in impossible if holds), None)
    if reason is not None or (feature_named(column) and not column.dtype.is_temporal()):
        return reason
    return _unlikely(column)


def _unlikely(column: ColumnProfile) -> str | None:
    form = time_form(column)
    words = set(column.words)
    many_texts = column.is_text and column.values is None
    characters = sum(map(len, column.texts)) / len(column.texts) if many_texts else 0.0
    mostly_distinct = column.uniqueness > _MANY_VALUES
    unlikely = (
        (form is not None, f"it holds {form[0] if form else ''}, and no model takes a raw time"),
        (not column.plain, "it holds times or durations, which no model takes raw"),
        (bool(words & say.TECHNICAL), "it is named like something that the serving platform adds"),
        (characters > _LONG_TEXT_CHARS, "it is free text"),
        (many_texts and mostly_distinct, "it is text of which most values are distinct, like an id or a name"),
        (
            column.dtype.is_integer() and mostly_distinct and bool(words & say.ID),
            "it is named like an id, and most of its values are distinct",
        ),
    )
    return next((why for holds, why in unlikely if holds), None)


def _is_json(texts: list[str]) -> bool:
    """Whether text is JSON objects or lists; long ones were cut in the sample, so their opening has to do."""
    first = [text.strip() for text in texts[:20] if text.strip()]
    return bool(first) and all(_opens_json(text) for text in first)


def _opens_json(text: str) -> bool:
    if not text.startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text.startswith(('{"', "[{", '["', "[["))
    return True
