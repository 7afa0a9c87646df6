"""The beginning of an exhibit's table as a page shows it: times and numbers in the form that people read."""

from __future__ import annotations

import csv
import io
from html import escape
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.case.frame_files import csv_bytes
from audit_lab.errors import AuditLabError, LogError
from audit_lab.evidence.html_cleaning import WIDE_FROM_COLUMNS
from audit_lab.log.files.reading import reading

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["HOW_TABLES_ARE_SHOWN", "table_html"]

#: What a page with such tables must say once.
HOW_TABLES_ARE_SHOWN = (
    "Tables are shown with their first rows, times to the minute or second, and numbers to 6 significant digits; the "
    "files named with them hold them whole and exact."
)

_MOST_ROWS, _MOST_COLUMNS = 10, 12
#: So many letters in each of so many columns fit onto a page.
_SHORT = 12


def table_html(content: bytes, name: str) -> str:
    """Return the beginning of a Parquet file as an HTML table, and how much is left out; `name` is of the exhibit.

    Raises
    ------
    AuditLabError
        It is not readable Parquet.
    """
    try:
        with reading(f"The exhibit {name}"):
            shown = pl.read_parquet(io.BytesIO(content), n_rows=_MOST_ROWS)
            height, width = _rows_of(content), shown.width
    except LogError as error:
        raise AuditLabError(error.message, "Restore the case's folder as it was") from error
    shown = shown[:, :_MOST_COLUMNS]
    readable = [
        pl.Series(name, [None if value is None else _text(value) for value in shown[name]], pl.String)
        for name, dtype in shown.schema.items()
        if dtype.is_float() or isinstance(dtype, pl.Datetime)
    ]
    head, *rows = list(csv.reader(io.StringIO(csv_bytes(shown.with_columns(readable)).decode()))) or [[]]
    header = "".join(f"<th{_breaking(name)}>{escape(name).replace('_', '_<wbr>')}</th>" for name in head)
    cells = ("".join(f"<td{_breaking(value)}>{escape(value)}</td>" for value in row) for row in rows)
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    left_out = [
        f"The first {most} of {count:,} {what}."
        for most, count, what in ((_MOST_ROWS, height, "rows"), (_MOST_COLUMNS, width, "columns"))
        if count > most
    ]
    note = f"<p>{' '.join(left_out)}</p>" if left_out else ""
    kind = "shown wide landscape" if shown.width >= WIDE_FROM_COLUMNS else "shown wide"
    # It scrolls where it is wider than the window: whoever has no pointer must be able to come to it.
    scrolls = f'role="region" aria-label="{escape(name)}" tabindex="0"'
    table = f"<table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div {scrolls} class="{kind}">{table}</div>{note}'


def _rows_of(content: bytes) -> int:
    """Return how many rows a Parquet file has, as its end says."""
    return int(pl.scan_parquet(io.BytesIO(content)).select(pl.len()).collect().item())


def _breaking(text: str) -> str:
    """Return the class of what may be broken anywhere on paper: a text with a long word."""
    return "" if max(map(len, text.replace("_", "_ ").split()), default=0) <= _SHORT else ' class="long"'


def _text(value: float | datetime) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    clock = "%H:%M" if value.second == value.microsecond == 0 else "%H:%M:%S"
    zone = value.tzname()
    return f"{value:%Y-%m-%d} {value:{clock}}{f' {zone}' if zone else ''}"
