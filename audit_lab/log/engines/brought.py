"""Bring the columns of a scan to the types wanted, on engines other than polars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.engines.part import ROW, SEGMENT

if TYPE_CHECKING:
    from audit_lab.log.engines.part import Part

__all__ = ["brought"]


def brought(frame: nw.LazyFrame[Any], part: Part) -> nw.LazyFrame[Any]:
    """Return the columns wanted of a part, then ``_segment`` and ``_row``.

    A column is cast only where its file has another type than the table. Where an engine reads a type as another one
    (a duration as a number), `collected` brings the answer back to the table's type.
    """
    wanted = nw.from_native(pl.LazyFrame(schema=part.wanted)).collect_schema()
    found = frame.collect_schema()
    if list(found) == [*wanted, SEGMENT, ROW] and all(found[name] == _plain(kind) for name, kind in wanted.items()):
        # Engines compare each column that is asked for with all the others: with thousands that takes long.
        return frame
    columns = []
    for name, dtype in wanted.items():
        if name not in found:
            columns.append(nw.lit(None, _plain(dtype)).alias(name))
        elif part.schema[name] == part.wanted[name] or found[name] == _plain(dtype):
            columns.append(nw.col(name))
        else:
            _check_text(
                name, part.schema[name], part.wanted[name], "duckdb" if frame.implementation.is_duckdb() else "spark"
            )
            columns.append(_cast(nw.col(name), found[name], _plain(dtype)).alias(name))
    return frame.select(*columns, SEGMENT, ROW)


def _check_text(name: str, found: pl.DataType, wanted: pl.DataType, engine: str) -> None:
    alike = found.is_integer() or isinstance(
        found, pl.String | pl.Categorical | pl.Enum | pl.Boolean | pl.Date | pl.Null
    )
    if isinstance(wanted, pl.String) and not alike:
        raise MisuseError(
            f"the engine {engine} writes {found} as another text than polars, and {name!r} is text in other files",
            "Leave engine out, or ask for other columns.",
        )


def _plain(dtype: Any) -> Any:
    return nw.String() if isinstance(dtype, nw.Categorical | nw.Enum) else dtype


def _cast(column: nw.Expr, found: Any, wanted: Any) -> nw.Expr:
    if not isinstance(found, nw.Struct) or not isinstance(wanted, nw.Struct):
        return column.cast(wanted)
    names = {field.name: field.dtype for field in found.fields}
    fields = [
        _cast(column.struct.field(field.name), names[field.name], field.dtype).alias(field.name)
        if field.name in names
        else nw.lit(None, _plain(field.dtype)).alias(field.name)
        for field in wanted.fields
    ]
    return nw.when(~column.is_null()).then(nw.struct(*fields))
