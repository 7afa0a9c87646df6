"""What runs the questions over whole tables: polars, DuckDB or Spark.

Questions are written once over narwhals. An engine (`choice`) knows how to scan a `part`, Parquet files that have the
same columns, with where each row stands; `answers` brings an answer back as a polars frame, whichever engine it came
from. Everything else (one decision, its lineage, a replay) is read with polars, whatever the engine.
"""

from __future__ import annotations

from audit_lab.log.engines.choice import ENGINES, Engine, engine_named
from audit_lab.log.engines.part import Part, PlacedFile

__all__ = ["ENGINES", "Engine", "Part", "PlacedFile", "engine_named"]
