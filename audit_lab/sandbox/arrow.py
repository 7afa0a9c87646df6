"""Read the tables of an answer, which a hostile child may have written.

The bytes are copied out of the shared file first, since the child could still change it. Only plain types and
uncompressed columns pass, so that no table is larger than its bytes; pyarrow checks every offset and every text before
polars is shown a column.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

__all__ = ["LARGEST_ANSWER", "read_tables"]

#: Bytes of all tables of one answer.
LARGEST_ANSWER = 1_000_000_000
_MOST_TABLES = 1_000
_MOST_ROWS = 100_000_000
_DEEPEST = 16

# Places in the flatbuffers of Arrow's format/Message.fbs.
_HEADER_TYPE, _HEADER, _DATA_OF_DICTIONARY, _COMPRESSION = 1, 2, 1, 3
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3


def read_tables(descriptor: int, places: object) -> dict[str, pl.DataFrame]:
    """Return the frames that lie in an open file.

    Parameters
    ----------
    descriptor
        Of the file.
    places
        Name, start and length of each, as the child told them.

    Raises
    ------
    ValueError
        The places are not in the file, or what lies there is not an Arrow stream of uncompressed, valid columns.
    """
    if not isinstance(places, list) or len(places) > _MOST_TABLES:
        raise ValueError("no list of tables")
    frames = {}
    expected = 0
    for place in places:
        name, start, length = _checked(place)
        if start != expected or start + length > LARGEST_ANSWER:
            raise ValueError("tables that overlap or are too large")
        frames[name] = _frame(_bytes(descriptor, start, length))
        expected = start + length
    return frames


def _checked(place: Any) -> tuple[str, int, int]:
    match place:
        case [str(name), int(start), int(length)] if min(start, length) >= 0:
            return name, start, length
    raise ValueError("a table that lies nowhere")


def _bytes(descriptor: int, start: int, length: int) -> bytearray:
    if os.fstat(descriptor).st_size < start + length:
        raise ValueError("a table shorter than it was said to be")
    content = bytearray(length)
    view, done = memoryview(content), 0
    while done < length:
        read = os.preadv(descriptor, [view[done:]], start + done)
        if read == 0:
            raise ValueError("a table that became shorter")
        done += read
    return content


def _frame(content: bytearray) -> pl.DataFrame:
    import polars as pl
    import pyarrow as pa

    try:
        buffer = pa.py_buffer(content)
        _refuse_compression(buffer)
        reader = pa.ipc.open_stream(buffer)
        for field in reader.schema:
            _check_type(field.type, 0)
        batches = list(reader)
        if sum(batch.num_rows for batch in batches) > _MOST_ROWS:
            raise ValueError("too many rows")
        table = pa.Table.from_batches(batches, schema=reader.schema)
        table.validate(full=True)
        frame = pl.from_arrow(table)
    except (pa.ArrowException, OSError, MemoryError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise ValueError(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(frame, pl.DataFrame):
        raise ValueError("a table without columns")  # noqa: TRY004 - it is the content that is wrong
    return frame


def _check_type(kind: Any, depth: int) -> None:
    """Refuse types whose values may take less than a bit each, or whose columns may point twice at the same bytes."""
    import pyarrow as pa

    of = pa.types
    if depth > _DEEPEST:
        raise ValueError("a column nested too deep")
    plain = (
        *(of.is_integer, of.is_floating, of.is_boolean, of.is_decimal128, of.is_temporal),
        *(of.is_string, of.is_large_string, of.is_string_view, of.is_binary, of.is_large_binary, of.is_binary_view),
    )
    if any(test(kind) for test in plain) or (of.is_null(kind) and depth == 0):
        return
    if of.is_struct(kind) and kind.num_fields:
        inner = [kind.field(index).type for index in range(kind.num_fields)]
    elif of.is_list(kind) or of.is_large_list(kind) or (of.is_fixed_size_list(kind) and kind.list_size):
        inner = [kind.value_type]
    elif of.is_dictionary(kind):
        inner = [kind.index_type, kind.value_type]
    else:
        raise ValueError(f"a column of type {str(kind)[:100]}")
    for child in inner:
        _check_type(child, depth + 1)


def _refuse_compression(buffer: Any) -> None:
    import pyarrow as pa

    messages = pa.ipc.MessageReader.open_stream(buffer)
    while True:
        try:
            metadata = messages.read_next_message().metadata.to_pybytes()
        except StopIteration:
            return
        try:
            if _is_compressed(metadata):
                raise ValueError("a compressed column")
        except struct.error as error:
            raise ValueError("a message cut short") from error


def _is_compressed(metadata: bytes) -> bool:
    """Say whether a message holds columns and names a compression for them."""
    message = _unsigned(metadata, 0)
    kind_at = _field(metadata, message, _HEADER_TYPE)
    batch = _table(metadata, message, _HEADER)
    kind = metadata[kind_at] if kind_at is not None else None
    if kind == _DICTIONARY_BATCH and batch is not None:
        batch = _table(metadata, batch, _DATA_OF_DICTIONARY)
    elif kind != _RECORD_BATCH:
        return False
    return batch is not None and _field(metadata, batch, _COMPRESSION) is not None


def _unsigned(content: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", content, at)[0])


def _field(content: bytes, table: int, number: int) -> int | None:
    """Return where a field of a flatbuffer table lies, if the table has it."""
    fields = table - struct.unpack_from("<i", content, table)[0]
    if fields < 0:
        raise struct.error
    place = 4 + 2 * number
    size, *_ = struct.unpack_from("<H", content, fields)
    offset = struct.unpack_from("<H", content, fields + place)[0] if place < size else 0
    return table + offset if offset else None


def _table(content: bytes, table: int, number: int) -> int | None:
    at = _field(content, table, number)
    return None if at is None else at + _unsigned(content, at)
