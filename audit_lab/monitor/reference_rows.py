"""The rows of a reference, read once: how many they are, the bins of each column, and a sample of them.

Of the sample only the bins that values lie in matter, so that each value stands there as the greatest of its bin, and
each rare category as one of them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import polars as pl

from audit_lab.errors import LogError
from audit_lab.log.engines.answers import collected
from audit_lab.log.files.reading import reading
from audit_lab.monitor.bins import CategoryBins, NumericBins
from audit_lab.monitor.calibration import SAMPLED_ROWS
from audit_lab.monitor.column_bins import bins_of_column
from audit_lab.monitor.counts import MEASURED, TIME_COLUMN
from audit_lab.monitor.samples import in_order, places_within, sampled_rows, spans_of
from audit_lab.monitor.window_counts import bins_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from audit_lab.monitor.bins import Bins
    from audit_lab.monitor.counts import Rows

__all__ = ["ReferenceRows", "joined_reference", "read_parts", "read_reference", "reference_bins"]

#: Values that are held at once where polars reads them, some 100 MB; one column at least.
_VALUES_AT_ONCE = 12_000_000
_THREADS = 2
_NUMBERS: dict[str, Any] = {
    "column": pl.String(),
    "values": pl.List(pl.Float64()),
    "rows": pl.List(pl.Int64()),
    "missing": pl.Int64(),
    "marked": pl.Boolean(),
    "mean": pl.Float64(),
    "deviation": pl.Float64(),
    "whole": pl.Boolean(),
}
_TEXTS: dict[str, Any] = {
    "column": pl.String(),
    "values": pl.List(pl.String()),
    "rows": pl.List(pl.Int64()),
    "missing": pl.Int64(),
}


@dataclass(frozen=True, eq=False)
class ReferenceRows:
    """How many rows a reference has, the bins of each column, and the sampled rows, each value as one of its bin."""

    rows: int
    bins: tuple[Bins, ...]
    sample: pl.DataFrame

    @staticmethod
    def schemas(kinds: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Return the frames that `frames` gives, for columns of these kinds."""
        sample = {name: pl.Float64() if kind == "numeric" else pl.String() for name, kind in kinds.items()}
        return {"rows": {"rows": pl.Int64()}, "numbers": _NUMBERS, "texts": _TEXTS, "sample": sample}

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return it as frames."""
        numbers = [
            (
                one.column,
                one.values.tolist(),
                one.value_rows.tolist(),
                one.missing_rows,
                one.marked,
                one.mean,
                one.deviation,
                one.whole,
            )
            for one in self.bins
            if isinstance(one, NumericBins)
        ]
        texts = [
            (one.column, list(one.categories), one.category_rows.tolist(), one.missing_rows)
            for one in self.bins
            if isinstance(one, CategoryBins)
        ]
        return {
            "rows": pl.DataFrame({"rows": [self.rows]}, schema={"rows": pl.Int64()}),
            "numbers": pl.DataFrame(numbers, schema=_NUMBERS, orient="row"),
            "texts": pl.DataFrame(texts, schema=_TEXTS, orient="row"),
            "sample": self.sample,
        }

    @classmethod
    def of_frames(cls, frames: Mapping[str, pl.DataFrame], kinds: Mapping[str, str]) -> ReferenceRows:
        """Return what `frames` were made of."""
        made: dict[str, Bins] = {}
        for row in frames["numbers"].iter_rows(named=True):
            values, rows = np.array(row["values"], dtype=np.float64), np.array(row["rows"], dtype=np.int64)
            rest = (row["missing"], row["marked"], row["mean"], row["deviation"], row["whole"])
            made[row["column"]] = NumericBins(row["column"], values, rows, *rest)
        for row in frames["texts"].iter_rows(named=True):
            rows = np.array(row["rows"], dtype=np.int64)
            made[row["column"]] = CategoryBins(row["column"], tuple(row["values"]), rows, row["missing"])
        return cls(int(frames["rows"]["rows"].item()), tuple(made[name] for name in kinds), frames["sample"])


def reference_bins(rows: Rows, start: datetime, end: datetime) -> tuple[int, tuple[Bins, ...]]:
    """Read the reference's rows, ``start <= time < end``; return how many they are and the bins of each column."""
    read = read_reference(rows.between(start, end), rows.kinds, None)
    return read.rows, read.bins


def read_reference(
    held: nw.LazyFrame[Any], kinds: Mapping[str, str], span: tuple[datetime, datetime] | None
) -> ReferenceRows:
    """Read the rows of a reference.

    Parameters
    ----------
    held
        The rows, prepared.
    kinds
        The kind of each column.
    span
        Between when they lie, which their sample is spread over; None for evenly spread rows.

    Raises
    ------
    LogError
        They cannot be read.
    """
    if held.implementation.is_polars():
        return _at_hand(held.to_native(), kinds, span)
    count, bins = bins_of(held, kinds)
    if span is None:
        native = held.to_native().gather_every(max(count // SAMPLED_ROWS, 1))
        sample = collected(nw.from_native(native), MEASURED)
    else:
        sample = sampled_rows(held, *span, count, SAMPLED_ROWS)
    return ReferenceRows(count, bins, _rounded(sample, bins))


def read_parts(
    held: pl.LazyFrame, kinds: Mapping[str, str], span: tuple[datetime, datetime] | None
) -> tuple[int, dict[str, Bins], pl.DataFrame]:
    """Read the rows of a frame of polars, which gives them in the same order each time, some columns at a time.

    Returns
    -------
    rows, bins, sampled
        How many they are, the bins of each column, and sampled rows with their times, in the order of the frame.
    """
    names, sampled = list(kinds), []
    bins: list[Bins] = []
    with reading(MEASURED), ThreadPoolExecutor(_THREADS) as threads:
        times = held.select(TIME_COLUMN).collect(engine="streaming")[TIME_COLUMN]
        count, places = times.len(), _places(times, span)
        times = times.gather(places)
        width = max(_VALUES_AT_ONCE // max(count, 1), 1)
        for some in (names[place : place + width] for place in range(0, len(names), width)):
            read = held.select(some).collect(engine="streaming")
            bins += threads.map(bins_of_column, read.get_columns(), [kinds[name] for name in some])
            sampled.append(read[places])
            del read  # before the next columns come
    sample = pl.concat([times.to_frame(), *sampled], how="horizontal")
    return count, dict(zip(names, bins, strict=True)), sample


def joined_reference(
    rows: int,
    columns: Sequence[str],
    bins: Mapping[str, Bins],
    sampled: pl.DataFrame | None,
    rest: tuple[int, Mapping[str, Bins], pl.DataFrame] | None,
) -> ReferenceRows:
    """Return a reference in time of which some columns were counted on the way and the others read for themselves.

    Parameters
    ----------
    rows
        How many rows it has.
    columns
        All columns, in order.
    bins, sampled
        Those of the columns that were counted on the way, and the sampled rows with their times.
    rest
        What `read_parts` returned of the others.

    Raises
    ------
    LogError
        The files changed while they were read.
    """
    parts = [] if sampled is None else [sampled]
    if rest is not None:
        bins = {**bins, **rest[1]}
        parts.append(rest[2].drop(TIME_COLUMN) if parts else rest[2])
        if len({part.height for part in parts}) > 1:
            message = f"{MEASURED} changed while it was read"
            raise LogError(message, "Ask again when nothing is written to it.")
    sample = in_order(pl.concat(parts, how="horizontal").select(TIME_COLUMN, *columns), SAMPLED_ROWS)
    every = tuple(bins[name] for name in columns)
    return ReferenceRows(rows, every, _rounded(sample, every))


def _at_hand(held: pl.LazyFrame, kinds: Mapping[str, str], span: tuple[datetime, datetime] | None) -> ReferenceRows:
    count, found, sample = read_parts(held, kinds, span)
    if span is not None:
        sample = in_order(sample, SAMPLED_ROWS)
    bins = tuple(found[name] for name in kinds)
    return ReferenceRows(count, bins, _rounded(sample, bins))


def _places(times: pl.Series, span: tuple[datetime, datetime] | None) -> NDArray[np.int64]:
    """Return which rows are sampled."""
    count = times.len()
    if span is None:
        return np.arange(0, count, max(count // SAMPLED_ROWS, 1))
    return places_within(times, spans_of(*span, count, SAMPLED_ROWS))


def _rounded(sample: pl.DataFrame, bins: Sequence[Bins]) -> pl.DataFrame:
    """Return the columns of a sample with each value replaced by one of its bin."""
    return pl.DataFrame([_column(sample[one.column], one) for one in bins])


def _column(column: pl.Series, bins: Bins) -> pl.Series:
    gone = column.null_count()
    if gone == column.len():
        return column
    if isinstance(bins, NumericBins):
        held = column.fill_null(float(bins.values[0])) if gone else column
        uppers = np.append(bins.edges, bins.values[-1])
        chosen = pl.Series(column.name, uppers[bins.bin_of_cell[bins.cells_of(held.to_numpy())] - 1])
    else:
        held = column.fill_null(bins.categories[0]) if gone else column
        named = [bins.categories[min(bins.index[text], len(bins.categories) - 1)] for text in held]
        chosen = pl.Series(column.name, named, dtype=pl.String)
    return pl.select(pl.when(column.is_not_null()).then(chosen)).to_series() if gone else chosen
