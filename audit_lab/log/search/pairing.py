"""How predictions and their inputs belong together: ids that stand twice, and rows that stand in the same order.

A writer appends a prediction and its inputs together, so their tables mostly hold the same ids in the same order. Where
that was checked, row by row, they can be read side by side in bounded memory; elsewhere they are joined by id.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, overload

import polars as pl

from audit_lab.log.engines.answers import collected
from audit_lab.log.files.reading import collect, reading
from audit_lab.log.index.shelf import derived
from audit_lab.log.schema import INPUTS_PREFIX

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audit_lab.log.store import LogStore

__all__ = ["Order", "id_hash", "order_of", "repeated_ids", "repeated_inputs"]

_ID = "prediction_id"
_SEED = 7


def repeated_ids(store: LogStore, table: str) -> pl.Series:
    """Return the prediction ids that stand in more than one place of a table, sorted.

    On polars this takes eight bytes of memory for each row, whatever the ids; other engines group by id.

    Raises
    ------
    LogError
        The table cannot be read.
    """
    return derived(store, ("repeated ids", table), (table,), lambda: _repeated(store, table))


class Order(Enum):
    """How the rows of a model's predictions and of its inputs follow one another."""

    #: Not the same ids in the same order, or some id twice.
    APART = "apart"
    #: The same ids in the same order, where predictions of other models are left out.
    WITHOUT_OTHERS = "without others"
    #: The same ids in the same order; there are no predictions of other models.
    SAME = "same"


def repeated_inputs(store: LogStore, model: str) -> pl.Series:
    """Return the prediction ids that stand in more than one place of a model's inputs, sorted.

    Raises
    ------
    LogError
        The table cannot be read.
    """
    if order_of(store, model) is Order.APART:
        return repeated_ids(store, INPUTS_PREFIX + model)
    return pl.Series(_ID, [], dtype=pl.String)


def id_hash() -> pl.Expr:
    """Return the short hash by which ids are told apart; two ids may share one."""
    return pl.col(_ID).hash(_SEED)


def order_of(store: LogStore, model: str) -> Order:
    """Return how the predictions of a model and its inputs follow one another, found by comparing every id.

    Raises
    ------
    LogError
        One of the tables cannot be read.
    """
    tables = ("predictions", INPUTS_PREFIX + model)
    return derived(store, ("order", model), tables, lambda: _order_of(store, model))


def _order_of(store: LogStore, model: str) -> Order:
    table = INPUTS_PREFIX + model
    rows = store.source.tables()
    if rows.get("predictions", 0) < rows.get(table, 0) or not rows.get(table, 0):
        return Order.APART
    every = store.table("predictions")
    predictions = every.filter(pl.col("model_name") == model).select(_ID)
    inputs = store.table(table).select(pl.col(_ID).alias("of_inputs"))
    what = f"the predictions and inputs of {store.location}"
    total, own, others = (collect(frame.select(pl.len()), what).item() for frame in (every, predictions, inputs))
    if own != others:
        return Order.APART
    order = Order.SAME if own == total else Order.WITHOUT_OTHERS
    # Where the ids are the same in both tables, those of the predictions, which everybody asks for, tell of both.
    counted = "predictions" if order is Order.SAME else table
    beside = pl.concat([predictions, inputs], how="horizontal")
    differ = pl.col(_ID).ne_missing(pl.col("of_inputs")) | pl.col(_ID).is_null()
    hashes = _hashes(beside, own, what, differ)
    if hashes is None:
        return Order.APART
    twice = derived(store, ("repeated ids", counted), (counted,), lambda: _repeated_by_hash(store, counted, hashes))
    return order if twice.is_empty() else Order.APART


def _repeated(store: LogStore, table: str) -> pl.Series:
    if store.engine.name != "polars":
        import narwhals as nw

        counted = (
            store.frame(table, columns=(_ID,)).group_by(_ID).agg(nw.len().alias("rows")).filter(nw.col("rows") > 1)
        )
        return collected(counted.select(_ID), f"the {table} of {store.location}")[_ID].sort()
    return _repeated_by_hash(store, table)


def _repeated_by_hash(store: LogStore, table: str, hashes: NDArray[np.uint64] | None = None) -> pl.Series:
    """Sort a short hash of each id; only ids whose hash stands twice are compared themselves."""
    ids = store.table(table).select(_ID).drop_nulls()
    what = f"the {table} of {store.location}"
    if hashes is None:
        hashes = _hashes(ids, store.source.tables().get(table, 0), what)
    hashes.sort()
    twice = hashes[1:][hashes[1:] == hashes[:-1]]
    if not twice.size:
        return pl.Series(_ID, [], dtype=pl.String)
    suspects = ids.filter(id_hash().is_in(pl.Series(twice).unique().implode()))
    return collect(suspects.group_by(_ID).len().filter(pl.col("len") > 1), what)[_ID].sort()


@overload
def _hashes(ids: pl.LazyFrame, rows: int, what: str) -> NDArray[np.uint64]: ...


@overload
def _hashes(ids: pl.LazyFrame, rows: int, what: str, unless: pl.Expr) -> NDArray[np.uint64] | None: ...


def _hashes(ids: pl.LazyFrame, rows: int, what: str, unless: pl.Expr | None = None) -> NDArray[np.uint64] | None:
    """Return a hash of each id; None, where a condition is given, as soon as a row meets it."""
    import numpy as np

    hashes: NDArray[Any] = np.empty(rows, dtype=np.uint64)
    count = 0
    columns = [id_hash()] if unless is None else [id_hash(), unless.alias("unless")]
    with reading(what):
        for batch in ids.select(columns).collect_batches(engine="streaming"):
            if unless is not None and batch["unless"].any():
                return None
            read = batch[_ID].to_numpy()
            if count + read.size > hashes.size:
                # The manifest's count of rows is the log's word: a file may hold more.
                hashes = np.concatenate([hashes[:count], np.empty(read.size + count, dtype=np.uint64)])
            hashes[count : count + read.size] = read
            count += read.size
    return hashes[:count]
