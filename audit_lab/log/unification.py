"""One schema for a table whose segments were written over years: new columns, missing columns and widened types.

A type is widened only where every value of the narrower one has an equal value in the wider, and numbers of any type
follow one another. Whatever else changed is refused by name at the append. A log may come from elsewhere: what its
columns are read as, however they changed, is in `audit_lab.log.retyped`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import LogError
from audit_lab.log.commitment.column_types import instance
from audit_lab.log.schema import INPUTS_PREFIX, TIME, table_schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from polars._typing import TimeUnit

__all__ = ["expected_schema", "unified_schema", "widened", "widest_number"]

_SIGNED: dict[type[pl.DataType], int] = {pl.Int8: 8, pl.Int16: 16, pl.Int32: 32, pl.Int64: 64}
_UNSIGNED: dict[type[pl.DataType], int] = {pl.UInt8: 8, pl.UInt16: 16, pl.UInt32: 32, pl.UInt64: 64}
_SIGNED_OF = {bits: dtype for dtype, bits in _SIGNED.items()}
_UNSIGNED_OF = {bits: dtype for dtype, bits in _UNSIGNED.items()}
_FLOATS: dict[type[pl.DataType], int] = {pl.Float16: 16, pl.Float32: 32, pl.Float64: 64}
_WIDTHS = {**_SIGNED, **_UNSIGNED, **_FLOATS}
_FLOAT_OF = {bits: dtype for dtype, bits in _FLOATS.items()}
#: For an integer of so many bits, the narrowest float that holds each of its values.
_EXACT_FLOAT = {8: 16, 16: 32, 32: 64}
_TEXTS = (pl.String, pl.Categorical, pl.Enum)
_LARGEST_INTEGER_BITS = 64
_MOST_DIGITS = 38


def expected_schema(table: str) -> pl.Schema:
    """Return the columns that every reader of a table is given, in canonical order.

    Raises
    ------
    KeyError
        The name is neither a canonical table's nor that of inputs.
    """
    if table.startswith(INPUTS_PREFIX):
        return pl.Schema([("prediction_id", pl.String()), ("recorded_at", TIME)])
    return table_schema(table)


def unified_schema(table: str, schemas: Iterable[tuple[str, pl.Schema]]) -> pl.Schema:
    """Return the schema that the next rows of a table may have, which goes together with that of every segment.

    Where a column has numbers of types that do not hold one another's, it is of double precision, or of 64 bits where
    none has fractions: each segment keeps its own type, and whether the values fit shows on reading.

    Parameters
    ----------
    table
        The table's name.
    schemas
        What to call each segment in a message, and its schema; in order of sealing.

    Returns
    -------
    pl.Schema
        Canonical columns first, with their canonical types, then the others in the order in which they came up.

    Raises
    ------
    LogError
        A column's type in one segment cannot be brought together with that of the others, or with the canonical one.
    """
    expected = expected_schema(table)
    unified: dict[str, pl.DataType] = dict(expected)
    came_from: dict[str, str] = {}
    for where, schema in schemas:
        for name, dtype in schema.items():
            known = unified.get(name)
            if known is None:
                unified[name], came_from[name] = dtype, where
                continue
            wider = widened(known, dtype) or (None if name in expected else widest_number(known, dtype))
            if wider is None or (name in expected and wider != known):
                before = "the schema" if name in expected else came_from[name]
                raise LogError(
                    f"column {name} of {where} is {dtype}, but {before} says {known}",
                    "Cast it to that type, or give the column another name: a column of a log keeps its type.",
                )
            unified[name] = wider
    return pl.Schema(unified)


def widened(one: pl.DataType, other: pl.DataType) -> pl.DataType | None:
    """Return the narrowest type that holds every value of both; None where there is none.

    Times of two zones come together in UTC. A time in nanoseconds is not brought together with another unit, since
    neither holds all values of the other. Fields of structs are brought together by name.
    """
    if one == other or isinstance(other, pl.Null):
        return one
    if isinstance(one, pl.Null):
        return other
    if isinstance(one, _TEXTS) and isinstance(other, _TEXTS):
        return pl.String()
    if _bits(one) and _bits(other):
        return _number(one, other)
    return _of_one_kind(one, other) or _nested(one, other)


def widest_number(one: pl.DataType, other: pl.DataType) -> pl.DataType | None:
    """Return what two types of numbers are read in where each value fits: Float64, or Int64 where both are whole."""
    if not _bits(one) or not _bits(other):
        return None
    return pl.Float64() if any(type(each) in _FLOATS for each in (one, other)) else pl.Int64()


def _of_one_kind(one: pl.DataType, other: pl.DataType) -> pl.DataType | None:
    """Widen the unit of two times or durations, or the digits of two decimals."""
    if isinstance(one, pl.Datetime) and isinstance(other, pl.Datetime):
        unit = _unit(one.time_unit, other.time_unit)
        if unit is None or (one.time_zone is None) != (other.time_zone is None):
            return None
        return pl.Datetime(unit, one.time_zone if one.time_zone == other.time_zone else "UTC")
    if isinstance(one, pl.Duration) and isinstance(other, pl.Duration):
        unit = _unit(one.time_unit, other.time_unit)
        return None if unit is None else pl.Duration(unit)
    if isinstance(one, pl.Decimal) and isinstance(other, pl.Decimal):
        scale = max(one.scale, other.scale)
        digits = max(one.precision - one.scale, other.precision - other.scale) + scale
        return pl.Decimal(digits, scale) if digits <= _MOST_DIGITS else None
    return None


def _nested(one: pl.DataType, other: pl.DataType) -> pl.DataType | None:
    if isinstance(one, pl.Struct) and isinstance(other, pl.Struct):
        fields = dict(one.to_schema())
        for name, dtype in other.to_schema().items():
            wider = widened(instance(fields[name]), instance(dtype)) if name in fields else instance(dtype)
            if wider is None:
                return None
            fields[name] = wider
        return pl.Struct(fields)
    if isinstance(one, pl.List | pl.Array) and isinstance(other, pl.List | pl.Array):
        inner = widened(instance(one.inner), instance(other.inner))
        if inner is None:
            return None
        if isinstance(one, pl.Array) and isinstance(other, pl.Array) and one.shape[0] == other.shape[0]:
            return pl.Array(inner, one.shape[0])
        return pl.List(inner)
    return None


def _number(one: pl.DataType, other: pl.DataType) -> pl.DataType | None:
    bits, other_bits = _bits(one), _bits(other)
    floats = [type(each) in _FLOATS for each in (one, other)]
    if any(floats):
        needed = [
            each if is_float else _EXACT_FLOAT.get(each, _LARGEST_INTEGER_BITS + 1)
            for each, is_float in zip((bits, other_bits), floats, strict=True)
        ]
        return _FLOAT_OF[max(needed)]() if max(needed) in _FLOAT_OF else None
    signed = [type(each) in _SIGNED for each in (one, other)]
    if all(signed):
        return _SIGNED_OF[max(bits, other_bits)]()
    if not any(signed):
        return _UNSIGNED_OF[max(bits, other_bits)]()
    wide = max(each if is_signed else 2 * each for each, is_signed in zip((bits, other_bits), signed, strict=True))
    return _SIGNED_OF[wide]() if wide in _SIGNED_OF else None


def _bits(dtype: pl.DataType) -> int:
    """Return how wide a number is; 0 for what is no number."""
    return _WIDTHS.get(type(dtype), 0)


def _unit(one: TimeUnit, other: TimeUnit) -> TimeUnit | None:
    if one == other:
        return one
    return "us" if "ns" not in {one, other} else None
