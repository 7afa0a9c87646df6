"""Columns with very many values, counted between the percentiles of their reference: what is kept of each window.

Of rows, sums are rounded once for each part that is added up; of values that were counted, once for each value, and
either way once more for all of them.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.monitor.column_bins import exact_sum
from audit_lab.monitor.grid import AT_ONCE, Marks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audit_lab.monitor.bins import NumericBins

__all__ = ["SUMS", "marks_of_rows", "marks_of_values"]

#: The sums of floats.
SUMS = ("apart", "squares", "under", "over")
_WINDOW = "window"


def marks_of_rows(
    bins: NumericBins, values: NDArray[np.float64], codes: NDArray[np.int64], windows: int
) -> pl.DataFrame:
    """Count values at the marks of a column, and add up what its moments take.

    Parameters
    ----------
    bins
        The column's bins, marked.
    values
        The values, none of them NaN.
    codes
        The window of each, from 0 on, ascending.
    windows
        How many there are.

    Returns
    -------
    polars.DataFrame
        The columns of the sketch's frame ``marked``, without the column's name, for each window with values.
    """
    marks, width, mean = Marks(bins.values), bins.values.size + 1, bins.mean or 0.0
    low, high = bins.values[0], bins.values[-1]
    counts = np.zeros(windows * width, dtype=np.int64)
    whole = {name: np.zeros(windows, dtype=np.int64) for name in ("below", "infinite", "lowest", "fractions")}
    least, greatest = np.full(windows, np.inf), np.full(windows, -np.inf)
    sums: dict[str, list[list[float]]] = {name: [[] for _ in range(windows)] for name in SUMS}
    for first in range(0, values.size, AT_ONCE):
        some, code = values[first : first + AT_ONCE], codes[first : first + AT_ONCE]
        starts = np.append(0, np.flatnonzero(code[1:] != code[:-1]) + 1)
        mine = code[starts]
        places = marks.below(some)
        counts += np.bincount(places if not code[-1] else places + code * width, minlength=counts.size)
        np.minimum.at(least, mine, np.minimum.reduceat(some, starts))
        np.maximum.at(greatest, mine, np.maximum.reduceat(some, starts))
        finite = np.isfinite(some)
        if not finite.all():
            whole["infinite"][mine] += np.add.reduceat(~finite, starts, dtype=np.int64)
            whole["lowest"][mine] += np.add.reduceat(some == -np.inf, starts, dtype=np.int64)
        with np.errstate(invalid="ignore", over="ignore"):
            parts = {"fractions": finite & (some != np.rint(some)), "below": some < low}
            apart = np.where(finite, some - mean, 0.0)
            found = {"apart": apart, "squares": apart * apart}
            if places.min() == 0:
                found["under"] = np.where(finite & parts["below"], low - some, 0.0)
            if places.max() == width - 1:
                found["over"] = np.where(finite & (some > high), some - high, 0.0)
            for name, each in parts.items():
                whole[name][mine] += np.add.reduceat(each, starts, dtype=np.int64)
            for name, every in found.items():
                for window, part in zip(mine.tolist(), np.add.reduceat(every, starts).tolist(), strict=True):
                    sums[name][window].append(part)
    by_window = counts.reshape(windows, width)
    total = by_window.sum(axis=1)
    held = pl.DataFrame(
        {
            _WINDOW: np.arange(windows),
            "values": total,
            "upto": pl.Series(by_window[:, :-1]).cast(pl.List(pl.Int64)),
            **whole,
            "least": least,
            "greatest": greatest,
            **{name: [exact_sum(parts) for parts in each] for name, each in sums.items()},
        }
    )
    return held if total.all() else held.filter(pl.col("values") > 0)


def marks_of_values(bins: NumericBins, counted: pl.DataFrame) -> pl.DataFrame:
    """Return what `marks_of_rows` does, from how many rows of each window have each value.

    Parameters
    ----------
    bins
        The column's bins, marked.
    counted
        ``window``, ``key`` (the value) and ``rows``, ascending by both.
    """
    windows, starts = np.unique(counted[_WINDOW].to_numpy(), return_index=True)
    values, rows = counted["key"].to_numpy(), counted["rows"].to_numpy()
    found = [
        {_WINDOW: int(window), **_of_values(bins, values[start:end], rows[start:end])}
        for window, (start, end) in zip(windows, pairwise([*starts.tolist(), values.size]), strict=True)
    ]
    return pl.DataFrame(found, schema_overrides={"upto": pl.List(pl.Int64)}) if found else pl.DataFrame()


def _of_values(bins: NumericBins, values: NDArray[np.float64], rows: NDArray[np.int64]) -> dict[str, Any]:
    """Return the row of one window; `values` ascend, each once."""
    marks, low, high = bins.values, bins.values[0], bins.values[-1]
    places = np.searchsorted(marks, values, side="left")
    usual = np.isfinite(values)
    some, count = values[usual], rows[usual]
    with np.errstate(invalid="ignore", over="ignore"):
        apart = some - (bins.mean or 0.0)
        sums = {
            "apart": count * apart,
            "squares": count * (apart * apart),
            "under": (count * (low - some))[some < low],
            "over": (count * (some - high))[some > high],
        }
    return {
        "values": int(rows.sum()),
        "below": int(rows[values < low].sum()),
        "upto": np.bincount(places, weights=rows, minlength=marks.size + 1)[:-1].astype(np.int64).tolist(),
        "infinite": int(rows[~usual].sum()),
        "lowest": int(rows[values == -np.inf].sum()),
        "fractions": int(count[some != np.rint(some)].sum()),
        "least": float(values[0]),
        "greatest": float(values[-1]),
        **{name: exact_sum(parts.tolist()) for name, parts in sums.items()},
    }
