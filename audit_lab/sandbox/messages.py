"""Messages between parent and child: a JSON document after its length, eight bytes, big-endian, on a pipe."""

from __future__ import annotations

import json
import os
import struct
from typing import Any

__all__ = ["LONGEST", "PREFIX", "encode", "receive", "send", "write"]

PREFIX = struct.Struct(">Q")
#: Bytes of the longest message that either side accepts.
LONGEST = 64_000_000


def encode(message: dict[str, Any]) -> bytes:
    """Return the bytes of a message.

    Raises
    ------
    ValueError
        The message is longer than `LONGEST`, or cannot be written as JSON.
    TypeError
        It holds a value that JSON does not know.
    """
    body = json.dumps(message).encode()
    if len(body) > LONGEST:
        raise ValueError(f"a message of {len(body)} bytes is longer than {LONGEST}")
    return PREFIX.pack(len(body)) + body


def send(descriptor: int, message: dict[str, Any]) -> None:
    """Write a message to a pipe that blocks."""
    write(descriptor, encode(message))


def write(descriptor: int, encoded: bytes) -> None:
    """Write the bytes of a message to a pipe that blocks."""
    rest = memoryview(encoded)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def receive(descriptor: int) -> dict[str, Any] | None:
    """Read the next message from a pipe that blocks; nothing when the other side has closed it."""
    prefix = _read(descriptor, PREFIX.size)
    if prefix is None:
        return None
    body = _read(descriptor, PREFIX.unpack(prefix)[0])
    if body is None:
        return None
    message: dict[str, Any] = json.loads(body)
    return message


def _read(descriptor: int, size: int) -> bytes | None:
    parts = []
    while size:
        part = os.read(descriptor, min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
