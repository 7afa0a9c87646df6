"""Find the rows that many ids name, in one go, and say of each name what it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.files.reading import collect
from audit_lab.log.index.batch_search import search_many
from audit_lab.log.index.index_file import indexed_columns
from audit_lab.log.index.lookup import Found
from audit_lab.log.segments import ROW, SEGMENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.log.store import LogStore

__all__ = ["FoundPredictions", "find_at", "find_predictions", "look_up_many"]

#: As in `audit_lab.log.index.lookup`: ``id@segment:row``.
_PLACE = r"(?s)^(?P<id>.*)@(?P<segment>[^@]+):(?P<row>[0-9]{1,9})$"
_TABLE = "predictions"
_ID = "prediction_id"


@dataclass(frozen=True)
class FoundPredictions:
    """What some names stand for.

    Parameters
    ----------
    answers
        A row for each name, in the order asked: ``asked`` (the name), ``prediction_id``, ``_segment`` and ``_row``
        (null unless it names one row), ``place`` (``id@segment:row``, null likewise), ``places`` (in how many places
        its id stands; one more where it is also the place of another prediction) and ``found`` (whether it names one
        row).
    rows
        Every row of these ids, with ``_segment``, ``_row`` and ``place``, in order of place.
    searched
        How they were searched for, as one sentence.
    """

    answers: pl.DataFrame
    rows: pl.DataFrame
    searched: str


def look_up_many(
    store: LogStore,
    table: str,
    column: str,
    values: pl.Series,
    *,
    columns: Sequence[str] | None = None,
    confirm: bool = True,
) -> Found:
    """Return the rows of a table that have one of some values in a column, as `look_up` does for one value.

    Parameters
    ----------
    store, table, column
        As in `audit_lab.log.index.lookup.look_up`.
    values
        Texts; each counts once, nulls do not.
    columns
        Which columns are wanted beside `column`; all when None.
    confirm
        Whether "there is none" is confirmed, for each value, by reading the column.

    Raises
    ------
    LogError
        The table cannot be read.
    """
    shelf = store.shelf
    small = None if shelf is None else shelf.small(table)
    kept = pl.all() if columns is None else pl.selectors.by_name(column, *columns, SEGMENT, ROW, require_all=False)
    among = pl.col(column).is_in(values.drop_nulls().unique().implode())
    if small is not None:
        return Found(_in_order(small.filter(among).select(kept)), every_row_read=True)
    if shelf is None or column not in indexed_columns(table):
        rows = collect(store.placed(table).filter(among).select(kept), f"the {table} of {store.location}")
        return Found(_in_order(rows), every_row_read=True)
    rows, every_row_read = search_many(shelf, table, column, values, columns=columns, confirm=confirm)
    return Found(_in_order(rows), every_row_read, shelf.locator.damaged(table))


def find_predictions(store: LogStore, asked: pl.Series, columns: Sequence[str] | None = None) -> FoundPredictions:
    """Return the predictions that some ids or places (``id@segment:row``) name; see `lookup.find_prediction`.

    Parameters
    ----------
    asked
        Texts, none of them null.
    columns
        Which columns are wanted of the predictions; all when None.

    Raises
    ------
    LogError
        The predictions cannot be read.
    """
    named = asked.cast(pl.String).to_frame("asked").with_row_index("order")
    split = pl.col("asked").str.extract_groups(_PLACE).struct
    named = named.with_columns(
        of=split.field("id"), segment=split.field("segment"), number=split.field("row").cast(pl.UInt32)
    )
    texts = pl.concat([named["asked"], named["of"].drop_nulls()])
    found = look_up_many(store, _TABLE, _ID, texts, columns=columns, confirm=False)
    answers = _answers(named, found.rows)
    open_ones = answers.filter(pl.col("places") == 0)
    if open_ones.height:
        lacking = pl.concat(
            [open_ones["asked"], named.filter(pl.col("order").is_in(open_ones["order"].implode()))["of"]]
        )
        more = look_up_many(store, _TABLE, _ID, lacking.drop_nulls(), columns=columns)
        if more.rows.height:
            together = pl.concat([found.rows, more.rows]).unique([SEGMENT, ROW], keep="first")
            found = Found(_in_order(together), found.every_row_read, more.damaged)
            answers = _answers(named, found.rows)
    return FoundPredictions(answers.drop("order"), _placed(found.rows), found.searched)


def find_at(
    store: LogStore, ids: pl.Series, segments: pl.Series, rows: pl.Series, columns: Sequence[str] | None = None
) -> FoundPredictions:
    """Return predictions by their ids and the places where they are known to stand; the lengths are equal.

    Raises
    ------
    LogError
        The predictions cannot be read.
    """
    found = look_up_many(store, _TABLE, _ID, ids, columns=columns, confirm=False)
    copies = found.rows.group_by(_ID).len("places")
    known = found.rows.select(SEGMENT, ROW, pl.lit(value=True).alias("found"))
    place = pl.format("{}@{}:{}", _ID, SEGMENT, ROW)
    answers = (
        pl.DataFrame({_ID: ids, SEGMENT: segments, ROW: rows.cast(pl.UInt32)})
        .with_columns(place=place, asked=place)
        .join(known, on=[SEGMENT, ROW], how="left", maintain_order="left")
        .join(copies, on=_ID, how="left", maintain_order="left")
        .with_columns(pl.col("found").fill_null(value=False), pl.col("places").fill_null(0))
    )
    return FoundPredictions(answers.select(_ANSWER), _placed(found.rows), found.searched)


_ANSWER = ("asked", _ID, SEGMENT, ROW, "place", "places", "found")


def _answers(named: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Say of each name which row it stands for: an id's only row, or the row at a place; none where it is both."""
    copies = rows.group_by(_ID).agg(
        pl.len().alias("places"), pl.col(SEGMENT).first().alias("its_segment"), pl.col(ROW).first().alias("its_row")
    )
    by_id = copies.select(pl.col(_ID).alias("asked"), pl.col("places").alias("as_id"), "its_segment", "its_row")
    at_place = rows.select(
        pl.col(_ID).alias("of"), pl.col(SEGMENT).alias("segment"), pl.col(ROW).cast(pl.UInt32).alias("number")
    ).join(copies.select(pl.col(_ID).alias("of"), pl.col("places").alias("as_place")), on="of", how="left")
    joined = named.join(by_id, on="asked", how="left", maintain_order="left").join(
        at_place, on=["of", "segment", "number"], how="left", maintain_order="left"
    )
    as_id, as_place = pl.col("as_id"), pl.col("as_place")
    is_place = as_id.is_null() & as_place.is_not_null()
    only = (as_id == 1) & as_place.is_null()
    located = joined.with_columns(
        pl.when(is_place).then("of").otherwise("asked").alias(_ID),
        pl.when(only).then("its_segment").when(is_place).then("segment").alias(SEGMENT),
        pl.when(only).then("its_row").when(is_place).then("number").cast(pl.UInt32).alias(ROW),
        pl.when(is_place).then(as_place).otherwise(as_id.fill_null(0) + as_place.is_not_null()).alias("places"),
    ).with_columns(pl.format("{}@{}:{}", _ID, SEGMENT, ROW).alias("place"), pl.col(ROW).is_not_null().alias("found"))
    return located.select("order", *_ANSWER)


def _placed(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.format("{}@{}:{}", _ID, SEGMENT, ROW).alias("place"))


def _in_order(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.sort(SEGMENT, ROW) if rows.height > 1 else rows
