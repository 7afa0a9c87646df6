"""Rows as a log stores them: canonical columns first, in their canonical types, and nothing lost on the way.

A value is converted only where an equal one comes out: 2^53 + 1 is never rounded to a float, 1 is never "1", and a time
without a zone is never guessed at. Whatever would have to be is refused, and the message names the column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.commitment.column_types import instance
from audit_lab.log.files.storage import ASIDE_PREFIX
from audit_lab.log.schema import INPUTS_PREFIX, TABLES, TIME, is_pattern
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.log.unification import expected_schema, widened

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["canonical_rows", "check_table_name", "key_columns", "repeated_rows"]

_EXACT = 2**53
_LARGEST = 2**63 - 1
_LONGEST_PART_BYTES = 200
_SHOWN = 80
_RECORDED = "recorded_at"
_NEXT = "Correct it and append again: nothing of this append is in the log."


def check_table_name(table: str) -> None:
    """Check that a table can be in a log.

    Raises
    ------
    MisuseError
        The name is neither a canonical table's nor ``inputs/<model>``, or cannot be a folder.
    """
    if table in TABLES:
        return
    if not table.startswith(INPUTS_PREFIX):
        raise MisuseError(
            f"there is no table {table!a} in an audit log",
            f"Tables: {', '.join(TABLES)}, and {INPUTS_PREFIX}<model name> for the inputs of a model.",
        )
    parts = table.split("/")
    fits = all(
        part not in {"", ".", ".."} and not part.startswith(ASIDE_PREFIX) and len(part.encode()) <= _LONGEST_PART_BYTES
        for part in parts
    )
    if not fits or len(table) > _LONGEST_PART_BYTES or "\\" in table or any(character < " " for character in table):
        raise MisuseError(
            f"the model name {table.removeprefix(INPUTS_PREFIX)[:80]!a} cannot name a folder of a log",
            "Use a shorter name without backslashes, control characters and empty parts.",
        )


def key_columns(table: str) -> tuple[str, ...]:
    """Return the columns that name a row of a table."""
    return ("prediction_id",) if table.startswith(INPUTS_PREFIX) else TABLES[table].key


def canonical_rows(table: str, rows: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Return rows in the form in which a log stores them.

    Parameters
    ----------
    table
        A canonical table, or ``inputs/<model>``.
    rows
        Missing canonical columns become nulls; further columns are kept after the canonical ones, as they are.
    now
        When the log learns of the rows: put into `recorded_at` where that is missing or null.

    Raises
    ------
    MisuseError
        The table is unknown; a column of the key is missing or null somewhere; a canonical column has a type or a
        value that the canonical type cannot hold; a column has a reserved name.
    """
    check_table_name(table)
    reserved = [name for name in (SEGMENT, ROW) if name in rows.columns]
    if reserved:
        raise MisuseError(f"{table} has a column {reserved[0]}, a name that the log itself uses", "Rename it.")
    patterns = [name for name in rows.columns if is_pattern(name)]
    if patterns:
        raise MisuseError(
            f"{table} has a column {patterns[0][:_SHOWN]!a}, which is read as a pattern of names", "Rename it."
        )
    expected = expected_schema(table)
    columns = [
        _column(table, rows[name], dtype) if name in rows.columns else _nulls(name, dtype, rows.height)
        for name, dtype in expected.items()
    ]
    frame = pl.DataFrame([*columns, *(rows[name] for name in rows.columns if name not in expected)])
    if _RECORDED in expected:
        frame = frame.with_columns(pl.col(_RECORDED).fill_null(pl.lit(now, dtype=TIME)))
    for name in key_columns(table):
        empty = frame[name].is_null()
        if empty.any():
            which = f"{int(empty.sum())} of {frame.height} rows, the first is row {empty.arg_true()[0]}"
            raise MisuseError(f"rows of {table} have no {name}, which names them ({which})", _NEXT)
    return frame


def repeated_rows(table: str, frame: pl.DataFrame) -> pl.Series:
    """Return the numbers of the rows whose key stands in an earlier row of the same frame too."""
    keys = list(key_columns(table))
    return (~frame.select(first=pl.struct(keys).is_first_distinct())["first"]).arg_true()


def _column(table: str, found: pl.Series, wanted: pl.DataType) -> pl.Series:
    """Convert a canonical column to its canonical type where that loses nothing."""
    if found.dtype == wanted:
        return found
    if found.null_count() == found.len():
        return _nulls(found.name, wanted, found.len())
    if isinstance(wanted, pl.Struct) and isinstance(found.dtype, pl.Struct):
        return _struct(table, found, wanted)
    if widened(found.dtype, wanted) == wanted:
        return found.cast(wanted)
    unfit = _unfit(found, wanted)
    if unfit is None:
        raise MisuseError(f"column {found.name} of {table} is {found.dtype} and must be {wanted}", _NEXT)
    wrong = found.to_frame().with_columns(wrong=unfit.fill_null(value=False))["wrong"]
    if wrong.any():
        first = wrong.arg_true()[0]
        raise MisuseError(
            f"column {found.name} of {table} is {found.dtype} and must be {wanted}, which cannot hold "
            f"{int(wrong.sum())} of its values exactly (the first is in row {first})",
            _NEXT,
        )
    return found.cast(wanted)


def _unfit(found: pl.Series, wanted: pl.DataType) -> pl.Expr | None:
    """Return what holds for a value that the wanted type cannot hold exactly; None where the kinds differ."""
    column, whole = pl.col(found.name), found.dtype.is_integer()
    if wanted == TIME and isinstance(found.dtype, pl.Datetime) and found.dtype.time_zone is not None:
        return (column.to_physical() % 1000 != 0) if found.dtype.time_unit == "ns" else pl.lit(value=False)
    if wanted == pl.Float64() and whole:
        return (column > _EXACT) | ((column < -_EXACT) if found.dtype.is_signed_integer() else pl.lit(value=False))
    if wanted == pl.Int64() and whole:
        return (column > _LARGEST) | ((column < -_LARGEST) if found.dtype.is_signed_integer() else pl.lit(value=False))
    if wanted == pl.Int64() and found.dtype.is_float():
        return ~(column.is_finite() & (column == column.round()) & (column.abs() <= _EXACT))
    return None


def _struct(table: str, found: pl.Series, wanted: pl.Struct) -> pl.Series:
    present = found.struct.schema
    fields = {field.name: instance(field.dtype) for field in wanted.fields}
    unknown = [name for name in present if name not in fields]
    if unknown:
        raise MisuseError(
            f"column {found.name} of {table} has a field {unknown[0]}, which the schema does not have",
            f"Its fields are {', '.join(fields)}: put anything else into a column of its own.",
        )
    inner = [
        _column(table, found.struct.field(name).alias(f"{found.name}.{name}"), dtype).alias(name)
        if name in present
        else _nulls(name, dtype, found.len())
        for name, dtype in fields.items()
    ]
    built = pl.DataFrame(inner).to_struct(found.name)
    return built.to_frame().select(pl.when(found.is_not_null()).then(pl.col(found.name)))[found.name]


def _nulls(name: str, dtype: pl.DataType, rows: int) -> pl.Series:
    return pl.Series(name, [None], dtype).new_from_index(0, rows)
