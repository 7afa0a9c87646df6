"""Where the values of a numeric column lie, interval by interval, computed from how many rows have each value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.window_counts import value_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from audit_lab.monitor.counts import Rows

__all__ = ["median_within"]


def median_within(rows: Rows, spans: Sequence[tuple[str, datetime, datetime]]) -> list[float | None]:
    """Return the median of a numeric column over each span, ``start <= time < end``."""
    return [_median(*value_rows(rows, column, start, end)) for column, start, end in spans]


def _median(values: NDArray[np.float64], rows: NDArray[np.int64]) -> float | None:
    if not values.size:
        return None
    cumulated = np.cumsum(rows)
    last = int(cumulated[-1]) - 1
    lower, upper = (
        float(values[np.searchsorted(cumulated, rank, side="right")]) for rank in (last // 2, (last + 1) // 2)
    )
    return (lower + upper) / 2
