"""The forms that members of a log entry take: how each is written as JSON, and what is refused when it is read.

A form is a pair of functions. `read` raises `ValueError` with a phrase for whatever it would not have written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.seal.column_type import parse_type
from audit_lab.seal.custody import time_text
from audit_lab.seal.digests import DIGEST
from audit_lab.seal.keys import PublicKey, check_key_name
from audit_lab.seal.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = [
    "BIG_INTEGER",
    "COUNT",
    "DATE",
    "DECIMAL",
    "DIGEST_TEXT",
    "LOG_KEY",
    "MOMENT",
    "NAME",
    "ORIGIN",
    "PATH",
    "PLACED_ROWS",
    "SCHEMA",
    "SEALED_AT",
    "TEXT",
    "Form",
    "PlacedRows",
    "list_of",
    "one_of",
    "or_none",
    "read_member",
    "write_member",
]

_LARGEST_INTEGER = 2**53 - 1
_LONGEST_NAME = 240
_LONGEST_TEXT = 16_384
_LONGEST_DIGITS = 40
_WHOLE = re.compile(r"0|-?[1-9][0-9]*")
_DECIMAL = re.compile(r"0|[0-9]{1,20}(\.[0-9]{1,40})?(e-?[0-9]{1,3})?")
_FORM = "form"


@dataclass(frozen=True)
class Form:
    """How one kind of member is written and read."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


@dataclass(frozen=True)
class PlacedRows:
    """Rows of a segment that a file holds one after another: `rows` of them, from the segment's `first_row` on."""

    segment: str
    first_row: int
    rows: int


def write_member(metadata: Mapping[str, Any], value: Any) -> Any:
    """Return the JSON value of a member, by the form in its field's metadata."""
    form: Form = metadata[_FORM]
    return form.write(value)


def read_member(metadata: Mapping[str, Any], value: Any) -> Any:
    """Return a member's value from its JSON value; `ValueError` says what is wrong with it."""
    form: Form = metadata[_FORM]
    return form.read(value)


def list_of(item: Mapping[str, Form], *, rising: bool = False, at_least: int = 0) -> Mapping[str, Form]:
    """Return the form of a tuple; `rising` demands that each item is greater than the one before."""
    form = item[_FORM]

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError("is no list")  # noqa: TRY004 (a refusal of content, as every other)
        items = tuple(form.read(each) for each in value)
        if len(items) < at_least:
            raise ValueError("is empty")
        if rising and any(before >= after for before, after in pairwise(items)):
            raise ValueError("is not sorted, or repeats itself")
        return items

    return {_FORM: Form(lambda values: [form.write(each) for each in values], read)}


def or_none(item: Mapping[str, Form]) -> Mapping[str, Form]:
    """Return a form that null fits too."""
    form = item[_FORM]
    return {
        _FORM: Form(
            lambda value: None if value is None else form.write(value),
            lambda value: None if value is None else form.read(value),
        )
    }


def one_of(*choices: str | int) -> Mapping[str, Form]:
    """Return the form of a value that is one of a few."""

    def read(value: Any) -> str | int:
        for choice in choices:
            if type(value) is type(choice) and value == choice:
                return choice
        raise ValueError(f"is none of {', '.join(map(str, choices))}")

    return {_FORM: Form(_unchanged, read)}


def _unchanged(value: Any) -> Any:
    return value


def _read_text(value: Any, longest: int = _LONGEST_TEXT) -> str:
    if not isinstance(value, str):
        raise ValueError("is no text")  # noqa: TRY004 (a refusal of content, as every other)
    if len(value) > longest:
        raise ValueError(f"is longer than {longest:,} characters")
    return value


def _read_line(value: Any) -> str:
    text = _read_text(value, _LONGEST_NAME)
    if not text or any(ord(character) < ord(" ") for character in text):
        raise ValueError("is empty or holds a control character")
    return text


def _read_path(value: Any) -> str:
    text = _read_line(value)
    if "\\" in text or any(part in {"", ".", ".."} for part in text.split("/")):
        raise ValueError("is no relative path below the log")
    return text


def _read_name(value: Any) -> str:
    text = _read_path(value)
    if "/" in text:
        raise ValueError("holds a slash")
    return text


def _read_count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _LARGEST_INTEGER:
        raise ValueError("is no count below 2^53")
    return value


def _read_big_integer(value: Any) -> int:
    text = _read_text(value, _LONGEST_DIGITS)
    if _WHOLE.fullmatch(text) is None:
        raise ValueError("is no whole number in text")
    return int(text)


def _read_digest(value: Any) -> str:
    text = _read_text(value)
    if DIGEST.fullmatch(text) is None:
        raise ValueError("is no SHA-256 in lower-case hexadecimal")
    return text


def _read_origin(value: Any) -> str:
    try:
        return check_key_name(_read_text(value))
    except MisuseError as error:
        raise ValueError("is no name that a log can have") from error


def _read_log_key(value: Any) -> PublicKey:
    try:
        key = PublicKey.parse(_read_text(value))
    except MalformedError as error:
        raise ValueError(f"is refused: {error.message}") from error
    if key.is_cosigner:
        raise ValueError("is the key of a witness")
    return key


def _read_sealed_at(value: Any) -> str:
    text = _read_text(value)
    if time_text(datetime.fromisoformat(text)) != text:
        raise ValueError("is no time in UTC with microseconds")
    return text


def _read_moment(value: Any) -> str:
    text = _read_text(value)
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("is a time without a zone")
    return text


def _read_date(value: Any) -> str:
    text = _read_text(value)
    if date.fromisoformat(text).isoformat() != text:
        raise ValueError("is no date")
    return text


def _read_decimal(value: Any) -> str:
    text = _read_text(value)
    if _DECIMAL.fullmatch(text) is None or not Decimal(text).is_finite():
        raise ValueError("is no decimal number in text")
    return text


def _read_schema(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list):
        raise ValueError("is no list")  # noqa: TRY004 (a refusal of content, as every other)
    columns = []
    for pair in value:
        if not isinstance(pair, list) or len(pair) != 2:  # noqa: PLR2004 (a name and a dtype)
            raise ValueError("has a column that is not a name and a dtype")
        columns.append((_read_text(pair[0]), _read_dtype(pair[1])))
    if len({name for name, _ in columns}) != len(columns):
        raise ValueError("names a column twice")
    return tuple(columns)


@lru_cache(maxsize=4096)
def _is_type(text: str) -> bool:
    try:
        parse_type(text)
    except MalformedError:
        return False
    return True


def _read_dtype(value: Any) -> str:
    text = _read_text(value)
    if not _is_type(text):
        raise ValueError(f"has a column of no known dtype ({text[:60]!a})")
    return text


def _read_placed(value: Any) -> PlacedRows:
    if not isinstance(value, dict) or value.keys() != {"segment", "first_row", "rows"}:
        raise ValueError("has an item that is not segment, first_row and rows")
    return PlacedRows(_read_name(value["segment"]), _read_count(value["first_row"]), _read_count(value["rows"]))


def _write_placed(placed: PlacedRows) -> dict[str, Any]:
    return {"segment": placed.segment, "first_row": placed.first_row, "rows": placed.rows}


def _write_schema(columns: Iterable[tuple[str, str]]) -> list[list[str]]:
    return [[name, dtype] for name, dtype in columns]


TEXT: Mapping[str, Form] = {_FORM: Form(_unchanged, _read_text)}
NAME: Mapping[str, Form] = {_FORM: Form(_unchanged, _read_name)}
PATH: Mapping[str, Form] = {_FORM: Form(_unchanged, _read_path)}
COUNT: Mapping[str, Form] = {_FORM: Form(_unchanged, _read_count)}
BIG_INTEGER: Mapping[str, Form] = {_FORM: Form(str, _read_big_integer)}
DIGEST_TEXT: Mapping[str, Form] = {_FORM: Form(_unchanged, _read_digest)}
ORIGIN: Mapping[str, Form] = {_FORM: Form(_unchanged, _read_origin)}
LOG_KEY: Mapping[str, Form] = {_FORM: Form(str, _read_log_key)}
SEALED_AT: Mapping[str, Form] = {_FORM: Form(_unchanged, _read_sealed_at)}
MOMENT: Mapping[str, Form] = {_FORM: Form(_unchanged, _read_moment)}
DATE: Mapping[str, Form] = {_FORM: Form(_unchanged, _read_date)}
DECIMAL: Mapping[str, Form] = {_FORM: Form(_unchanged, _read_decimal)}
SCHEMA: Mapping[str, Form] = {_FORM: Form(_write_schema, _read_schema)}
PLACED_ROWS: Mapping[str, Form] = {_FORM: Form(_write_placed, _read_placed)}
