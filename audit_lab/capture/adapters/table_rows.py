"""Rows of a table that was exported as Parquet or as JSON lines, as records; times and numbers as either has them."""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import msgspec

from audit_lab.capture.adapters.bodies import json_value
from audit_lab.capture.adapters.exchange import UNDECODABLE, Chunk, Refusal
from audit_lab.capture.adapters.json_array import first_element
from audit_lab.capture.adapters.json_records import json_chunks
from audit_lab.capture.adapters.parquet_records import is_parquet, parquet_chunks, parquet_columns
from audit_lab.capture.adapters.times import micros_of, micros_of_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from audit_lab.capture.adapters.exchange import Half
    from audit_lab.capture.adapters.settings import Settings
    from audit_lab.capture.adapters.source import Sample, SourceFile

__all__ = ["columns_of", "exact_id", "moment", "number_of", "pairs_of", "row_chunks", "text_of", "texts_of"]

_NOT_YET = Refusal("not-yet", "the record is looked at with its number")
_LONGEST_ID = 200


def columns_of(sample: Sample) -> set[str]:
    """Return the columns of a table by how its file begins; none where it is no Parquet and no JSON."""
    if is_parquet(sample.head):
        return set(parquet_columns(sample))
    head = sample.head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for line in [first_element(head) or b""] if head[:1] == b"[" else sample.lines()[:1]:
        try:
            value = json_value(line)
        except ValueError:
            return set()
        return set(value) if isinstance(value, dict) else set()
    return set()


def row_chunks(
    file: SourceFile, start: int, settings: Settings, take: Callable[[dict[str, Any], int], Half | Refusal]
) -> Iterator[Chunk]:
    """Yield the rows of a file, each as `take` makes something of its values and its number."""
    with file.path.open("rb") as opened:
        head = opened.read(4)
    if is_parquet(head):
        held: list[dict[str, Any]] = []

        def keep(row: dict[str, Any]) -> Half | Refusal:
            held.append(row)
            return _NOT_YET

        for chunk in parquet_chunks(file, start, settings.largest_record, keep):
            rows = iter(held)
            found = [
                _taken(next(rows), number, take) if each is _NOT_YET else each for number, _, each in chunk.one_by_one()
            ]
            held.clear()
            yield chunk._replace(found=found)
        return
    for chunk in json_chunks(file, start, settings.largest_record, lambda _: _NOT_YET):
        found = [
            _of_json(raw, number, take) if each.code == _NOT_YET.code else each  # type: ignore[union-attr]
            for number, raw, each in chunk.one_by_one()
        ]
        yield chunk._replace(found=found)


def _of_json(raw: bytes, number: int, take: Callable[[dict[str, Any], int], Half | Refusal]) -> Half | Refusal:
    try:
        row = json_value(raw)
    except ValueError as error:
        return Refusal(UNDECODABLE, f"the record is no JSON ({error})")
    if not isinstance(row, dict):
        return Refusal(UNDECODABLE, "the record is no row of a table")
    return _taken(row, number, take, raw)


def _taken(
    row: dict[str, Any], number: int, take: Callable[[dict[str, Any], int], Half | Refusal], raw: bytes | None = None
) -> Half | Refusal:
    if raw is not None and "request_id" in row and not isinstance(row["request_id"], str):
        # A number of more digits than a double holds has to be taken as it is written.
        try:
            row["request_id"] = Decimal(memoryview(_id_of(raw).request_id).tobytes().decode())
        except (msgspec.DecodeError, InvalidOperation, RecursionError):
            row["request_id"] = None
    try:
        return take(row, number)
    except ValueError as error:
        return Refusal(UNDECODABLE, str(error))


class _Id(msgspec.Struct):
    request_id: msgspec.Raw = msgspec.Raw(b"null")


_id_of = msgspec.json.Decoder(_Id).decode


def exact_id(value: Any) -> str | None:
    """Return an id as text: of a number all its digits, without a point where it is whole."""
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > _LONGEST_ID:
            return None
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, str):
        return value.strip()[:_LONGEST_ID] or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def text_of(value: Any) -> str | None:
    """Return a value as text where it is one, or a whole number; None for a blank."""
    if isinstance(value, str):
        return value if value.strip() else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def texts_of(value: Any) -> list[str]:
    """Return a list's texts; of elements that a format wraps, what is in them."""
    found = []
    for each in value if isinstance(value, list) else ():
        inner = next(iter(each.values()), None) if isinstance(each, dict) and len(each) == 1 else each
        if isinstance(inner, str):
            found.append(inner)
        elif inner is not None:
            raise ValueError(f"a payload is no text ({type(inner).__name__})")
    return found


def number_of(value: Any) -> float | None:
    """Return a number, None where there is none.

    Raises
    ------
    ValueError
        It is none, or no finite one.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = float(value) if isinstance(value, int | float | Decimal | str) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError(f"a number is none ({str(value)[:40]!a})")
    return number


def pairs_of(value: Any) -> dict[str, str]:
    """Return a map as Parquet has it (a list of keys and values), as JSON has it, or as JSON in a text."""
    if isinstance(value, str):
        try:
            value = json_value(value.encode())
        except ValueError:
            return {}
    if isinstance(value, list):
        value = {each["key"]: each.get("value") for each in value if isinstance(each, dict) and "key" in each}
    if not isinstance(value, dict):
        return {}
    return {str(name): str(each) for name, each in value.items() if each is not None}


def moment(value: Any, unit: str = "ms") -> int | None:
    """Return a time in microseconds since 1970-01-01 UTC; a number counts in `unit`, a time without a zone is in UTC.

    Raises
    ------
    ValueError
        It cannot be read.
    """
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return micros_of(value.isoformat())
    if isinstance(value, str):
        if value.lstrip("-").isdigit():
            return micros_of_number(int(value), unit)
        # As BigQuery writes it: "2026-05-04 09:00:00.123456 UTC".
        return micros_of(value.removesuffix(" UTC") + "+00:00" if value.endswith(" UTC") else value)
    return micros_of_number(value, unit)
