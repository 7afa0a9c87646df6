"""What a feature's contribution was at each of its values: in cells that stay few, however many rows come.

Cells of numbers are ranges of neighbouring floats (or integers): all whose leading bits are the same. As long as there
are at most 1,024 different numbers, each has a cell of its own; beyond, one bit after the other is dropped until the
cells are few again (the uniform collapse of Epicoco and others, *UDDSketch* (2020), with the number's own exponent in
place of a logarithm). Which cells there are in the end depends on the values alone, and not on their order.

Texts have a cell each, up to 200 beyond the categories that the model knows. Of more, those are kept whose SHA-256 is
smallest, so that which ones they are does not depend on the order either; the rest is counted as others.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.explain.cohorts.moments import GroupedMoments

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]
    Whole = npt.NDArray[np.int64]

__all__ = ["Cells", "NumberCells", "TextCells", "cells_for"]

_MOST_CELLS = 1_024
_MOST_TEXTS = 200
_SIGN = np.int64(-(2**63))
_BITS = 64
_ONE = np.zeros(1, np.int64)


class Cells(ABC):
    """What both kinds have in common: where the value is missing is a cell of its own.

    Attributes
    ----------
    missing
        Its moments, in one group; None where no value was.
    """

    def __init__(self) -> None:
        self.missing: GroupedMoments | None = None
        #: Whether a missing value was NaN, which a search does not find as missing.
        self.has_nan = False

    def add(self, inputs: pl.Series, contributions: Numbers) -> None:
        """Count a block: recorded values, and what each contributed."""
        if inputs.dtype.is_float():
            self.has_nan = self.has_nan or bool(inputs.is_nan().any())
            inputs = inputs.fill_nan(None)
        null = inputs.is_null().to_numpy()
        if null.any():
            values = contributions[null]
            zeros = np.zeros(len(values), np.int64)
            block = GroupedMoments.of(zeros, values, zeros)
            self.missing = block if self.missing is None else self.missing.merged(block)
        if not null.all():
            self._add_present(inputs.drop_nulls(), contributions[~null])

    @abstractmethod
    def _add_present(self, inputs: pl.Series, contributions: Numbers) -> None:
        """Count a block in which no value is missing."""


class NumberCells(Cells):
    """Cells of a numeric feature.

    Attributes
    ----------
    groups
        The cells in order of their values, with the smallest and the largest value of each; None of no value.
    dropped
        How many bits of the values a cell disregards; 0: each value has its own.
    """

    def __init__(self, most: int = _MOST_CELLS) -> None:
        super().__init__()
        self._most = most
        self.groups: GroupedMoments | None = None
        self.dropped = 0

    def _add_present(self, inputs: pl.Series, contributions: Numbers) -> None:
        numbers = inputs.cast(pl.Int64 if inputs.dtype.is_integer() else pl.Float64).to_numpy()
        block = GroupedMoments.of(_in_order(numbers) >> self.dropped, contributions, numbers)
        groups = block if self.groups is None else self.groups.merged(block)
        drop = _bits_too_many(groups.keys, self._most)
        if drop:
            groups = groups.grouped(groups.keys >> drop)
            self.dropped += drop
        self.groups = groups


class TextCells(Cells):
    """Cells of a feature of texts or truth values.

    Parameters
    ----------
    known
        Categories that are always kept: those that the model knows.

    Attributes
    ----------
    groups
        By text.
    others
        What is not kept, in one group; None where all is.
    """

    def __init__(self, known: Sequence[str] = (), most: int = _MOST_TEXTS) -> None:
        super().__init__()
        self._known = frozenset(known)
        self._most = most
        self._below: bytes | None = None
        self.groups: dict[str, GroupedMoments] = {}
        self.others: GroupedMoments | None = None

    def _add_present(self, inputs: pl.Series, contributions: Numbers) -> None:
        texts = inputs.cast(pl.String)
        names = texts.unique().sort()
        codes = texts.to_frame("text").join(
            names.to_frame("text").with_row_index("code"), on="text", how="left", maintain_order="left"
        )["code"]
        keys = codes.to_numpy().astype(np.int64)
        block = GroupedMoments.of(keys, contributions, keys)
        for place, name in enumerate(names.to_list()):
            cell = block.only(np.array([place]))
            if self._is_over(name):
                self._to_others(cell)
            else:
                self.groups[name] = _together(self.groups.get(name), cell)
        free = [name for name in self.groups if name not in self._known]
        if len(free) > self._most:
            free.sort(key=_rank)
            self._below = _rank(free[self._most])
            for name in sorted(free[self._most :]):
                self._to_others(self.groups.pop(name))

    def _is_over(self, name: str) -> bool:
        return self._below is not None and name not in self._known and _rank(name) >= self._below

    def _to_others(self, cell: GroupedMoments) -> None:
        self.others = _together(self.others, cell)


def cells_for(dtype: pl.DataType, known: Sequence[str] = ()) -> Cells:
    """Return empty cells for a recorded column."""
    return NumberCells() if dtype.is_numeric() else TextCells(known)


def _together(one: GroupedMoments | None, other: GroupedMoments) -> GroupedMoments:
    """Merge two single groups, whatever their keys were."""
    if one is None:
        return other
    merged = one.grouped(_ONE).merged(other.grouped(_ONE))
    return merged.grouped(np.zeros(len(merged.keys), np.int64))


def _in_order(numbers: npt.NDArray[np.generic]) -> Whole:
    """Return integers in the order of numbers that are all finite or infinite: floats by their bits (IEEE 754)."""
    if numbers.dtype == np.int64:
        return numbers.astype(np.int64, copy=False)
    floats = numbers.astype(np.float64, copy=False) + 0.0  # no negative zero, which would stand beside the other
    bits = floats.view(np.int64)
    return np.where(bits < 0, _SIGN - bits - 1, bits)


def _bits_too_many(keys: Whole, most: int) -> int:
    """Return how many more bits must be dropped until at most so many ascending keys are left."""
    if len(keys) <= most:
        return 0
    low, high = 1, _BITS - 1
    while low < high:
        middle = (low + high) // 2
        shifted = keys >> middle
        if int((shifted[1:] != shifted[:-1]).sum()) + 1 <= most:
            high = middle
        else:
            low = middle + 1
    return low


def _rank(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
