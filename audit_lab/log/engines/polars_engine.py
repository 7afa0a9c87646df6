"""Scan a log's files with polars: the default engine, streaming and in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.engines.part import ROW, SEGMENT

if TYPE_CHECKING:
    import narwhals as nw

    from audit_lab.log.engines.part import Part, PlacedFile

__all__ = ["PolarsEngine", "scan_part"]

#: More files than this are scanned as one.
_MOST_SINGLE_SCANS = 256

_NUMBER = "__number__"
_PATH = "__path__"


class PolarsEngine:
    """Questions run by polars."""

    name = "polars"

    def scan(self, part: Part) -> nw.LazyFrame[Any]:
        """Return the rows of a part: the columns wanted, then ``_segment`` and ``_row``."""
        import narwhals as nw

        return nw.from_native(scan_part(part))

    def local(self, frame: pl.DataFrame) -> nw.LazyFrame[Any]:
        """Return rows of this process as a frame of the engine."""
        import narwhals as nw

        return nw.from_native(frame.lazy())


def scan_part(part: Part) -> pl.LazyFrame:
    """Return the rows of a part as polars reads them; nothing is read before it is collected."""
    options = dict(part.storage_options) if part.storage_options else None
    if part.says_places:
        frame = pl.scan_parquet(part.uris, glob=False, storage_options=options)
        placed = frame.with_columns(pl.col(SEGMENT).cast(pl.String), pl.col(ROW).cast(pl.UInt32))
    elif len(part.files) <= _MOST_SINGLE_SCANS:
        placed = pl.concat([_single(file, options) for file in part.files], how="vertical")
    else:
        placed = _many(part, options)
    columns = [_brought(name, part.schema.get(name), dtype) for name, dtype in part.wanted.items()]
    return placed.select(*columns, SEGMENT, ROW)


def _single(file: PlacedFile, options: dict[str, str] | None) -> pl.LazyFrame:
    frame = pl.scan_parquet(file.uri, row_index_name=ROW, glob=False, storage_options=options)
    return frame.with_columns(pl.lit(file.segment, dtype=pl.String).alias(SEGMENT))


def _many(part: Part, options: dict[str, str] | None) -> pl.LazyFrame:
    """Scan files as one: thousands of single scans would each open their file at the same time.

    Where a row stands is found by its file's path, which costs more than a single scan's constant.
    """
    before, first_rows = 0, []
    for file in part.files:
        first_rows.append(before)
        before += file.rows
    frame = pl.scan_parquet(
        part.uris, row_index_name=_NUMBER, include_file_paths=_PATH, glob=False, storage_options=options
    )
    first = pl.col(_PATH).replace_strict(part.uris, first_rows, return_dtype=pl.UInt32)
    segment = pl.col(_PATH).replace_strict(part.uris, [file.segment for file in part.files], return_dtype=pl.String)
    return frame.with_columns(segment.alias(SEGMENT), (pl.col(_NUMBER) - first).alias(ROW))


def _brought(name: str, found: pl.DataType | None, wanted: pl.DataType) -> pl.Expr:
    if found is None:
        return pl.lit(None, dtype=wanted).alias(name)
    return pl.col(name) if found == wanted else pl.col(name).cast(wanted)
