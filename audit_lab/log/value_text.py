"""Canonical values as polars expressions: what `audit_lab.seal.values` writes one by one, for a whole column.

Every text is UTF-8 and self-delimiting, so a row is the concatenation of its columns. Columns and fields are addressed
by position, never by name: a name from outside could mean a pattern to polars.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.column_types import instance

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["value_text"]

_NULL = "n;"
_INTEGERS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.Int128, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64, pl.UInt128)
_FLOATS: dict[type[pl.DataType], tuple[str, type[pl.DataType]]] = {
    pl.Float64: ("d", pl.UInt64),
    pl.Float32: ("e", pl.UInt32),
    pl.Float16: ("h", pl.UInt16),
}
_STRINGS = (pl.String, pl.Categorical, pl.Enum)


def value_text(column: pl.Expr, dtype: pl.DataType, *, nullable: bool = True) -> list[pl.Expr]:
    """Return the pieces whose concatenation is the canonical text of each value of a column.

    Parameters
    ----------
    column
        The column, of type `dtype`, which has canonical bytes (`audit_lab.log.column_types` refuses the others).
    nullable
        Whether a null may stand in it; without, the pieces can be put into the row's one concatenation.
    """
    if isinstance(dtype, pl.Null):
        return [pl.when(column.is_null()).then(pl.lit(_NULL))]
    pieces = _pieces(column, dtype)
    is_struct = isinstance(dtype, pl.Struct)
    if not nullable and not (is_struct and not dtype.fields):
        return pieces
    if is_struct:
        return [pl.when(column.is_null()).then(pl.lit(_NULL)).otherwise(pl.concat_str(pieces))]
    return [pl.concat_str(pieces).fill_null(_NULL)]


def _pieces(column: pl.Expr, dtype: pl.DataType) -> list[pl.Expr]:
    kind = type(dtype)
    if kind in _FLOATS:
        tag, bits = _FLOATS[kind]
        return _tagged(tag, column.reinterpret(dtype=bits()))
    if kind in _STRINGS:
        text = column.cast(pl.String)
        return [pl.lit("s"), text.str.len_bytes().cast(pl.String), pl.lit(":"), text]
    if isinstance(dtype, pl.Datetime):
        return _in_units("t", "u", column, dtype.time_unit)
    if isinstance(dtype, pl.Duration):
        return _in_units("p", "q", column, dtype.time_unit)
    write = _WRITE.get(kind)
    return write(column) if write else _nested(column, dtype)


def _boolean(column: pl.Expr) -> list[pl.Expr]:
    return [pl.when(column).then(pl.lit("b1;")).when(~column).then(pl.lit("b0;"))]


def _binary(column: pl.Expr) -> list[pl.Expr]:
    return [pl.lit("x"), column.bin.encode("hex"), pl.lit(";")]


def _tagged(tag: str, number: pl.Expr) -> list[pl.Expr]:
    return [pl.lit(tag), number.cast(pl.String), pl.lit(";")]


def _in_units(micro: str, nano: str, column: pl.Expr, unit: str) -> list[pl.Expr]:
    """Write milliseconds as microseconds by digits: times a thousand, they can go beyond 64 bits."""
    number = column.to_physical()
    if unit != "ms":
        return _tagged(nano if unit == "ns" else micro, number)
    thousands = pl.when(number == 0).then(pl.lit(";")).when(number != 0).then(pl.lit("000;"))
    return [pl.lit(micro), number.cast(pl.String), thousands]


def _nested(column: pl.Expr, dtype: pl.DataType) -> list[pl.Expr]:
    if isinstance(dtype, pl.Struct):
        names = [str(place) for place in range(len(dtype.fields))]
        struct = column.struct.rename_fields(names)
        values = [
            text
            for name, field in zip(names, dtype.fields, strict=True)
            for text in value_text(struct.struct.field(name), instance(field.dtype))
        ]
        return [pl.lit(f"r{len(names)}:"), *values]
    if isinstance(dtype, pl.Map):
        entry = pl.Struct({"key": dtype.key, "value": dtype.value})
        return _nested(column.cast(pl.List(entry)), pl.List(entry))
    inner = instance(dtype.inner)  # type: ignore[attr-defined]
    lists = column.arr.to_list() if isinstance(dtype, pl.Array) else column
    elements = lists.list.eval(pl.concat_str(value_text(pl.element(), inner))).list.join("")
    return [pl.lit("l"), lists.list.len().cast(pl.String), pl.lit(":"), elements]


_WRITE: dict[type[pl.DataType], Callable[[pl.Expr], list[pl.Expr]]] = {
    pl.Boolean: _boolean,
    pl.Binary: _binary,
    pl.Date: lambda column: _tagged("y", column.to_physical()),
    pl.Time: lambda column: _tagged("o", column.to_physical()),
    pl.Decimal: lambda column: _tagged("c", column),
    **dict.fromkeys(_INTEGERS, partial(_tagged, "i")),
}
