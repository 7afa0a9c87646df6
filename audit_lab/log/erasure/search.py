"""Find the rows that an erasure is about, in the files that hold a log's rows now."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import LogError
from audit_lab.log.files.reading import collect, reading
from audit_lab.log.writing.segment_file import is_personal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from audit_lab.log.files.storage import Storage
    from audit_lab.log.manifest import Segment
    from audit_lab.log.tree.state import LogState

__all__ = ["FoundRows", "find_rows", "speaking_events", "stray_files"]

_NUMBER = "_number"
_ID, _SUBJECT = "prediction_id", "subject_id"


@dataclass
class FoundRows:
    """Rows to erase.

    Attributes
    ----------
    rows
        Table to file to the numbers of rows in that file, rising.
    prediction_ids, subjects
        Whose rows they are: every prediction and every subject that stands in one of them.
    shared
        Predictions of which another row, which stays, names another subject.
    """

    rows: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    prediction_ids: set[str] = field(default_factory=set)
    subjects: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)


def find_rows(storage: Storage, state: LogState, subject_id: str | None, prediction_ids: Iterable[str]) -> FoundRows:
    """Find every row of the personal tables that is a subject's or a prediction's.

    A prediction is a subject's where its row names the subject. Rows of other tables are found by the prediction's id.

    Parameters
    ----------
    storage, state
        The log.
    subject_id
        The subject; None for none.
    prediction_ids
        Further predictions, whoever's they are.
    """
    found = FoundRows()
    asked = set(prediction_ids)
    of_subject = _ids_of(storage, state, subject_id) if subject_id is not None else set()
    wanted = pl.Series(_ID, sorted(asked | of_subject), dtype=pl.String)
    for table in sorted(state.files):
        if not is_personal(table):
            continue
        columns = (_ID, _SUBJECT) if table == "predictions" else (_ID,)
        for file, every in _keys(storage, state, table, columns):
            rows = every.join(wanted.to_frame(), on=_ID, how="semi", maintain_order="left")
            if table == "predictions" and subject_id is not None:
                own = rows[_SUBJECT].is_null() | (rows[_SUBJECT] == subject_id) | rows[_ID].is_in(sorted(asked))
                found.shared.update(rows.filter(~own)[_ID])
                rows = rows.filter(own)
            if rows.height:
                found.rows.setdefault(table, {})[file.path] = rows[_NUMBER].to_list()
                found.prediction_ids.update(rows[_ID])
            if table == "predictions":
                found.subjects.update(rows[_SUBJECT].drop_nulls())
    return found


def speaking_events(storage: Storage, state: LogState, subject_id: str | None, prediction_ids: Iterable[str]) -> int:
    """Return how many rows of ``events`` name the subject, or one of the predictions as what they are about."""
    ids = [*prediction_ids, *([] if subject_id is None else [subject_id])]
    named = pl.col("subject").is_in(ids)
    if subject_id:
        named |= pl.any_horizontal(pl.col("summary", "payload").str.contains(subject_id, literal=True))
    return sum(
        rows.filter(named).height for _, rows in _keys(storage, state, "events", ("subject", "summary", "payload"))
    )


def stray_files(storage: Storage, state: LogState, found: FoundRows, subject_id: str | None) -> list[str]:
    """Return the Parquet files beside the log's own that hold, or may hold, rows of the same people.

    A writer that was stopped leaves such files, and nobody but its operator can say whether they show a log that was
    cut. So they are named and not touched.
    """
    own = {path for files in state.files.values() for path in files} | state.replaced.keys() | state.disposed
    strays = [path for path in storage.list() if path.endswith(".parquet") and path not in own]
    return [path for path in strays if _may_hold(storage, path, found, subject_id)]


def _may_hold(storage: Storage, path: str, found: FoundRows, subject_id: str | None) -> bool:
    try:
        with reading(path):
            rows = pl.read_parquet(BytesIO(storage.read(path)))
        ids = rows[_ID].is_in(sorted(found.prediction_ids)).any() if _ID in rows.columns else False
        return ids or (_SUBJECT in rows.columns and bool((rows[_SUBJECT] == subject_id).any()))
    except LogError:
        return True


def _ids_of(storage: Storage, state: LogState, subject_id: str) -> set[str]:
    return {
        each
        for _, rows in _keys(storage, state, "predictions", (_ID, _SUBJECT))
        for each in rows.filter(pl.col(_SUBJECT) == subject_id)[_ID]
    }


def _keys(
    storage: Storage, state: LogState, table: str, columns: tuple[str, ...]
) -> Iterator[tuple[Segment, pl.DataFrame]]:
    """Yield each file of a table with some of its columns as text, null where it lacks one, and the rows' numbers."""
    for file in state.files.get(table, {}).values():
        where = f"the file {file.path}"
        with reading(where):
            rows = pl.scan_parquet(BytesIO(storage.read(file.path)), row_index_name=_NUMBER)
            present = rows.collect_schema()
        texts = [
            pl.col(name).cast(pl.String) if name in present else pl.lit(None, dtype=pl.String).alias(name)
            for name in columns
        ]
        yield file, collect(rows.select(_NUMBER, *texts), where)
