"""Codes for recorded values: SHAP and LIME work on numbers, models on what was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Codes = npt.NDArray[np.float64]

__all__ = ["ColumnCoding", "GroupCoding", "binned", "decode", "distinct", "together"]

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

    def columns(self, codes: Codes) -> list[pl.Series]:
        """Return the recorded values that some codes stand for, as one column."""
        return [_taken(self.values, codes)]


@dataclass(frozen=True)
class GroupCoding:
    """Several features as one code: code `c` stands for the c-th of each of `values`.

    Parameters
    ----------
    values
        A column for each feature, in the recorded dtype.
    row, background
        As in `ColumnCoding`.
    """

    values: tuple[pl.Series, ...]
    row: int
    background: tuple[int, ...]

    def columns(self, codes: Codes) -> list[pl.Series]:
        """Return the recorded values that some codes stand for, a column for each feature."""
        return [_taken(values, codes) for values in self.values]


def distinct(row: pl.Series, background: pl.Series) -> ColumnCoding:
    """Code each distinct value, null among them (and first), by its place in sorted order.

    Missing values need no special treatment then: a null is one more value, and the model sees it as null again.
    """
    if (coded := _distinct_numbers(row, background)) is not None:
        return coded
    both = [*row.to_list(), *background.to_list()]
    present = sorted({value for value in both if value is not None})
    values = [None, *present] if None in both else present
    codes = {value: code for code, value in enumerate(values)}
    first, *others = (codes[value] for value in both)
    return ColumnCoding(pl.Series(row.name, values, dtype=row.dtype), first, tuple(others))


def _distinct_numbers(row: pl.Series, background: pl.Series) -> ColumnCoding | None:
    """Code numbers of which none is missing, quicker; None for others, and for a zero of either sign, which are one."""
    kind = row.dtype
    if not (kind.is_float() or kind.is_integer()) or kind != background.dtype or row.null_count():
        return None
    if background.null_count():
        return None
    both = np.concatenate([row.to_numpy(), background.to_numpy()])
    if np.isnan(both).any() or (np.signbit(both) & (both == 0)).any():
        return None
    values, codes = np.unique(both, return_inverse=True)
    first, *others = codes.tolist()
    return ColumnCoding(pl.Series(row.name, values, dtype=row.dtype), first, tuple(others))


def together(row: pl.DataFrame, background: pl.DataFrame) -> GroupCoding:
    """Code each distinct combination of the values of several features, by the order in which they first stand."""
    codings = [distinct(row[name], background[name]) for name in row.columns]
    combined = [tuple(coding.row for coding in codings), *zip(*(each.background for each in codings), strict=True)]
    known = {combination: code for code, combination in enumerate(dict.fromkeys(combined))}
    places = np.array(list(known), dtype=np.float64)
    values = tuple(_taken(coding.values, places[:, place]) for place, coding in enumerate(codings))
    first, *others = (known[combination] for combination in combined)
    return GroupCoding(values, first, tuple(others))


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


def decode(codings: Sequence[ColumnCoding | GroupCoding], codes: Codes) -> pl.DataFrame:
    """Return the recorded values that a matrix of codes, shape ``(rows, codings)``, stands for."""
    # Turned once, so that each feature's codes lie beside one another.
    places = np.ascontiguousarray(codes.T, dtype=np.uint32)
    return pl.DataFrame([each for coding, own in zip(codings, places, strict=True) for each in coding.columns(own)])


def _taken(values: pl.Series, codes: Codes) -> pl.Series:
    places = codes.astype(np.uint32, copy=False)
    if values.dtype.is_numeric() and not values.null_count():  # by numpy: polars plans a query for each column
        return pl.Series(values.name, values.to_numpy()[places], dtype=values.dtype)
    return values.gather(places)


def _quantile(values: pl.Series, share: float) -> float:
    found = values.quantile(share, "lower")
    return float(found) if found is not None else float("nan")


def _bin(value: float | None, edges: Sequence[float]) -> int:
    """Return 0 for missing, else 1 + the number of edges below the value."""
    return 0 if value is None else 1 + sum(value > edge for edge in edges)
