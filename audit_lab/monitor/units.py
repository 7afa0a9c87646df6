"""Changes of unit: whether a numeric column that moved arrived multiplied by a factor that people know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.monitor.measures import kolmogorov_smirnov

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from audit_lab.monitor.bins import NumericBins

__all__ = ["KNOWN_FACTORS", "UnitChange", "find_unit_change"]

#: Factor from one unit to another, and the conversion it stands for.
KNOWN_FACTORS: dict[float, str] = {
    1.609344: "mile -> km",
    1 / 1.609344: "km -> mile",
    1.852: "nautical mile -> km",
    1 / 1.852: "km -> nautical mile",
    0.3048: "foot -> metre",
    1 / 0.3048: "metre -> foot",
    2.54: "inch -> cm",
    1 / 2.54: "cm -> inch",
    0.45359237: "pound -> kg",
    1 / 0.45359237: "kg -> pound",
    7.0: "weeks -> days",
    1 / 7: "days -> weeks",
    24.0: "days -> hours",
    1 / 24: "hours -> days",
    60.0: "hours -> minutes, or minutes -> seconds",
    1 / 60: "minutes -> hours, or seconds -> minutes",
    3600.0: "hours -> seconds",
    1 / 3600: "seconds -> hours",
    100.0: "a share -> per cent, or an amount -> hundredths",
    0.01: "per cent -> a share, or hundredths -> an amount",
    1000.0: "a unit -> thousandths",
    0.001: "a unit -> thousands",
}

#: The ratio of the medians must be this near to a known factor ...
TOLERANCE = 0.03
#: ... and with the factor undone the values must be this near to the reference's distribution again.
_RESTORED_DISTANCE = 0.1
_RESTORED_PART = 1 / 3
#: Days are looked at one by one, with this room for the noise of a day's median.
_DAY_TOLERANCE = 0.15
_DAY_ROWS = 20


@dataclass(frozen=True)
class UnitChange:
    """What the ratio of medians says about a run of windows in which a numeric column moved.

    `ratio` is the median over the rows counted, divided by the reference's. `factor` and `conversion` are None where
    no known factor lies within 3 % of it, or where undoing the factor does not restore the reference's distribution:
    `ks_before` and `ks_after` are the Kolmogorov-Smirnov distances to the reference as recorded and with it undone.
    `start` and `end` are the days, end excluded, to which the change could be narrowed.
    """

    column: str
    ratio: float | None
    factor: float | None
    conversion: str | None
    start: datetime
    end: datetime
    rows: int
    ks_before: float | None
    ks_after: float | None

    def describe(self) -> str:
        """Say it in one sentence: the ratio, and the conversion where one fits."""
        if self.ratio is None:
            return f"{self.column}: no ratio of medians can be taken."
        days = f"{self.start:%Y-%m-%d} to {self.end - timedelta(microseconds=1):%Y-%m-%d}"
        said = f"{self.column}: from {days} the median was {self.ratio:.4g} times the reference's"
        if self.factor is None:
            return f"{said}."
        return (
            f"{said}, consistent with {self.conversion} (x {self.factor:.6g}): with the factor undone the "
            f"Kolmogorov-Smirnov distance to the reference falls from {self.ks_before:.2f} to {self.ks_after:.2f}."
        )


def find_unit_change(bins: NumericBins, values: pl.DataFrame, start: datetime, end: datetime) -> UnitChange:
    """Compare the values of windows that moved with the reference under each known factor.

    Parameters
    ----------
    bins
        The column's bins, which hold the reference's values.
    values
        Rows of these windows and of their neighbours, where a change may have begun or ended: ``time`` and ``value``,
        no nulls.
    start, end
        Bounds of the windows that moved.
    """
    median = bins.median
    inside = values.filter(pl.col("time") >= start, pl.col("time") < end)
    if not median or not np.isfinite(median) or inside.is_empty():
        return UnitChange(bins.column, None, None, None, start, end, inside.height, None, None)
    reference = np.repeat(bins.values, bins.value_rows)
    for factor, days in _candidates(values, median):
        chosen = values.filter(pl.col("time").dt.truncate("1d").is_in(days.implode()))
        found = _tried(bins.column, chosen, reference, factor, median)
        if found is not None:
            return found
    ratio = _median(inside["value"].to_numpy()) / median
    return UnitChange(bins.column, ratio, None, None, start, end, inside.height, None, None)


def _candidates(values: pl.DataFrame, median: float) -> list[tuple[float, pl.Series]]:
    """Return the known factors that some day's median is near to, with those days, most days first."""
    days = values.group_by(pl.col("time").dt.truncate("1d").alias("day")).agg(pl.col("value").median(), pl.len())
    if days["len"].max() < _DAY_ROWS:  # type: ignore[operator]
        days = days.with_columns(pl.lit(_median(values["value"].to_numpy())).alias("value"), len=pl.lit(_DAY_ROWS))
    days = days.filter(pl.col("len") >= _DAY_ROWS, pl.col("value").is_finite()).sort("day")
    factors = np.array([1.0, *KNOWN_FACTORS])
    ratios = days["value"].to_numpy() / median
    nearest = np.abs(ratios[:, None] / factors - 1).argmin(axis=1)
    near = np.abs(ratios / factors[nearest] - 1) <= _DAY_TOLERANCE
    found = [
        (float(factors[place]), days.filter(pl.Series(near & (nearest == place)))["day"])
        for place in np.unique(nearest[near])
        if place
    ]
    return sorted(found, key=lambda one: -one[1].len())


def _tried(
    column: str, chosen: pl.DataFrame, reference: NDArray[np.float64], factor: float, median: float
) -> UnitChange | None:
    """Return the change if the chosen days' values fit a factor: in the median, and in distribution once undone."""
    recorded = chosen["value"].to_numpy()
    ratio = _median(recorded) / median
    before = kolmogorov_smirnov(reference, recorded).statistic
    after = kolmogorov_smirnov(reference, recorded / factor).statistic
    if abs(ratio / factor - 1) > TOLERANCE or after > min(_RESTORED_DISTANCE, before * _RESTORED_PART):
        return None
    first = chosen.select(pl.col("time").min().dt.truncate("1d")).item()
    last = chosen.select(pl.col("time").max().dt.truncate("1d")).item()
    days = (first, last + timedelta(days=1))
    return UnitChange(column, ratio, factor, KNOWN_FACTORS[factor], *days, chosen.height, before, after)


def _median(values: NDArray[np.float64]) -> float:
    return float(np.median(values))
