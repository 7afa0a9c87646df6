"""How many rows have each value of a column, window by window: whole numbers of a decimal place by their places.

Most measured numbers are written with a few decimals, and then are places of an even grid, on which rows are counted
several times as fast as a table of values is filled. Each value is compared with its place, so that the counts are
those of the values themselves; where one is no place of the grid, a table is filled.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, overload

import numpy as np
import polars as pl

from audit_lab.monitor.grid import AT_ONCE, in_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["KEY", "ROWS", "WINDOW", "tally_of_numbers", "tally_of_texts"]

WINDOW, KEY, ROWS = "window", "key", "rows"
#: How many places one may have, as parts of one.
_SCALES = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)
#: So many values show whether a column may be of one of these.
_PROBED = 1_024
#: A grid of more places than this, 1 MB, leaves a core's cache.
_MOST_PLACES = 131_072
#: Numbers placed at once: what is made of them on the way, some 1 MB, stays in a core's own cache and is taken from
#: memory that was used before; of twice as many each row takes twice as long.
_PLACED_AT_ONCE = 32_768
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
def tally_of_numbers(parts: Sequence[NDArray[np.float64]], codes: NDArray[np.int64], windows: int) -> pl.DataFrame: ...


@overload
def tally_of_numbers(
    parts: Sequence[NDArray[np.float64]], codes: NDArray[np.int64], windows: int, most: int | None
) -> pl.DataFrame | None: ...


def tally_of_numbers(
    parts: Sequence[NDArray[np.float64]], codes: NDArray[np.int64], windows: int, most: int | None = None
) -> pl.DataFrame | None:
    """Return how many rows of each window have each value.

    Parameters
    ----------
    parts
        The values, in as many parts as they lie in, none of them NaN; of 0.0 and -0.0, which are one value, either is
        returned.
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
    found = _by_place([part for part in parts if part.size], codes, windows)
    if found is None:
        values = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if most is not None and _scattered(values[:_FIRST_ROWS], values.size, windows, most):
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


def _by_place(parts: Sequence[NDArray[np.float64]], codes: NDArray[np.int64], windows: int) -> pl.DataFrame | None:
    """Count values that are places of a grid; None where they are not, or the grid has too many places."""
    if not parts:
        return None
    low, high = float(min(part.min() for part in parts)), float(max(part.max() for part in parts))
    scale = _scale(np.concatenate(list(_between(parts, 0, _PROBED))))
    if scale is None or not max(-low, high) * scale < _LARGEST_WHOLE:
        return None
    first, last = round(low * scale), round(high * scale)
    places = last - first + 1
    if places > _MOST_PLACES or places * windows > 2 * codes.size + AT_ONCE:
        return None
    found = []
    ends = np.searchsorted(codes, np.arange(windows + 1)).tolist() if windows > 1 else [0, codes.size]
    for window, (start, end) in enumerate(pairwise(ends)):
        rows = _rows_by_place(_between(parts, start, end), scale, first, places)
        if rows is None:
            return None
        held = np.flatnonzero(rows)
        found.append((np.full(held.size, window), (held + first) / scale, rows[held]))
    parts = [np.concatenate(each) for each in zip(*found, strict=True)]
    return pl.DataFrame(dict(zip((WINDOW, KEY, ROWS), parts, strict=True)))


def _scattered(first: NDArray[np.float64], rows: int, windows: int, most: int) -> bool:
    """Say whether the first of some rows show that they have more values than are counted one by one."""
    values = pl.Series(first).n_unique()
    if values <= _FEW * windows:
        return False
    return values > most * windows or values * (_ROWS_OF_A_VALUE if rows == first.size else 2) > first.size


def _scale(some: NDArray[np.float64]) -> float | None:
    for scale in _SCALES:
        with np.errstate(over="ignore", invalid="ignore"):
            if (np.rint(some * scale) / scale == some).all():
                return scale
    return None


def _between(parts: Sequence[NDArray[np.float64]], start: int, end: int) -> Iterator[NDArray[np.float64]]:
    """Yield the values from one position to another, as they lie in the parts."""
    first = 0
    for part in parts:
        if first < end and first + part.size > start:
            yield part[max(start - first, 0) : end - first]
        first += part.size


def _rows_by_place(
    parts: Iterable[NDArray[np.float64]], scale: float, first: int, places: int
) -> NDArray[np.int64] | None:
    """Return how many values lie at each place, the lowest one `first`; None where one lies at none."""
    rows = np.zeros(places, dtype=np.int64)
    for some in in_parts(parts, max(_PLACED_AT_ONCE, places)):
        place = some * scale
        np.rint(place, out=place)
        if not (place / scale == some).all():
            return None
        place -= first
        # From a double to 32 bits processors convert several at once, to 64 bits one by one.
        rows += np.bincount(place.astype(np.int32), minlength=places)
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
