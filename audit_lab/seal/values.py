"""Canonical values: typed, self-delimiting text in which no two different values read alike.

The definition, one value at a time, of what ``docs/formats.md`` specifies under "Canonical bytes". A value is a tag
letter, content and a terminator; what nests states how many values follow. Floating-point numbers are held by their
bits, so that -0.0, infinities and the payload of a NaN are told apart, and text is UTF-8 exactly as stored.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from audit_lab.seal.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MOST_BYTES", "MOST_DEPTH", "MOST_VALUES", "Content", "Value", "parse_row", "parse_value", "value_bytes"]

#: No value is read that is longer, holds more values, or nests deeper.
MOST_BYTES = 16 * 1024 * 1024
MOST_VALUES = 1_000_000
MOST_DEPTH = 40

Content: TypeAlias = "bool | int | str | bytes | tuple[Value, ...] | None"

_WIDEST_TIME = 2**63 * 1000
#: Tag to the smallest and the largest number that may follow it.
_NUMBERS: dict[str, tuple[int, int]] = {
    "i": (-(2**127), 2**128 - 1),
    "d": (0, 2**64 - 1),
    "e": (0, 2**32 - 1),
    "h": (0, 2**16 - 1),
    "y": (-(2**31), 2**31 - 1),
    "o": (-(2**63), 2**63 - 1),
    "t": (-_WIDEST_TIME, _WIDEST_TIME - 1000),
    "u": (-(2**63), 2**63 - 1),
    "p": (-_WIDEST_TIME, _WIDEST_TIME - 1000),
    "q": (-(2**63), 2**63 - 1),
}
_FLOATS = {"d": ("<Q", "<d"), "e": ("<I", "<f"), "h": ("<H", "<e")}
_MOST_DIGITS = 40
_NUMBER = re.compile(rb"(0|-?[1-9][0-9]*);")
_COUNT = re.compile(rb"(0|[1-9][0-9]{0,9}):")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_NEXT = "Ask whoever gave the bytes for the ones that were hashed; do not rely on these"


@dataclass(frozen=True)
class Value:
    """One canonical value.

    Attributes
    ----------
    tag
        The letter that says what it is.
    content
        None for ``n``; a bool for ``b``; an int for ``i``, for the units of times and durations (``y o t u p q``) and
        for the bits of floats (``d e h``); text for ``s`` and for the digits of decimals (``c``); bytes for ``x``; a
        tuple of values for lists (``l``) and structs (``r``).
    """

    tag: str
    content: Content

    @property
    def plain(self) -> Content | float:
        """What a reader is shown: floats as numbers, everything else as its content."""
        if self.tag not in _FLOATS:
            return self.content
        bits, number = _FLOATS[self.tag]
        return float(struct.unpack(number, struct.pack(bits, self.content))[0])


def value_bytes(value: Value) -> bytes:
    """Return the canonical bytes of a value.

    Raises
    ------
    MalformedError
        The content is not what its tag says (code ``value.not-canonical``).
    """
    tag, content = value.tag, value.content
    if tag == "n" and content is None:
        return b"n;"
    if tag == "b" and isinstance(content, bool):
        return b"b1;" if content else b"b0;"
    if tag in _NUMBERS and isinstance(content, int) and not isinstance(content, bool):
        smallest, largest = _NUMBERS[tag]
        if smallest <= content <= largest:
            return f"{tag}{content};".encode()
    if tag == "x" and isinstance(content, bytes):
        return f"x{content.hex()};".encode()
    if isinstance(content, str):
        return _text_bytes(tag, content)
    if tag in {"l", "r"} and isinstance(content, tuple):
        return f"{tag}{len(content)}:".encode() + b"".join(map(value_bytes, content))
    raise MalformedError(f"{content!a} is no content for the tag {tag!a}", _NEXT, "value.not-canonical")


def parse_value(content: bytes) -> Value:
    """Parse bytes that are one value, and refuse whatever would not print back identically.

    Raises
    ------
    MalformedError
        Codes ``value.malformed``, ``value.truncated``, ``value.trailing``, ``value.out-of-range``, ``value.not-utf8``,
        ``value.too-big`` and ``value.too-deep``.
    """
    if len(content) > MOST_BYTES:
        raise _refused(f"are longer than {MOST_BYTES}", "value.too-big")
    parser = _Parser(content)
    value = parser.value(0)
    if parser.at != len(content):
        raise _refused(f"go on after the value's end at byte {parser.at}", "value.trailing")
    return value


def parse_row(content: bytes, columns: int) -> tuple[Value, ...]:
    """Parse the bytes of a plain row, which has a value for each column.

    Raises
    ------
    MalformedError
        As `parse_value`; code ``value.not-a-row`` where it is another value or has another number of columns.
    """
    value = parse_value(content)
    if value.tag != "r" or not isinstance(value.content, tuple) or len(value.content) != columns:
        raise _refused(f"are not a row of {columns} columns", "value.not-a-row")
    return value.content


def _text_bytes(tag: str, text: str) -> bytes:
    if tag == "s":
        try:
            encoded = text.encode()
        except UnicodeEncodeError as error:
            raise MalformedError("A text holds half of a surrogate pair", _NEXT, "value.not-canonical") from error
        return b"s%d:%b" % (len(encoded), encoded)
    if tag == "c" and _is_decimal(text):
        return f"c{text};".encode()
    raise MalformedError(f"The text {text!a} is no content for the tag {tag!a}", _NEXT, "value.not-canonical")


def _is_decimal(text: str) -> bool:
    digits = text.lstrip("-").replace(".", "")
    is_negative_zero = text.startswith("-") and not digits.strip("0")
    return len(digits) <= _MOST_DIGITS and _DECIMAL.fullmatch(text) is not None and not is_negative_zero


class _Parser:
    """Reads values one after another; `at` is the next byte, `_values` how many more may follow."""

    def __init__(self, content: bytes) -> None:
        self.at = 0
        self._content = content
        self._values = MOST_VALUES

    def value(self, depth: int) -> Value:
        if depth > MOST_DEPTH:
            raise _refused(f"nest deeper than {MOST_DEPTH}", "value.too-deep")
        self._values -= 1
        if self._values < 0:
            raise _refused(f"hold more than {MOST_VALUES} values", "value.too-big")
        tag = self._content[self.at : self.at + 1].decode("latin-1")
        if not tag:
            raise _refused(f"end at byte {self.at}, where a value should begin", "value.truncated")
        self.at += 1
        if tag in {"l", "r"}:
            count = self._count(_LEAST_BYTES)
            if count > self._values:
                raise _refused(f"hold more than {MOST_VALUES} values", "value.too-big")
            return Value(tag, tuple(self.value(depth + 1) for _ in range(count)))
        return Value(tag, self._content_of(tag))

    def _content_of(self, tag: str) -> Content:
        if tag in _NUMBERS:
            return self._number(*_NUMBERS[tag])
        read = _READ.get(tag)
        if read is None:
            raise _refused(f"have no value's tag at byte {self.at - 1}", "value.malformed")
        return read(self)

    def null(self) -> None:
        self._until_semicolon(0)

    def boolean(self) -> bool:
        digit = self._until_semicolon(1)
        if digit not in {b"0", b"1"}:
            raise _refused(f"have no 0 or 1 before byte {self.at}", "value.malformed")
        return digit == b"1"

    def text(self) -> str:
        length = self._count(1)
        start, self.at = self.at, self.at + length
        try:
            return self._content[start : self.at].decode("utf-8")
        except UnicodeDecodeError as error:
            raise _refused(f"are not UTF-8 at byte {start + error.start}", "value.not-utf8") from error

    def binary(self) -> bytes:
        digits = self._until_semicolon(len(self._content))
        try:
            content = bytes.fromhex(digits.decode("ascii"))
        except ValueError:
            content = None
        if content is None or content.hex().encode() != digits:
            raise _refused(f"have no lower-case hexadecimal digits before byte {self.at}", "value.malformed")
        return content

    def decimal(self) -> str:
        text = self._until_semicolon(_MOST_DIGITS + 2).decode("latin-1")
        if not _is_decimal(text):
            raise _refused(f"have no canonical decimal before byte {self.at}", "value.malformed")
        return text

    def _number(self, smallest: int, largest: int) -> int:
        match = _NUMBER.match(self._content, self.at, self.at + _MOST_DIGITS + 2)
        if match is None:
            raise self._unfinished("a canonical number and a semicolon")
        number = int(match[1])
        if not smallest <= number <= largest:
            raise _refused(f"have a number at byte {self.at} that its type cannot hold", "value.out-of-range")
        self.at = match.end()
        return number

    def _count(self, least_bytes: int) -> int:
        """Read a count of parts of at least `least_bytes` each; no count may ask for more than is there."""
        match = _COUNT.match(self._content, self.at)
        if match is None:
            raise self._unfinished("a canonical count and a colon")
        self.at = match.end()
        count = int(match[1])
        if count * least_bytes > len(self._content) - self.at:
            raise _refused(f"end before the {count} parts that byte {self.at} promises", "value.truncated")
        return count

    def _until_semicolon(self, most: int) -> bytes:
        end = self._content.find(b";", self.at, self.at + most + 1)
        if end < 0:
            raise self._unfinished("a semicolon")
        found = self._content[self.at : end]
        self.at = end + 1
        return found

    def _unfinished(self, what: str) -> MalformedError:
        rest = self._content[self.at : self.at + _MOST_DIGITS + 2]
        is_cut = len(rest) < _MOST_DIGITS and not re.search(rb"[^0-9a-f.-]", rest)
        code = "value.truncated" if is_cut else "value.malformed"
        return _refused(f"lack {what} after byte {self.at}", code)


_LEAST_BYTES = len(b"n;")
_READ: dict[str, Callable[[_Parser], Content]] = {
    "n": _Parser.null,
    "b": _Parser.boolean,
    "s": _Parser.text,
    "x": _Parser.binary,
    "c": _Parser.decimal,
}


def _refused(what: str, code: str) -> MalformedError:
    return MalformedError(f"The bytes of a value {what}", _NEXT, code)
