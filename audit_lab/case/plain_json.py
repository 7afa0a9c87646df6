"""Any recorded value as a JSON value that reads the same everywhere."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

__all__ = ["plain_json"]

_MOST_EXACT_INTEGER = 2**53 - 1


def plain_json(value: Any) -> Any:  # noqa: PLR0911 - one return for each kind of value
    """Return a JSON-safe copy: times as ISO text, big integers, NaN and infinities as text, bytes as hexadecimal."""
    if isinstance(value, enum.Enum):
        return plain_json(value.value)
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _MOST_EXACT_INTEGER else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds()} s"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    return str(value)
