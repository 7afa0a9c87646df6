"""Avro's container files, block by block, for files that nobody vouches for.

The frame of the file is read here, within limits: sizes that are claimed are compared with what is there, packed blocks
are unpacked up to a limit, and schemas that a small file could use to fill the memory are refused (types that contain
themselves, lists of things without bytes). Records are decoded by fastavro.
"""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from audit_lab.capture.adapters.bodies import json_value
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAGIC", "AvroRecord", "avro_records"]

MAGIC = b"Obj\x01"

_SYNC_BYTES, _MOST_HEADER, _LARGEST_BLOCK = 16, 4_000_000, 64_000_000
_LONGEST_VARINT = 10
_PRIMITIVES = frozenset(("null", "boolean", "int", "long", "float", "double", "bytes", "string"))


class AvroRecord(NamedTuple):
    """A record: its bytes, and its value or why it has none."""

    raw: bytes
    value: Any
    problem: str | None


def avro_records(file: BinaryIO) -> Iterator[AvroRecord]:
    """Yield the records of a container file; where it cannot be read on, the last has what is left and the reason.

    Raises
    ------
    MisuseError
        The library for Avro is not installed.
    """
    try:
        import fastavro
    except ImportError as error:
        raise MisuseError(
            "what reads Avro is not installed", "Install it with the extra `avro`: pip install 'audit-lab[avro]'."
        ) from error
    try:
        schema, codec, sync = _header(file)
        parsed = fastavro.parse_schema(schema)
    except Exception as error:  # noqa: BLE001 (whatever a hostile schema makes the library raise)
        yield AvroRecord(b"", None, f"the file's header cannot be read ({_said(error)})")
        return
    while True:
        try:
            block = _block(file, codec, sync)
        except (ValueError, EOFError, zlib.error) as error:
            yield AvroRecord(b"", None, f"the file cannot be read on ({_said(error)})")
            return
        if block is None:
            return
        count, content = block
        stream = BytesIO(content)
        for number in range(count):
            start = stream.tell()
            try:
                value = fastavro.schemaless_reader(stream, parsed, None)
            except Exception as error:  # noqa: BLE001 (whatever hostile bytes make the library raise)
                left = f"{count - number} records of a block cannot be read ({_said(error)})"
                yield AvroRecord(content[start:], None, left)
                break
            yield AvroRecord(content[start : stream.tell()], value, None)


def _said(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _header(file: BinaryIO) -> tuple[Any, bytes, bytes]:
    if file.read(len(MAGIC)) != MAGIC:
        raise ValueError("it is no container of Avro")
    about: dict[bytes, bytes] = {}
    while count := _long(file):
        if count < 0:
            count = -count
            _long(file)
        for _ in range(count):
            name = _bytes(file)
            about[name] = _bytes(file)
            if sum(map(len, about.values())) > _MOST_HEADER:
                raise ValueError("the header is too large")
    schema = json_value(about.get(b"avro.schema", b""))
    _check(schema, (), {})
    return schema, about.get(b"avro.codec", b"null"), file.read(_SYNC_BYTES)


def _block(file: BinaryIO, codec: bytes, sync: bytes) -> tuple[int, bytes] | None:
    first = file.read(1)
    if not first:
        return None
    count, size = _long(file, first), _long(file)
    if not 0 <= size <= _LARGEST_BLOCK or count < 0:
        raise ValueError(f"a block claims {count} records in {size} bytes")
    packed = file.read(size)
    if len(packed) < size or file.read(_SYNC_BYTES) != sync:
        raise EOFError("a block is cut off, or its end is not where it should be")
    content = _unpacked(packed, codec)
    if count > len(content):
        raise ValueError(f"a block claims {count} records in {len(content)} bytes")
    return count, content


def _unpacked(packed: bytes, codec: bytes) -> bytes:
    if codec == b"null":
        return packed
    if codec != b"deflate":
        raise ValueError(f"blocks are packed by {codec[:40]!a}; null and deflate are read")
    unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
    content = unpacking.decompress(packed, _LARGEST_BLOCK)
    if unpacking.unconsumed_tail:
        raise ValueError("a block is too large when it is unpacked")
    return content


def _bytes(file: BinaryIO) -> bytes:
    size = _long(file)
    if not 0 <= size <= _MOST_HEADER:
        raise ValueError("the header is too large")
    content = file.read(size)
    if len(content) < size:
        raise EOFError("the header is cut off")
    return content


def _long(file: BinaryIO, first: bytes = b"") -> int:
    """Read a number in Avro's form: seven bits to a byte, the sign folded in."""
    value = 0
    for place in range(_LONGEST_VARINT):
        byte = first if place == 0 and first else file.read(1)
        if not byte:
            raise EOFError("a number is cut off")
        value |= (byte[0] & 0x7F) << (7 * place)
        if not byte[0] & 0x80:
            return (value >> 1) ^ -(value & 1)
    raise ValueError("a number is too long")


def _check(schema: Any, within: tuple[str, ...], sizes: dict[str, bool]) -> bool:
    """Refuse types that contain themselves and lists of things without bytes; return whether a value may have no bytes.

    Raises
    ------
    ValueError
        The schema is such.
    """
    if isinstance(schema, str):
        if schema in within:
            raise ValueError(f"the type {schema[:60]!a} contains itself")
        return schema == "null" if schema in _PRIMITIVES else sizes.get(schema, False)
    if isinstance(schema, list):
        for each in schema:
            _check(each, within, sizes)
        return False
    if not isinstance(schema, dict):
        raise ValueError("the schema is none of Avro's")  # noqa: TRY004 (of a file, not of a call)
    return _check_complex(schema, within, sizes)


def _check_complex(schema: dict[str, Any], within: tuple[str, ...], sizes: dict[str, bool]) -> bool:
    kind = schema.get("type")
    if kind in ("record", "error"):
        name = str(schema.get("name", ""))
        full = f"{schema['namespace']}.{name}" if schema.get("namespace") else name
        inner = [_check(each["type"], (*within, name, full), sizes) for each in schema.get("fields", ())]
        sizes[name] = sizes[full] = all(inner)
        return all(inner)
    if kind == "array":
        if _check(schema.get("items"), within, sizes):
            raise ValueError("it has lists of things without bytes")
        return False
    if kind == "map":
        _check(schema.get("values"), within, sizes)
        return False
    if kind == "fixed":
        size = schema.get("size")
        if type(size) is not int or not 0 < size <= _LARGEST_BLOCK:
            raise ValueError("it has bytes of a fixed size that is none")
        return False
    return False if kind == "enum" else _check(kind, within, sizes)
