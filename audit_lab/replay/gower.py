"""How far decisions are apart by what they were made from: Gower's general coefficient.

Gower, *A general coefficient of similarity and some of its properties* (Biometrics 27, 1971), equations 1 and 2. A
number adds the absolute difference divided by the range, a text or truth value 0 where it is the same and 1 where not;
the distance is the mean over the features that both have, 1 less Gower's similarity. Truth values are taken as
categories: that two both lack something counts as likeness.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.replay.decision_rules import FEATURE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

__all__ = ["Distances", "Scale", "distances", "scale_of"]

_TEXTS = (pl.String, pl.Categorical, pl.Enum, pl.Boolean)


@dataclass(frozen=True)
class Scale:
    """A feature of the decision that others are compared with.

    Parameters
    ----------
    name, unit
        The feature.
    is_number
        Whether differences count by their size; else values are alike or not.
    value
        The decision's own, None where it has none: a number that is missing or not finite, a missing text.
    low, high
        The range of a number among those that are compared, the decision itself included; None for others.
    """

    name: str
    unit: str | None
    is_number: bool
    value: Any
    low: float | None = None
    high: float | None = None

    def over(self, values: pl.Series) -> Scale:
        """Return the scale with its range widened to values that are compared too."""
        if not self.is_number:
            return self
        numbers = _numbers(values)
        finite = numbers[np.isfinite(numbers)]
        known = [each for each in (self.low, self.high) if each is not None]
        known += [float(finite.min()), float(finite.max())] if finite.size else []
        return replace(self, low=min(known), high=max(known)) if known else self

    def parts(self, values: pl.Series) -> NDArray[np.float64]:
        """Return what each value adds to the distance, from 0 to 1; NaN where it cannot be compared."""
        if self.value is None:
            return np.full(values.len(), np.nan)
        if not self.is_number:
            differing = (
                values.cast(pl.String) != str(self.value) if values.dtype != pl.Boolean else values != self.value
            )
            return differing.cast(pl.Float64).to_numpy()
        numbers = _numbers(values)
        width = (self.high or 0.0) - (self.low or 0.0)
        with np.errstate(invalid="ignore"):
            apart = np.abs(numbers - self.value)
        # A number that is the same for all is alike in all.
        parts = apart / width if width > 0 else np.zeros_like(apart)
        return np.where(np.isfinite(numbers), parts, np.nan)


@dataclass(frozen=True)
class Distances:
    """Of each row: the distance (NaN where nothing can be compared), and how many features count and differ."""

    distance: NDArray[np.float64]
    compared: NDArray[np.int64]
    differing: NDArray[np.int64]


def scale_of(name: str, value: Any, dtype: pl.DataType, *, unit: str | None, is_category: bool) -> Scale | None:
    """Return the scale of a feature before its range is known; None where its type cannot be compared.

    Parameters
    ----------
    name, value, dtype, unit
        The feature, the decision's value, its type on record and its unit.
    is_category
        Whether a number only names a category.
    """
    if dtype in _TEXTS or (is_category and dtype.is_integer()):
        return Scale(name, unit, is_number=False, value=value)
    if not (dtype.is_numeric() or dtype == pl.Null):
        return None
    known = isinstance(value, int | float) and math.isfinite(value)
    number = float(value) if known else None
    return Scale(name, unit, is_number=True, value=number, low=number, high=number)


def distances(scales: Sequence[Scale], rows: pl.DataFrame) -> Distances:
    """Return how far rows are from the decision that the scales are of.

    Parameters
    ----------
    scales
        Each feature, its range known.
    rows
        A column for each feature, named with the prefix `FEATURE`.
    """
    total = np.zeros(rows.height)
    compared, differing = (np.zeros(rows.height, dtype=np.int64) for _ in range(2))
    for part in _parts(scales, rows):
        known = ~np.isnan(part)
        total += np.where(known, part, 0.0)
        compared += known
        differing += known & (part > 0)
    with np.errstate(invalid="ignore"):
        return Distances(total / compared, compared, differing)


def _parts(scales: Iterable[Scale], rows: pl.DataFrame) -> Iterable[NDArray[np.float64]]:
    return (scale.parts(rows[FEATURE + scale.name]) for scale in scales)


def _numbers(values: pl.Series) -> NDArray[np.float64]:
    return values.cast(pl.Float64).to_numpy()
