"""Whether two values are the same one, however each of them is typed and written."""

from __future__ import annotations

import math
import struct
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

__all__ = ["is_same", "is_written_as"]


def is_same(shown: Any, proven: Any, *, is_single: bool = False) -> bool:
    """Whether a table shows a proven value: by value, whatever the types of the two columns.

    Parameters
    ----------
    shown
        What the table shows.
    proven
        What the log holds.
    is_single
        Whether the table holds numbers of 32 bits, so that the proven one counts as rounded to these.
    """
    if shown is None or proven is None:
        return shown is proven
    if isinstance(shown, bool) or isinstance(proven, bool):
        return _as_truth(shown) is _as_truth(proven) is not None
    if isinstance(shown, str) != isinstance(proven, str):
        text, value = (shown, proven) if isinstance(shown, str) else (proven, shown)
        return _reads_as(text, value)
    if isinstance(shown, int | float | Decimal) and isinstance(proven, int | float | Decimal):
        return _is_number(shown, proven, is_single=is_single)
    return _is_alike(shown, proven)


def _is_alike(shown: Any, proven: Any) -> bool:
    if isinstance(shown, dict) and isinstance(proven, dict):
        return shown.keys() == proven.keys() and all(is_same(shown[name], proven[name]) for name in shown)
    if isinstance(shown, list | tuple) and isinstance(proven, list | tuple):
        return len(shown) == len(proven) and all(map(is_same, shown, proven))
    if isinstance(shown, date) and isinstance(proven, date):
        return _is_time(shown, proven)
    return bool(shown == proven)


def is_written_as(written: Any, value: Any) -> bool:
    """Whether JSON writes a value so: times as text, and what JSON has no number for as text or null."""
    if isinstance(value, float) and not math.isfinite(value):
        return written is None or written == str(value)
    if isinstance(written, bool) or isinstance(value, bool):
        return written is value
    if isinstance(value, int | float) and isinstance(written, str):
        return written == str(value)
    if isinstance(value, str) != isinstance(written, str) and not isinstance(value, date):
        return written is None and value is None
    return is_same(written, value)


def _as_truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value).casefold())


def _is_number(shown: float | Decimal, proven: float | Decimal, *, is_single: bool) -> bool:
    if isinstance(shown, float) and isinstance(proven, float) and math.isnan(shown) and math.isnan(proven):
        return True
    if is_single and not isinstance(proven, Decimal):
        return struct.pack("f", shown) == struct.pack("f", proven)
    return shown == proven


def _reads_as(text: str, value: Any) -> bool:
    if isinstance(value, int | float | Decimal):
        try:
            return _is_number(
                Decimal(text.strip()), Decimal(repr(value) if isinstance(value, float) else value), is_single=False
            )
        except ArithmeticError:
            return text.strip().casefold() == str(value).casefold()
    if isinstance(value, date):
        try:
            return _is_time(datetime.fromisoformat(text.strip()), value)
        except ValueError:
            return False
    return False


def _is_time(one: date, other: date) -> bool:
    if isinstance(one, datetime) and isinstance(other, datetime):
        return _aware(one) == _aware(other)
    first, second = (each.date() if isinstance(each, datetime) else each for each in (one, other))
    return first == second


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
