"""That no exhibit shows a withheld column under another name."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import AuditLabError
from audit_lab.evidence.redaction.meaning import is_shown_beside, shown_name
from audit_lab.evidence.redaction.sentences import plain, written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from audit_lab.case.exhibit import Exhibit
    from audit_lab.evidence.redaction.values import Redaction

__all__ = ["check_copies"]

_ID = "prediction_id"


def check_copies(exhibits: Iterable[tuple[Exhibit, Mapping[str, bytes]]], redaction: Redaction) -> None:
    """Refuse a table that gives each of its predictions the withheld value under a name that is none of the log's.

    Raises
    ------
    AuditLabError
        The error names the table, its column, and the column that is withheld.
    """
    for exhibit, files in exhibits:
        for name, content in files.items():
            if name.endswith(".parquet"):
                for copy, column in _copies(pl.read_parquet(io.BytesIO(content)), redaction):
                    raise AuditLabError(
                        f"Nothing was exported: in exhibit {exhibit.number} ({exhibit.title!a}) the column {copy!a} of "
                        f"{name} has the values of {column!a}, which the profile withholds",
                        f'Withhold it too: "{copy}" = "drop" in the profile',
                    )


def _copies(frame: pl.DataFrame, redaction: Redaction) -> Iterator[tuple[str, str]]:
    """Yield the columns of a table that hold a withheld one of the same predictions, each with that."""
    withheld = redaction.withheld
    if frame.schema.get(_ID) != pl.String or frame[_ID].null_count() == frame.height:
        return
    ids = frame[_ID].to_list()
    for series in frame.iter_columns():
        name = shown_name(series.name)
        taken = redaction.profile.how_shown(series.name) is not None or name in withheld.names
        if taken or is_shown_beside(series.name) or series.dtype.is_nested() or series.dtype == pl.Boolean:
            continue
        values = series.to_list()
        for column, of_prediction in withheld.of_prediction.items():
            pairs = [(each, of_prediction[one]) for one, each in zip(ids, values, strict=True) if one in of_prediction]
            if pairs and all(each is not None and _same(each, held) for each, held in pairs):
                yield series.name, column


def _same(value: object, held: object) -> bool:
    return not {plain(text) for text in written(value)}.isdisjoint(plain(text) for text in written(held))
