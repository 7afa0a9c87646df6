"""A log in which every text is markup, a script or an expression, in every column that the schema has."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.files.write import write_log
from audit_lab.log.schema import INPUTS_PREFIX, TABLES, TIME

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["RUNS", "TURNS", "columns_of_text", "mark_of", "text_of", "write_hostile_log"]

#: Turns the direction of what follows it; wherever it is shown, it is named.
TURNS = "\u202e"
#: Sets ``globalThis.owned`` where any of it is read as markup, as a script or as an expression.
RUNS = (
    "</script></style></title></textarea><script>globalThis.owned=1</script>"
    "<img src=x onerror=\"globalThis.owned=1\">'\"]+datum.x+warn('owned')+${globalThis.owned=1}"
    f"{TURNS}dlrow"
)

#: Columns by which rows of several tables belong together say the same in all of them.
_SHARED = ("prediction_id", "model_name", "model_version", "run_id", "dataset_id")
_START = datetime(2026, 1, 5, 12, tzinfo=UTC)
_LONG = ("predictions", "outcomes")
_ROWS = 60


def columns_of_text(table: str) -> list[str]:
    """Return the columns of a table that hold text, those of its structs with a dot."""
    found = []
    for name, dtype in TABLES[table].columns.items():
        if dtype == pl.String:
            found.append(name)
        elif isinstance(dtype, pl.Struct):
            found += [f"{name}.{field}" for field, kind in dtype.to_schema().items() if kind == pl.String]
    return found


def mark_of(table: str, column: str) -> str:
    """Return what the text of a column begins with, by which it is known again wherever it is shown."""
    return f"{'log' if column in _SHARED else table}.{column} </script>"


def text_of(table: str, column: str) -> str:
    """Return the hostile text of a column."""
    return mark_of(table, column).removesuffix("</script>") + RUNS


def write_hostile_log(folder: Path, *, is_json: bool = False) -> None:
    """Write a log with rows in every table whose every text is hostile, and so is all that is said about it.

    Parameters
    ----------
    folder
        Where the log goes.
    is_json
        Whether texts that are no keys hold JSON whose names and values are hostile, as many columns do.
    """
    tables = {table: _rows(table, is_json=is_json) for table in TABLES}
    ids = [f"{text_of('', 'prediction_id')} {row:03d}" for row in range(_ROWS)]
    for table in _LONG:
        tables[table] = tables[table].with_columns(pl.Series("prediction_id", ids))
    for table in ("overrides", "explanations"):
        tables[table] = tables[table].with_columns(prediction_id=pl.lit(ids[-1]))
    model = text_of("", "model_name")
    # One edge leads to the model, so that what it says stands beside its decisions.
    version = f"model:{model}@{text_of('', 'model_version')}"
    edges = tables["lineage"]
    tables["lineage"] = pl.concat([edges, edges.with_columns(from_node=pl.lit(version))])
    tables[INPUTS_PREFIX + model] = pl.DataFrame(
        {
            "prediction_id": ids,
            "recorded_at": [_START + timedelta(days=row) for row in range(_ROWS)],
            f"inputs.text {RUNS}": [f"inputs.value {RUNS}"] * _ROWS,
            f"inputs.number {RUNS}": [float(row % 7) for row in range(_ROWS)],
        }
    )
    said = {name: f"about.{name} {RUNS}" for name in ("origin", "description")}
    write_log(folder, tables, {**said, "notes": [f"about.notes {RUNS}"]})


def _rows(table: str, *, is_json: bool) -> pl.DataFrame:
    rows = _ROWS if table in _LONG else 1
    start = _START if table in _LONG else _START - timedelta(days=30)
    columns: dict[str, list[object]] = {}
    for name, dtype in TABLES[table].columns.items():
        text = text_of(table, name)
        if dtype == TIME:
            columns[name] = [start + timedelta(days=row) for row in range(rows)]
        elif dtype == pl.String:
            is_whole = not is_json or name in _SHARED
            columns[name] = [text if is_whole else json.dumps({text: [text, {text: text}]})] * rows
        elif isinstance(dtype, pl.Struct):
            columns[name] = [_struct(table, name, dtype, row) for row in range(rows)]
        else:
            columns[name] = list(range(rows))
    return pl.DataFrame(columns, schema=TABLES[table].columns)


def _struct(table: str, name: str, dtype: pl.Struct, row: int) -> dict[str, object]:
    made: dict[str, object] = {}
    for field, kind in dtype.to_schema().items():
        if kind == pl.String:
            made[field] = text_of(table, f"{name}.{field}")
        else:
            made[field] = [row / _ROWS, 1 - row / _ROWS] if isinstance(kind, pl.List) else row / _ROWS
    return made
