"""What a log holds, counted once for each pass over the columns needed, on whichever engine holds the rows.

The rows stay where they are: only counts come back, and every number that is not a count is computed from counts, so
that engines cannot differ in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.engines.answers import collected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

__all__ = ["MEASURED", "TIME_COLUMN", "Extent", "extent", "prepared", "without_nan"]

#: The column of prepared rows that says when each happened.
TIME_COLUMN = "__time__"
#: What errors call the rows, which may come from several tables.
MEASURED = "What drift is measured on"

_ROWS = "__rows__"
_FIRST = "__first__"
_LAST = "__last__"
_TIMED = "__timed__"

#: Up to this many values, 160 MB of numbers, are kept in memory between the passes.
_VALUES_KEPT = 20_000_000


@dataclass(frozen=True)
class Extent:
    """What a frame holds: rows with a time, the first and last of those times, and oddities stated as facts.

    `untimed` counts the rows without a time, and `with_nan` names the columns that hold a NaN.
    """

    rows: int
    first: datetime
    last: datetime
    facts: tuple[str, ...]
    untimed: int = 0
    with_nan: tuple[str, ...] = ()


def prepared(
    frame: pl.LazyFrame | nw.LazyFrame[Any], time: str, columns: Sequence[str]
) -> tuple[nw.LazyFrame[Any], dict[str, str]]:
    """Return the frame with a UTC time and columns cast to float64 or text, and the kind of each column.

    A time without a zone is read as UTC. NaN is still NaN here, so that it can be counted: see :func:`without_nan`.

    Raises
    ------
    MisuseError
        A column is not in the frame, is named twice, or is neither number, text nor boolean; the time is no time.
    """
    rows: nw.LazyFrame[Any] = nw.from_native(frame) if isinstance(frame, pl.LazyFrame) else frame
    schema = rows.collect_schema()
    for name in (time, *columns):
        if name not in schema:
            near = ", ".join(schema.names()[:20])
            message = f"There is no column {name!r}"
            raise MisuseError(message, f"Columns are: {near}.")
    if not columns or len(set(columns)) != len(columns):
        message = "Drift needs at least one column, and each only once"
        raise MisuseError(message, "Give the columns to watch as a list of different names.")
    nulls = _null_columns(rows)
    kinds = {name: "numeric" if name in nulls else _kind(name, schema[name]) for name in columns}
    values = [_value(name, kinds[name], schema[name]) for name in columns]
    return rows.select(_moment(time, schema[time]).alias(TIME_COLUMN), *values), kinds


def extent(rows: nw.LazyFrame[Any], kinds: Mapping[str, str]) -> Extent:
    """Look over the prepared rows once: first and last time, and what must be stated about the values.

    Raises
    ------
    LogError
        There is no row with a time.
    """
    numeric = [name for name, kind in kinds.items() if kind == "numeric"]
    looked_at = rows.select(
        nw.len().alias(_ROWS),
        nw.col(TIME_COLUMN).min().alias(_FIRST),
        nw.col(TIME_COLUMN).max().alias(_LAST),
        nw.col(TIME_COLUMN).count().alias(_TIMED),
        *(nw.col(name).count().alias(f"{name}/values") for name in kinds),
        *(_how_many(_is_infinite(nw.col(name))).alias(f"{name}/infinite") for name in numeric),
        *(_how_many(nw.col(name).is_nan()).alias(f"{name}/nan") for name in numeric),
    )
    found = collected(looked_at, MEASURED).row(0, named=True)
    untimed = int(found[_ROWS]) - int(found[_TIMED])
    if not found[_TIMED]:
        message = "There are no rows with a time to look for drift in"
        raise LogError(message, "Check the filter and the time column.")
    facts = [f"{untimed:,} rows have no time and are in no window" if untimed else ""]
    for name in kinds:
        infinite, nan = (int(found.get(f"{name}/{what}") or 0) for what in ("infinite", "nan"))
        if not found[f"{name}/values"]:
            facts.append(f"{name} is null in every row")
        if nan:
            facts.append(f"{name}: {nan:,} values are NaN and count as missing")
        if infinite:
            facts.append(f"{name}: {infinite:,} values are infinite and sort below or above all others")
    with_nan = tuple(name for name in numeric if found[f"{name}/nan"])
    told = tuple(fact for fact in facts if fact)
    return Extent(int(found[_TIMED]), found[_FIRST], found[_LAST], told, untimed, with_nan)


def without_nan(rows: nw.LazyFrame[Any], seen: Extent) -> nw.LazyFrame[Any]:
    """Return the prepared rows that have a time, with NaN as null: a number that is none is a missing value.

    Rows that take little memory are read here, once, where polars reads them; the others stay where they are, and each
    pass reads what it needs.
    """
    held = rows.filter(~nw.col(TIME_COLUMN).is_null()) if seen.untimed else rows
    cleaned = [nw.when(~nw.col(name).is_nan()).then(nw.col(name)).alias(name) for name in seen.with_nan]
    clean = held.with_columns(*cleaned) if cleaned else held
    if not rows.implementation.is_polars() or seen.rows * len(clean.collect_schema()) > _VALUES_KEPT:
        return clean
    return nw.from_native(collected(clean, MEASURED).lazy())


def _moment(time: str, dtype: Any) -> nw.Expr:
    if not isinstance(dtype, nw.Datetime | nw.Date):
        message = f"Column {time!r} holds {dtype}, not a time"
        raise MisuseError(message, "Give the column that says when each prediction happened, as datetime or date.")
    zone = getattr(dtype, "time_zone", None)
    if dtype == nw.Datetime("us", "UTC"):
        return nw.col(time)
    moment = nw.col(time).cast(nw.Datetime("us", zone))
    return moment.dt.replace_time_zone("UTC") if zone is None else moment.dt.convert_time_zone("UTC")


def _null_columns(rows: nw.LazyFrame[Any]) -> set[str]:
    """Return the columns whose type says that they hold nothing; only polars has such a type."""
    native = rows.to_native()
    if not isinstance(native, pl.LazyFrame):
        return set()
    return {name for name, dtype in native.collect_schema().items() if dtype == pl.Null}


def _kind(name: str, dtype: Any) -> str:
    if dtype.is_numeric():
        return "numeric"
    if isinstance(dtype, nw.String | nw.Boolean | nw.Categorical | nw.Enum):
        return "categorical"
    message = f"Column {name!r} holds {dtype}, which drift does not measure"
    raise MisuseError(message, "Give columns of numbers, text or booleans.")


def _value(name: str, kind: str, dtype: Any) -> nw.Expr:
    column = nw.col(name)
    if kind == "numeric":
        return column.cast(nw.Float64)
    if isinstance(dtype, nw.Boolean):
        texts = nw.coalesce(nw.when(column).then(nw.lit("true")), nw.when(~column).then(nw.lit("false")))
        return texts.alias(name)
    return column.cast(nw.String)


def _is_infinite(column: nw.Expr) -> nw.Expr:
    return (column == math.inf) | (column == -math.inf)


def _how_many(condition: nw.Expr) -> nw.Expr:
    return condition.cast(nw.Int64).sum()
