"""The inputs of the predictions of a page: from where these stand, or looked up by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.index.batch_lookup import look_up_many
from audit_lab.log.schema import INPUTS_PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from audit_lab.log.browse.columns import BrowsedColumn
    from audit_lab.log.browse.stored_rows import StoredRows
    from audit_lab.log.store import LogStore

__all__ = ["inputs_by_id", "inputs_by_number"]

_ID = "prediction_id"


def inputs_by_number(inputs: StoredRows, numbers: NDArray[np.int64], features: Sequence[BrowsedColumn]) -> pl.DataFrame:
    """Return inputs by the numbers of their predictions: both tables must hold the same ids in the same order.

    Raises
    ------
    LogError
        The log cannot be read.
    """
    columns = [pl.col(each.feature).cast(each.dtype).alias(each.name) for each in features if each.feature is not None]
    return inputs.read(numbers, columns)


def inputs_by_id(
    store: LogStore, models: Sequence[str], predictions: pl.DataFrame, features: Sequence[BrowsedColumn]
) -> pl.DataFrame:
    """Return the inputs of some predictions, row by row; null where one has none, or where its id stands twice.

    Parameters
    ----------
    store, models
        The log, and the models whose inputs are looked up.
    predictions
        ``__id__`` and ``__model__`` of each.
    features
        The inputs that are wanted.

    Raises
    ------
    LogError
        The log cannot be read.
    """
    found = [
        _of_model(store, model, predictions.filter(pl.col("__model__") == model)["__id__"], features)
        for model in models
        if (predictions["__model__"] == model).any()
    ]
    empty = {each.name: pl.lit(None, dtype=each.dtype).alias(each.name) for each in features}
    if not found:
        return predictions.with_columns(**empty).select(*empty)
    known = pl.concat(found)
    joined = predictions.select("__id__", "__model__").join(
        known, on=["__id__", "__model__"], how="left", maintain_order="left", validate="m:1"
    )
    return joined.select(*empty)


def _of_model(store: LogStore, model: str, ids: pl.Series, features: Sequence[BrowsedColumn]) -> pl.DataFrame:
    names = [each.feature for each in features if each.feature is not None]
    found = look_up_many(store, INPUTS_PREFIX + model, _ID, ids, columns=names, confirm=False).rows
    there = found.unique(subset=[_ID], keep="none")
    shown = [
        (pl.col(each.feature) if each.feature in there.columns else pl.lit(None)).cast(each.dtype).alias(each.name)
        for each in features
    ]
    return there.select(pl.col(_ID).alias("__id__"), pl.lit(model).alias("__model__"), *shown)
