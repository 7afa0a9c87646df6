"""Levels: a feature's values cut into a few named groups, by the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Levels", "levels_of"]

#: A number has so many levels of about as many rows of the reference each, or one for each value where it has so few.
_BINS = 5
#: A text has so many levels at most; the others are one together.
_MOST = 30


@dataclass(frozen=True, eq=False)
class Levels:
    """One feature's levels.

    Attributes
    ----------
    feature
        Its name.
    labels
        What each level is called.
    conditions
        What `AuditLog.find` takes for its rows, with ``{0}`` in the place of the feature; None where it cannot.
    codes
        The level of each row, int64, shape (rows,).
    """

    feature: str
    labels: tuple[str, ...]
    conditions: tuple[str | None, ...]
    codes: NDArray[np.int64]


def levels_of(values: pl.Series, reference: NDArray[np.bool_]) -> Levels:
    """Cut a feature into levels.

    Parameters
    ----------
    values
        Text or float64; NaN and nulls are a level of their own, infinities belong to the outer levels.
    reference
        Which rows give the cuts; categories are taken from all rows.
    """
    missing = values.is_null() | (values.is_nan().fill_null(value=False) if values.dtype == pl.Float64 else False)
    if values.dtype == pl.Float64:
        labels, conditions, codes = _numbers(values, missing, reference)
    else:
        labels, conditions, codes = _texts(values)
    gone = missing.to_numpy()
    codes = np.where(gone, len(labels), codes)
    return Levels(values.name, (*labels, "missing"), (*conditions, "{0} is null"), codes)


def _numbers(
    values: pl.Series, missing: pl.Series, reference: NDArray[np.bool_]
) -> tuple[list[str], list[str | None], NDArray[np.int64]]:
    array = values.fill_null(float("nan")).to_numpy()
    usual = array[reference & np.isfinite(array)]
    distinct = np.unique(usual)
    if not distinct.size:
        return ["any value"], ["{0} is not null"], np.zeros(array.size, np.int64)
    if distinct.size <= _BINS:
        edges = (distinct[1:] + distinct[:-1]) / 2
        edges = edges[edges < distinct[1:]]
    else:
        edges = np.unique(np.quantile(usual, np.arange(1, _BINS) / _BINS, method="lower"))
    labels, conditions = [], []
    for place in range(edges.size + 1):
        low = None if place == 0 else float(edges[place - 1])
        high = None if place == edges.size else float(edges[place])
        labels.append(" to ".join(["" if low is None else f"> {low:.6g}", "" if high is None else f"<= {high:.6g}"]))
        parts = [f"{{0}} > {low!r}" if low is not None else "", f"{{0}} <= {high!r}" if high is not None else ""]
        conditions.append(" and ".join(part for part in parts if part) or "{0} is not null")
    shown = [label.strip().removeprefix("to ").removesuffix(" to").strip() or "any value" for label in labels]
    return shown, list(conditions), np.searchsorted(edges, np.where(missing.to_numpy(), 0.0, array)).astype(np.int64)


def _texts(values: pl.Series) -> tuple[list[str], list[str | None], NDArray[np.int64]]:
    counts = values.drop_nulls().value_counts(name="__rows__").sort("__rows__", values.name, descending=[True, False])
    names = sorted(counts[values.name].head(_MOST).to_list())
    codes = values.replace_strict(names, list(range(len(names))), default=len(names), return_dtype=pl.Int64).to_numpy()
    conditions: list[str | None] = []
    for name in names:
        literal = name.replace("'", "''").replace("{", "{{").replace("}", "}}")
        conditions.append(f"{{0}} = '{literal}'")
    return [*names, "(others)"], [*conditions, None], codes
