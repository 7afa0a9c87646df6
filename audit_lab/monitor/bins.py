"""Bins made from the reference: quantiles of numbers, categories of text, each with its reference counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from audit_lab.monitor.measures.quality import are_numbers
from audit_lab.seal.hidden_letters import spelling_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "MISSING",
    "MOST_VALUES",
    "NEW",
    "OTHER",
    "Bins",
    "CategoryBins",
    "NumericBins",
    "marked_ranks",
    "moments",
    "number",
]

#: Quantile bins of a numeric column, besides those below and above everything the reference has.
QUANTILE_BINS = 10
#: A numeric column with more distinct values than this in the reference is counted between its percentiles.
MOST_VALUES = 10_000
_PERCENTILES = 100
#: Categories rarer than this in the reference share one bin.
RARE_SHARE = 0.005
#: ... and so do those with fewer rows, of which many are frequent there by chance only.
RARE_ROWS = 10
#: In a reference of few rows, those below this share only.
RARE_PART = 0.05

MISSING = "(missing)"
NEW = "(new)"
OTHER = "(other)"

_LARGEST_WHOLE = 1e15


@dataclass(frozen=True, eq=False)
class NumericBins:
    """Quantile bins of a numeric column, upper edges included, and the cells that they are unions of.

    Parameters
    ----------
    column
        The column.
    values
        The distinct values of the reference, ascending, float64; where `marked`, only some of them.
    value_rows
        How many reference rows have each value, int64, same shape; where `marked`, how many lie above the value before
        and not above this one.
    missing_rows
        Reference rows that are null or NaN.
    marked
        Whether the reference has so many values that only its percentiles are kept.
    mean, deviation
        Mean and standard deviation of the reference's finite values; None without any, or where they overflow.
    whole
        Whether every finite value of the reference is a whole number.

    Notes
    -----
    A *cell* is one distinct reference value, or one gap before, between or after them: with k values there are
    2k + 1 cells, in ascending order. Counts by cell give the bins and the exact Kolmogorov-Smirnov statistic
    without a second look at the values. Where `marked`, the gaps between values belong to the value after them, and
    the statistic, taken at the percentiles only, is at most 0.01 too small.
    """

    column: str
    values: NDArray[np.float64]
    value_rows: NDArray[np.int64]
    missing_rows: int
    marked: bool = False
    mean: float | None = None
    deviation: float | None = None
    whole: bool = False

    kind: Literal["numeric"] = "numeric"

    @classmethod
    def of_counts(
        cls, column: str, values: NDArray[np.float64], rows: NDArray[np.int64], missing_rows: int
    ) -> NumericBins:
        """Return the bins of a reference that has these distinct values, ascending, so many rows of each."""
        values = values + 0.0  # of 0.0 and -0.0, which are one value, engines return either
        mean, deviation = moments(values, rows)
        finite = values[np.isfinite(values)]
        whole = bool(finite.size) and bool((finite == np.floor(finite)).all())
        if values.size <= MOST_VALUES:
            return cls(column, values, rows, missing_rows, False, mean, deviation, whole)  # noqa: FBT003 - in order
        cumulated = np.cumsum(rows)
        places = np.searchsorted(cumulated, marked_ranks(int(cumulated[-1])))
        return cls.of_marks(column, values[places], cumulated[places], missing_rows, (mean, deviation, whole))

    @classmethod
    def of_marks(
        cls,
        column: str,
        values: NDArray[np.float64],
        upto: NDArray[np.int64],
        missing_rows: int,
        usual: tuple[float | None, float | None, bool],
    ) -> NumericBins:
        """Return the bins of a reference with very many values from those of its `marked_ranks`.

        Parameters
        ----------
        column
            The column.
        values, upto
            The value of each rank, and how many values are no greater.
        missing_rows
            How many are missing.
        usual
            Mean and standard deviation of the finite values, and whether all of them are whole numbers.
        """
        marks, places = np.unique(values + 0.0, return_index=True)
        return cls(column, marks, np.diff(upto[places], prepend=0), missing_rows, True, *usual)  # noqa: FBT003 - in order

    @property
    def distinct(self) -> int:
        """How many distinct values the reference has."""
        return int(self.values.size)

    @cached_property
    def edges(self) -> NDArray[np.float64]:
        """Inner upper edges, each a value of the reference; the last bin ends at the reference's largest value."""
        if self.values.size <= QUANTILE_BINS:
            return self.values[:-1]
        cumulated = np.cumsum(self.value_rows)
        targets = cumulated[-1] * np.arange(1, QUANTILE_BINS) / QUANTILE_BINS
        chosen = self.values[np.searchsorted(cumulated, targets)]
        return np.unique(chosen[chosen < self.values[-1]])

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Names of the bins in order: below, the quantile bins, above, missing."""
        if not self.values.size:
            return ("any value", MISSING)
        for text in (number, repr):
            uppers = [text(float(edge)) for edge in [*self.edges, self.values[-1]]]
            if len(set(uppers)) == len(uppers):
                break
        lowest = text(float(self.values[0]))
        named = []
        for position, upper in enumerate(uppers):
            lower = lowest if position == 0 else uppers[position - 1]
            held = (self.bin_of_cell[1::2] == position + 1).sum()
            named.append(upper if held == 1 else f"{lower} \N{EN DASH} {upper}")
        return (f"below {lowest}", *named, f"above {uppers[-1]}", MISSING)

    @cached_property
    def bin_of_cell(self) -> NDArray[np.int64]:
        """Which bin each of the 2k + 1 cells belongs to."""
        if not self.values.size:
            return np.zeros(1, dtype=np.int64)
        bins = np.empty(2 * self.values.size + 1, dtype=np.int64)
        bins[0] = 0
        bins[1::2] = 1 + np.searchsorted(self.edges, self.values, side="left")
        bins[2::2] = 1 + np.searchsorted(self.edges, self.values, side="right")
        bins[-1] = self.edges.size + 2
        return bins

    @cached_property
    def reference_cells(self) -> NDArray[np.int64]:
        """Reference rows by cell; the gaps have none."""
        cells = np.zeros(2 * self.values.size + 1, dtype=np.int64)
        cells[1::2] = self.value_rows
        return cells

    @cached_property
    def cumulated_cells(self) -> NDArray[np.int64]:
        """Reference rows up to and with each cell."""
        return np.cumsum(self.reference_cells)

    @cached_property
    def reference_counts(self) -> NDArray[np.int64]:
        """Reference rows by bin, missing last."""
        return self.binned(self.reference_cells, self.missing_rows)

    @property
    def median(self) -> float | None:
        """The lower median of the reference, or None where it has no value."""
        if not self.values.size:
            return None
        cumulated = np.cumsum(self.value_rows)
        return float(self.values[np.searchsorted(cumulated, cumulated[-1] / 2)])

    def binned(self, cells: NDArray[np.int64], missing_rows: int) -> NDArray[np.int64]:
        """Sum counts by cell into counts by bin, missing last."""
        counts = np.bincount(self.bin_of_cell, weights=cells, minlength=len(self.labels) - 1)
        return np.append(counts.astype(np.int64), missing_rows)

    def cells_of(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the cell of each value, none of them missing."""
        below = np.searchsorted(self.values, values, side="left")
        return below + np.searchsorted(self.values, values, side="right")

    @spelling_text
    def describe(self) -> str:
        """Say how the bins were made."""
        return (
            f"{self.column}: {len(self.labels) - 3} quantile bins of the reference, upper edges included, and one each "
            "below, above and for missing values"
            if self.values.size
            else f"{self.column}: the reference has no value; any value against missing"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what defines the bins and their reference counts, JSON-safe."""
        return {
            "column": self.column,
            "kind": self.kind,
            "edges": [repr(float(edge)) for edge in self.edges],
            "bins": list(self.labels),
            "rows": self.reference_counts.tolist(),
        }


@dataclass(frozen=True, eq=False)
class CategoryBins:
    """Bins of a text or boolean column: one for each category of the reference that is not rare.

    Parameters
    ----------
    column
        The column.
    categories
        Categories of the reference, most frequent first (ties by name).
    category_rows
        How many reference rows have each, int64, same length.
    missing_rows
        Reference rows that are null.
    """

    column: str
    categories: tuple[str, ...]
    category_rows: NDArray[np.int64]
    missing_rows: int

    kind: Literal["categorical"] = "categorical"

    @property
    def distinct(self) -> int:
        """How many categories the reference has."""
        return len(self.categories)

    @cached_property
    def named(self) -> int:
        """How many categories have a bin of their own; the rarer ones share one."""
        rows = int(self.category_rows.sum()) + self.missing_rows
        return int((self.category_rows >= max(RARE_SHARE * rows, min(RARE_ROWS, RARE_PART * rows))).sum())

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Names of the bins in order: the categories, other, new, missing."""
        special = (OTHER, NEW, MISSING)
        shown = (repr(name) if name in special else name for name in self.categories[: self.named])
        return (*shown, *special)

    @cached_property
    def index(self) -> dict[str, int]:
        """Which bin each category of the reference belongs to; any other category is new."""
        return {name: min(position, self.named) for position, name in enumerate(self.categories)}

    @cached_property
    def numbers(self) -> bool | None:
        """Whether every category of the reference is a number written as text, or none (False); None where mixed."""
        if not self.categories:
            return None
        marks = are_numbers(pl.Series(self.categories, dtype=pl.String))
        return True if marks.all() else None if marks.any() else False

    @cached_property
    def reference_counts(self) -> NDArray[np.int64]:
        """Reference rows by bin: categories, other, new (none), missing."""
        own = self.category_rows[: self.named]
        return np.array([*own, self.category_rows[self.named :].sum(), 0, self.missing_rows], dtype=np.int64)

    def bin_of(self, categories: Sequence[str]) -> NDArray[np.int64]:
        """Return the bin of each category."""
        new = self.named + 1
        return np.array([self.index.get(category, new) for category in categories], dtype=np.int64)

    @spelling_text
    def describe(self) -> str:
        """Say how the bins were made."""
        rare = len(self.categories) - self.named
        others = f", {rare} rarer than {RARE_SHARE:.1%} or {RARE_ROWS} rows together as {OTHER}" if rare else ""
        return f"{self.column}: {self.named} categories of the reference{others}, and one bin each for new and missing"

    def to_dict(self) -> dict[str, Any]:
        """Return what defines the bins and their reference counts, JSON-safe."""
        return {
            "column": self.column,
            "kind": self.kind,
            "categories": list(self.categories),
            "bins": list(self.labels),
            "rows": self.reference_counts.tolist(),
        }


Bins = NumericBins | CategoryBins


def moments(values: NDArray[np.float64], rows: NDArray[np.int64]) -> tuple[float | None, float | None]:
    """Return mean and standard deviation of values that occur so many times each, the finite ones.

    ``sum(n x) / sum(n)`` and ``sqrt(sum(n (x - mean)^2) / sum(n))``; None without values, or where they overflow.
    """
    finite = np.isfinite(values)
    some, counts = values[finite], rows[finite]
    total = int(counts.sum())
    if not total:
        return None, None
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(np.sum(some * counts) / total)
        deviation = float(np.sqrt(np.sum(counts * (some - mean) ** 2) / total))
    return (mean, deviation) if np.isfinite(mean) and np.isfinite(deviation) else (None, None)


def marked_ranks(count: int) -> NDArray[np.int64]:
    """Return the ranks, from 1, of the least of so many values and of their percentiles, ascending."""
    ranks = np.ceil(count * np.arange(1, _PERCENTILES + 1) / _PERCENTILES).astype(np.int64)
    return np.append(1, ranks)


def number(value: float) -> str:
    """Write a number for people: whole numbers with separators, others with four significant digits."""
    if value == round(value) if np.isfinite(value) and abs(value) < _LARGEST_WHOLE else False:
        return f"{value:,.0f}"
    return f"{value:,.4g}"
