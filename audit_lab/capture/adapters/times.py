"""Times as vendors write them, in microseconds since 1970-01-01 UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["micros_of", "micros_of_all", "micros_of_number"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
#: The commonest way to write a time, in UTC and no finer than a microsecond.
_COMMON = r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?Z$"
#: Years 1000 to 9999: others are not written in four digits, and year 1 is what Go writes for a time that was not set.
_FIRST_S, _LAST_S = -30_610_224_000, 253_402_300_799


def micros_of(text: Any) -> int:
    """Return a time in ISO 8601; one without a zone is taken as UTC, and what is finer than a microsecond is cut off.

    Raises
    ------
    ValueError
        It is no such time, or lies outside of the years 1000 to 9999.
    """
    if not isinstance(text, str):
        raise ValueError(f"the time is no text ({type(text).__name__})")  # noqa: TRY004 (of a record, not of a call)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"the time cannot be read ({text[:40]!a})") from error
    try:
        passed = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)) - _EPOCH
    except OverflowError as error:
        raise ValueError(f"the time cannot be read ({text[:40]!a})") from error
    seconds = passed.days * 86_400 + passed.seconds
    if not _FIRST_S <= seconds <= _LAST_S:
        raise ValueError(f"the time cannot be read ({text[:40]!a})")
    return seconds * 1_000_000 + passed.microseconds


def micros_of_all(texts: Sequence[str | None]) -> list[int | None] | None:
    """Return many times at once as `micros_of` does, None for None; nothing where one is not written as most are."""
    said = pl.Series("at", texts, dtype=pl.String)
    if not said.str.contains(_COMMON).all():
        return None
    times = said.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", strict=False)
    return None if times.null_count() != said.null_count() else times.to_physical().to_list()


def micros_of_number(number: Any, unit: str) -> int:
    """Return a time that counts from 1970-01-01 UTC in a unit: ``s``, ``ms``, ``us`` or ``ns``.

    Raises
    ------
    ValueError
        It is no number, or lies outside of the years 1000 to 9999.
    """
    if type(number) not in (int, float) or not _FIRST_S <= number / _PER_SECOND[unit] <= _LAST_S:
        raise ValueError(f"the time cannot be read ({str(number)[:40]!a})")
    if isinstance(number, int):
        return number // 1_000 if unit == "ns" else number * (1_000_000 // _PER_SECOND[unit])
    return round(float(number) / _PER_SECOND[unit] * 1_000_000)
