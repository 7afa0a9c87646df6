"""Recorded values as a column in the type that the log keeps it in: what it cannot hold exactly is told, not bent."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.schema import TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TYPES", "RecordedColumn", "recorded_column", "type_name", "type_named"]

#: The types that a feature can be declared to have, by name.
TYPES: dict[str, pl.DataType] = {
    **{
        str(dtype): dtype
        for dtype in (
            pl.Boolean(),
            pl.Float32(),
            pl.Float64(),
            pl.Int8(),
            pl.Int16(),
            pl.Int32(),
            pl.Int64(),
            pl.UInt8(),
            pl.UInt16(),
            pl.UInt32(),
            pl.UInt64(),
            pl.String(),
            pl.Binary(),
            pl.Date(),
        )
    },
    "Datetime": TIME,
    "List(Float64)": pl.List(pl.Float64()),
    "List(String)": pl.List(pl.String()),
}

_EXACT = 2**53
#: Kind of type to the kinds of value that it takes.
_TAKES: tuple[tuple[tuple[type[pl.DataType], ...], frozenset[type]], ...] = (
    ((pl.Float32, pl.Float64), frozenset({float, int})),
    ((pl.Int8, pl.Int16, pl.Int32, pl.Int64), frozenset({int})),
    ((pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64), frozenset({int})),
    ((pl.Boolean,), frozenset({bool})),
    ((pl.String, pl.Categorical, pl.Enum, pl.Date), frozenset({str})),
    ((pl.Binary,), frozenset({bytes})),
    ((pl.Datetime,), frozenset({datetime})),
    ((pl.List, pl.Array), frozenset({list})),
    ((pl.Struct,), frozenset({dict})),
)
_NATURAL: dict[type, pl.DataType] = {
    bool: pl.Boolean(),
    int: pl.Int64(),
    float: pl.Float64(),
    str: pl.String(),
    bytes: pl.Binary(),
    datetime: TIME,
}


class RecordedColumn:
    """A column, and which of its values it could not hold.

    Attributes
    ----------
    series
        The values; null where one does not fit.
    misfits
        Row to why its value does not fit.
    """

    def __init__(self, series: pl.Series, misfits: dict[int, str]) -> None:
        self.series = series
        self.misfits = misfits


def type_named(name: str, feature: str) -> pl.DataType:
    """Return a type by its name.

    Raises
    ------
    MisuseError
        A feature cannot have such a type.
    """
    if name not in TYPES:
        message = f"the feature {feature[:80]!a} cannot be declared as {name[:80]!a}"
        raise MisuseError(message, f"Name one of {', '.join(TYPES)}.")
    return TYPES[name]


def type_name(dtype: Any, feature: str) -> str:
    """Return the name of a type, given as polars' or by name.

    Raises
    ------
    MisuseError
        A feature cannot have such a type.
    """
    made = dtype() if isinstance(dtype, type) and issubclass(dtype, pl.DataType) else dtype
    for name, known in TYPES.items():
        if made in (known, name):
            return name
    type_named(str(made), feature)
    return str(made)


def recorded_column(name: str, values: Sequence[Any], wanted: pl.DataType | None) -> RecordedColumn:
    """Return recorded values as a column of the wanted type, or where none is wanted, of the first that a value has.

    Why a value does not fit says nothing of the value: it is told in events, which no erasure reaches.

    Parameters
    ----------
    name
        The column's name.
    values
        Python values as `audit_lab.capture.recorder.record_form.decoded` gives them.
    wanted
        The type that the column has in the log, or was declared to have.
    """
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return RecordedColumn(pl.Series(name, [None] * len(values), dtype=wanted or pl.Null()), {})
    dtype = wanted or _natural(values, kinds)
    takes = next((fits for types, fits in _TAKES if isinstance(dtype, types)), frozenset())
    misfits: dict[int, str] = {}
    if not kinds <= takes:
        what = "of no type that a column can have" if dtype == pl.Null() else f"no {dtype}"
        misfits = {
            row: f"{_kind(value)} is {what}"
            for row, value in enumerate(values)
            if value is not None and type(value) not in takes
        }
    if int in kinds and isinstance(dtype, pl.Float32 | pl.Float64):
        misfits |= {
            row: f"a {dtype} cannot hold an integer of so many digits exactly"
            for row, value in enumerate(values)
            if type(value) is int and abs(value) > _EXACT
        }
    kept = [None if row in misfits else value for row, value in enumerate(values)] if misfits else values
    series = _series(name, kept, dtype, misfits)
    return RecordedColumn(series, misfits)


def _natural(values: Sequence[Any], kinds: set[type]) -> pl.DataType:
    if kinds == {float, int}:
        return pl.Float64()
    for value in values:
        if type(value) in _NATURAL:
            return _NATURAL[type(value)]
        if value is not None:
            with suppress(TypeError, OverflowError, pl.exceptions.PolarsError):
                return pl.Series([value], strict=True).dtype
    return pl.Null()


def _series(name: str, values: Sequence[Any], dtype: pl.DataType, misfits: dict[int, str]) -> pl.Series:
    """Build the column; what cannot be held exactly goes to `misfits`, and is null."""
    wide = _wide(dtype)
    try:
        built = pl.Series(name, values, dtype=wide, strict=True)
        cast = built if wide == dtype else _cast(built, dtype)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        return _one_by_one(name, values, dtype, misfits)
    if isinstance(dtype, pl.List | pl.Array | pl.Struct):
        return _held_whole(built, values, misfits)
    if wide == dtype:
        return built
    same = built.eq_missing(cast.cast(wide)) | built.is_null()
    if isinstance(wide, pl.Float64):
        same |= built.is_nan() & cast.is_nan()
    for row in (~same).arg_true().to_list():
        misfits[row] = f"a {dtype} cannot hold the value exactly"
    return cast.to_frame().select(pl.when(same).then(pl.col(name)))[name] if misfits else cast


def _held_whole(built: pl.Series, values: Sequence[Any], misfits: dict[int, str]) -> pl.Series:
    """Leave out lists and mappings of which polars dropped or changed something without a word."""
    changed = [
        row
        for row, (value, held) in enumerate(zip(values, built.to_list(), strict=True))
        if value is not None and not _is_held(value, held)
    ]
    if not changed:
        return built
    for row in changed:
        misfits[row] = f"a {type(values[row]).__name__} has fields or values that a {built.dtype} cannot hold exactly"
    kept = pl.Series(range(built.len())).is_in(changed).not_()
    return built.to_frame().select(pl.when(kept).then(pl.first()))[built.name]


def _is_held(value: Any, held: Any) -> bool:
    """Whether a value of a column is what was recorded: a field that was not given is null."""
    if isinstance(value, dict):
        if not isinstance(held, dict) or not value.keys() <= held.keys():
            return False
        return all(_is_held(value.get(name), each) for name, each in held.items())
    if isinstance(value, list):
        pairs = isinstance(held, list) and len(held) == len(value)
        return pairs and all(map(_is_held, value, held))
    if isinstance(value, bool) or isinstance(held, bool) or value is None:
        return value is held
    return bool(value == held) or (value != value and held != held)  # noqa: PLR0124 (not a number)


def _one_by_one(name: str, values: Sequence[Any], dtype: pl.DataType, misfits: dict[int, str]) -> pl.Series:
    """Build a column in which some value does not fit, half by half, until each such value is found."""
    if len(values) == 1:
        misfits_here: dict[int, str] = {}
        try:
            made = pl.Series(name, values, dtype=_wide(dtype), strict=True)
            return made if made.dtype == dtype else _cast(made, dtype)
        except (TypeError, OverflowError, pl.exceptions.PolarsError):
            misfits_here[0] = f"a {dtype} cannot hold the value"
        misfits.update(misfits_here)
        return pl.Series(name, [None], dtype=dtype)
    half = len(values) // 2
    parts = []
    for start, piece in ((0, values[:half]), (half, values[half:])):
        found: dict[int, str] = {}
        parts.append(_series(name, piece, dtype, found))
        misfits.update({start + row: why for row, why in found.items()})
    return pl.concat(parts)


def _wide(dtype: pl.DataType) -> pl.DataType:
    """Return the type in which Python's values are held before they are brought into another."""
    if isinstance(dtype, pl.Float32):
        return pl.Float64()
    if isinstance(dtype, pl.Categorical | pl.Enum | pl.Date):
        return pl.String()
    return dtype


def _cast(series: pl.Series, dtype: pl.DataType) -> pl.Series:
    if isinstance(dtype, pl.Date):
        return series.str.to_date("%Y-%m-%d", strict=True)
    return series.cast(dtype, strict=True)


def _kind(value: Any) -> str:
    words = {str: "a text", bool: "a boolean", float: "a number with a point", int: "an integer", bytes: "bytes"}
    return words.get(type(value), f"a {type(value).__name__}")
