"""Take the footer of a Parquet file apart and put it together again, to make files that lie (Thrift compact protocol).

A struct is a dict of field number to (type, value), a list is (element type, values).
"""

from __future__ import annotations

import struct
from typing import Any

TRUE, FALSE, BYTE, INTEGERS, DOUBLE, BINARY, LIST, SET, STRUCT = 1, 2, 3, (4, 5, 6), 7, 8, 9, 10, 12
I32, I64 = 5, 6

#: Fields of FileMetaData, SchemaElement, RowGroup, ColumnChunk and ColumnMetaData that tests change.
SCHEMA, ROWS, GROUPS = 2, 3, 4
REPETITION, NAME, CHILDREN = 3, 4, 5
GROUP_COLUMNS, GROUP_ROWS = 1, 3
METADATA = 3
VALUES, UNCOMPRESSED, COMPRESSED, DATA_OFFSET, DICTIONARY_OFFSET = 5, 6, 7, 9, 11

_MAGIC = b"PAR1"


def taken_apart(content: bytes) -> tuple[bytes, dict[int, Any]]:
    """Return a file's pages and its footer."""
    size = struct.unpack("<I", content[-8:-4])[0]
    return content[: -8 - size], _Reader(content[-8 - size : -8]).struct()


def put_together(pages: bytes, footer: dict[int, Any]) -> bytes:
    """Return the file with these pages and this footer."""
    encoded = _struct(footer)
    return pages + encoded + struct.pack("<I", len(encoded)) + _MAGIC


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def struct(self) -> dict[int, Any]:
        found: dict[int, Any] = {}
        last = 0
        while (head := self._byte()) != 0:
            kind = head & 15
            last = last + (head >> 4) if head >> 4 else self._zigzag()
            found[last] = (kind, self._value(kind))
        return found

    def _byte(self) -> int:
        self._at += 1
        return self._content[self._at - 1]

    def _varint(self) -> int:
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    def _zigzag(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

    def _bytes(self, count: int) -> bytes:
        self._at += count
        return self._content[self._at - count : self._at]

    def _value(self, kind: int) -> Any:
        if kind in {TRUE, FALSE, *INTEGERS}:
            return self._zigzag() if kind in INTEGERS else kind == TRUE
        if kind in {BYTE, STRUCT}:
            return self._byte() if kind == BYTE else self.struct()
        if kind in {DOUBLE, BINARY}:
            return self._bytes(8 if kind == DOUBLE else self._varint())
        head = self._byte()
        count, inner = head >> 4, head & 15
        if count == 15:
            count = self._varint()
        if inner in {TRUE, FALSE}:
            return inner, [self._byte() == TRUE for _ in range(count)]
        return inner, [self._value(inner) for _ in range(count)]


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])


def _zigzag(number: int) -> bytes:
    return _varint(number << 1 if number >= 0 else (-number << 1) - 1)


def _struct(fields: dict[int, Any]) -> bytes:
    parts = []
    last = 0
    for number, (kind, value) in sorted(fields.items()):
        written = (TRUE if value else FALSE) if kind in {TRUE, FALSE} else kind
        step = number - last
        parts.append(bytes([step << 4 | written]) if 0 < step < 16 else bytes([written]) + _zigzag(number))
        if kind not in {TRUE, FALSE}:
            parts.append(_encoded(kind, value))
        last = number
    return b"".join(parts) + b"\0"


def _encoded(kind: int, value: Any) -> bytes:
    if kind in {BYTE, *INTEGERS}:
        return bytes([value]) if kind == BYTE else _zigzag(value)
    if kind in {DOUBLE, BINARY}:
        return value if kind == DOUBLE else _varint(len(value)) + value
    if kind == STRUCT:
        return _struct(value)
    inner, values = value
    head = bytes([len(values) << 4 | inner]) if len(values) < 15 else bytes([0xF0 | inner]) + _varint(len(values))
    if inner in {TRUE, FALSE}:
        return head + bytes(TRUE if each else FALSE for each in values)
    return head + b"".join(_encoded(inner, each) for each in values)
