"""Withholding columns of tables and of documents, and taking down what was withheld."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from audit_lab.evidence.redaction.profile import RedactionProfile

__all__ = ["Redaction", "Withheld", "redacted_document", "redacted_table", "withheld_columns"]

#: What names a column in an entry of a document, where its value stands beside it.
_NAMING = ("feature", "column", "name")
_VALUE = "value"
#: How a text begins that may be a JSON document.
_DOCUMENT = r"^\s*[{\[]"


@dataclass
class Withheld:
    """The values that were withheld, by column, and the names of all columns that were seen."""

    values: dict[str, set[Any]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def add(self, column: str, *values: Any) -> None:
        """Take values of a column down, also those within lists and structs."""
        for value in values:
            if isinstance(value, dict):
                self.add(column, *value.values())
            elif isinstance(value, list | tuple | pl.Series):
                self.add(column, *value)
            elif value is not None:
                self.values.setdefault(column, set()).add(value)


@dataclass(frozen=True)
class Redaction:
    """A profile in use, and what was withheld by it so far."""

    profile: RedactionProfile
    withheld: Withheld = field(default_factory=Withheld)


def withheld_columns(profile: RedactionProfile, columns: list[str], table: str = "") -> dict[str, str]:
    """Return the columns of a table that the profile takes, each with how."""
    return {column: how for column in columns if (how := profile.how(column, table)) is not None}


def redacted_table(frame: pl.DataFrame, profile: RedactionProfile, withheld: Withheld, table: str = "") -> pl.DataFrame:
    """Return a frame whose withheld columns are gone, or hold a mask or pseudonyms as text; nested values too."""
    withheld.names.update(frame.columns)
    taken = withheld_columns(profile, frame.columns, table)
    columns = []
    for series in frame.iter_columns():
        if series.name in taken:
            withheld.add(series.name, *series.unique().to_list())
            if (how := taken[series.name]) == "drop":
                continue
            texts = [profile.replaced(value, how) for value in series.to_list()]
            columns.append(pl.Series(series.name, texts, pl.String))
        elif series.dtype.is_nested() or (series.dtype == pl.String and series.str.contains(_DOCUMENT).any()):
            columns.append(_redacted_nested(series, profile, withheld))
        else:
            columns.append(series)
    return pl.DataFrame(columns)


def redacted_document(value: Any, profile: RedactionProfile, withheld: Withheld) -> Any:
    """Return a document without the members that the profile takes, nor the values of entries that name a column."""
    if isinstance(value, list):
        return [redacted_document(each, profile, withheld) for each in value]
    if isinstance(value, str):
        return _redacted_text(value, profile, withheld)
    if not isinstance(value, dict):
        return value
    named = next((str(value[name]) for name in _NAMING if isinstance(value.get(name), str)), "")
    how_named = profile.how(named) if named else None
    shown: dict[str, Any] = {}
    for member, each in value.items():
        is_entry = how_named is not None and member == _VALUE
        how = how_named if is_entry else profile.how(member)
        if how is None:
            shown[member] = redacted_document(each, profile, withheld)
            continue
        withheld.add(named if is_entry else member, each)
        if how != "drop" or is_entry:
            shown[member] = profile.replaced(each, how)
    return shown


def _redacted_text(text: str, profile: RedactionProfile, withheld: Withheld) -> str:
    """Return a text as it is, unless it is a JSON document of which something is withheld."""
    if re.match(_DOCUMENT, text) is None:
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    shown = redacted_document(value, profile, withheld)
    return text if shown == value else json.dumps(shown, ensure_ascii=False)


def _redacted_nested(series: pl.Series, profile: RedactionProfile, withheld: Withheld) -> pl.Series:
    """Return a column of structs, lists or documents, as it is where nothing in it is withheld."""
    values = [each.to_list() if isinstance(each, pl.Series) else each for each in series.to_list()]
    shown = [redacted_document(each, profile, withheld) for each in values]
    return series if shown == values else pl.Series(series.name, shown, strict=False)
