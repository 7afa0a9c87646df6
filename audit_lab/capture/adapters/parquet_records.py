"""Rows of a Parquet file as records, some thousand at a time; a file that cannot be read is one refused record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.capture.adapters.exchange import UNDECODABLE, Chunk, Refusal
from audit_lab.capture.adapters.lines import KEPT_BYTES
from audit_lab.capture.raw_values import to_json
from audit_lab.errors import LogError
from audit_lab.log.files.reading import collect, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from audit_lab.capture.adapters.exchange import Half
    from audit_lab.capture.adapters.source import Sample, SourceFile

__all__ = ["is_parquet", "parquet_chunks", "parquet_columns"]

_AT_ONCE = 16_384


def is_parquet(head: bytes) -> bool:
    """Whether a file that begins so says that it is Parquet."""
    return head[:4] == b"PAR1"


def parquet_columns(sample: Sample) -> list[str]:
    """Return the names of the columns of a Parquet file; none where its footer cannot be read."""
    try:
        with reading(sample.name):
            return list(pl.scan_parquet(sample.path, glob=False).collect_schema())
    except LogError:
        return []


def parquet_chunks(file: SourceFile, start: int, take: Callable[[dict[str, Any]], Half | Refusal]) -> Iterator[Chunk]:
    """Yield the rows of a file, each as `take` makes something of its values; times stay as polars gives them."""
    try:
        frame = pl.scan_parquet(file.path, glob=False)
        total = int(collect(frame.select(pl.len()), file.name).item())
        for first in range(start, total, _AT_ONCE):
            rows = collect(frame.slice(first, _AT_ONCE), file.name).rows(named=True)
            raws = [to_json(row).encode() for row in rows]
            yield Chunk(
                list(range(first + 1, first + 1 + len(rows))), raws, [take(row) for row in rows], first + len(rows)
            )
    except LogError as error:
        with file.path.open("rb") as opened:
            head = opened.read(KEPT_BYTES)
        refusal = Refusal(
            UNDECODABLE, f"the file cannot be read as Parquet: {error.message}", file.size_bytes, file.sha256
        )
        yield Chunk([start + 1], [head], [refusal], start + 1)
