"""Read single foreign columns as what their role needs: a time, a number, a text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.files.printable import printable
from audit_lab.log.schema import TIME

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "TIME_UNITS",
    "is_missing",
    "parse_duration_ms",
    "parse_number",
    "parse_text",
    "parse_time",
    "readable_instants",
]

#: Units of a time that is a number, and how many of them make a second.
TIME_UNITS: Mapping[str, int] = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}

_FIRST = int(datetime(1, 1, 1, tzinfo=UTC).timestamp())
_LAST = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())
_LARGEST_EXACT = 2**53
_ISO = (
    r"^\s*(?P<day>\d{4}-\d{2}-\d{2})(?:[Tt ](?P<clock>\d{2}:\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"\s*(?P<zone>Z|z|UTC|[+-]\d{2}(?::?\d{2})?)?)?\s*$"
)
_TEXTS = (pl.String, pl.Categorical, pl.Enum)


def is_missing(column: str, dtype: pl.DataType) -> pl.Expr:
    """Return whether a cell says nothing: null, not-a-number, or blank text."""
    values = pl.col(column)
    if dtype.is_float():
        return values.is_null() | values.is_nan().fill_null(value=False)
    if isinstance(dtype, _TEXTS):
        return values.is_null() | (values.cast(pl.String).str.strip_chars() == "").fill_null(value=False)
    return values.is_null()


def readable_instants(column: str, dtype: pl.Datetime) -> pl.Expr:
    """Return the times of a column that lie in the years 1 to 9999; others, which no calendar reads, become null."""
    per_second = TIME_UNITS[dtype.time_unit]
    inside = pl.col(column).to_physical().is_between(_FIRST * per_second, _LAST * per_second)
    return pl.when(inside).then(pl.col(column))


def parse_time(column: str, dtype: pl.DataType, unit: str | None) -> pl.Expr:
    """Return a foreign time column as UTC microseconds; what cannot be read becomes null.

    Times without a zone are taken as UTC. Text is ISO 8601, each row by itself. Numbers, and text that holds
    numbers, need `unit`: they count from 1970-01-01 UTC. Finer than a microsecond is cut off.

    Raises
    ------
    MisuseError
        The column is of a type that cannot be a time, or is a number and no unit was given.
    """
    if dtype.is_temporal() or dtype == pl.Null:
        parsed = _from_temporal(column, dtype)
    elif isinstance(dtype, _TEXTS):
        text = pl.col(column).cast(pl.String)
        numbers = text.str.strip_chars().cast(pl.Int64, strict=False)
        parsed = _from_iso(text) if unit is None else _from_epoch(numbers, unit)
    elif dtype.is_numeric() and unit is not None:
        parsed = _from_number(column, dtype, unit)
    else:
        parsed = None
    if parsed is None:
        raise MisuseError(
            f"column {printable(column)} is {dtype} and cannot be read as a time",
            f"Name another column as occurred_at, or state time_unit ({', '.join(TIME_UNITS)}) in the mapping.",
        )
    return parsed.alias(column)


def _from_temporal(column: str, dtype: pl.DataType) -> pl.Expr | None:
    if isinstance(dtype, pl.Datetime):
        known = readable_instants(column, dtype)
        zoned = known.dt.replace_time_zone("UTC") if dtype.time_zone is None else known.dt.convert_time_zone("UTC")
        return zoned.cast(TIME)
    if dtype == pl.Date:
        return _from_epoch(pl.col(column).to_physical().cast(pl.Int64) * 86_400, "s")
    return pl.lit(None, dtype=TIME) if dtype == pl.Null else None


def _from_number(column: str, dtype: pl.DataType, unit: str) -> pl.Expr:
    if dtype.is_integer():
        return _from_epoch(pl.col(column).cast(pl.Int64, strict=False), unit)
    numbers = pl.col(column).cast(pl.Float64, strict=False)
    per_second = TIME_UNITS[unit]
    inside = numbers.is_between(_FIRST * per_second, _LAST * per_second)
    return _from_epoch((pl.when(inside).then(numbers) * (1_000_000 / per_second)).round().cast(pl.Int64), "us")


def _from_epoch(numbers: pl.Expr, unit: str) -> pl.Expr:
    per_second = TIME_UNITS[unit]
    known = pl.when(numbers.is_between(_FIRST * per_second, _LAST * per_second)).then(numbers)
    micros = known // 1_000 if unit == "ns" else known * (TIME_UNITS["us"] // per_second)
    return micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _from_iso(text: pl.Expr) -> pl.Expr:
    """Read ISO 8601 text; polars' own inference takes one form for the whole column, and loses the rows in another."""
    part = text.str.extract_groups(_ISO).struct.field
    offset = part("zone").str.replace(r"^(Z|z|UTC)$", "+0000").str.replace(":", "", literal=True)
    zone = pl.when(offset.str.len_chars() == len("+00")).then(offset + "00").otherwise(offset).fill_null("+0000")
    fraction = (part("fraction").fill_null("") + "000000").str.slice(0, 6)
    day_and_clock = [
        part("day"),
        pl.lit("T"),
        part("clock").fill_null("00:00"),
        pl.lit(":"),
        part("second").fill_null("00"),
    ]
    whole = pl.concat_str(*day_and_clock, pl.lit("."), fraction, zone)
    return whole.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", time_unit="us", time_zone="UTC", strict=False)


def parse_number(column: str, dtype: pl.DataType) -> pl.Expr:
    """Return a foreign column as float64; what is no finite number becomes null.

    Raises
    ------
    MisuseError
        The column is of a type that cannot hold a number.
    """
    if dtype == pl.Null:
        return pl.lit(None, dtype=pl.Float64)
    if isinstance(dtype, _TEXTS):
        numbers = pl.col(column).cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    elif dtype.is_numeric() or dtype == pl.Boolean:
        numbers = pl.col(column).cast(pl.Float64, strict=False)
    else:
        raise MisuseError(
            f"column {printable(column)} is {dtype} and cannot be read as a number",
            "Name another column for that role in the mapping, or leave the role out.",
        )
    return pl.when(numbers.is_finite()).then(numbers).alias(column)


def parse_duration_ms(column: str, dtype: pl.DataType, unit: str) -> pl.Expr:
    """Return a foreign duration in milliseconds, float64.

    Raises
    ------
    MisuseError
        The column is of a type that cannot hold a duration.
    """
    if isinstance(dtype, pl.Duration):
        return pl.col(column).to_physical().cast(pl.Float64) * (1_000 / TIME_UNITS[dtype.time_unit])
    return parse_number(column, dtype) * (1_000 / TIME_UNITS[unit])


def parse_text(column: str, dtype: pl.DataType, *, whole_numbers: bool = False) -> pl.Expr:
    """Return a foreign column as text; bytes become hexadecimal, a blank cell becomes null.

    Parameters
    ----------
    whole_numbers
        Write whole floats without ``.0``: many writers turn a column of integers with gaps into floats, and the id 7
        must not become 7.0 in one file.

    Raises
    ------
    MisuseError
        The column is nested, which no id, name or label is.
    """
    values = pl.col(column)
    if dtype == pl.Null:
        return pl.lit(None, dtype=pl.String)
    if dtype == pl.Binary:
        text = values.bin.encode("hex")
    elif isinstance(dtype, pl.Datetime):
        text = readable_instants(column, dtype).cast(pl.String)
    elif dtype.is_float() and whole_numbers:
        whole = (values.abs() < _LARGEST_EXACT) & (values == values.round())
        integer = pl.when(whole).then(values).cast(pl.Int64).cast(pl.String)
        text = pl.when(whole).then(integer).otherwise(values.cast(pl.String))
    elif dtype.is_numeric() or dtype in (pl.Boolean, pl.Date, pl.Time) or isinstance(dtype, _TEXTS):
        text = values.cast(pl.String)
    else:
        raise MisuseError(
            f"column {printable(column)} is {dtype} and cannot be read as text",
            "Name another column for that role in the mapping, or leave the role out.",
        )
    return pl.when(~is_missing(column, dtype)).then(text).alias(column)
