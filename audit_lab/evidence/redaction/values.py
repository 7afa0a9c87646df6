"""Withholding columns of tables and of documents, and taking down what was withheld."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.evidence.redaction.meaning import (
    NOT_RECORDED,
    entry_column,
    is_shown_beside,
    naming_members,
    recorded_members,
    shown_name,
)
from audit_lab.evidence.redaction.profile import MASK
from audit_lab.evidence.redaction.sentences import Needles, is_sentence, plain, written
from audit_lab.log.writing.segment_file import is_personal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.evidence.redaction.profile import RedactionProfile

__all__ = ["Redaction", "Withheld", "redacted_document", "redacted_row_table", "redacted_table"]

#: How a text begins that may be a JSON document.
_DOCUMENT = r"^\s*[{\[]"
_ID = "prediction_id"
_QUOTES = "'\""


@dataclass
class Withheld:
    """The values that were withheld, by column, and what is called how.

    Attributes
    ----------
    values
        Column to the values that were recorded and are withheld.
    of_prediction
        Column to these values by prediction.
    names
        The names of the log's columns.
    mentioned
        What exhibits call their columns and members, and what their entries are about.
    tables
        The tables of the log with their columns; none where the log is not at hand.
    """

    values: dict[str, set[Any]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    of_prediction: dict[str, dict[str, Any]] = field(default_factory=dict)
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    mentioned: set[str] = field(default_factory=set)

    def know(self, tables: Mapping[str, tuple[str, ...]]) -> None:
        """Take the log's tables and columns down."""
        self.tables.update(tables)
        self.names.update(*tables.values())

    def add(self, column: str, *values: Any) -> None:
        """Take values of a column down, also those within lists and structs."""
        for value in values:
            if isinstance(value, dict):
                self.add(column, *value.values())
            elif isinstance(value, list | tuple | pl.Series):
                self.add(column, *value)
            elif value is not None and value != MASK:
                self.values.setdefault(column, set()).add(value)
                if isinstance(value, str) and value[:1] in _QUOTES and value[:1] == value[-1:] and value[1:-1]:
                    self.values[column].add(value[1:-1])

    def add_rows(self, frame: pl.DataFrame, column: str) -> None:
        """Take the values of a column down by prediction, where the frame names predictions."""
        if frame.schema.get(_ID) == pl.String and not frame[column].dtype.is_nested():
            known = frame.filter(pl.col(column).is_not_null(), pl.col(_ID).is_not_null())
            pairs = zip(known[_ID].to_list(), known[column].to_list(), strict=True)
            self.of_prediction.setdefault(shown_name(column), {}).update(pairs)

    def is_value_of(self, column: str, value: Any) -> bool:
        """Whether a value is written as one of a column that is withheld."""
        held = {plain(text) for each in self.values.get(column, ()) for text in written(each)}
        return any(plain(text) in held for text in written(value))


@dataclass(frozen=True)
class Redaction:
    """A profile in use, and what was withheld by it so far."""

    profile: RedactionProfile
    withheld: Withheld = field(default_factory=Withheld)


def redacted_row_table(frame: pl.DataFrame, profile: RedactionProfile, withheld: Withheld, table: str) -> pl.DataFrame:
    """Return rows of a table of the log whose withheld columns are gone, or hold a mask or pseudonyms as text."""
    withheld.names.update(frame.columns)
    columns = []
    for series in frame.iter_columns():
        if (how := profile.how(series.name, table)) is not None:
            withheld.add(series.name, *series.unique().to_list())
            withheld.add_rows(frame, series.name)
            if how != "drop":
                columns.append(_replaced(series, profile, how))
        elif is_personal(table) and _may_nest(series):  # what a model's registration says, it says of all decisions
            columns.append(_redacted_nested(series, profile, withheld, None))
        else:
            columns.append(series)
    return pl.DataFrame(columns)


def redacted_table(
    frame: pl.DataFrame, profile: RedactionProfile, withheld: Withheld, needles: Needles | None = None
) -> pl.DataFrame:
    """Return a table of an exhibit without what is withheld.

    Columns are gone, or hold a mask or pseudonyms as text; rows that name a withheld column keep what was computed and
    no value of it; nested values and sentences are gone through too.
    """
    withheld.mentioned.update(map(shown_name, frame.columns))
    frame = _redacted_long(frame, profile, withheld)
    columns = []
    for series in frame.iter_columns():
        if (how := profile.how_shown(series.name)) is not None:
            withheld.add(shown_name(series.name), *series.unique().to_list())
            withheld.add_rows(frame, series.name)
            if how != "drop":
                columns.append(_replaced(series, profile, how))
        elif _may_nest(series):
            columns.append(_redacted_nested(series, profile, withheld, needles))
        elif series.dtype == pl.String and needles is not None and shown_name(series.name) not in withheld.names:
            texts = [needles.without(each) if each and is_sentence(each) else each for each in series.to_list()]
            columns.append(pl.Series(series.name, texts, pl.String))
        else:
            columns.append(series)
    return pl.DataFrame(columns)


def _redacted_long(frame: pl.DataFrame, profile: RedactionProfile, withheld: Withheld) -> pl.DataFrame:
    """Return a table whose rows name columns, as a long one does, without the values of those that are withheld."""
    naming = [name for name in naming_members(frame.columns) if frame.schema[name] == pl.String]
    if not naming:
        return frame
    named = [next((shown_name(each) for each in row if each is not None), "") for row in frame.select(naming).rows()]
    withheld.mentioned.update(named)
    hows = [profile.how_shown(name) if name else None for name in named]
    if not any(hows):
        return frame
    recorded = recorded_members(frame.columns)
    columns = []
    for series in frame.iter_columns():
        if is_shown_beside(series.name):
            columns.append(series)
            continue
        values = series.to_list()
        for at, how in enumerate(hows):
            if how is None or values[at] is None or isinstance(values[at], bool):
                continue
            if series.name in recorded:
                withheld.add(named[at], values[at])
            values[at] = profile.replaced(values[at], how) if series.dtype == pl.String else None
        columns.append(pl.Series(series.name, values, series.dtype))
    return pl.DataFrame(columns)


def redacted_document(
    value: Any, profile: RedactionProfile, withheld: Withheld, needles: Needles | None = None, inside: str = ""
) -> Any:
    """Return a document without the members that the profile takes, nor the values of entries that name a column.

    Parameters
    ----------
    value
        The document, or a part of it.
    profile, withheld
        What is withheld, and where that is taken down.
    needles
        What was withheld before: it is taken out of sentences too.
    inside
        The member that the part stands in.
    """
    if isinstance(value, list):
        parts = [redacted_document(each, profile, withheld, needles) for each in value]
        return _redacted_positions(parts, profile, withheld)
    if isinstance(value, str):
        return _redacted_text(value, profile, withheld, needles, inside)
    if not isinstance(value, dict):
        return value
    withheld.mentioned.update(map(shown_name, value))
    named = entry_column(value)
    withheld.mentioned.add(named)
    how_named = profile.how_shown(named) if named else None
    recorded = recorded_members(value)
    facts = set(recorded) if named in withheld.names else withheld.names - set(recorded)
    shown: dict[str, Any] = {}
    for member, each in value.items():
        own = profile.how_shown(member)
        if how_named is not None and not is_shown_beside(member, each):
            if member in recorded:
                withheld.add(named, each)
            shown[member] = _replaced_part(each, profile, how_named)
        elif own is None or _is_computed(each):
            # What the log itself holds in another column is shown as it is, whatever it looks like.
            words = None if isinstance(each, str) and shown_name(member) in facts else needles
            shown[member] = redacted_document(each, profile, withheld, words, member)
        else:
            if inside not in NOT_RECORDED and not isinstance(each, dict):
                withheld.add(shown_name(member), each)
            if own != "drop":
                shown[member] = _replaced_part(each, profile, own)
    return shown


def _is_computed(part: Any) -> bool:
    """Whether what stands under a column's name is an object of what was computed of it, and holds no value."""
    return isinstance(part, dict) and all(is_shown_beside(member, each) for member, each in part.items())


def _replaced_part(value: Any, profile: RedactionProfile, how: str) -> str | None:
    return profile.replaced(value, how if not isinstance(value, dict | list) or how == "drop" else "mask")


def _redacted_positions(values: list[Any], profile: RedactionProfile, withheld: Withheld) -> list[Any]:
    """Return a list without the values of a withheld column that it names, as rows without member names do."""
    named = [each for each in values if isinstance(each, str) and profile.how_shown(each) is not None]
    if not named:
        return values
    return [
        profile.replaced(each, profile.how_shown(name) or "mask")
        if (name := next((one for one in named if each != one and withheld.is_value_of(shown_name(one), each)), ""))
        else each
        for each in values
    ]


def _redacted_text(
    text: str, profile: RedactionProfile, withheld: Withheld, needles: Needles | None, inside: str
) -> str:
    """Return a text as it is, unless it is a JSON document, or a sentence, of which something is withheld."""
    if re.match(_DOCUMENT, text) is not None:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if value is not None:
            shown = redacted_document(value, profile, withheld, needles, inside)
            return text if shown == value else json.dumps(shown, ensure_ascii=False)
    told = needles is not None and (is_sentence(text) or plain(text) in needles.texts)
    return needles.without(text) if needles is not None and told else text


def _may_nest(series: pl.Series) -> bool:
    return series.dtype.is_nested() or (series.dtype == pl.String and bool(series.str.contains(_DOCUMENT).any()))


def _replaced(series: pl.Series, profile: RedactionProfile, how: str) -> pl.Series:
    return pl.Series(series.name, [profile.replaced(value, how) for value in series.to_list()], pl.String)


def _redacted_nested(
    series: pl.Series, profile: RedactionProfile, withheld: Withheld, needles: Needles | None
) -> pl.Series:
    """Return a column of structs, lists or documents, as it is where nothing in it is withheld."""
    values = [each.to_list() if isinstance(each, pl.Series) else each for each in series.to_list()]
    shown = [redacted_document(each, profile, withheld, needles, series.name) for each in values]
    return series if shown == values else pl.Series(series.name, shown, strict=False)
