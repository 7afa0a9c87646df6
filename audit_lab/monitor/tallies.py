"""How many rows have each value of a column, window by window: whole numbers of a decimal place by their places.

Most measured numbers are written with a few decimals, and then are places of an even grid, on which rows are counted
several times as fast as a table of values is filled. Each value is compared with its place, so that the counts are
those of the values themselves; where one is no place of the grid, a table is filled.
"""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import TYPE_CHECKING, overload

import numpy as np
import polars as pl

from audit_lab.monitor.grid import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["KEY", "ROWS", "WINDOW", "tally_of_numbers", "tally_of_texts"]

WINDOW, KEY, ROWS = "window", "key", "rows"
#: How many places one may have, as parts of one.
_SCALES = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)
#: So many values show whether a column may be of one of these.
_PROBED = 1_024
#: A grid of more places than this, 1 MB, leaves a core's cache.
_MOST_PLACES = 131_072
#: Numbers placed at once, whose arrays stay in a core's cache. Of a quarter as many, two threads that count wait for
#: each other at every step, and take longer than one alone.
_PLACED_AT_ONCE = 131_072
#: Up to this, doubles hold every whole number.
_LARGEST_WHOLE = 2**53
#: From so many rows for each window on, windows are counted one by one.
_ROWS_OF_ONE_WINDOW = 16_384
#: Up to so many values of a window are counted one by one however few rows they have; of more, so many rows must share
#: a value, or the counts are not much smaller than the rows.
_FEW, _ROWS_OF_A_VALUE = 512, 8
#: So many rows are counted at once where few values are expected.
_COUNTED_AT_ONCE = 131_072
#: If so many rows at the beginning have too many values, the others need no look.
_FIRST_ROWS = 65_536
#: Of a column of text, so many rows at each end are looked at first for those that come first and last.
_ROWS_AT_AN_END = 4_096


@overload
def tally_of_numbers(values: pl.Series, codes: NDArray[np.int64], windows: int) -> pl.DataFrame: ...


@overload
def tally_of_numbers(
    values: pl.Series, codes: NDArray[np.int64], windows: int, most: int | None
) -> pl.DataFrame | None: ...


def tally_of_numbers(
    values: pl.Series, codes: NDArray[np.int64], windows: int, most: int | None = None
) -> pl.DataFrame | None:
    """Return how many rows of each window have each value.

    Parameters
    ----------
    values
        Float64, in as many chunks as they lie in, none of them null or NaN; of 0.0 and -0.0, which are one value,
        either is returned.
    codes
        The window of each, from 0 on, ascending.
    windows
        How many there are.
    most
        How many different values a window may have, in the mean; fewer where not many rows share a value. Any number
        when omitted.

    Returns
    -------
    polars.DataFrame or None
        ``window``, ``key`` (the value) and ``rows``, in no particular order; None where a window has more values.
    """
    found = _by_place(values, codes, windows)
    if found is None:
        if most is not None and _scattered(values.head(_FIRST_ROWS), values.len(), windows, most):
            return None
        found = _by_window(pl.DataFrame({KEY: values}), codes, windows, _counted)
    if most is not None and found.height > min(most * windows, max(_FEW * windows, codes.size // _ROWS_OF_A_VALUE)):
        return None
    return pl.DataFrame([found[WINDOW].cast(pl.Int64), found[KEY], found[ROWS].cast(pl.Int64)])


def tally_of_texts(texts: pl.Series, times: pl.Series, codes: NDArray[np.int64], windows: int) -> pl.DataFrame:
    """Return how many rows of each window have each text, and when the first and the last of these were.

    Parameters
    ----------
    texts, times
        The texts, null where missing, and the time of each row.
    codes, windows
        As for `tally_of_numbers`.

    Returns
    -------
    polars.DataFrame
        ``window``, ``key`` (the text, or null), ``rows``, ``first`` and ``last``, in no particular order.
    """
    frame = pl.DataFrame({KEY: texts, "time": times})
    ordered = times.is_sorted()
    return _by_window(frame, codes, windows, _counted_in_order if ordered else _counted_with_times)


def _by_place(values: pl.Series, codes: NDArray[np.int64], windows: int) -> pl.DataFrame | None:
    """Count values that are places of a grid; None where they are not, or the grid has too many places."""
    low, high = values.min(), values.max()
    if not isinstance(low, float) or not isinstance(high, float):  # there are none
        return None
    scale = _scale(values.head(_PROBED).to_numpy())
    if scale is None or not max(-low, high) * scale < _LARGEST_WHOLE:
        return None
    first, last = round(low * scale), round(high * scale)
    places = last - first + 1
    if places > _MOST_PLACES or places * windows > 2 * codes.size + AT_ONCE:
        return None
    found = []
    ends = np.searchsorted(codes, np.arange(windows + 1)).tolist() if windows > 1 else [0, codes.size]
    for window, (start, end) in enumerate(pairwise(ends)):
        rows = _rows_by_place(values.slice(start, end - start), scale, first, places)
        if rows is None:
            return None
        held = np.flatnonzero(rows)
        found.append((np.full(held.size, window), (held + first) / scale, rows[held]))
    parts = [np.concatenate(each) for each in zip(*found, strict=True)]
    return pl.DataFrame(dict(zip((WINDOW, KEY, ROWS), parts, strict=True)))


def _scattered(first: pl.Series, rows: int, windows: int, most: int) -> bool:
    """Say whether the first of some rows show that they have more values than are counted one by one."""
    values = first.n_unique()
    if values <= _FEW * windows:
        return False
    return values > most * windows or values * (_ROWS_OF_A_VALUE if rows == first.len() else 2) > first.len()


def _scale(some: NDArray[np.float64]) -> float | None:
    for scale in _SCALES:
        with np.errstate(over="ignore", invalid="ignore"):
            if (np.rint(some * scale) / scale == some).all():
                return scale
    return None


class _Arrays(threading.local):
    """What numbers are placed in, by each thread: arrays that are made anew take longer to come by than to fill."""

    def __init__(self) -> None:
        self.places = np.empty(_PLACED_AT_ONCE)
        self.same = np.empty(_PLACED_AT_ONCE, dtype=np.bool_)
        self.index = np.empty(_PLACED_AT_ONCE, dtype=np.intp)


_ARRAYS = _Arrays()


def _rows_by_place(values: pl.Series, scale: float, first: int, places: int) -> NDArray[np.int64] | None:
    """Return how many values lie at each place, the lowest one `first`; None where one lies at none."""
    rows = np.zeros(places, dtype=np.int64)
    for start in range(0, values.len(), _PLACED_AT_ONCE):
        some = values.slice(start, _PLACED_AT_ONCE).rechunk().to_numpy()
        place, same, index = (each[: some.size] for each in (_ARRAYS.places, _ARRAYS.same, _ARRAYS.index))
        np.multiply(some, scale, out=place)
        np.rint(place, out=place)
        np.subtract(place, first, out=index, casting="unsafe")
        np.divide(place, scale, out=place)
        if not np.equal(place, some, out=same).all():
            return None
        rows += np.bincount(index, minlength=places)
    return rows


def _by_window(
    frame: pl.DataFrame,
    codes: NDArray[np.int64],
    windows: int,
    count: Callable[[pl.DataFrame, list[str]], pl.DataFrame],
) -> pl.DataFrame:
    """Count the rows by key in each window; `codes`, the windows of the rows, ascend."""
    # Two keys take several times as long to group by as one, but many small windows are faster grouped at once.
    if windows > 1 and codes.size <= windows * _ROWS_OF_ONE_WINDOW:
        return count(frame.with_columns(pl.Series(WINDOW, codes)), [WINDOW, KEY])
    ends = np.searchsorted(codes, np.arange(windows + 1)).tolist()
    return pl.concat(
        count(frame.slice(first, last - first), [KEY]).with_columns(pl.lit(place, dtype=pl.Int64).alias(WINDOW))
        for place, (first, last) in enumerate(pairwise(ends))
    )


def _counted(frame: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    if keys == [KEY]:
        return _value_counts(frame[KEY])
    return frame.group_by(keys).agg(pl.len().alias(ROWS))


def _value_counts(values: pl.Series) -> pl.DataFrame:
    """Return how many rows have each value; a hash of each row is held on the way, so some are counted at a time."""
    if values.dtype == pl.String and values.len() > _COUNTED_AT_ONCE:  # so texts take two thirds of the time
        counted = pl.LazyFrame({KEY: values}).group_by(KEY).agg(pl.len().alias(ROWS))
        return counted.collect(engine="streaming")
    begun = values.head(_COUNTED_AT_ONCE).value_counts(name=ROWS)
    if begun.height > _FEW:
        return values.value_counts(name=ROWS)
    starts = range(_COUNTED_AT_ONCE, values.len(), _COUNTED_AT_ONCE)
    rest = [values.slice(start, _COUNTED_AT_ONCE).value_counts(name=ROWS) for start in starts]
    return pl.concat([begun, *rest]).group_by(KEY).agg(pl.col(ROWS).sum()) if rest else begun


def _counted_with_times(frame: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    rows, moment = pl.len().cast(pl.Int64).alias(ROWS), pl.col("time")
    return frame.group_by(keys).agg(rows, moment.min().alias("first"), moment.max().alias("last"))


def _counted_in_order(frame: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Count rows that are in the order of their times, of which only those at the ends need be looked at, mostly."""
    if keys != [KEY]:
        return _counted_with_times(frame, keys)
    counted = _value_counts(frame[KEY]).with_columns(pl.col(ROWS).cast(pl.Int64))
    if counted.height > _ROWS_AT_AN_END:
        return _counted_with_times(frame, keys)
    moment = pl.col("time")
    for name, rows, found in (
        ("first", frame.head(_ROWS_AT_AN_END), moment.min()),
        ("last", frame.tail(_ROWS_AT_AN_END), moment.max()),
    ):
        known = rows.group_by(KEY).agg(found.alias(name))
        if known.height < counted.height:
            others = frame.join(known, on=KEY, how="anti", nulls_equal=True)
            known = pl.concat([known, others.group_by(KEY).agg(found.alias(name))])
        counted = counted.join(known, on=KEY, how="left", nulls_equal=True)
    return counted
