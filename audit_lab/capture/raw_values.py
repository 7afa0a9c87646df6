"""Write the values of one foreign row as JSON text, whatever their types, losing nothing."""

from __future__ import annotations

import json
import math
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.foreign.values import readable_instants
from audit_lab.log.segments import ROW, SEGMENT

if TYPE_CHECKING:
    from audit_lab.log.foreign.scan import ForeignFile

__all__ = ["raw_rows", "to_json"]


def raw_rows(file: ForeignFile) -> pl.LazyFrame:
    """Scan a file as it is, with ``_row``; times as text, since Python cannot hold those outside of its calendar."""
    columns = [_inert(name, dtype) for name, dtype in file.columns.items()]
    return file.scan().select(*columns, ROW)


def _inert(name: str, dtype: pl.DataType) -> pl.Expr:
    physical = pl.col(name).to_physical().cast(pl.String)
    if isinstance(dtype, pl.Datetime):
        known = readable_instants(name, dtype)
        text = pl.when(known.is_not_null()).then(known.cast(pl.String))
        return text.otherwise(physical + f" {dtype.time_unit} since 1970").alias(name)
    if isinstance(dtype, pl.Duration):
        return (physical + f" {dtype.time_unit}").alias(name)
    if dtype == pl.Date:
        return (physical + " days since 1970").alias(name)
    return pl.col(name)


def to_json(row: dict[str, Any]) -> str:
    """Return a row as JSON text: bytes as ``hex:...``, numbers that JSON lacks as text, keys as the file names them."""
    values = {name: _plain(value) for name, value in row.items() if name not in (ROW, SEGMENT)}
    return json.dumps(values, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, bytes):
        return f"hex:{value.hex()}"
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return value.isoformat() if isinstance(value, date | datetime | time) else str(value)
