"""Which features questions over windows can be asked of: numbers and texts are, and others are left out and named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["is_measured", "is_readable", "left_out"]


def is_measured(dtype: pl.DataType) -> bool:
    """Return whether drift is measured of a type: numbers, texts and truth values, or nothing at all."""
    return dtype.is_numeric() or isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Boolean | pl.Null)


def is_readable(dtype: pl.DataType) -> bool:
    """Return whether a type can be read as a number or as a text: what `is_measured` is of, and dates and times."""
    return is_measured(dtype) or isinstance(dtype, pl.Date | pl.Datetime | pl.Time)


def left_out(dtypes: Mapping[str, pl.DataType]) -> tuple[str, ...]:
    """Return what must be said of features that are left out."""
    named = ", ".join(f"{name} ({dtype})" for name, dtype in dtypes.items())
    return (f"features that are neither numbers nor texts are left out: {named}",) if dtypes else ()
