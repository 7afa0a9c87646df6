"""Columns made ready to be measured: times in UTC, numbers as float64, everything else as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["check_columns", "kind_of", "moment_of", "null_columns", "value_of"]


def check_columns(frame: nw.LazyFrame[Any], others: Sequence[str], columns: Sequence[str]) -> None:
    """Refuse columns that are not there, are named twice, or are none.

    Raises
    ------
    MisuseError
        As said; the message names what is there.
    """
    schema = frame.collect_schema()
    for name in (*others, *columns):
        if name not in schema:
            near = ", ".join(schema.names()[:20])
            message = f"There is no column {name!r}"
            raise MisuseError(message, f"Columns are: {near}.")
    if not columns or len(set(columns)) != len(columns):
        message = "Drift needs at least one column, and each only once"
        raise MisuseError(message, "Give the columns to watch as a list of different names.")


def moment_of(time: str, dtype: Any) -> nw.Expr:
    """Return a time as UTC in microseconds; one without a zone is read as UTC.

    Raises
    ------
    MisuseError
        The column holds no times.
    """
    if not isinstance(dtype, nw.Datetime | nw.Date):
        message = f"Column {time!r} holds {dtype}, not a time"
        raise MisuseError(message, "Give the column that says when each prediction happened, as datetime or date.")
    zone = getattr(dtype, "time_zone", None)
    if dtype == nw.Datetime("us", "UTC"):
        return nw.col(time)
    moment = nw.col(time).cast(nw.Datetime("us", zone))
    return moment.dt.replace_time_zone("UTC") if zone is None else moment.dt.convert_time_zone("UTC")


def null_columns(rows: nw.LazyFrame[Any]) -> set[str]:
    """Return the columns whose type says that they hold nothing; only polars has such a type."""
    native = rows.to_native()
    if not isinstance(native, pl.LazyFrame):
        return set()
    return {name for name, dtype in native.collect_schema().items() if dtype == pl.Null}


def kind_of(name: str, dtype: Any) -> str:
    """Return "numeric" or "categorical".

    Raises
    ------
    MisuseError
        The column is neither.
    """
    if dtype.is_numeric():
        return "numeric"
    if isinstance(dtype, nw.String | nw.Boolean | nw.Categorical | nw.Enum):
        return "categorical"
    message = f"Column {name!r} holds {dtype}, which drift does not measure"
    raise MisuseError(message, "Give columns of numbers, text or booleans.")


def value_of(name: str, kind: str, dtype: Any) -> nw.Expr:
    """Return a column as float64 or text."""
    column = nw.col(name)
    if kind == "numeric":
        return column if isinstance(dtype, nw.Float64) else column.cast(nw.Float64)
    if isinstance(dtype, nw.Boolean):
        texts = nw.coalesce(nw.when(column).then(nw.lit("true")), nw.when(~column).then(nw.lit("false")))
        return texts.alias(name)
    return column if isinstance(dtype, nw.String) else column.cast(nw.String)
