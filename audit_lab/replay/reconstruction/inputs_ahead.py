"""Inputs that are read beside the predictions, where it is clear beforehand whose they will be.

Reading the rows of many ids keeps all processors busy for most of the time, and finding out which to read keeps one.
In a log of one model both tables can be looked up by the same ids at the same time.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import LogError
from audit_lab.log.index.batch_lookup import look_up_many
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.replay.reconstruction.version_facts import input_schema

if TYPE_CHECKING:
    from concurrent.futures import Future

    from audit_lab.log.store import LogStore

__all__ = ["InputsAhead", "inputs_of"]

_ID = "prediction_id"

#: For fewer ids a thread is not worth its start.
_FEWEST = 1_000


class InputsAhead:
    """The inputs of a log's only model under some ids, looked up in a thread of their own from now on.

    Parameters
    ----------
    store
        The log. One of several models, or of none, has nothing that could be read ahead.
    ids
        Ids whose inputs may be asked for; None where they are not known yet.
    """

    def __init__(self, store: LogStore, ids: pl.Series | None) -> None:
        self._model: str | None = None
        self._rows: Future[pl.DataFrame] | None = None
        models = store.models()
        if ids is None or ids.len() < _FEWEST or len(models) != 1:
            return
        self._model = models[0]
        pool = ThreadPoolExecutor(1, "audit_lab inputs ahead")
        self._rows = pool.submit(_looked_up, store, self._model, ids, confirm=False)
        pool.shutdown(wait=False)

    def rows(self, model: str) -> pl.DataFrame | None:
        """Return what was found of a model; None where nothing was looked up, or it could not be read."""
        if self._rows is None or model != self._model:
            return None
        try:
            return self._rows.result()
        except LogError:
            return None  # who needs the rows looks them up, and is told why they cannot be read


def inputs_of(store: LogStore, model: str, ids: pl.Series, ahead: InputsAhead) -> pl.DataFrame:
    """Return the rows of a model's inputs under some ids; that an id has none is confirmed by reading the column.

    Raises
    ------
    LogError
        The table cannot be read.
    """
    found = ahead.rows(model)
    if found is None:
        return _looked_up(store, model, ids)
    mine = found.filter(pl.col(_ID).is_in(ids.implode()))
    lacking = ids.filter(~ids.is_in(mine[_ID].implode()))
    return pl.concat([mine, _looked_up(store, model, lacking)]) if lacking.len() else mine


def _looked_up(store: LogStore, model: str, ids: pl.Series, *, confirm: bool = True) -> pl.DataFrame:
    columns = [name for name in input_schema(store, model).names() if name != "recorded_at"]
    return look_up_many(store, INPUTS_PREFIX + model, _ID, ids, columns=columns, confirm=confirm).rows
