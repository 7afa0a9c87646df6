"""Write tables into a log folder: aside, flushed to disk, then renamed into place."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.files.durable import write_bytes
from audit_lab.log.schema import INPUTS_PREFIX, SCHEMA_VERSION, TABLES, table_schema

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["MANIFEST_NAME", "write_log"]

MANIFEST_NAME = "manifest.json"

_ROWS_PER_GROUP = 16_384


def write_log(folder: Path, tables: Mapping[str, pl.DataFrame], about: Mapping[str, Any]) -> None:
    """Write a whole new log: one segment per table, then the manifest that publishes them.

    Parameters
    ----------
    folder
        Where the log goes; created when missing.
    tables
        Table name (canonical, or ``inputs/<model>``) to its rows. Missing canonical columns are added as nulls,
        columns are put in canonical order and cast to the canonical dtypes.
    about
        ``origin`` (the log's name), ``description`` and ``notes`` (a list of sentences that every reader must know,
        for example that times are invented).
    """
    entries: dict[str, Any] = {}
    for name, rows in sorted(tables.items()):
        frame = rows if name.startswith(INPUTS_PREFIX) else _canonical(name, rows)
        path = folder / name / "part-00000.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(
            path, compression="zstd", compression_level=9, row_group_size=_ROWS_PER_GROUP, statistics=True
        )
        with path.open("rb") as file:
            os.fsync(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        time = None if name.startswith(INPUTS_PREFIX) else TABLES[name].time
        bounds = [frame[time].min(), frame[time].max()] if time and frame.height else [None, None]
        entries[name] = {
            "segments": [
                {
                    "path": path.relative_to(folder).as_posix(),
                    "rows": frame.height,
                    "size_bytes": path.stat().st_size,
                    "sha256": digest,
                    "first_time": None if bounds[0] is None else bounds[0].isoformat(),  # type: ignore[union-attr]
                    "last_time": None if bounds[1] is None else bounds[1].isoformat(),  # type: ignore[union-attr]
                }
            ]
        }
    manifest = {
        "format": "audit_lab.log",
        "schema_version": SCHEMA_VERSION,
        **dict(about),
        "tables": entries,
    }
    write_bytes(folder / MANIFEST_NAME, (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode())


def _canonical(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    schema = table_schema(name)
    missing = [
        pl.lit(None, dtype=dtype).alias(column) for column, dtype in schema.items() if column not in rows.columns
    ]
    return rows.with_columns(missing).select([pl.col(column).cast(dtype) for column, dtype in schema.items()])
