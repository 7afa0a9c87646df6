"""What a Parquet file may declare before anything in it is decoded: its footer, read within limits.

pyarrow reads the footer, because it bounds every length and the depth of the schema that it takes from a file; polars
does not. A footer can still lie about pages; that is why decoding happens in a process of its own.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.seal.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_footer"]

_MAGIC = b"PAR1"
_TAIL = struct.Struct("<I4s")
_MOST_FOOTER_BYTES = 256 << 20
_MOST_STRING_BYTES = 16 << 20
_MOST_ITEMS = 4_000_000
_MOST_ROWS = 2**32 - 2
_MOST_COLUMNS = 20_000
_MOST_NESTING = 64
#: What the columns of one row group may unpack to; the groups of this library's own files unpack to some megabytes.
_MOST_GROUP_BYTES = 4 << 30
#: How much larger than the file all of it may be when unpacked, beside a fixed allowance.
_MOST_EXPANSION, _EXPANSION_ALLOWANCE = 2_000, 1 << 30
_NEXT = "Do not open the file with another program: find out who wrote it."


def check_footer(path: str) -> tuple[int, int]:
    """Return how many rows a Parquet file declares, and how many bytes its columns unpack to, if both are possible.

    Raises
    ------
    MalformedError
        Codes ``log.file-unreadable`` for what is not a Parquet file, ``log.file-beyond-limits`` for one that declares
        more rows, columns, nesting or bytes than a log can hold.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    size = _check_frame(Path(path))
    try:
        with pq.ParquetFile(
            path, thrift_string_size_limit=_MOST_STRING_BYTES, thrift_container_size_limit=_MOST_ITEMS
        ) as file:
            footer = file.metadata
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        code = "log.file-beyond-limits" if _names_a_limit(first) else "log.file-unreadable"
        raise MalformedError(f"the footer is refused ({first[:200]})", _NEXT, code) from error
    for stated, most, what in _declared(footer, size):
        if stated > most:
            raise MalformedError(
                f"it declares {stated:,} {what}; the most is {most:,}", _NEXT, "log.file-beyond-limits"
            )
    groups = [footer.row_group(number).num_rows for number in range(footer.num_row_groups)]
    if footer.num_rows < 0 or min(groups, default=0) < 0 or sum(groups) != footer.num_rows:
        raise MalformedError("its row groups do not add up to its rows", _NEXT, "log.file-unreadable")
    return int(footer.num_rows), sum(footer.row_group(number).total_byte_size for number in range(len(groups)))


def _check_frame(path: Path) -> int:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(len(_MAGIC))
        file.seek(max(size - _TAIL.size, 0))
        tail = file.read(_TAIL.size)
    if len(tail) < _TAIL.size or head != _MAGIC or tail[-len(_MAGIC) :] != _MAGIC:
        raise MalformedError("it is not a Parquet file", _NEXT, "log.file-unreadable")
    footer_bytes = _TAIL.unpack(tail)[0]
    if footer_bytes > size - _TAIL.size - len(_MAGIC):
        raise MalformedError("its footer is longer than the file", _NEXT, "log.file-unreadable")
    if footer_bytes > _MOST_FOOTER_BYTES:
        raise MalformedError(f"its footer has {footer_bytes:,} bytes", _NEXT, "log.file-beyond-limits")
    return size


def _declared(footer: Any, size: int) -> Iterator[tuple[int, int, str]]:
    """Yield what the footer declares, the limit for it, and what it is called."""
    yield footer.num_rows, _MOST_ROWS, "rows"
    yield footer.num_columns, _MOST_COLUMNS, "columns"
    yield footer.num_row_groups, footer.num_rows + 1, "row groups"
    schema = footer.schema
    for number in range(footer.num_columns):
        yield schema.column(number).path.count("."), _MOST_NESTING, "levels of nesting"
    unpacked = 0
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        yield group.num_rows, _MOST_ROWS, "rows in one row group"
        group_bytes = 0
        for position in range(group.num_columns):
            chunk = group.column(position)
            yield chunk.total_compressed_size, size, "bytes in one column, beyond the end of the file"
            group_bytes += chunk.total_uncompressed_size
        yield group_bytes, _MOST_GROUP_BYTES, "bytes in one row group"
        unpacked += group_bytes
    yield unpacked, _MOST_EXPANSION * size + _EXPANSION_ALLOWANCE, "bytes when unpacked"


def _names_a_limit(message: str) -> bool:
    return any(mark in message for mark in ("nested", "limit", "malloc", "exceed", "too large"))
