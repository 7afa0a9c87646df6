"""Find the one row that an id names, or say in how many places it stands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import AmbiguousIdError, NotFoundError
from audit_lab.log.reading import collect
from audit_lab.log.segments import ROW, SEGMENT

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["places_of", "prediction_row"]

_PLACE = re.compile(r"(?s)(?P<id>.*)@(?P<segment>[^@]+):(?P<row>[0-9]{1,9})")


def places_of(rows: pl.DataFrame) -> list[str]:
    """Return ``id@segment:row`` for each row of a placed table."""
    return [f"{row['prediction_id']}@{row[SEGMENT]}:{row[ROW]}" for row in rows.iter_rows(named=True)]


def prediction_row(store: LogStore, asked: str) -> tuple[dict[str, Any], str, list[str]]:
    """Return the prediction that an id or a place names.

    Returns
    -------
    row, place, places
        The row's canonical columns, its place (``id@segment:row``) and every place where its id stands.

    Raises
    ------
    NotFoundError
        No prediction has that id, or none stands at that place.
    AmbiguousIdError
        The id stands in several places; the error names each, and each can be asked for.
    """
    found = _rows(store, asked)
    place = _PLACE.fullmatch(asked)
    if not found.height and place:
        found = _rows(store, place["id"])
        at = (pl.col(SEGMENT) == place["segment"]) & (pl.col(ROW) == int(place["row"]))
        chosen = found.filter(at)
    else:
        chosen = found
    if not chosen.height:
        raise NotFoundError(
            f"the log {store.path} holds no prediction {asked[:200]!r}",
            "Check the id for a cut-off end, or search by what is known with `audit-lab find`.",
        )
    if chosen.height > 1:
        places = places_of(chosen)
        raise AmbiguousIdError(
            f"the id {asked[:200]!r} stands in {chosen.height} places of {store.path}: {', '.join(places[:10])}",
            _corrected(chosen),
            places,
        )
    row = chosen.drop(SEGMENT, ROW).row(0, named=True)
    return row, places_of(chosen)[0], places_of(found)


def _corrected(rows: pl.DataFrame) -> str:
    """Say what to do about an id that stands twice: a correction says so itself."""
    if rows["supersedes"].null_count() < rows.height:
        return "Ask for one of these places instead; one of them says that it corrects another (supersedes)."
    return "Ask for one of these places instead; the writer used an id twice, which is a finding in itself."


def _rows(store: LogStore, prediction_id: str) -> pl.DataFrame:
    rows = store.placed("predictions").filter(pl.col("prediction_id") == prediction_id)
    return collect(rows, f"the predictions of {store.path}").sort(SEGMENT, ROW)
