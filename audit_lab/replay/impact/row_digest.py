"""The digest of a frame's rows, so that the same rows are known by the same name wherever they are written down."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

__all__ = ["rows_sha256"]


def rows_sha256(frame: pl.DataFrame) -> str:
    """Return the SHA-256 (hexadecimal) of a frame's names and rows, in their order.

    Hashed are lines, each a JSON array in ASCII without spaces: the names, then each row, in which a float is the text
    that Python's ``repr`` gives and a time is ISO 8601.
    """
    digest = hashlib.sha256(_line(frame.columns))
    for row in frame.iter_rows():
        digest.update(_line([_plain(value) for value in row]))
    return digest.hexdigest()


def _line(values: list[Any]) -> bytes:
    return json.dumps(values, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return repr(value)
    return value.isoformat() if isinstance(value, date | datetime) else value
