"""Whether a column of two Parquet files holds the same values: seen without decoding them."""

from __future__ import annotations

import mmap
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["is_same_column"]


def is_same_column(one: Path, other: Path, name: str) -> bool:
    """Say whether two files store a column in the same bytes, row group by row group, and read them alike.

    A writer that gives two tables one column of ids stores it twice alike. What is stored alike has the same values;
    what is stored otherwise may have them too, and False says no more than that it was not seen.

    Parameters
    ----------
    one, other
        Parquet files.
    name
        A column that is not nested.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with ExitStack() as open_files:
        try:
            files = [open_files.enter_context(path.open("rb")) for path in (one, other)]
            metadata = [pq.read_metadata(file) for file in files]
            places = [each.schema.names.index(name) for each in metadata]
            stored = [open_files.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) for file in files]
        except (OSError, ValueError, pa.ArrowException):
            return False
        columns = [each.schema.column(place) for each, place in zip(metadata, places, strict=True)]
        if metadata[0].num_row_groups != metadata[1].num_row_groups or not columns[0].equals(columns[1]):
            return False
        for group in range(metadata[0].num_row_groups):
            chunks = [each.row_group(group).column(place) for each, place in zip(metadata, places, strict=True)]
            if _how(chunks[0]) != _how(chunks[1]):
                return False
            if _bytes(stored[0], chunks[0]) != _bytes(stored[1], chunks[1]):
                return False
    return True


def _how(chunk: Any) -> tuple[Any, ...]:
    """Return what reading a chunk depends on, beside its bytes."""
    starts = chunk.dictionary_page_offset, chunk.data_page_offset
    dictionary = None if starts[0] is None else starts[1] - starts[0]
    return chunk.path_in_schema, chunk.physical_type, chunk.compression, chunk.encodings, chunk.num_values, dictionary


def _bytes(stored: mmap.mmap, chunk: Any) -> bytes:
    start = chunk.data_page_offset if chunk.dictionary_page_offset is None else chunk.dictionary_page_offset
    return stored[start : start + chunk.total_compressed_size]
