"""Recognise columns that hold times, whatever their type: by value, never by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.foreign.values import TIME_UNITS, parse_number, parse_time

if TYPE_CHECKING:
    from audit_lab.capture.column_profile import ColumnProfile

__all__ = ["time_form"]

_MOSTLY = 0.9
#: Times between 2000 and 2100, in seconds since 1970: what a time in a log may be.
_PLAUSIBLE_S = (946_684_800, 4_102_444_800)
_UNIT_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


def time_form(column: ColumnProfile) -> tuple[str, str | None] | None:
    """Return the form of the plausible times in a column, in words, and the unit of a number; None if it holds none."""
    if column.dtype.is_temporal():
        if isinstance(column.dtype, pl.Datetime):
            zone = column.dtype.time_zone
            return (f"times in zone {zone}" if zone else "times without a zone, taken as UTC", None)
        return ("dates", None) if column.dtype == pl.Date else None
    if not column.sample.len() or not (column.is_text or column.dtype.is_numeric()):
        return None
    frame = column.sample.alias("value").to_frame()
    if column.is_text and _share(frame.select(parse_time("value", column.dtype, None).is_not_null())) >= _MOSTLY:
        return ("ISO 8601 text", None)
    numbers = frame.select(parse_number("value", column.dtype))
    for unit, per_second in TIME_UNITS.items():
        low, high = (bound * per_second for bound in _PLAUSIBLE_S)
        if _share(numbers.select(pl.first().is_between(low, high))) >= _MOSTLY:
            form = "text" if column.is_text else "numbers"
            return (f"{form} of the size of {_UNIT_NAMES[unit]} since 1970", unit)
    return None


def _share(frame: pl.DataFrame) -> float:
    return float(frame.to_series().fill_null(value=False).mean() or 0.0)  # type: ignore[arg-type]
