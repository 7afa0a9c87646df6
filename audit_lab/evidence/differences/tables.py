"""Two tables in Parquet: columns, then rows and values."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.evidence.differences.change import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["table_lines"]

_MOST_ROWS = 200_000
_MOST_LINES = 20


def table_lines(before: bytes, after: bytes) -> tuple[str, ...]:
    """Return what changed from one table to another, a line each; rows are counted from 1.

    Tables of as many rows are compared place by place, others by which rows they hold. No more than 20 lines of either
    are given, and how many more there are. A table that cannot be read, or of more than 200,000 rows, is said to be so.
    """
    try:
        one, other = _frame(before), _frame(after)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        return (f"not compared by rows: {shown(str(error))}",)
    lines = list(_columns(one, other))
    common = [name for name in one.columns if name in other.columns]
    if one.height == other.height:
        lines += _values(one, other, common)
    else:
        lines.append(f"{one.height:,} rows -> {other.height:,} rows")
        lines += _rows(one, other, common)
    return tuple(lines) or ("the same rows, in a file of other bytes",)


def _frame(content: bytes) -> pl.DataFrame:
    lazy = pl.scan_parquet(io.BytesIO(content))
    rows = lazy.select(pl.len()).collect().item()
    if rows > _MOST_ROWS:
        raise ValueError(f"it has {rows:,} rows, more than {_MOST_ROWS:,}")
    return lazy.collect()


def _columns(one: pl.DataFrame, other: pl.DataFrame) -> Iterator[str]:
    for name, kind in one.schema.items():
        if name not in other.schema:
            yield f"column {shown(name)} removed"
        elif other.schema[name] != kind:
            yield f"column {shown(name)}: {kind} -> {other.schema[name]}"
    yield from (f"column {shown(name)} added" for name in other.columns if name not in one.schema)


def _values(one: pl.DataFrame, other: pl.DataFrame, columns: Sequence[str]) -> list[str]:
    found, rows = [], set()
    pairs = [(name, one.get_column(name).to_list(), other.get_column(name).to_list()) for name in columns]
    for at in range(one.height):
        for name, values, others in pairs:
            if not _same(values[at], others[at]):
                found.append(f"row {at + 1:,}, {shown(name)}: {shown(values[at])} -> {shown(others[at])}")
                rows.add(at)
    return _cut(found, f"values, in {len(rows):,} rows altogether")


def _rows(one: pl.DataFrame, other: pl.DataFrame, columns: Sequence[str]) -> list[str]:
    counts = [Counter(map(repr, frame.select(columns).rows())) for frame in (one, other)]
    removed, added = counts[0] - counts[1], counts[1] - counts[0]
    return [
        *_cut([f"row only before: {shown(row)}" for row in removed.elements()], "rows only before"),
        *_cut([f"row only after: {shown(row)}" for row in added.elements()], "rows only after"),
    ]


def _cut(lines: list[str], what: str) -> list[str]:
    if len(lines) <= _MOST_LINES:
        return lines
    return [*lines[:_MOST_LINES], f"and {len(lines) - _MOST_LINES:,} more {what}"]


def _same(one: Any, other: Any) -> bool:
    """Whether two values are one; a number that is none (NaN) is the same as another such."""
    return type(one) is type(other) and (one == other or repr(one) == repr(other))
