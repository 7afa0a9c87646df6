"""Counts by window: what a log holds in each window, from two lazy passes over the needed columns.

The first pass reads the reference's rows only and gives the bins; the second reads every row once and gives, for each
window, the rows by cell or category. Beyond a fixed number of values no pass holds the values of the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from polars import selectors

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.reading import collect, reading
from audit_lab.log.schema import TIME
from audit_lab.monitor.bins import CategoryBins, NumericBins

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from audit_lab.monitor.bins import Bins
    from audit_lab.monitor.windows import WindowLength

__all__ = [
    "Extent",
    "WindowCounts",
    "count_windows",
    "extent",
    "levels",
    "median_within",
    "prepared",
    "reference_bins",
    "values_between",
    "without_nan",
]

_TIME = "__time__"
_WINDOW = "__window__"
_ROWS = "__rows__"
_FIRST = "__first__"
_LAST = "__last__"

#: What errors call the rows, which may come from several tables.
_MEASURED = "What drift is measured on"
#: Up to this many values, 160 MB of numbers, are kept in memory between the passes.
_VALUES_KEPT = 20_000_000


@dataclass(frozen=True)
class Extent:
    """What a frame holds: rows with a time, the first and last of those times, and oddities stated as facts."""

    rows: int
    first: datetime
    last: datetime
    facts: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class WindowCounts:
    """Counts of one column: by window and bin, and by window and cell (numeric) or category (text).

    `binned` has the shape (windows, bins). `long` has one row for each window and cell or category that occurs:
    ``window`` (its position), ``key`` (cell number or category), ``rows``, and for categories ``first`` and ``last``,
    the times of the first and last such row.
    """

    bins: Bins
    binned: NDArray[np.int64]
    long: pl.DataFrame

    @cached_property
    def _by_window(self) -> dict[Any, pl.DataFrame]:
        return self.long.drop_nulls("key").sort("window", "key").partition_by("window", as_dict=True)

    def occurring(self, window: int) -> pl.DataFrame:
        """Return ``key`` and ``rows`` of the cells or categories that occur in one window, ascending, none missing."""
        return self._by_window.get((window,), self.long.clear())


def prepared(frame: pl.LazyFrame, time: str, columns: Sequence[str]) -> tuple[pl.LazyFrame, dict[str, str]]:
    """Return the frame with a UTC time and columns cast to float64 or text, and the kind of each column.

    A time without a zone is read as UTC. NaN is still NaN here, so that it can be counted: see :func:`without_nan`.

    Raises
    ------
    MisuseError
        A column is not in the frame, is named twice, or is neither number, text nor boolean; the time is no time.
    """
    schema = frame.collect_schema()
    for name in (time, *columns):
        if name not in schema:
            near = ", ".join(schema.names()[:20])
            message = f"There is no column {name!r}"
            raise MisuseError(message, f"Columns are: {near}.")
    if not columns or len(set(columns)) != len(columns):
        message = "Drift needs at least one column, and each only once"
        raise MisuseError(message, "Give the columns to watch as a list of different names.")
    when = schema[time]
    if not isinstance(when, pl.Datetime | pl.Date):
        message = f"Column {time!r} holds {when}, not a time"
        raise MisuseError(message, "Give the column that says when each prediction happened, as datetime or date.")
    zone = getattr(when, "time_zone", None)
    moment = pl.col(time).cast(pl.Datetime("us", zone))
    moment = moment.dt.replace_time_zone("UTC") if zone is None else moment.dt.convert_time_zone("UTC")
    kinds = {name: _kind(name, schema[name]) for name in columns}
    values = [_value(name, kinds[name], schema[name]) for name in columns]
    return frame.select(moment.alias(_TIME), *values), kinds


def extent(rows: pl.LazyFrame, kinds: dict[str, str]) -> Extent:
    """Look over the prepared rows once: first and last time, and what must be stated about the values.

    Raises
    ------
    LogError
        There is no row with a time.
    """
    numeric = [name for name, kind in kinds.items() if kind == "numeric"]
    looked_at = rows.select(
        pl.len().alias(_ROWS),
        pl.col(_TIME).min().alias(_FIRST),
        pl.col(_TIME).max().alias(_LAST),
        pl.col(_TIME).null_count(),
        *(pl.col(name).count().name.suffix("/values") for name in kinds),
        *(pl.col(name).is_infinite().sum().name.suffix("/infinite") for name in numeric),
        *(pl.col(name).is_nan().sum().name.suffix("/nan") for name in numeric),
    )
    found = collect(looked_at, _MEASURED).row(0, named=True)
    untimed = found[_TIME]
    if found[_ROWS] == untimed:
        message = "There are no rows with a time to look for drift in"
        raise LogError(message, "Check the filter and the time column.")
    facts = [f"{untimed:,} rows have no time and are in no window" if untimed else ""]
    for name in kinds:
        if not found[f"{name}/values"]:
            facts.append(f"{name} is null in every row")
        if found.get(f"{name}/nan"):
            facts.append(f"{name}: {found[f'{name}/nan']:,} values are NaN and count as missing")
        if found.get(f"{name}/infinite"):
            facts.append(
                f"{name}: {found[f'{name}/infinite']:,} values are infinite and sort below or above all others"
            )
    return Extent(found[_ROWS] - untimed, found[_FIRST], found[_LAST], tuple(fact for fact in facts if fact))


def without_nan(rows: pl.LazyFrame, seen: Extent) -> pl.LazyFrame:
    """Return the prepared rows with NaN as null: a number that is none is a missing value.

    Rows that take little memory are read here, once; the others stay lazy, and each pass reads what it needs.
    """
    clean = rows.with_columns(selectors.float().fill_nan(None))
    if seen.rows * len(clean.collect_schema()) > _VALUES_KEPT:
        return clean
    return collect(clean, _MEASURED).lazy()


def reference_bins(
    rows: pl.LazyFrame, kinds: dict[str, str], start: datetime, end: datetime
) -> tuple[int, tuple[Bins, ...]]:
    """Read the reference's rows, ``start <= time < end``; return how many they are and the bins of each column."""
    held = rows.filter(pl.col(_TIME) >= start, pl.col(_TIME) < end)
    counts = [held.group_by(name).len(_ROWS) for name in kinds]
    answers = _collect_all([held.select(pl.len()), *counts])
    bins = (_bins(name, kind, answer) for (name, kind), answer in zip(kinds.items(), answers[1:], strict=True))
    return int(answers[0].item()), tuple(bins)


def count_windows(
    rows: pl.LazyFrame, bins: Sequence[Bins], length: WindowLength, starts: Sequence[datetime]
) -> tuple[NDArray[np.int64], tuple[WindowCounts, ...]]:
    """Read every row once; return the rows by window, and for each column its counts by window."""
    windowed = rows.filter(pl.col(_TIME).is_not_null()).with_columns(length.truncate(pl.col(_TIME)).alias(_WINDOW))
    volume = windowed.group_by(_WINDOW).len(_ROWS)
    answers = _collect_all([volume, *(_by_window(windowed, one) for one in bins)])
    places = pl.DataFrame({_WINDOW: pl.Series(starts, dtype=TIME), "window": np.arange(len(starts))})
    placed = [answer.join(places, on=_WINDOW, how="left").drop(_WINDOW) for answer in answers]
    totals = np.zeros(len(starts), dtype=np.int64)
    totals[placed[0]["window"].to_numpy()] = placed[0][_ROWS].to_numpy()
    return totals, tuple(_counted(one, long, len(starts)) for one, long in zip(bins, placed[1:], strict=True))


def values_between(rows: pl.LazyFrame, column: str, start: datetime, end: datetime) -> NDArray[np.float64]:
    """Read the values of one numeric column, ``start <= time < end``, without the missing ones."""
    held = rows.filter(pl.col(_TIME) >= start, pl.col(_TIME) < end, pl.col(column).is_not_null())
    return collect(held.select(column), _MEASURED).to_series().to_numpy()


def levels(rows: pl.LazyFrame, columns: Sequence[str], every: str, fewest_rows: int) -> dict[str, pl.DataFrame]:
    """Return ``start``, ``end``, ``rows`` and ``level`` of numeric columns by interval, ascending.

    The level is the natural logarithm of the interquartile mean: it shifts by the logarithm of a factor that all values
    are multiplied by, and neither outliers nor a few values below zero move it. Intervals with fewer than `fewest_rows`
    values are left out, and those whose interquartile mean is not positive.
    """
    middle = {name: (pl.col(name).quantile(0.25), pl.col(name).quantile(0.75)) for name in columns}
    by_interval = (
        rows.filter(pl.col(_TIME).is_not_null())
        .group_by(pl.col(_TIME).dt.truncate(every).alias("start"))
        .agg(
            *(pl.col(name).count().alias(f"{name}/rows") for name in columns),
            *(
                pl.col(name).filter(pl.col(name).is_between(low, high)).mean().alias(f"{name}/level")
                for name, (low, high) in middle.items()
            ),
        )
        .sort("start")
        .with_columns(pl.col("start").dt.offset_by(every).alias("end"))
    )
    table = collect(by_interval, _MEASURED)
    return {
        name: table.select("start", "end", rows=f"{name}/rows", level=f"{name}/level")
        .filter(pl.col("rows") >= fewest_rows, pl.col("level") > 0, pl.col("level").is_finite())
        .with_columns(pl.col("level").log())
        for name in columns
    }


def median_within(rows: pl.LazyFrame, spans: Sequence[tuple[str, datetime, datetime]]) -> list[float | None]:
    """Return the median of a numeric column over each span, ``start <= time < end``, read together."""
    held = [
        rows.filter(pl.col(_TIME) >= start, pl.col(_TIME) < end).select(pl.col(column).median())
        for column, start, end in spans
    ]
    return [answer.item() for answer in _collect_all(held)]


def _collect_all(frames: Sequence[pl.LazyFrame]) -> list[pl.DataFrame]:
    with reading(_MEASURED):
        return pl.collect_all(frames, engine="streaming")


def _kind(name: str, dtype: pl.DataType) -> str:
    if dtype.is_numeric() or dtype == pl.Null:
        return "numeric"
    if dtype in (pl.String, pl.Boolean) or isinstance(dtype, pl.Categorical | pl.Enum):
        return "categorical"
    message = f"Column {name!r} holds {dtype}, which drift does not measure"
    raise MisuseError(message, "Give columns of numbers, text or booleans.")


def _value(name: str, kind: str, dtype: pl.DataType) -> pl.Expr:
    if kind == "numeric":
        return pl.col(name).cast(pl.Float64)
    if dtype == pl.Boolean:
        return pl.when(pl.col(name)).then(pl.lit("true")).when(~pl.col(name)).then(pl.lit("false")).alias(name)
    return pl.col(name).cast(pl.String)


def _bins(name: str, kind: str, counts: pl.DataFrame) -> Bins:
    missing = int(counts.filter(pl.col(name).is_null())[_ROWS].sum())
    held = counts.drop_nulls(name)
    if kind == "numeric":
        held = held.sort(name)
        return NumericBins(name, held[name].to_numpy(), held[_ROWS].cast(pl.Int64).to_numpy(), missing)
    held = held.sort(_ROWS, name, descending=[True, False])
    return CategoryBins(name, tuple(held[name]), held[_ROWS].cast(pl.Int64).to_numpy(), missing)


def _by_window(windowed: pl.LazyFrame, bins: Bins) -> pl.LazyFrame:
    counted = [pl.len().cast(pl.Int64).alias("rows")]
    if isinstance(bins, CategoryBins):
        key = pl.col(bins.column)
        counted += [pl.col(_TIME).min().alias("first"), pl.col(_TIME).max().alias("last")]
    else:
        key = bins.cell()
    return windowed.select(_WINDOW, _TIME, key.alias("key")).group_by(_WINDOW, "key").agg(counted)


def _counted(bins: Bins, long: pl.DataFrame, windows: int) -> WindowCounts:
    """Sum one column's rows by window and cell or category into its bins."""
    held = long.drop_nulls("key")
    gone = long.filter(pl.col("key").is_null())
    keys = held["key"]
    places = bins.bin_of_cell[keys.to_numpy()] if isinstance(bins, NumericBins) else bins.bin_of(keys.to_list())
    width = len(bins.labels)
    flat = held["window"].to_numpy() * width + places
    rows = held["rows"].to_numpy().astype(np.float64)
    binned = np.bincount(flat, weights=rows, minlength=windows * width).astype(np.int64).reshape(windows, width)
    binned[gone["window"].to_numpy(), -1] = gone["rows"].to_numpy()
    return WindowCounts(bins, binned, long)
