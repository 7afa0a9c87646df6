"""The log of a W&B run (``run-ID.wandb``), read as bytes: nothing of W&B is imported, nothing in it is executed.

Form: seven bytes ``:W&B``, 0xBEE1 and a version; then the frames of LevelDB's log format (*leveldb log_format.md*) in
blocks of 32,768 bytes, except that their check sum is zlib's CRC-32 of type and data; in them Protocol Buffers messages
``Record`` (``wandb_internal.proto``), of which the wire format alone is read here.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO

from audit_lab.capture.lineage.plain_yaml import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["first", "messages", "records", "texts"]

_HEAD = struct.Struct("<4sHB")
_FRAME = struct.Struct("<IHB")
_IDENT, _MAGIC, _VERSION = b":W&B", 0xBEE1, 0
_BLOCK = 32_768
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_LARGEST_RECORD_BYTES = 64_000_000
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5
_LONGEST_VARINT, _MOST_FIELDS = 10, 1_000_000


def records(file: BinaryIO) -> Iterator[bytes]:
    """Yield the messages of a log; a last one that was not written whole is left out.

    Raises
    ------
    RefusedError
        It is no such log, or damaged; what came before the damage was yielded.
    """
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size or _HEAD.unpack(head) != (_IDENT, _MAGIC, _VERSION):
        raise RefusedError("it is no log of a W&B run of version 0", head)
    place, parts, size = _HEAD.size, list[bytes](), 0
    while True:
        left = _BLOCK - place % _BLOCK
        if left < _FRAME.size:
            place += len(file.read(left))
            continue
        frame = file.read(_FRAME.size)
        if len(frame) < _FRAME.size:
            return
        checked, length, kind = _FRAME.unpack(frame)
        if kind == length == checked == 0:
            return
        if length > left - _FRAME.size or not _WHOLE <= kind <= _LAST or (kind in {_MIDDLE, _LAST}) != bool(parts):
            raise RefusedError(f"it is damaged at byte {place:,}", frame)
        data = file.read(length)
        if len(data) < length:
            return
        _check(kind, data, checked, place)
        place += _FRAME.size + length
        size += length
        if size > _LARGEST_RECORD_BYTES:
            raise RefusedError(f"it has a record of more than {_LARGEST_RECORD_BYTES:,} bytes", b"".join(parts))
        parts.append(data)
        if kind in {_WHOLE, _LAST}:
            yield b"".join(parts)
            parts, size = [], 0


def _check(kind: int, data: bytes, checked: int, place: int) -> None:
    if zlib.crc32(data, zlib.crc32(bytes([kind]))) != checked:
        raise RefusedError(f"it is damaged at byte {place:,}: a check sum does not fit", data)


def messages(content: bytes) -> dict[int, list[Any]]:
    """Return a message's fields by number: whole numbers of variable length as such, all else as bytes.

    Raises
    ------
    RefusedError
        It is no message of Protocol Buffers.
    """
    found: dict[int, list[Any]] = {}
    place = 0
    for _ in range(_MOST_FIELDS):
        if place == len(content):
            return found
        key, place = _varint(content, place)
        kind, value = key & 7, b""
        if kind == _VARINT:
            whole, place = _varint(content, place)
            found.setdefault(key >> 3, []).append(whole)
            continue
        length = {_FIXED_64: 8, _FIXED_32: 4}.get(kind)
        if kind == _BYTES:
            length, place = _varint(content, place)
        if length is None or place + length > len(content):
            break
        value, place = content[place : place + length], place + length
        found.setdefault(key >> 3, []).append(value)
    raise RefusedError("it is no message of Protocol Buffers", content)


def first(message: dict[int, list[Any]], *path: int) -> Any:
    """Return the last value of a field, or of one in it and so on, as the format has it; None where there is none."""
    value: Any = message
    for number in path:
        if isinstance(value, bytes):
            value = messages(value)
        if not isinstance(value, dict) or number not in value:
            return None
        value = value[number][-1]
    return value


def texts(message: dict[int, list[Any]], number: int) -> list[str]:
    """Return the texts of a repeated field.

    Raises
    ------
    RefusedError
        One of them is no UTF-8.
    """
    try:
        return [value.decode("utf-8") for value in message.get(number, ()) if isinstance(value, bytes)]
    except UnicodeDecodeError as error:
        raise RefusedError("it holds a text that is not UTF-8", error.object) from error


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value = 0
    for count in range(_LONGEST_VARINT):
        if place + count >= len(content):
            break
        byte = content[place + count]
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:  # noqa: PLR2004 - the highest bit says that more follows
            return value, place + count + 1
    raise RefusedError("it is no message of Protocol Buffers", content)
