"""A picture of what would have flipped a decision: the changed features beside their recorded values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.charts.comparable import comparable_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from altair import Chart

__all__ = ["counterfactual_table"]


def counterfactual_table(
    flips: pl.DataFrame,
    changes: pl.DataFrame,
    *,
    decision: str | None,
    title: str = "The nearest changes that flip the decision",
    subtitle: Sequence[str] = (),
    most: int = 6,
) -> Chart:
    """Draw the features that change in rows and counterfactuals in columns; the larger a change, the darker its cell.

    Parameters
    ----------
    flips
        ``rank``, ``decision``, ``distance``, one row for each counterfactual.
    changes
        ``rank``, ``feature``, ``unit``, ``this`` and ``other`` (recorded and changed value, as text), ``part`` (what it
        adds to the distance, 0 where it stays).
    decision
        What was decided.
    title, subtitle
        Say which decision.
    most
        So many counterfactuals at most.

    Raises
    ------
    MisuseError
        A frame lacks a column or has no rows.
    """
    return comparable_table(
        flips, changes, decision=decision, title=title, subtitle=subtitle, most=most, column="change"
    )
