"""Where the values of a numeric column lie, interval by interval, computed from how many rows have each value."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.monitor.tallied import whole_windows
from audit_lab.monitor.window_counts import value_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from audit_lab.monitor.bins import Bins
    from audit_lab.monitor.counts import Rows
    from audit_lab.monitor.cuts import Cut

__all__ = ["median_within"]

#: Rows may be of any time.
_EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def median_within(
    rows: Rows, spans: Sequence[tuple[str, datetime, datetime]], bins: Sequence[Bins], cut: Cut
) -> list[float | None]:
    """Return the median of a numeric column over each span, ``start <= time < end``.

    Parameters
    ----------
    rows
        The rows.
    spans
        Column, start and end of each.
    bins, cut
        Bins and windows that the rows were counted by: what is known of whole windows by value is not read again.
    """
    found = []
    for column, start, end in spans:
        counted = rows.every().implementation.is_polars()
        windows = whole_windows(cut, (start, end), _EVER) if counted else None
        known = None if windows is None else _counted(rows.sketch(bins, cut).of("numbers", column), windows)
        found.append(_median(*(known or value_rows(rows, column, start, end))))
    return found


def _counted(numbers: pl.DataFrame, windows: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.int64]] | None:
    """Return the values of some windows and the rows of each; None where there are none, as of values at marks."""
    held = numbers.filter(numbers["window"].is_in(list(windows)))
    if held.is_empty():
        return None
    summed = held.group_by("key").agg(pl.col("rows").sum()).sort("key")
    return summed["key"].to_numpy(), summed["rows"].to_numpy()


def _median(values: NDArray[np.float64], rows: NDArray[np.int64]) -> float | None:
    if not values.size:
        return None
    cumulated = np.cumsum(rows)
    last = int(cumulated[-1]) - 1
    lower, upper = (
        float(values[np.searchsorted(cumulated, rank, side="right")]) for rank in (last // 2, (last + 1) // 2)
    )
    return (lower + upper) / 2
