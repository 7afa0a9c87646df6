"""Canonical values as polars expressions: what `audit_lab.seal.values` writes one by one, for whole columns.

Every text is UTF-8 and self-delimiting, so a row is the concatenation of its columns. Columns and fields are addressed
by position, never by name: a name from outside could mean a pattern to polars. Columns of the same kind of number that
stand side by side are written as one array, which takes half the time of one after another.
"""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import polars as pl

from audit_lab.log.commitment.column_types import instance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["Column", "Pieces", "concatenated", "row_pieces", "value_pieces"]

#: What a text is concatenated from: fixed texts, and one text for each row.
Pieces: TypeAlias = "list[pl.Expr | str]"

_NULL = "n;"
_INTEGERS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.Int128, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64, pl.UInt128)
_BITS: dict[type[pl.DataType], tuple[str, pl.DataType]] = {
    pl.Float64: ("d", pl.UInt64()),
    pl.Float32: ("e", pl.UInt32()),
    pl.Float16: ("h", pl.UInt16()),
}
_STRINGS = (pl.String, pl.Categorical, pl.Enum)


class Column(NamedTuple):
    """A column of a frame: the expression that gives it, its type, and whether a null may stand in it."""

    values: pl.Expr
    dtype: pl.DataType
    nullable: bool = True


class _Number(NamedTuple):
    """A column whose values are a tag, a whole number and a semicolon."""

    tag: str
    stored: pl.DataType
    values: pl.Expr


def concatenated(pieces: Iterable[pl.Expr | str]) -> pl.Expr:
    """Return the concatenation of pieces, null where one of them is null."""
    merged: list[pl.Expr] = []
    fixed = ""
    for piece in pieces:
        if isinstance(piece, str):
            fixed += piece
        else:
            merged += [pl.lit(fixed), piece] if fixed else [piece]
            fixed = ""
    return pl.concat_str([*merged, pl.lit(fixed)] if fixed else merged)


def row_pieces(columns: Sequence[Column]) -> Pieces:
    """Return the pieces of the canonical text of whole rows."""
    pieces: Pieces = [f"r{len(columns)}:"]
    numbers = [_number(column) for column in columns]
    kinds = [(place,) if each is None else (each.tag, each.stored) for place, each in enumerate(numbers)]
    for _, places in groupby(range(len(columns)), kinds.__getitem__):
        side_by_side = list(places)
        if len(side_by_side) == 1:
            pieces += value_pieces(columns[side_by_side[0]])
        else:
            nullable = any(columns[place].nullable for place in side_by_side)
            pieces += _side_by_side([each for place in side_by_side if (each := numbers[place])], nullable=nullable)
    return pieces


def value_pieces(column: Column) -> Pieces:
    """Return the pieces of the canonical text of a column's values.

    Its type has canonical bytes: `audit_lab.log.commitment.column_types` refuses the others.
    """
    if isinstance(column.dtype, pl.Null):
        return [pl.when(column.values.is_null()).then(pl.lit(_NULL))]
    pieces = _present(column)
    if isinstance(column.dtype, pl.Struct) and (column.nullable or not column.dtype.fields):
        return [pl.when(column.values.is_null()).then(pl.lit(_NULL)).otherwise(concatenated(pieces))]
    return [concatenated(pieces).fill_null(_NULL)] if column.nullable else pieces


def _side_by_side(numbers: list[_Number], *, nullable: bool) -> Pieces:
    """Write columns of one kind of number as arrays, joined by what stands between two values.

    A null is written as a lone ``n`` among digits, so that its value is told by the tag before it.
    """
    tag = numbers[0].tag
    digits = pl.concat_arr([each.values for each in numbers]).cast(pl.Array(pl.String, len(numbers)))
    if not nullable:
        return [tag, digits.arr.join(f";{tag}", ignore_nulls=False), ";"]
    shown = digits.arr.eval(pl.element().fill_null("n")).arr.join(f";{tag}", ignore_nulls=False)
    return [concatenated([tag, shown]).str.replace_all(f"{tag}n", "n", literal=True), ";"]


def _number(column: Column) -> _Number | None:
    kind = type(column.dtype)
    if kind in _BITS:
        tag, stored = _BITS[kind]
        return _Number(tag, stored, column.values.reinterpret(dtype=stored))
    if kind in _INTEGERS:
        return _Number("i", column.dtype, column.values)
    if kind in {pl.Date, pl.Time}:
        stored = pl.Int32() if kind is pl.Date else pl.Int64()
        return _Number("y" if kind is pl.Date else "o", stored, column.values.to_physical())
    if isinstance(column.dtype, pl.Datetime | pl.Duration) and column.dtype.time_unit != "ms":
        return _Number(_time_tag(column.dtype), pl.Int64(), column.values.to_physical())
    return None


def _time_tag(dtype: pl.Datetime | pl.Duration) -> str:
    return ("tu" if isinstance(dtype, pl.Datetime) else "pq")[dtype.time_unit == "ns"]


def _present(column: Column) -> Pieces:
    number = _number(column)
    if number:
        return [number.tag, number.values.cast(pl.String), ";"]
    if isinstance(column.dtype, pl.Datetime | pl.Duration):
        return _milliseconds(column.values.to_physical(), _time_tag(column.dtype))
    write = _WRITE.get(type(column.dtype), partial(_nested, column.dtype))
    return write(column.values)


def _milliseconds(number: pl.Expr, tag: str) -> Pieces:
    """Write milliseconds as microseconds by their digits: times a thousand, they can go beyond 64 bits."""
    thousands = pl.when(number == 0).then(pl.lit(";")).when(number != 0).then(pl.lit("000;"))
    return [tag, number.cast(pl.String), thousands]


def _boolean(values: pl.Expr) -> Pieces:
    return [pl.when(values).then(pl.lit("b1;")).when(~values).then(pl.lit("b0;"))]


def _string(values: pl.Expr) -> Pieces:
    text = values.cast(pl.String)
    return ["s", text.str.len_bytes().cast(pl.String), ":", text]


def _nested(dtype: pl.DataType, values: pl.Expr) -> Pieces:
    if isinstance(dtype, pl.Struct):
        return _struct(dtype, values)
    if isinstance(dtype, pl.Map):
        entries = pl.List(pl.Struct({"key": dtype.key, "value": dtype.value}))
        return _nested(entries, values.cast(entries))
    element = Column(pl.element(), instance(dtype.inner))  # type: ignore[attr-defined]
    lists = values.arr.to_list() if isinstance(dtype, pl.Array) else values
    texts = lists.list.eval(concatenated(value_pieces(element))).list.join("", ignore_nulls=False)
    return ["l", lists.list.len().cast(pl.String), ":", texts]


def _struct(dtype: pl.Struct, values: pl.Expr) -> Pieces:
    names = [str(place) for place in range(len(dtype.fields))]
    struct = values.struct.rename_fields(names)
    fields = [
        Column(struct.struct.field(name), instance(field.dtype))
        for name, field in zip(names, dtype.fields, strict=True)
    ]
    return row_pieces(fields)


_WRITE: dict[type[pl.DataType], Callable[[pl.Expr], Pieces]] = {
    pl.Boolean: _boolean,
    pl.Binary: lambda values: ["x", values.bin.encode("hex"), ";"],
    pl.Decimal: lambda values: ["c", values.cast(pl.String), ";"],
    **dict.fromkeys(_STRINGS, _string),
}
