"""The types of a frame's columns in the spelling of `audit_lab.seal.column_type`; polars' repr is not a format."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import LogError
from audit_lab.seal.column_type import ColumnType, parse_type
from audit_lab.seal.digests import sha256
from audit_lab.seal.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from polars.datatypes import DataTypeClass

__all__ = ["MOST_NESTING", "column_type", "instance", "schema_document", "schema_of_document", "schema_sha256"]

#: Lists of structs of ... may nest this deep in a column; readers of `audit_lab.seal` allow a little more.
MOST_NESTING = 32

_PLAIN: dict[type[pl.DataType], str] = {
    pl.Null: "null",
    pl.Boolean: "bool",
    pl.Int8: "i8",
    pl.Int16: "i16",
    pl.Int32: "i32",
    pl.Int64: "i64",
    pl.Int128: "i128",
    pl.UInt8: "u8",
    pl.UInt16: "u16",
    pl.UInt32: "u32",
    pl.UInt64: "u64",
    pl.UInt128: "u128",
    pl.Float16: "f16",
    pl.Float32: "f32",
    pl.Float64: "f64",
    pl.String: "str",
    pl.Binary: "bin",
    pl.Date: "date",
    pl.Time: "time",
}
_DTYPES = {kind: dtype for dtype, kind in _PLAIN.items()}
_STORED_AS_NUMBERS = (pl.Categorical, pl.Enum)
_ZONE = re.compile(r"[A-Za-z0-9_+:/-]+")
_NEXT = "Cast the column to a type that has canonical bytes (text, for example), or leave it out."


def schema_document(schema: Mapping[str, pl.DataType]) -> list[list[str]]:
    """Return a schema as ``[[name, type], ...]``, in its own order.

    Raises
    ------
    LogError
        A column has a type without canonical bytes; the message names it.
    """
    return [[name, str(column_type(dtype, name))] for name, dtype in schema.items()]


def schema_sha256(schema: Mapping[str, pl.DataType]) -> str:
    """Return the SHA-256, in hexadecimal, of the canonical JSON of `schema_document`."""
    return sha256(canonical_json(schema_document(schema)))


def schema_of_document(document: Sequence[Sequence[str]]) -> pl.Schema:
    """Return the schema that a document states; text that was categorical is plain text.

    Raises
    ------
    MalformedError
        A type is not in its one spelling (codes ``column-type.*``).
    """
    return pl.Schema({name: _dtype(parse_type(text)) for name, text in document})


def column_type(dtype: pl.DataType, column: str) -> ColumnType:
    """Return a column's type.

    Raises
    ------
    LogError
        The type has no canonical bytes, or nests deeper than 32; the message names `column`.
    """
    return _column_type(dtype, column, 0)


def instance(dtype: pl.DataType | DataTypeClass) -> pl.DataType:
    """Return a type as an instance: polars keeps what nests as the class where that has no parameters."""
    return dtype() if isinstance(dtype, type) else dtype


def _column_type(dtype: pl.DataType, column: str, depth: int) -> ColumnType:
    if depth > MOST_NESTING:
        raise LogError(f"column {column!a} nests deeper than {MOST_NESTING}", _NEXT)
    if isinstance(dtype, _STORED_AS_NUMBERS):
        return ColumnType("str")
    if isinstance(dtype, pl.Datetime) and (dtype.time_zone is None or _ZONE.fullmatch(dtype.time_zone)):
        return ColumnType("datetime", unit=dtype.time_unit, zone=dtype.time_zone)
    if isinstance(dtype, pl.Duration):
        return ColumnType("duration", unit=dtype.time_unit)
    if isinstance(dtype, pl.Decimal):
        return ColumnType("decimal", precision=dtype.precision, scale=dtype.scale)
    if type(dtype) in _PLAIN:
        return ColumnType(_PLAIN[type(dtype)])
    return _nested_type(dtype, column, depth)


def _nested_type(dtype: pl.DataType, column: str, depth: int) -> ColumnType:
    def inner(*dtypes: pl.DataType | DataTypeClass) -> tuple[ColumnType, ...]:
        return tuple(_column_type(instance(each), column, depth + 1) for each in dtypes)

    if isinstance(dtype, pl.List):
        return ColumnType("list", inner(dtype.inner))
    if isinstance(dtype, pl.Array):
        return ColumnType("array", inner(dtype.inner), width=dtype.shape[0])
    if isinstance(dtype, pl.Map):
        return ColumnType("map", inner(dtype.key, dtype.value))
    if isinstance(dtype, pl.Struct):
        names = tuple(field.name for field in dtype.fields)
        return ColumnType("struct", inner(*(field.dtype for field in dtype.fields)), names)
    raise LogError(f"column {column!a} has the type {dtype}, which has no canonical bytes", _NEXT)


def _dtype(found: ColumnType) -> pl.DataType:
    if found.kind in _DTYPES:
        return _DTYPES[found.kind]()
    inner = [_dtype(each) for each in found.inner]
    if found.kind == "struct":
        return pl.Struct([pl.Field(name, each) for name, each in zip(found.names, inner, strict=True)])
    arguments: dict[str, tuple[Any, ...]] = {
        "datetime": (found.unit, found.zone),
        "duration": (found.unit,),
        "decimal": (found.precision, found.scale),
        "array": (*inner, found.width),
    }
    return _WITH_ARGUMENTS[found.kind](*arguments.get(found.kind, inner))


_WITH_ARGUMENTS: dict[str, Callable[..., pl.DataType]] = {
    "datetime": pl.Datetime,
    "duration": pl.Duration,
    "decimal": pl.Decimal,
    "list": pl.List,
    "array": pl.Array,
    "map": pl.Map,
}
