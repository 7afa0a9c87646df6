"""Counts of a column and of time, small whatever the log's size: what histograms and the timeline draw."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.files.reading import collect, schema_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from audit_lab.log.browse.coded_text import CodedText

__all__ = ["MOST_BINS", "MOST_VALUES", "coded_histogram", "histogram", "timeline"]

MOST_BINS = 20
MOST_VALUES = 12

_MOST_STEPS = 120
#: Of so many rows at the beginning it is looked how many values differ, before all are counted.
_LOOKED_AT = 100_000
#: Text of which more than this share differs is not counted: it names rows.
_NAMES = 0.5
_STEPS = [
    *(("1m", timedelta(minutes=1)), ("5m", timedelta(minutes=5)), ("15m", timedelta(minutes=15))),
    *(("1h", timedelta(hours=1)), ("6h", timedelta(hours=6)), ("1d", timedelta(days=1)), ("1w", timedelta(weeks=1))),
    *(("1mo", timedelta(days=31)), ("3mo", timedelta(days=92)), ("1y", timedelta(days=366))),
]
_VALUE, _COUNT = "value", "count"
_BINS = {"low": pl.Float64, "high": pl.Float64, _COUNT: pl.UInt32}


def _go_on() -> None:
    """Nobody waits for something else."""


def histogram(values: pl.LazyFrame, what: str, between: Callable[[], None] = _go_on) -> pl.DataFrame:
    """Count the values of a column.

    Parameters
    ----------
    values
        One column, ``value``.
    what
        What is read, for messages.
    between
        Called before each pass over the values; what it raises ends the counting.

    Returns
    -------
    pl.DataFrame
        Of numbers and times: ``low``, ``high`` (in the column's type; of the last bin inclusive) and ``count`` of up to
        20 bins of equal width; not finite numbers are left out. Of all else: ``value`` as text and ``count`` of the 12
        most frequent, then one row with a null value for all others, if there are any. Nulls are in neither. No rows
        where nearly every value differs, or where there is no value.

    Raises
    ------
    LogError
        The log cannot be read.
    """
    dtype = schema_of(values, what)[_VALUE]
    if dtype.is_temporal() or (dtype.is_numeric() and dtype != pl.UInt128):
        return _binned(values.drop_nulls(), dtype, what, between)
    text = values.drop_nulls().select(pl.col(_VALUE).cast(pl.String, strict=False))
    if dtype.is_nested() or dtype == pl.Binary:
        return pl.DataFrame(schema={_VALUE: pl.String, _COUNT: pl.UInt32})
    looked_at = collect(text.head(_LOOKED_AT), what)[_VALUE]
    if looked_at.len() > MOST_VALUES and looked_at.n_unique() > _NAMES * looked_at.len():
        return pl.DataFrame(schema={_VALUE: pl.String, _COUNT: pl.UInt32})
    between()
    return _most_frequent(collect(text.group_by(_VALUE).agg(pl.len().alias(_COUNT)), what))


def coded_histogram(coded: CodedText, rows: NDArray[np.int64] | None) -> pl.DataFrame:
    """Count text of few different values as `histogram` does, over some rows, or all of them (None)."""
    import numpy as np

    codes = coded.codes if rows is None else coded.codes[rows]
    if coded.nulls is not None:
        codes = codes[~(coded.nulls if rows is None else coded.nulls[rows])]
    looked_at = codes[:_LOOKED_AT]
    differ = np.unique(looked_at).size
    if differ > MOST_VALUES and differ > _NAMES * looked_at.size:
        return pl.DataFrame(schema={_VALUE: pl.String, _COUNT: pl.UInt32})
    counts = np.bincount(codes, minlength=len(coded.different))[: len(coded.different)]
    schema = {_VALUE: pl.String, _COUNT: pl.UInt32}
    counted = pl.DataFrame({_VALUE: coded.different, _COUNT: counts}, schema_overrides=schema)
    return _most_frequent(counted.filter(pl.col(_COUNT) > 0))


def timeline(
    times: pl.LazyFrame, what: str, different: Sequence[str] | None = None, between: Callable[[], None] = _go_on
) -> tuple[pl.DataFrame, str]:
    """Count rows by steps of time, and by what was decided.

    Parameters
    ----------
    times
        ``occurred_at`` and ``decision``.
    what
        What is read, for messages.
    different
        The decisions that there are, of which ``decision`` is then the number; None where it is what was decided.
    between
        Called before each pass over the rows; what it raises ends the counting.

    Returns
    -------
    frame, step
        ``start``, ``decision`` and ``count``, in order of time; the step is the shortest of a minute to a year that
        makes at most 120. Rows without a time are not counted.

    Raises
    ------
    LogError
        The log cannot be read.
    """
    at = pl.col("occurred_at")
    between()
    first, last = collect(times.select(at.min().alias("first"), at.max().alias("last")), what).row(0)
    step = "1d" if first is None else _step(last - first)
    between()
    counted = (
        times.filter(at.is_not_null())
        .group_by(at.dt.truncate(step).alias("start"), "decision")
        .agg(pl.len().alias(_COUNT))
    )
    found = collect(counted, what)
    if different is None:
        named = found["decision"].cast(pl.String)
    else:
        named = pl.Series("decision", different, dtype=pl.String).gather(found["decision"])
    return found.with_columns(named).sort("start", "decision"), step


def _most_frequent(counted: pl.DataFrame) -> pl.DataFrame:
    """Return the most frequent values, then one row for all others."""
    counted = counted.sort(_COUNT, _VALUE, descending=[True, False])
    most, others = counted.head(MOST_VALUES), int(counted[_COUNT][MOST_VALUES:].sum())
    rest = pl.DataFrame({_VALUE: [None], _COUNT: [others]}, schema=counted.schema)
    return pl.concat([most, rest]) if others else most


def _step(span: timedelta) -> str:
    return next((name for name, length in _STEPS if span <= length * _MOST_STEPS), _STEPS[-1][0])


def _binned(values: pl.LazyFrame, dtype: pl.DataType, what: str, between: Callable[[], None]) -> pl.DataFrame:
    number = pl.col(_VALUE).to_physical().cast(pl.Float64) if dtype.is_temporal() else pl.col(_VALUE).cast(pl.Float64)
    between()
    finite = values.select(number.alias(_VALUE)).filter(pl.col(_VALUE).is_finite())
    least, most = collect(finite.select(pl.min(_VALUE).alias("least"), pl.max(_VALUE).alias("most")), what).row(0)
    if least is None:
        return _typed(pl.DataFrame(schema=_BINS), dtype)
    bins = _bins(least, most, dtype)
    width = (most - least) / bins if most > least else 1.0
    between()
    place = ((pl.col(_VALUE) - least) / width).floor().clip(0, bins - 1).cast(pl.UInt32).alias("place")
    counted = collect(finite.group_by(place).agg(pl.len().alias(_COUNT)), what)
    every = pl.DataFrame({"place": pl.int_range(bins, dtype=pl.UInt32, eager=True)})
    filled = every.join(counted, on="place", how="left").sort("place").with_columns(pl.col(_COUNT).fill_null(0))
    edges = [least + width * number for number in range(bins)] + [most]
    made = filled.select(pl.Series("low", edges[:-1]), pl.Series("high", edges[1:]), pl.col(_COUNT).cast(pl.UInt32))
    return _typed(made, dtype)


def _bins(least: float, most: float, dtype: pl.DataType) -> int:
    """Return how many bins: one for each where there are few whole numbers."""
    if least == most:
        return 1
    if dtype.is_integer() and most - least < MOST_BINS:
        return int(most - least) or 1
    return MOST_BINS


def _typed(bins: pl.DataFrame, dtype: pl.DataType) -> pl.DataFrame:
    """Give the edges of times the type of times."""
    if not dtype.is_temporal():
        return bins
    whole = pl.Int32 if dtype == pl.Date else pl.Int64
    return bins.with_columns(pl.col(name).round().cast(whole).cast(dtype) for name in ("low", "high"))
