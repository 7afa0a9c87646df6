"""Codes for recorded values: SHAP and LIME work on numbers, models on what was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["ColumnCoding", "binned", "decode", "distinct"]

_BINS = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class ColumnCoding:
    """One feature as codes: code `c` stands for ``values[c]``, which may be null.

    Parameters
    ----------
    values
        What each code is decoded to, in the recorded dtype.
    row
        The code of the explained decision.
    background
        The code of each background row, shape ``(rows,)``.
    """

    values: pl.Series
    row: int
    background: tuple[int, ...]


def distinct(row: pl.Series, background: pl.Series) -> ColumnCoding:
    """Code each distinct value, null among them (and first), by its place in sorted order.

    Missing values need no special treatment then: a null is one more value, and the model sees it as null again.
    """
    both = pl.concat([row, background])
    values = both.unique().sort(nulls_last=False)
    codes = {value: code for code, value in enumerate(values.to_list())}
    first, *others = (codes[value] for value in both.to_list())
    return ColumnCoding(values, first, tuple(others))


def binned(row: pl.Series, background: pl.Series) -> ColumnCoding:
    """Code a numeric feature with missing values: one code for missing, one for each quartile bin of the background.

    A bin is decoded to the median of its background values (the lower one of two), the decision's own bin to the
    decision's value.
    """
    present = background.drop_nulls()
    edges = sorted({_quantile(present, share) for share in _BINS}) if present.len() else []
    bins = [_bin(value, edges) for value in background.to_list()]
    own = _bin(row.item(), edges)
    members = pl.DataFrame({"bin": bins, "value": background}).drop_nulls().sort("value")
    medians = dict(members.group_by("bin").agg(pl.col("value").quantile(0.5, "lower")).rows())
    medians[own] = row.item()
    values = pl.Series(row.name, [medians.get(code) for code in range(len(edges) + 2)], dtype=row.dtype, strict=False)
    return ColumnCoding(values, own, tuple(bins))


def decode(codings: Sequence[ColumnCoding], codes: npt.NDArray[np.float64]) -> pl.DataFrame:
    """Return the recorded values that a matrix of codes, shape ``(rows, features)``, stands for."""
    return pl.DataFrame(
        [coding.values.gather(codes[:, place].astype(np.uint32)) for place, coding in enumerate(codings)]
    )


def _quantile(values: pl.Series, share: float) -> float:
    found = values.quantile(share, "lower")
    return float(found) if found is not None else float("nan")


def _bin(value: float | None, edges: Sequence[float]) -> int:
    """Return 0 for missing, else 1 + the number of edges below the value."""
    return 0 if value is None else 1 + sum(value > edge for edge in edges)
