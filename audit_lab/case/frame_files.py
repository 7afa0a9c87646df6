"""A frame as evidence: Parquet for machines, CSV for eyes, both from the same rows."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.case.plain_json import plain_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["csv_bytes", "parquet_bytes", "rows_frame"]


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """Return the frame as one Parquet file; the same frame gives the same bytes on the same polars."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=9, statistics=True)
    return buffer.getvalue()


def csv_bytes(frame: pl.DataFrame) -> bytes:
    """Return the frame as CSV, UTF-8, with nested values as JSON and null as an empty field."""
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested() or dtype in {pl.Binary, pl.Object}]
    columns = [pl.Series(name, [_json_text(value) for value in frame[name].to_list()], pl.String) for name in nested]
    buffer = io.BytesIO()
    frame.with_columns(columns).write_csv(buffer, quote_style="necessary")
    return buffer.getvalue()


def rows_frame(rows: Sequence[Mapping[str, Any]], schema: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """Return recorded rows as a frame, each column typed by `schema` where it names it and by its values elsewhere."""
    known = dict(schema or {})
    frame = pl.DataFrame([dict(row) for row in rows], infer_schema_length=None, strict=False)
    casts = [pl.col(name).cast(known[name], strict=False) for name in frame.columns if name in known]
    return frame.with_columns(casts)


def _json_text(value: Any) -> str | None:
    if value is None:
        return None
    plain = value.to_list() if isinstance(value, pl.Series) else value
    return json.dumps(plain_json(plain), ensure_ascii=False, separators=(",", ":"))
