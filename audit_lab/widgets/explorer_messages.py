"""What the table of the explorer asks, and what it is answered: small messages, rows as Arrow."""

from __future__ import annotations

import io
import re
from typing import Any, Literal, TypedDict

import polars as pl

from audit_lab.errors import MisuseError

__all__ = ["MOST_COLUMNS", "PAGE_ROWS", "Ask", "arrow_of", "asked", "bars_of", "expression_name", "steps_of"]

#: Rows of one answer, and how many columns are shown at once.
PAGE_ROWS = 40
MOST_COLUMNS = 40

_LONGEST_TEXT = 200
#: A value that is longer is not asked for by pressing its bar: nobody could read the expression.
_LONGEST_ASKED = 10_000
_MOST_DECISIONS = 6
_OTHERS = "all others"
_WORD = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_KINDS = ("page", "histogram", "timeline", "open")


class Ask(TypedDict):
    """A question of the table: its number, what it is about, and for which state of order and filter it is asked."""

    id: int
    kind: Literal["page", "histogram", "timeline", "open"]
    state: int
    first: int
    count: int
    column: str


def asked(content: Any) -> Ask:
    """Read a message of the front end.

    Raises
    ------
    MisuseError
        It is none that the table sends.
    """
    whole = content if isinstance(content, dict) else {}
    numbers = {name: whole.get(name, 0) for name in ("id", "state", "first")}
    numbers["count"] = whole.get("count", PAGE_ROWS)
    if whole.get("kind") not in _KINDS or any(
        not isinstance(number, int) or isinstance(number, bool) or number < 0 for number in numbers.values()
    ):
        message = "a message of the table cannot be read"
        raise MisuseError(message, "Show the table again: its front end may be of another version.")
    made: Ask = {
        "id": numbers["id"],
        "kind": whole["kind"],
        "state": numbers["state"],
        "first": numbers["first"],
        "count": min(numbers["count"], PAGE_ROWS),
        "column": str(whole.get("column", "")),
    }
    return made


def arrow_of(page: pl.DataFrame) -> bytes:
    """Return rows as an Arrow stream of numbers, yes and no, and text of at most 200 characters a value.

    Whole numbers and times are text too, so that no digit is lost on the way.
    """
    sink = io.BytesIO()
    page.select(_shown(name, dtype) for name, dtype in page.schema.items()).write_ipc_stream(
        sink, compat_level=pl.CompatLevel.oldest()
    )
    return sink.getvalue()


def bars_of(counted: pl.DataFrame, column: str, dtype: pl.DataType) -> list[dict[str, Any]]:
    """Return a histogram as JSON-safe bars, each with its words, its count and the expression that finds its rows.

    Parameters
    ----------
    counted
        What ``Browse.histogram(column)`` returned.
    column, dtype
        The column's name in an expression, and its type.
    """
    name = expression_name(column)
    bars = []
    for number, row in enumerate(counted.iter_rows(named=True)):
        where: str | None
        if "value" in row:
            words = _OTHERS if row["value"] is None else row["value"]
            is_said = row["value"] is not None and len(row["value"]) <= _LONGEST_ASKED
            where = f"{name} = {_literal(row['value'], dtype)}" if is_said else None
        else:
            last = number == counted.height - 1
            low, high = (_literal(row[edge], dtype) for edge in ("low", "high"))
            words = f"{_edge(row['low'])} to {_edge(row['high'])}"
            where = f"{name} >= {low} AND {name} {'<=' if last else '<'} {high}"
        bars.append({"words": _short(words), "count": row["count"], "where": where})
    return bars


def expression_name(column: str) -> str:
    """Return a column's name as an expression writes it: quoted where it is no plain word."""
    table, dot, rest = column.partition(".")
    parts = [table, rest] if dot and table in {"inputs", "outputs"} else [column]
    return ".".join(part if _WORD.fullmatch(part) else '"' + part.replace('"', '""') + '"' for part in parts)


def steps_of(counted: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the timeline as JSON-safe steps of start, decision and count; the rarest decisions merge."""
    if counted.is_empty():
        return []
    by_decision = counted.group_by("decision").agg(pl.sum("count")).sort("count", "decision", descending=[True, False])
    most = by_decision["decision"].head(_MOST_DECISIONS)
    named = pl.when(pl.col("decision").is_in(most.implode(), nulls_equal=True))
    words = _cut(pl.col("decision").cast(pl.String)).fill_null("none")
    merged = counted.with_columns(named.then(words).otherwise(pl.lit(_OTHERS)).alias("decision"))
    steps = merged.group_by("start", "decision").agg(pl.sum("count")).sort("start", "decision")
    return [{**row, "start": row["start"].isoformat()} for row in steps.iter_rows(named=True)]


def _shown(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype.is_float():
        return column.cast(pl.Float64)
    if dtype == pl.Boolean:
        return column
    if isinstance(dtype, pl.Datetime):
        text = column.dt.strftime("%Y-%m-%d %H:%M:%S%.f")
    elif dtype == pl.Binary:
        text = column.bin.encode("hex")
    elif isinstance(dtype, pl.Struct):
        text = column.struct.json_encode()
    elif isinstance(dtype, pl.List | pl.Array):
        text = (
            pl.lit("[")
            + column.cast(pl.List(pl.String)).list.eval(pl.element().fill_null("null")).list.join(", ")
            + "]"
        )
    else:
        text = column.cast(pl.String)
    return _cut(text).alias(name)


def _cut(text: pl.Expr) -> pl.Expr:
    long = text.str.len_chars() > _LONGEST_TEXT
    return pl.when(long).then(text.str.slice(0, _LONGEST_TEXT - 1) + "\N{HORIZONTAL ELLIPSIS}").otherwise(text)


def _short(words: str) -> str:
    return words if len(words) <= _LONGEST_TEXT else f"{words[: _LONGEST_TEXT - 1]}\N{HORIZONTAL ELLIPSIS}"


def _edge(value: Any) -> str:
    return f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "isoformat") else f"{value:.6g}"


def _literal(value: Any, dtype: pl.DataType) -> str:
    if dtype == pl.Boolean:
        return str(value).upper()
    if isinstance(value, float):
        return repr(value)
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return "'" + text.replace("'", "''") + "'"
