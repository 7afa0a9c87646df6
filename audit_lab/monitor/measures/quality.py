"""Rates that say whether values are there, are of their kind and in their range, and whether they still vary."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "are_numbers",
    "duplicate_rate",
    "has_frozen",
    "missing_rate_change",
    "out_of_range_rate",
    "type_violation_rate",
    "volume_ratio",
]


def missing_rate_change(reference_missing: int, reference_rows: int, missing: int, rows: int) -> float:
    """Return by how much the share of missing values has risen.

    ``missing / rows - reference_missing / reference_rows``. Range [-1, 1], a share of rows; NaN and null are missing.

    Parameters
    ----------
    reference_missing, reference_rows, missing, rows
        Counts; both sides need at least one row.

    Notes
    -----
    The difference of two proportions: Agresti, *Categorical Data Analysis* (2013), section 2.2.
    """
    return missing / rows - reference_missing / reference_rows


def out_of_range_rate(below: int, above: int, values: int) -> float | None:
    """Return the share of values below the reference's lowest or above its highest; None without values.

    ``(below + above) / values``. Range [0, 1], a share of the values that are not missing.

    Notes
    -----
    The range constraint of Breck et al., *Data Validation for Machine Learning* (2019), section 3. Without drift about
    ``2 / (reference values + 1)`` of the values of a continuous column lie outside.
    """
    return (below + above) / values if values else None


def type_violation_rate(violations: int, values: int) -> float | None:
    """Return the share of values that are of another kind than all of the reference's; None without values.

    ``violations / values``. Range [0, 1], a share of the values that are not missing. In a numeric column whose
    reference holds whole numbers only, a fraction is of another kind; in a text column whose reference holds
    numbers only, written as text, any text that is no number; and where none of it is a number, any number.

    Notes
    -----
    The type constraint of Breck et al., *Data Validation for Machine Learning* (2019), section 3.
    """
    return violations / values if values else None


def duplicate_rate(rows: int, distinct: int) -> float | None:
    """Return the share of rows whose measured values all stand in another row of the window already; None without rows.

    ``(rows - distinct) / rows``. Range [0, 1), a share of rows. Between windows of different sizes it compares badly:
    more rows repeat one another more.

    Notes
    -----
    The complement of uniqueness, ISO/IEC 25024:2015, measure "inconsistent duplication" (Con-I-4) at the level of rows.
    """
    return (rows - distinct) / rows if rows else None


def has_frozen(reference_distinct: int, distinct: int, values: int, fewest: int) -> bool:
    """Say whether a column that varied in the reference has one value throughout at least `fewest` values.

    Notes
    -----
    A degenerate distribution where the reference's is not; the "constant feature" check of Breck et al. (2019).
    """
    return reference_distinct > 1 and distinct == 1 and values >= fewest


def volume_ratio(rows: int, usual_rows: float) -> float | None:
    """Return a window's rows divided by the usual number; None where nothing is usual.

    ``rows / usual_rows``. Range [0, inf), without a unit; the usual number is the median of the reference's whole
    windows.
    """
    return rows / usual_rows if usual_rows > 0 else None


def are_numbers(texts: pl.Series) -> pl.Series:
    """Say of each text whether it is a finite decimal number, as a column that was retyped to text would hold it."""
    return texts.str.contains(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
