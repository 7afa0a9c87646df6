"""The rows of one decision, as they stand in the log's tables: what a reconstruction is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.index.lookup import find_prediction, look_up
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.replay.reconstruction.history import HISTORIES, history

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["DecisionRows", "decision_rows"]

_ID = "prediction_id"


@dataclass(frozen=True)
class DecisionRows:
    """A prediction's row and the rows under its id elsewhere.

    Parameters
    ----------
    prediction
        Its canonical columns.
    place, places
        Where it stands, and every place where its id stands.
    corrected_by
        The place of a later row of the same id that corrects it.
    inputs
        The rows of its model's inputs, with ``_segment`` and ``_row``; None where the log has none of that model.
    histories
        For each of `HISTORIES` its rows, where there are any as `audit_lab.replay.reconstruction.history.history` gives
        them.
    searched
        How its id was looked for, as one sentence.
    """

    prediction: dict[str, Any]
    place: str
    places: tuple[str, ...]
    corrected_by: str | None
    inputs: pl.DataFrame | None
    histories: dict[str, pl.DataFrame]
    searched: str


def decision_rows(store: LogStore, asked: str) -> DecisionRows:
    """Return the rows of the prediction that an id, or a place (``id@segment:row``), names.

    Raises
    ------
    NotFoundError, AmbiguousIdError
        As `audit_lab.log.index.lookup.find_prediction`.
    LogError
        A table cannot be read.
    """
    found = find_prediction(store, asked)
    model, name = found.row["model_name"], found.row[_ID]
    has_inputs = model is not None and model in store.models()
    return DecisionRows(
        prediction=found.row,
        place=found.place,
        places=tuple(found.places),
        corrected_by=_corrected_by(store, name, found.place) if len(found.places) > 1 else None,
        inputs=look_up(store, INPUTS_PREFIX + model, _ID, name).rows if has_inputs else None,
        histories={table: _history(store, table, name) for table in HISTORIES},
        searched=found.searched,
    )


def _history(store: LogStore, table: str, prediction_id: str) -> pl.DataFrame:
    rows = look_up(store, table, _ID, prediction_id, confirm=False).rows
    return history(table, rows) if rows.height else rows


def _corrected_by(store: LogStore, prediction_id: str, place: str) -> str | None:
    rows = history("predictions", look_up(store, "predictions", _ID, prediction_id).rows)
    corrected = rows.filter(pl.col("place") == place)["corrected_by"]
    return corrected[0] if corrected.len() else None
