"""Rows of a Parquet file as records, some thousand at a time.

What cannot be decoded is refused by its range of rows, to the end of its row group; the next row group is read on. How
many rows a group has is what the file says, where a column of it shows as many; else nobody knows it. Of a file whose
footer cannot be read nobody knows how many rows it has: it is refused whole, and counted as none.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import polars as pl

from audit_lab.capture.adapters.exchange import TOO_LARGE, UNDECODABLE, Chunk, Refusal
from audit_lab.capture.adapters.lines import KEPT_BYTES
from audit_lab.capture.raw_values import to_json
from audit_lab.errors import LogError
from audit_lab.log.files.reading import collect, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from audit_lab.capture.adapters.exchange import Half
    from audit_lab.capture.adapters.source import Sample, SourceFile

__all__ = ["is_parquet", "parquet_chunks", "parquet_columns"]

_AT_ONCE, _BYTES_AT_ONCE = 16_384, 48_000_000
#: Behind the footer: its size, and the mark.
_FOOT_BYTES = 8
_NOT_THERE = "they are not there"

#: The values of a row by column, and why they cannot be taken; empty where they can.
_Row: TypeAlias = "tuple[dict[str, Any], str]"


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


def parquet_chunks(
    file: SourceFile, start: int, longest: int, take: Callable[[dict[str, Any]], Half | Refusal]
) -> Iterator[Chunk]:
    """Yield the rows of a file, each as `take` makes something of its values; times stay as polars gives them.

    Parameters
    ----------
    file, start
        The file, and how many of its rows are passed over.
    longest
        A row of more bytes, as JSON, is refused.
    take
        Makes something of the values of one row.
    """
    frame = pl.scan_parquet(file.path, glob=False)
    try:
        total = int(collect(frame.select(pl.len()), file.name).item())
    except LogError as error:
        if start == 0:
            yield _unreadable(file, error)
        return
    for group in _row_groups(file.path, total):
        at = max(group.first, start)
        while at < group.stop:
            count = min(group.at_once, group.stop - at)
            rows, why = _rows(frame, at, count, file.name)
            if rows:
                yield _chunk(at, rows, longest, take)
            at += len(rows)
            if len(rows) < count:
                yield _lost(file.path, at, group, why)
                at = group.stop


class _RowGroup(NamedTuple):
    """Rows of a file that are stored together.

    From `first` to before `stop`; how many of them to read at once; which group it is, None where the file contradicts
    itself; and from which byte to before which it stands.
    """

    first: int
    stop: int
    at_once: int
    number: int | None
    span: tuple[int, int]


def _row_groups(path: Path, total: int) -> Iterator[_RowGroup]:
    """Yield the row groups of a file of so many rows; one of all rows where its metadata say something else."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        about = pq.read_metadata(path)
        groups = [about.row_group(number) for number in range(about.num_row_groups)]
        begun = [*map(_first_byte, groups), path.stat().st_size - _FOOT_BYTES - int(about.serialized_size)]
        sizes = [
            (int(each.num_rows), int(each.total_byte_size), (here, max(here, stop)))
            for each, (here, stop) in zip(groups, pairwise(begun), strict=True)
        ]
    except (pa.ArrowException, OSError, ValueError):
        sizes = []
    is_known = sum(rows for rows, _, _ in sizes) == total and all(rows >= 0 for rows, _, _ in sizes)
    if not is_known:
        sizes = [(total, 0, (0, path.stat().st_size))]
    first = 0
    for number, (rows, size, span) in enumerate(sizes):
        each = max(1, size // max(rows, 1))
        at_once = max(1, min(_AT_ONCE, _BYTES_AT_ONCE // each))
        yield _RowGroup(first, first + rows, at_once, number if is_known else None, span)
        first += rows


def _first_byte(group: Any) -> int:
    """Return where the columns of a row group begin in the file."""
    columns = [group.column(number) for number in range(group.num_columns)]
    return max(0, min((int(each.dictionary_page_offset or each.data_page_offset) for each in columns), default=0))


def _is_shown(path: Path, group: _RowGroup) -> bool:
    """Whether a column of a row group can be decoded and has as many rows as the file says that the group has."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if group.number is None:
        return False
    with pq.ParquetFile(path) as file:
        about = file.metadata.row_group(group.number)
        columns = [about.column(number) for number in range(about.num_columns)]
        for each in sorted(columns, key=lambda column: int(column.total_uncompressed_size)):
            try:
                batches = file.iter_batches(_AT_ONCE, row_groups=[group.number], columns=[each.path_in_schema])
                if sum(batch.num_rows for batch in batches) == group.stop - group.first:
                    return True
            except (pa.ArrowException, OSError, ValueError):
                continue
    return False


def _rows(frame: pl.LazyFrame, at: int, count: int, name: str) -> tuple[list[_Row], str]:
    """Return rows, as many as can be decoded, and why these are fewer."""
    try:
        found = collect(frame.slice(at, count), name)
    except LogError as error:
        return [], error.message
    try:
        return [(row, "") for row in found.rows(named=True)], _NOT_THERE
    except (ValueError, OverflowError, pl.exceptions.PanicException):
        return [_row(found, number) for number in range(found.height)], _NOT_THERE


def _row(frame: pl.DataFrame, number: int) -> _Row:
    """Return one row; of one that Python cannot hold, values as numbers or texts, and why."""
    try:
        return frame.row(number, named=True), ""
    except (ValueError, OverflowError, pl.exceptions.PanicException) as error:
        columns = [each if _holds(each) else each.to_physical().cast(pl.String) for each in frame[number : number + 1]]
        return {each.name: each.item() for each in columns}, f"a value is none that is known ({error})"


def _holds(column: pl.Series) -> bool:
    try:
        column.to_list()
    except (ValueError, OverflowError, pl.exceptions.PanicException):
        return False
    return True


def _chunk(at: int, rows: list[_Row], longest: int, take: Callable[[dict[str, Any]], Half | Refusal]) -> Chunk:
    raws = [to_json(row).encode() for row, _ in rows]
    found: list[Half | Refusal] = []
    for (row, why), raw in zip(rows, raws, strict=True):
        if why:
            found.append(Refusal(UNDECODABLE, why))
        elif len(raw) > longest:
            found.append(Refusal(TOO_LARGE, f"the record has {len(raw):,} bytes, more than are read"))
        else:
            found.append(take(row))
    return Chunk(list(range(at + 1, at + 1 + len(rows))), raws, found, at + len(rows))


def _lost(path: Path, at: int, group: _RowGroup, why: str) -> Chunk:
    rows = group.stop - at
    reason = f"rows {at + 1:,} to {group.stop:,} of the file cannot be decoded: {why}"
    if _is_shown(path, group):
        return Chunk([at + 1], [b""], [Refusal(UNDECODABLE, reason, rows=rows)], group.stop)
    first, stop = group.span
    told = f"{reason}; how many rows stand there cannot be told: the file says {rows:,}, which no column shows"
    with path.open("rb") as opened:
        opened.seek(first)
        head = opened.read(max(0, min(stop - first, KEPT_BYTES)))
        digest, left = hashlib.sha256(head), stop - first - len(head)
        while left > 0 and (piece := opened.read(min(left, KEPT_BYTES))):
            digest.update(piece)
            left -= len(piece)
    refusal = Refusal(UNDECODABLE, told, max(0, stop - first), digest.hexdigest(), 0, first, stop)
    return Chunk([at + 1], [head], [refusal], group.stop)


def _unreadable(file: SourceFile, error: LogError) -> Chunk:
    with file.path.open("rb") as opened:
        head = opened.read(KEPT_BYTES)
    reason = f"the file cannot be read as Parquet, so that nobody can say how many rows it has: {error.message}"
    refusal = Refusal(UNDECODABLE, reason, file.size_bytes, file.sha256, 0, 0, file.size_bytes)
    return Chunk([1], [head], [refusal], 1)
