"""Moments of a numeric column by window: computed from how many rows have each value, or added up by the engine.

A frame of moments has one row for each window with values: ``window`` (its position), ``values`` (not missing),
``distinct`` (null where values were not counted one by one), ``least``, ``greatest``, ``below`` and ``above`` (values
outside the reference's range), ``infinite``, ``fractions`` (finite values that are no whole numbers), ``mean`` and
``deviation`` of the finite values, and ``wasserstein_low`` and ``wasserstein_high``, between which the Wasserstein-1
distance of the finite values to the reference's lies: one number twice where it is exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import polars as pl

from audit_lab.monitor.bins import moments
from audit_lab.monitor.counts import how_many
from audit_lab.monitor.measures.transport import wasserstein_bounds, wasserstein_distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audit_lab.monitor.bins import NumericBins

__all__ = ["MOMENTS", "SUM", "moments_of_sums", "moments_of_values", "sums_by_name", "sums_of"]

MOMENTS = pl.Schema(
    [
        ("window", pl.Int64()),
        ("values", pl.Int64()),
        ("distinct", pl.Int64()),
        ("least", pl.Float64()),
        ("greatest", pl.Float64()),
        ("below", pl.Int64()),
        ("above", pl.Int64()),
        ("infinite", pl.Int64()),
        ("fractions", pl.Int64()),
        ("mean", pl.Float64()),
        ("deviation", pl.Float64()),
        ("wasserstein_low", pl.Float64()),
        ("wasserstein_high", pl.Float64()),
    ]
)
_SUMS = ("below", "least", "greatest", "infinite", "lowest", "fractions", "apart", "squares", "under", "over")
#: What the names of sums that are no counts begin with.
SUM = "sum/"


def moments_of_values(bins: NumericBins, counted: pl.DataFrame) -> pl.DataFrame:
    """Return the moments of a column whose rows were counted by window and value.

    Parameters
    ----------
    bins
        The column's bins, with every value of the reference.
    counted
        ``window``, ``key`` (the value) and ``rows``, ascending by both, none missing.
    """
    windows, starts = np.unique(counted["window"].to_numpy(), return_index=True)
    values, rows = counted["key"].to_numpy(), counted["rows"].to_numpy()
    ends = np.append(starts[1:], values.size)[: windows.size]
    found = [
        (int(window), *_of_window(bins, values[start:end], rows[start:end]))
        for window, start, end in zip(windows, starts, ends, strict=True)
    ]
    return pl.DataFrame(found, schema=MOMENTS, orient="row")


def sums_of(bins: NumericBins, rows: nw.LazyFrame[Any]) -> list[nw.Expr]:
    """Return what an engine adds up for the moments of a column whose values are too many to be counted one by one."""
    value, name = nw.col(bins.column), f"{SUM}{bins.column}"
    low, high = float(bins.values[0]), float(bins.values[-1])
    is_finite = (value > float("-inf")) & (value < float("inf"))
    finite = nw.when(is_finite).then(value)
    apart = finite - (bins.mean or 0.0)
    return [
        value.min().alias(f"{name}/least"),
        value.max().alias(f"{name}/greatest"),
        how_many(~is_finite, rows).alias(f"{name}/infinite"),
        how_many(finite != finite.round(0), rows).alias(f"{name}/fractions"),
        apart.sum().alias(f"{name}/apart"),
        (apart * apart).sum().alias(f"{name}/squares"),
        nw.when(finite < low).then(low - finite).sum().alias(f"{name}/under"),
        nw.when(finite > high).then(finite - high).sum().alias(f"{name}/over"),
        how_many(value == float("-inf"), rows).alias(f"{name}/lowest"),
    ]


def sums_by_name(bins: NumericBins, answer: pl.DataFrame) -> pl.DataFrame:
    """Return the sums of one column, by their own names, from an engine's answer to those of several."""
    prefix = f"{SUM}{bins.column}/"
    held = answer.select(pl.col(name).alias(name[len(prefix) :]) for name in answer.columns if name.startswith(prefix))
    return held.with_columns(answer[f"{bins.column}/below"].alias("below"))


def moments_of_sums(
    bins: NumericBins,
    windows: NDArray[np.int64],
    sums: pl.DataFrame,
    upto: NDArray[np.int64],
    count: NDArray[np.int64],
) -> pl.DataFrame:
    """Return the moments of a column that was counted at its marks and added up by the engine.

    Parameters
    ----------
    bins
        The column's bins.
    windows
        The windows counted, shape (windows,).
    sums
        One row for each of them, with the sums of :func:`sums_by_name` and ``below``.
    upto, count
        Rows not above each mark, shape (windows, marks), and values that are not missing, shape (windows,).
    """
    found = []
    for place, added in enumerate(sums.select(_SUMS).fill_null(0).iter_rows(named=True)):
        values, infinite = int(count[place]), int(added["infinite"])
        finite = values - infinite
        if not values:
            continue
        mean = deviation = low = high = None
        if finite and bins.mean is not None:
            shift = added["apart"] / finite
            mean = bins.mean + shift
            deviation = float(np.sqrt(max(added["squares"] / finite - shift**2, 0.0)))
            low, high = _bounds(bins, upto[place] - int(added["lowest"]), finite, (added["under"], added["over"]))
        found.append(
            (
                int(windows[place]),
                values,
                None,
                added["least"],
                added["greatest"],
                int(added["below"]),
                values - int(upto[place][-1]),
                infinite,
                int(added["fractions"]),
                mean,
                deviation,
                low,
                high,
            )
        )
    return pl.DataFrame(found, schema=MOMENTS, orient="row")


def _of_window(bins: NumericBins, values: NDArray[np.float64], rows: NDArray[np.int64]) -> tuple[Any, ...]:
    finite = np.isfinite(values)
    some, counts = values[finite], rows[finite]
    mean, deviation = moments(values, rows)
    usual = np.isfinite(bins.values)
    distance = None
    if some.size and usual.any():
        exact = wasserstein_distance(bins.values[usual], some, bins.value_rows[usual], counts)
        distance = exact if np.isfinite(exact) else None
    outside = [0, 0]
    if bins.values.size:
        outside = [int(rows[values < bins.values[0]].sum()), int(rows[values > bins.values[-1]].sum())]
    fractions = int(counts[some != np.floor(some)].sum())
    return (
        int(rows.sum()),
        int(values.size),
        float(values[0]),
        float(values[-1]),
        *outside,
        int(rows[~finite].sum()),
        fractions,
        mean,
        deviation,
        distance,
        distance,
    )


def _bounds(
    bins: NumericBins, upto: NDArray[np.int64], finite: int, outside: tuple[float, float]
) -> tuple[float | None, float | None]:
    """Return the bounds of the Wasserstein distance; None where the reference's own marks are infinite."""
    if not np.isfinite(bins.values).all():
        return None, None
    usual = np.cumsum(bins.value_rows)
    low, high = wasserstein_bounds(
        bins.values, np.append(usual, usual[-1]), np.append(upto, finite), (float(outside[0]), float(outside[1]))
    )
    return (low, high) if np.isfinite(high) else (None, None)
