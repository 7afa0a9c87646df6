"""That the Parquet of proven rows shows what their committed bytes say, value by value."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import AuditLabError
from audit_lab.evidence.rows.proven import ROW_NUMBER
from audit_lab.log.commitment.leaves import row_text, schema_document, value_texts
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.seal.disclosure import parse_disclosure
from audit_lab.seal.entry import parse_entry
from audit_lab.seal.entry_kinds import SegmentEntry
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Finding
from audit_lab.seal.values import value_bytes

if TYPE_CHECKING:
    from collections.abc import Collection

    from audit_lab.seal.row_proofs import SegmentProof

__all__ = ["rows_finding", "rows_shown"]

_NEXT = "Ask the investigator for a bundle whose rows are those that it proves"
_NULL = "n;"
_SHORT = 80


def rows_finding(name: str, content: bytes, proof: SegmentProof, replaced: Collection[str]) -> Finding | None:
    """Return what is wrong with a Parquet file of rows, by its proof, which holds already; None where nothing is.

    Parameters
    ----------
    name, content
        The file.
    proof
        The proof of its rows.
    replaced
        Columns that are withheld and stand in the file as something else than their values: what is in them is not
        compared. A column that is withheld and not among them must not stand in it.
    """
    try:
        frame = pl.read_parquet(io.BytesIO(content))
        statement = parse_entry(proof.statement, name)
        fault = "its proof is of no segment" if not isinstance(statement, SegmentEntry) else ""
        if isinstance(statement, SegmentEntry):
            fault = _fault(frame, proof, statement, replaced)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        first = str(error).split("\n")[0]
        return Finding("rows.table-unreadable", name, f"it is not readable Parquet ({first})", _NEXT)
    except (AuditLabError, MalformedError) as error:
        fault = str(error)
    return Finding("rows.table-differs", name, fault, _NEXT) if fault else None


def rows_shown(content: bytes, proof: SegmentProof, segment: str) -> pl.DataFrame:
    """Return the rows of a Parquet file, which are the proven ones, placed, without what is withheld."""
    rows = pl.read_parquet(io.BytesIO(content)).drop(*proof.withheld, strict=False)
    return rows.rename({ROW_NUMBER: ROW}).with_columns(pl.lit(segment).alias(SEGMENT))


def _fault(frame: pl.DataFrame, proof: SegmentProof, statement: SegmentEntry, replaced: Collection[str]) -> str:
    """Return in what a frame is not the proven rows; empty where it is."""
    columns = dict(statement.schema)
    there = [column for column in columns if column not in proof.withheld or column in replaced]
    if frame.columns != [ROW_NUMBER, *there]:
        return "its columns are not those of the segment that are shown"
    if frame[ROW_NUMBER].to_list() != [row.row for row in proof.rows]:
        return "its rows are not numbered as those that are proven"
    shown = frame.select(column for column in there if column not in proof.withheld)
    stated = [[column, columns[column]] for column in shown.columns]
    if schema_document(shown.schema) != stated:
        return "its columns are of other types than the segment's"
    if statement.commitment == "plain":
        differing = [
            row.row
            for row, text in zip(proof.rows, row_text(shown).to_list(), strict=True)
            if text.encode() != row.row_bytes
        ]
        return f"row {differing[0]} is not the one that is proven" if differing else ""
    texts = value_texts(shown)
    for row, values in zip(proof.rows, texts.iter_rows(), strict=True):
        disclosed = {each.name: value_bytes(each.value).decode() for each in map(parse_disclosure, row.disclosures)}
        for column, text in zip(shown.columns, values, strict=True):
            if text != disclosed.get(column, _NULL):
                return f"row {row.row} has another {column[:_SHORT]!a} than the one that is proven"
    return ""
