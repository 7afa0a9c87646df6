"""DER (X.690), read strictly: as much of it as a time-stamp token needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from audit_lab.seal.malformed import MalformedError

if TYPE_CHECKING:
    from typing import Self

__all__ = ["INTEGER", "OBJECT_IDENTIFIER", "OCTET_STRING", "SEQUENCE", "SET", "DerElement"]

INTEGER, OCTET_STRING, OBJECT_IDENTIFIER = 0x02, 0x04, 0x06
_GENERALIZED_TIME = 0x18
SEQUENCE, SET = 0x30, 0x31

_LONG_TAG, _LONG_LENGTH, _CONTINUED = 0x1F, 0x80, 0x80
_MOST_LENGTH_BYTES = 4
_TIME = re.compile(r"(\d{14})(?:\.(\d{0,8}[1-9]))?Z")
_NEXT = "Ask whoever made the file for an unaltered copy"


@dataclass(frozen=True)
class DerElement:
    """One encoded value: its tag, its content, and the whole of its encoding."""

    tag: int
    content: bytes
    encoding: bytes

    @classmethod
    def parse(cls, encoding: bytes, name: str) -> Self:
        """Parse bytes that are one element and nothing more.

        Raises
        ------
        MalformedError
            They are not (code ``der.malformed``), as for every method here.
        """
        found = cls._read(encoding, name)
        if len(found.encoding) != len(encoding):
            raise _malformed(name, "bytes follow its end")
        return found

    def expect(self, tag: int, name: str) -> Self:
        """Return this element, which must bear a tag."""
        if self.tag != tag:
            raise _malformed(name, f"a value has the tag {self.tag:#04x} and not {tag:#04x}")
        return self

    def children(self, name: str) -> list[Self]:
        """Return the elements that this one is made of."""
        found, at = [], 0
        while at < len(self.content):
            found.append(self._read(self.content[at:], name))
            at += len(found[-1].encoding)
        return found

    def only_child(self, name: str) -> Self:
        """Return the one element that this one is made of."""
        return self.parse(self.content, name)

    def integer(self, name: str) -> int:
        """Return the value of an INTEGER, whatever its tag says."""
        first, second = (*self.content, 0, 0)[:2]
        longer_than_needed = len(self.content) > 1 and (
            (first == 0 and second < _CONTINUED) or (first == 0xFF and second >= _CONTINUED)  # noqa: PLR2004 - sign bits
        )
        if not self.content or longer_than_needed:
            raise _malformed(name, "an integer is not in its shortest form")
        return int.from_bytes(self.content, signed=True)

    def identifier(self, name: str) -> str:
        """Return an OBJECT IDENTIFIER in dotted form."""
        self.expect(OBJECT_IDENTIFIER, name)
        arcs, value = [], 0
        for byte in self.content:
            if value == 0 and byte == _CONTINUED:
                raise _malformed(name, "an object identifier is not in its shortest form")
            value = value << 7 | byte & 0x7F
            if not byte & _CONTINUED:
                arcs.append(value)
                value = 0
        if not arcs or value:
            raise _malformed(name, "an object identifier is cut off")
        top = min(arcs[0] // 40, 2)
        return ".".join(map(str, (top, arcs[0] - 40 * top, *arcs[1:])))

    def time(self, name: str) -> datetime:
        """Return a GeneralizedTime in the form that RFC 3161 allows, in UTC; to the microsecond, rounded down."""
        self.expect(_GENERALIZED_TIME, name)
        stated = _TIME.fullmatch(self.content.decode("ascii", "replace"))
        if stated is None:
            raise _malformed(name, "a time is none")
        try:
            whole = datetime.strptime(f"{stated[1]}+0000", "%Y%m%d%H%M%S%z").astimezone(UTC)
        except ValueError as error:
            raise _malformed(name, "a time is none") from error
        return whole + timedelta(microseconds=int((stated[2] or "0").ljust(6, "0")[:6]))

    @classmethod
    def _read(cls, data: bytes, name: str) -> Self:
        """Return the element that begins the bytes."""
        if len(data) < 2:  # noqa: PLR2004 - a tag and a length
            raise _malformed(name, "it is cut off")
        tag, length, at = data[0], data[1], 2
        if tag & _LONG_TAG == _LONG_TAG:
            raise _malformed(name, "it has a tag of more than one byte")
        if length >= _LONG_LENGTH:
            count = length - _LONG_LENGTH
            stated = data[at : at + count]
            length, at = int.from_bytes(stated), at + count
            if not 0 < count <= _MOST_LENGTH_BYTES or stated[:1] == b"\0" or length < _LONG_LENGTH:
                raise _malformed(name, "a length is not in its shortest form")
        if at + length > len(data):
            raise _malformed(name, "it is cut off")
        return cls(tag, data[at : at + length], data[: at + length])


def _malformed(name: str, what: str) -> MalformedError:
    return MalformedError(f"{name}: {what}", _NEXT, "der.malformed")
