"""Find the rows that an id names, through the locator where there is one, or say in how many places it stands."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import AmbiguousIdError, NotFoundError
from audit_lab.log.files.reading import collect
from audit_lab.log.index.index_file import indexed_columns
from audit_lab.log.index.row_search import search_rows
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.segments import ROW, SEGMENT, SegmentSource

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["Found", "FoundPrediction", "find_prediction", "look_up", "place_alone", "places_of", "rows_by"]

_PLACE = re.compile(r"(?s)(?P<id>.*)@(?P<segment>[^@]+):(?P<row>[0-9]{1,9})")


@dataclass(frozen=True)
class Found:
    """Rows that have a value in an indexed column.

    Parameters
    ----------
    rows
        Canonical columns, ``_segment`` and ``_row``, in order of place. Every row was read from its file and compared.
    every_row_read
        Whether each row of the table was looked at. Else the indexes said which to look at, and a further row with
        the same value would be missed where an index does not list it; `log.verify()` looks whether it was changed.
    damaged
        Paths of indexes of the log that named a wrong row or lacked one; they were not used.
    """

    rows: pl.DataFrame
    every_row_read: bool
    damaged: tuple[str, ...] = ()

    @property
    def searched(self) -> str:
        """How the rows were searched for, as one sentence."""
        if self.every_row_read:
            return "Every row was looked at."
        sentence = "The rows, and others under the same value, were looked for through the locator index."
        if self.damaged:
            sentence += f" Damaged, so not used: {', '.join(self.damaged[:10])}."
        return sentence


@dataclass(frozen=True)
class FoundPrediction:
    """One prediction: its canonical columns, its place, every place where its id stands, and how that was searched."""

    row: dict[str, Any]
    place: str
    places: list[str]
    searched: str


def places_of(rows: pl.DataFrame) -> list[str]:
    """Return ``id@segment:row`` for each row of a placed table."""
    return [
        f"{prediction_id}@{segment}:{row}"
        for prediction_id, segment, row in rows.select("prediction_id", SEGMENT, ROW).rows()
    ]


def place_alone(place: str) -> str:
    """Write a place in the other way that a look-up takes: a zero before the row's number.

    It names the same row, and is for where the place as it is usually written is also the id of another prediction.
    """
    before, _, row = place.rpartition(":")
    return f"{before}:0{row}"


def rows_by(store: LogStore, table: str, column: str, value: str) -> pl.DataFrame:
    """Return the rows of a table that have a value in a column, with ``_segment`` and ``_row``, in order of place.

    Raises
    ------
    LogError
        The table cannot be read.
    """
    return look_up(store, table, column, value).rows


def look_up(store: LogStore, table: str, column: str, value: str, *, confirm: bool = True) -> Found:
    """Return the rows of a table that have a value in a column, and how they were searched for.

    Parameters
    ----------
    store, table, column, value
        The indexed columns of a table (see `audit_lab.log.index.index_file.indexed_columns`) are looked up through the
        locator; small tables, other columns and logs without segments on this machine are read whole.
    confirm
        Whether "there is no such row" is confirmed by reading the column.

    Raises
    ------
    LogError
        The table cannot be read.
    """
    found = _looked_up(store, table, column, value, confirm=confirm)
    return replace(found, rows=_as_recorded(store, table, found.rows))


def _looked_up(store: LogStore, table: str, column: str, value: str, *, confirm: bool) -> Found:
    shelf = store.shelf
    small = None if shelf is None else shelf.small(table)
    if small is not None:
        return Found(_in_order(small.filter(pl.col(column) == value)), every_row_read=True)
    if shelf is None or column not in indexed_columns(table):
        return _scanned(store, table, column, value)
    rows, every_row_read = search_rows(shelf, table, column, value, confirm=confirm)
    return Found(_in_order(rows), every_row_read, shelf.locator.damaged(table))


def _as_recorded(store: LogStore, table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows of one segment with their own types where a column of the table is read in another one."""
    source = store.source
    if not table.startswith(INPUTS_PREFIX) or not rows.height or rows[SEGMENT].n_unique() > 1:
        return rows
    if not isinstance(source, SegmentSource) or not store.retyped(table.removeprefix(INPUTS_PREFIX)):
        return rows
    own = source.scan_placed(table, rows[SEGMENT][0], rows[ROW].to_list())
    return rows if own is None else _in_order(collect(own, f"the {table} of {store.location}"))


def find_prediction(store: LogStore, asked: str) -> FoundPrediction:
    """Return the prediction that an id or a place (``id@segment:row``) names.

    Raises
    ------
    NotFoundError
        No prediction has that id, or none stands at that place.
    AmbiguousIdError
        The id stands in several places, or is the id of one prediction and the place of another; the error names each
        place, and each can be asked for.
    """
    place = _PLACE.fullmatch(asked)
    found = look_up(store, "predictions", "prediction_id", asked, confirm=place is None)
    chosen = found.rows
    if place:
        beside = look_up(store, "predictions", "prediction_id", place["id"], confirm=not chosen.height)
        there = beside.rows.filter((pl.col(SEGMENT) == place["segment"]) & (pl.col(ROW) == int(place["row"])))
        if not chosen.height and not there.height:
            found = look_up(store, "predictions", "prediction_id", asked)
            chosen = found.rows
        elif not chosen.height:
            found, chosen = beside, there
        elif there.height:
            raise _id_and_place(store, asked, [place_alone(asked), *places_of(chosen)])
    if not chosen.height:
        raise NotFoundError(
            f"the log {store.location} holds no prediction {asked[:200]!r}",
            "Check the id for a cut-off end, or search by what is known with `audit-lab find`.",
        )
    if chosen.height > 1:
        places = places_of(chosen)
        raise AmbiguousIdError(
            f"the id {asked[:200]!r} stands in {chosen.height} places of {store.location}: {', '.join(places[:10])}",
            _corrected(chosen),
            places,
        )
    row = chosen.drop(SEGMENT, ROW).row(0, named=True)
    return FoundPrediction(row, places_of(chosen)[0], places_of(found.rows), found.searched)


def _id_and_place(store: LogStore, asked: str, places: list[str]) -> AmbiguousIdError:
    others = "another" if len(places) == 2 else f"{len(places) - 1} others"  # noqa: PLR2004
    return AmbiguousIdError(
        f"{asked[:200]!r} is the place of one prediction and the id of {others} in {store.location}: "
        f"{', '.join(places[:10])}",
        "Ask for one of these instead; the first, with a zero before the row's number, is the place and no id.",
        places,
    )


def _corrected(rows: pl.DataFrame) -> str:
    """Say what to do about an id that stands twice: a correction says so itself."""
    if rows["supersedes"].null_count() < rows.height:
        return "Ask for one of these places instead; one of them says that it corrects another (supersedes)."
    return "Ask for one of these places instead; the writer used an id twice, which is a finding in itself."


def _scanned(store: LogStore, table: str, column: str, value: str) -> Found:
    rows = store.placed(table).filter(pl.col(column) == value)
    return Found(_in_order(collect(rows, f"the {table} of {store.location}")), every_row_read=True)


def _in_order(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.sort(SEGMENT, ROW) if rows.height > 1 else rows
