"""Few rows of many, in memory of their own."""

from __future__ import annotations

from io import BytesIO

import polars as pl

__all__ = ["in_own_memory"]


def in_own_memory(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows that hold on to nothing but themselves.

    Texts of rows that were picked from a frame are views of all of its texts, which stay in memory with them, also
    where columns are made contiguous. Written down and read back, they are not.
    """
    buffer = BytesIO()
    rows.write_ipc_stream(buffer)
    buffer.seek(0)
    return pl.read_ipc_stream(buffer)
