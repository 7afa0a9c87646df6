"""Rows of polars, read once, some at a time: always the same rows together, whatever reads them how fast."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.files.reading import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["BLOCK_ROWS", "blocks_of", "column_groups", "grouped_blocks"]

#: Rows of a block, the last one of a frame excepted.
BLOCK_ROWS = 1_048_576
#: Rows that polars hands over at once, while it reads ahead.
_READ_ROWS = 131_072
#: Values of a block, some 130 MB: of frames with many columns some are read at a time.
_BLOCK_VALUES = 16_000_000


def column_groups(columns: Sequence[str], rows: int = BLOCK_ROWS) -> list[list[str]]:
    """Return the columns in groups that are read together: the more, the fewer rows a block of theirs has."""
    width = max(_BLOCK_VALUES // min(max(rows, 1), BLOCK_ROWS), 1)
    groups = -(-len(columns) // width)
    each = -(-len(columns) // groups) if groups else 0
    return [list(columns[first : first + each]) for first in range(0, len(columns), each or 1)]


def blocks_of(frame: pl.LazyFrame, what: str) -> Iterator[pl.DataFrame]:
    """Yield the rows of a frame in their order, so many at a time.

    Raises
    ------
    LogError
        They cannot be read.
    """
    waiting: list[pl.DataFrame] = []
    rows = 0
    with reading(what):
        for read in frame.collect_batches(chunk_size=_READ_ROWS, maintain_order=True, engine="streaming"):
            waiting.append(read)
            rows += read.height
            while rows >= BLOCK_ROWS:
                held = pl.concat(waiting)
                yield held.head(BLOCK_ROWS)
                waiting, rows = [held.slice(BLOCK_ROWS)], rows - BLOCK_ROWS
    if rows:
        yield pl.concat(waiting)


def grouped_blocks(
    frame: pl.LazyFrame, always: Sequence[str], columns: Sequence[str], rows: int, what: str
) -> Iterator[tuple[list[str], int, pl.DataFrame]]:
    """Yield the rows of a frame, some columns of a block at a time; the next is read while one is looked at.

    Parameters
    ----------
    frame
        The rows.
    always, columns
        Columns that every block has, and those that come in groups.
    rows
        How many they are, or as many as a block has.
    what
        What is done, for messages.

    Yields
    ------
    tuple
        The group's columns, from which row on, and the block.

    Raises
    ------
    LogError
        They cannot be read.
    """

    def read() -> Iterator[tuple[list[str], int, pl.DataFrame]]:
        for group in column_groups(columns, rows):
            first = 0
            for block in blocks_of(frame.select(*always, *group), what):
                yield group, first, block
                first += block.height

    blocks = read()
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = thread.submit(next, blocks, None)
            yield block
