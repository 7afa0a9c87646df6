"""The types of columns as a segment's statement spells them, and whether a value is of its column's type."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.seal.malformed import MalformedError

if TYPE_CHECKING:
    from audit_lab.seal.values import Value

__all__ = ["ColumnType", "check_type", "parse_type"]

_MOST_NESTING = 64
_MOST_CHARACTERS = 1_000_000
_MOST_WIDTH = 2**31
_MOST_PRECISION = 38
_INTEGERS = {f"{sign}{bits}": (sign, bits) for sign in "iu" for bits in (8, 16, 32, 64, 128)}
_TAGS = {"bool": "b", "f16": "h", "f32": "e", "f64": "d", "str": "s", "bin": "x", "date": "y", "time": "o"}
_PLAIN = {"null", *_TAGS, *_INTEGERS}
_NESTING = {"list": 1, "array": 1, "map": 2}
_WORD = re.compile(r"[a-z0-9]+")
_BARE_NAME = re.compile(r"[A-Za-z0-9_]+")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"')
_ARGUMENTS = {
    "datetime": re.compile(r"(?P<unit>ms|us|ns)(?:,(?P<zone>[A-Za-z0-9_+:/-]+))?\]"),
    "duration": re.compile(r"(?P<unit>ms|us|ns)\]"),
    "decimal": re.compile(r"(?P<precision>[1-9][0-9]?),(?P<scale>0|[1-9][0-9]?)\]"),
}
_WIDTH = re.compile(r"(0|[1-9][0-9]{0,9})\]")
_TIME_TAGS = {"datetime": ("t", "u"), "duration": ("p", "q")}
_NEXT = "Ask whoever gave the bytes for the ones that were signed; do not rely on these"


@dataclass(frozen=True)
class ColumnType:
    """A column's type; `str(column_type)` is its one spelling.

    Attributes
    ----------
    kind
        The word before the bracket: ``f64``, ``datetime``, ``list``, ``struct`` ...
    inner
        The types of what nests: one of a list or an array, key and value of a map, each field of a struct.
    names
        The names of a struct's fields.
    unit, zone
        ``ms``, ``us`` or ``ns`` of a datetime or duration; the time zone of a datetime, or None.
    precision, scale
        Digits of a decimal, and how many of them stand after the point.
    width
        How many elements each array has.
    """

    kind: str
    inner: tuple[ColumnType, ...] = ()
    names: tuple[str, ...] = ()
    unit: str = ""
    zone: str | None = None
    precision: int = 0
    scale: int = 0
    width: int = 0

    def __str__(self) -> str:
        """Return the type as text."""
        if self.kind in _PLAIN:
            return self.kind
        parts = [str(each) for each in self.inner]
        if self.kind == "struct":
            parts = [f"{_name_text(name)}:{part}" for name, part in zip(self.names, parts, strict=True)]
        elif self.kind == "array":
            parts.append(str(self.width))
        elif self.kind == "decimal":
            parts = [str(self.precision), str(self.scale)]
        elif self.kind in _TIME_TAGS:
            parts = [self.unit, self.zone] if self.zone else [self.unit]
        return f"{self.kind}[{','.join(parts)}]"


def parse_type(text: str) -> ColumnType:
    """Parse a type's text.

    Raises
    ------
    MalformedError
        It is not the one spelling of a type (code ``column-type.malformed``), or nests too deep (``.too-deep``).
    """
    parser = _Parser(text)
    try:
        found = parser.type(0) if len(text) <= _MOST_CHARACTERS else None
    except _NoTypeError:
        found = None
    if found is None or parser.at != len(text) or str(found) != text:
        raise MalformedError(f"{text[:200]!a} is not the type of a column", _NEXT, "column-type.malformed")
    return found


def check_type(value: Value, expected: ColumnType, column: str) -> None:
    """Check that a value is of its column's type; null is of every type.

    Raises
    ------
    MalformedError
        It is of another (code ``column-type.differs``).
    """
    if not _conforms(value, expected):
        raise MalformedError(
            f"Column {column!a} is of type {str(expected)[:200]}, and its value is not",
            _NEXT,
            "column-type.differs",
        )


def _conforms(value: Value, expected: ColumnType) -> bool:
    kind, content = expected.kind, value.content
    if value.tag == "n":
        return True
    if kind in _INTEGERS and isinstance(content, int):
        sign, bits = _INTEGERS[kind]
        smallest, largest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if sign == "i" else (0, 2**bits - 1)
        return value.tag == "i" and smallest <= content <= largest
    if kind == "decimal" and isinstance(content, str):
        return value.tag == "c" and _is_decimal(content, expected)
    if kind in _TIME_TAGS and isinstance(content, int):
        is_whole = expected.unit != "ms" or content % 1000 == 0
        return value.tag == _TIME_TAGS[kind][expected.unit == "ns"] and is_whole
    if isinstance(content, tuple):
        return _nested_conform(value.tag, content, expected)
    return value.tag == _TAGS.get(kind)


def _nested_conform(tag: str, content: tuple[Value, ...], expected: ColumnType) -> bool:
    if expected.kind == "struct":
        types = expected.inner
        return tag == "r" and len(content) == len(types) and all(map(_conforms, content, types))
    if expected.kind == "map":
        entry = ColumnType("struct", expected.inner, ("key", "value"))
        return tag == "l" and all(each.tag == "r" and _conforms(each, entry) for each in content)
    is_wide = expected.kind == "list" or (expected.kind == "array" and len(content) == expected.width)
    return tag == "l" and is_wide and all(_conforms(each, expected.inner[0]) for each in content)


def _is_decimal(text: str, expected: ColumnType) -> bool:
    whole, _, fraction = text.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    return len(fraction) == expected.scale and len(digits) <= expected.precision


def _name_text(name: str) -> str:
    """Return a field's name bare where it is plain, as a JSON string elsewhere, so that no two types read alike."""
    return name if _BARE_NAME.fullmatch(name) else json.dumps(name, ensure_ascii=False)


class _NoTypeError(ValueError):
    """What stands next is no type."""


class _Parser:
    """Reads a type by its grammar; `at` is the next character."""

    def __init__(self, text: str) -> None:
        self.at = 0
        self._text = text

    def type(self, depth: int) -> ColumnType:
        if depth > _MOST_NESTING:
            raise MalformedError(f"A column's type nests deeper than {_MOST_NESTING}", _NEXT, "column-type.too-deep")
        kind = self._match(_WORD)[0]
        if kind in _PLAIN:
            return ColumnType(kind)
        self._take("[")
        if kind == "struct":
            return self._struct(depth)
        if kind in _NESTING:
            return self._container(kind, depth)
        if kind not in _ARGUMENTS:
            raise _NoTypeError
        found = self._match(_ARGUMENTS[kind]).groupdict()
        if kind == "decimal":
            return ColumnType(
                kind,
                precision=_within(found["precision"], _MOST_PRECISION),
                scale=_within(found["scale"], _MOST_PRECISION),
            )
        return ColumnType(kind, unit=found["unit"], zone=found.get("zone"))

    def _container(self, kind: str, depth: int) -> ColumnType:
        inner = [self.type(depth + 1)]
        if kind == "map":
            self._take(",")
            inner.append(self.type(depth + 1))
        width = 0
        if kind == "array":
            self._take(",")
            width = _within(self._match(_WIDTH)[1], _MOST_WIDTH)
        else:
            self._take("]")
        return ColumnType(kind, tuple(inner), width=width)

    def _struct(self, depth: int) -> ColumnType:
        names: list[str] = []
        inner: list[ColumnType] = []
        while not self._text.startswith("]", self.at):
            if names:
                self._take(",")
            names.append(self._name())
            self._take(":")
            inner.append(self.type(depth + 1))
        self._take("]")
        if len(set(names)) != len(names):
            raise _NoTypeError
        return ColumnType("struct", tuple(inner), tuple(names))

    def _name(self) -> str:
        if not self._text.startswith('"', self.at):
            return self._match(_BARE_NAME)[0]
        try:
            name = str(json.loads(self._match(_STRING)[0]))
            name.encode()
        except ValueError as error:
            raise _NoTypeError from error
        return name

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self._text, self.at)
        if match is None:
            raise _NoTypeError
        self.at = match.end()
        return match

    def _take(self, character: str) -> None:
        if not self._text.startswith(character, self.at):
            raise _NoTypeError
        self.at += 1


def _within(digits: str, most: int) -> int:
    number = int(digits)
    if number > most:
        raise _NoTypeError
    return number
