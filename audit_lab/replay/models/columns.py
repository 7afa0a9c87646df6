"""Recorded columns as numbers: what every booster takes, and nothing that a copy could be saved of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from audit_lab.replay.models.scorer import Scorer
    from audit_lab.replay.signature import Feature

__all__ = ["category_codes", "count_unseen", "matrix", "numeric"]


def matrix(scorer: Scorer, frame: pl.DataFrame, dtype: type[np.floating[Any]]) -> npt.NDArray[Any]:
    """Return the features as one matrix, shape ``(rows, features)``, column by column in memory.

    Text is its position in the signature's categories; missing and unknown values are NaN. What is unknown is counted
    in ``scorer.unseen``.
    """
    features = scorer.signature.features
    columns = np.empty((len(features), frame.height), dtype)
    for place, feature in enumerate(features):
        values = frame[feature.name]
        if feature.dtype == "str":
            columns[place] = category_codes(scorer, feature, values)
        else:
            columns[place] = numeric(values)
    return columns.T


def numeric(values: pl.Series) -> npt.NDArray[np.float64]:
    """Return a number or truth value as float64; null is NaN."""
    if values.dtype != pl.Float64:
        values = values.cast(pl.Float64)
    return values.to_numpy()


def category_codes(
    scorer: Scorer, feature: Feature, values: pl.Series, categories: Sequence[str] | None = None
) -> npt.NDArray[np.float64]:
    """Return each value's position in the categories as float64; NaN for null and for what is not among them."""
    known = list(feature.categories or () if categories is None else categories)
    if values.dtype != pl.String:
        values = values.cast(pl.String)
    codes = values.cast(pl.Enum(known), strict=False).to_physical() if known else pl.Series([None] * values.len())
    unseen = codes.null_count() - values.null_count()
    if unseen:
        scorer.unseen[feature.name] = unseen
    return codes.cast(pl.Float64).to_numpy()


def count_unseen(scorer: Scorer, frame: pl.DataFrame) -> None:
    """Count, in ``scorer.unseen``, the values that are in none of the categories that the signature lists."""
    for feature in scorer.signature.features:
        if feature.categories is not None:
            category_codes(scorer, feature, frame[feature.name])
