"""Avro's container files, block by block, for files that nobody vouches for.

The frame of the file is read here, within limits: sizes that are claimed are compared with what is there, packed blocks
are unpacked up to a limit, and schemas that a small file could use to fill the memory are refused (types that contain
themselves, lists of things without bytes). Records are decoded by fastavro.
"""

from __future__ import annotations

import hashlib
import zlib
from io import SEEK_CUR, SEEK_END, BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from audit_lab.capture.adapters.bodies import json_value
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAGIC", "AvroRecord", "avro_records"]

MAGIC = b"Obj\x01"

_SYNC_BYTES, _MOST_HEADER, _LARGEST_BLOCK = 16, 4_000_000, 64_000_000
_LONGEST_VARINT, _PIECE_BYTES, _MOST_OF_A_BYTE = 10, 1 << 20, 1_032
#: Where a schema has the schemas of its parts.
_WITHIN = ("type", "items", "values", "fields")
_PRIMITIVES = frozenset(("null", "boolean", "int", "long", "float", "double", "bytes", "string"))


class AvroRecord(NamedTuple):
    """A record: its bytes, and its value or why it has none.

    A block says how many records it has, and what is damaged may say anything: that number counts only where so many
    can be decoded of exactly the bytes that are there (`rows`). Else nobody can say how many there are: `span` is where
    they stand in the file, and `rows` is 0. `whole` is size and digest of bytes of which `raw` is only the beginning.
    """

    raw: bytes
    value: Any
    problem: str | None
    rows: int = 1
    span: tuple[int, int] | None = None
    whole: tuple[int, str] | None = None


class _Block(NamedTuple):
    """A block: how many records it says that it has, their bytes (None where there are none), and what is wrong."""

    records: int
    content: bytes | None
    problem: str | None = None


def avro_records(file: BinaryIO) -> Iterator[AvroRecord]:
    """Yield the records of a container file; behind a block that is damaged it is read on from the next block's mark.

    Parameters
    ----------
    file
        The container; one that can be gone back in.

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
        decoders = _Decoders(fastavro, schema)
    except Exception as error:  # noqa: BLE001 (whatever a hostile schema makes the library raise)
        yield _unknown(file, 0, _size(file), f"the file's header cannot be read ({_said(error)})")
        return
    while True:
        begun = file.tell()
        block = _block(file, codec, sync)
        if block is None:
            return
        if block.problem is None:
            yield from _of_block(block, (begun, file.tell()), decoders)
            continue
        is_known = _follows(file, sync)
        goes_on = is_known or _seek(file, begun + 1, sync)
        stop = file.tell() if goes_on else _size(file)
        if (is_known or not goes_on) and decoders.count(block):
            left = f"{_records(block.records)} of a block cannot be trusted ({block.problem})"
            yield AvroRecord(block.content or b"", None, left, block.records)
        else:
            yield _unknown(file, begun, stop, f"a block cannot be read ({block.problem})")
        if not goes_on:
            return
        file.seek(stop)


class _Decoders:
    """Decodes single records: as the schema says, or only to where each ends.

    Parameters
    ----------
    fastavro
        The library.
    schema
        The file's schema, checked.
    """

    def __init__(self, fastavro: Any, schema: Any) -> None:
        self._read = fastavro.schemaless_reader
        self._schema, self._bare = fastavro.parse_schema(schema), fastavro.parse_schema(_bare(schema))

    def value(self, stream: BytesIO) -> Any:
        """Return the record that begins here; whatever hostile bytes make the library raise is raised."""
        return self._read(stream, self._schema, None)

    def go_behind(self, stream: BytesIO) -> None:
        """Go behind the record that begins here, also where a value of it is none: no UTF-8, a day of no calendar."""
        self._read(stream, self._bare, None, handle_unicode_errors="replace")

    def count(self, block: _Block) -> bool:
        """Whether the bytes of a block are as many records as it says that it has, no more and no fewer."""
        if not block.records or block.content is None:
            return False
        stream = BytesIO(block.content)
        try:
            for _ in range(block.records):
                self.go_behind(stream)
        except Exception:  # noqa: BLE001 (whatever hostile bytes make the library raise)
            return False
        return stream.tell() == len(block.content)


def _bare(schema: Any) -> Any:
    """Return a schema of the same bytes whose values are numbers and texts alone, and no times and the like."""
    if isinstance(schema, list):
        return [_bare(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: value for name, value in schema.items() if name != "logicalType"}
    return {name: _bare(value) if name in _WITHIN else value for name, value in kept.items()}


def _unknown(file: BinaryIO, first: int, stop: int, why: str) -> AvroRecord:
    """Return what stands for records of which nobody can say how many there are."""
    told = f"{why}; how many records stand from byte {first:,} to byte {stop:,} cannot be told"
    file.seek(first)
    raw = file.read(min(stop - first, _PIECE_BYTES))
    digest, left = hashlib.sha256(raw), stop - first - len(raw)
    while left > 0 and (piece := file.read(min(left, _PIECE_BYTES))):
        digest.update(piece)
        left -= len(piece)
    return AvroRecord(raw, None, told, 0, (first, stop), (stop - first, digest.hexdigest()))


def _size(file: BinaryIO) -> int:
    """Return where a file ends; it stays where it is."""
    here = file.tell()
    end = file.seek(0, SEEK_END)
    file.seek(here)
    return end


def _of_block(block: _Block, span: tuple[int, int], decoders: _Decoders) -> Iterator[AvroRecord]:
    """Yield the records of a block whose frame is whole."""
    content = block.content or b""
    stream = BytesIO(content)
    is_counted: bool | None = None
    for number in range(block.records):
        start = stream.tell()
        try:
            value, problem = decoders.value(stream), None
        except Exception as error:  # noqa: BLE001 (whatever hostile bytes make the library raise)
            is_counted = decoders.count(block) if is_counted is None else is_counted
            if not is_counted:
                yield _rest(content[start:], f"a block cannot be read behind its first {_records(number)}", error, span)
                return
            value, problem = None, f"a value of the record cannot be read ({_said(error)})"
            stream.seek(start)
            decoders.go_behind(stream)
        yield AvroRecord(content[start : stream.tell()], value, problem)
    if stream.tell() < len(content):
        why = "a block has bytes behind as many records as it says to have"
        yield _rest(content[stream.tell() :], why, None, span)


def _rest(raw: bytes, why: str, error: Exception | None, span: tuple[int, int]) -> AvroRecord:
    """Return what stands for bytes within a block of which nobody can say how many records they are."""
    said = "" if error is None else f" ({_said(error)})"
    return AvroRecord(raw, None, f"{why}{said}; how many records these are cannot be told", 0, span)


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count:,} records"


def _follows(file: BinaryIO, sync: bytes) -> bool:
    """Whether a whole block is where the file is read on; it stays there."""
    here = file.tell()
    try:
        count, size = _long(file), _long(file)
        if count <= 0 or not 0 <= size <= _LARGEST_BLOCK:
            return False
        file.seek(size, SEEK_CUR)
        return file.read(_SYNC_BYTES) == sync
    except (ValueError, EOFError):
        return False
    finally:
        file.seek(here)


def _seek(file: BinaryIO, start: int, sync: bytes) -> bool:
    """Go behind the next mark of a block from a place on; whether there is one."""
    held, at = b"", start
    file.seek(start)
    while piece := file.read(_PIECE_BYTES):
        held += piece
        found = held.find(sync)
        if found >= 0:
            file.seek(at + found + len(sync))
            return True
        left = held[-(len(sync) - 1) :]
        at += len(held) - len(left)
        held = left
    return False


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
    sync = file.read(_SYNC_BYTES)
    if len(sync) < _SYNC_BYTES:
        raise EOFError("the header is cut off")
    return schema, about.get(b"avro.codec", b"null"), sync


def _block(file: BinaryIO, codec: bytes, sync: bytes) -> _Block | None:
    first = file.read(1)
    if not first:
        return None
    try:
        count, size = _long(file, first), _long(file)
    except (ValueError, EOFError) as error:
        return _Block(0, None, str(error))
    # A record has a byte at least, and deflate makes no more of one byte than so many.
    if not 0 <= size <= _LARGEST_BLOCK or not 0 <= count <= size * (_MOST_OF_A_BYTE if codec == b"deflate" else 1):
        return _Block(0, None, f"a block claims {count} records in {size} bytes")
    packed = file.read(size)
    problem = None if file.read(_SYNC_BYTES) == sync else "it is cut off, or its end is not where it should be"
    try:
        content = _unpacked(packed, size, codec)
    except (ValueError, EOFError, zlib.error) as error:
        return _Block(count, None, problem or _said(error))
    if count > len(content):
        return _Block(0, None, f"a block claims {count} records in {len(content)} bytes")
    return _Block(count, content, problem)


def _unpacked(packed: bytes, size: int, codec: bytes) -> bytes:
    if len(packed) < size:
        raise EOFError("it is cut off")
    if codec == b"null":
        return packed
    if codec != b"deflate":
        raise ValueError(f"blocks are packed by {codec[:40]!a}; null and deflate are read")
    unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
    content = unpacking.decompress(packed, _LARGEST_BLOCK)
    if unpacking.unconsumed_tail:
        raise ValueError("a block is too large when it is unpacked")
    if not unpacking.eof:
        raise ValueError("what is packed in it ends too early")
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
