"""Sketches: what drift needs to know of some rows, by window and column, so that the rows need not be read again.

Sketches of parts of a log add up to that of the whole. Counts are exact; sums of floats are rounded once for each part,
and once more for all of them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import polars as pl

from audit_lab.log.schema import TIME
from audit_lab.monitor.bins import NumericBins
from audit_lab.monitor.blocks import BLOCK_ROWS, blocks_of, column_groups
from audit_lab.monitor.column_bins import exact_sum
from audit_lab.monitor.counts import MEASURED, TIME_COLUMN, VERSION_COLUMN
from audit_lab.monitor.grid import AT_ONCE, Marks
from audit_lab.monitor.tallies import tally_of_numbers, tally_of_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from audit_lab.monitor.bins import Bins
    from audit_lab.monitor.cuts import Cut
    from audit_lab.monitor.filed import Filed, FiledRows

__all__ = ["SCHEMAS", "Sketch", "sketch_of", "sketch_of_pairs", "summed"]

_WINDOW, _ROW = "window", "row"
#: The frames of a sketch. ``window`` is a position, ``below`` what lies below the lowest mark, ``upto`` how many values
#: lie above the mark before and not above each mark, ``lowest`` counts minus infinity. ``values`` counts what is not
#: null, in or outside windows, ``nan`` and ``infinite`` those of them.
SCHEMAS: dict[str, dict[str, Any]] = {
    "volume": {"window": pl.Int64(), "rows": pl.Int64()},
    "facts": {"column": pl.String(), "values": pl.Int64(), "nan": pl.Int64(), "infinite": pl.Int64()},
    "missing": {"column": pl.String(), "window": pl.Int64(), "rows": pl.Int64()},
    "numbers": {"column": pl.String(), "window": pl.Int64(), "key": pl.Float64(), "rows": pl.Int64()},
    "texts": {
        "column": pl.String(),
        "window": pl.Int64(),
        "key": pl.String(),
        "rows": pl.Int64(),
        "first": TIME,
        "last": TIME,
    },
    "marked": {
        "column": pl.String(),
        "window": pl.Int64(),
        "values": pl.Int64(),
        "below": pl.Int64(),
        "upto": pl.List(pl.Int64()),
        "infinite": pl.Int64(),
        "lowest": pl.Int64(),
        "fractions": pl.Int64(),
        "least": pl.Float64(),
        "greatest": pl.Float64(),
        "apart": pl.Float64(),
        "squares": pl.Float64(),
        "under": pl.Float64(),
        "over": pl.Float64(),
    },
}
_KEYS = {
    "volume": ("window",),
    "facts": ("column",),
    "missing": ("column", "window"),
    "numbers": ("column", "window", "key"),
    "texts": ("column", "window", "key"),
}
_SUMS = ("apart", "squares", "under", "over")
_THREADS = 2


@dataclass(frozen=True, eq=False)
class Sketch:
    """Frames of the `SCHEMAS`, ordered by column, window and key."""

    frames: dict[str, pl.DataFrame]

    def of(self, name: str, column: str) -> pl.DataFrame:
        """Return the rows of one frame that are of one column, without its name."""
        frame = self.frames[name]
        first = int(frame["column"].search_sorted(column, side="left")) if frame.height else 0
        last = int(frame["column"].search_sorted(column, side="right")) if frame.height else 0
        return frame.slice(first, last - first).drop("column")


def sketch_of(frame: pl.LazyFrame, bins: Sequence[Bins], cut: Cut) -> Sketch:
    """Read prepared rows of polars once, and return their sketch.

    Parameters
    ----------
    frame
        The rows: a time, each column as float64 or text, and the version where windows go by it.
    bins
        The bins of each column. Only the marks of columns with very many values matter.
    cut
        The windows.

    Raises
    ------
    LogError
        The rows cannot be read.
    """
    named = {one.column: one for one in bins}
    always = [TIME_COLUMN, *([VERSION_COLUMN] if cut.by_version else [])]
    found: list[Sketch] = []
    with ThreadPoolExecutor(_THREADS) as threads:
        for place, group in enumerate(column_groups(list(named))):
            for block in blocks_of(frame.select(*always, *group), MEASURED):
                placed = _placed(block.select(always), cut)
                parts = list(
                    threads.map(
                        lambda name, block=block, placed=placed: _of_column(block, named[name], placed),
                        group,
                    )
                )
                if not place:
                    parts.append({"volume": placed.volume()})
                found.append(Sketch({name: _stacked(name, [p[name] for p in parts if name in p]) for name in SCHEMAS}))
    return summed(found)


def sketch_of_pairs(
    filed: Filed,
    pairs: Sequence[FiledRows],
    asked: list[Any],
    bins: Sequence[Bins],
    cut: Cut,
) -> Sketch:
    """Return the sketch of rows that lie in pairs of files: one of each, read or known before.

    Parameters
    ----------
    filed, pairs
        The rows, and the pairs that are asked.
    asked
        What prepared rows depend on, as JSON.
    bins, cut
        As for `sketch_of`.
    """
    marks = [
        [one.column, sha256(one.values.tobytes()).hexdigest(), repr(one.mean)]
        for one in bins
        if isinstance(one, NumericBins) and one.marked
    ]
    found = []
    for one in pairs:
        question = ["sketch", asked, marks, BLOCK_ROWS, _windows(cut, one.times)]
        frame = one.prepared.to_native()
        known = filed.known([one.pair], question, SCHEMAS, lambda frame=frame: sketch_of(frame, bins, cut).frames)  # type: ignore[misc]
        found.append(Sketch(known) if _fits(known, bins, cut) else sketch_of(frame, bins, cut))
    return summed(found)


def _fits(frames: dict[str, pl.DataFrame], bins: Sequence[Bins], cut: Cut) -> bool:
    """Whether frames that were kept can be of these windows and columns: else they are not ours."""
    windows = len(cut.starts)
    places = [frame["window"] for name, frame in frames.items() if name != "facts"]
    counts = [frame[name] for frame in frames.values() for name in ("rows", "values", "below") if name in frame.columns]
    widths = {one.column: one.values.size for one in bins if isinstance(one, NumericBins) and one.marked}
    marked = frames["marked"].select("column", pl.col("upto").list.len()).unique().iter_rows()
    return (
        all(not each.null_count() and each.is_between(0, windows - 1).all() for each in places)
        and all(not each.null_count() and (each >= 0).all() for each in counts)
        and all(widths.get(name) == width for name, width in marked)
    )


def _windows(cut: Cut, times: pl.DataFrame) -> list[Any]:
    """Return, as JSON, the windows that rows between two times can lie in, with their positions."""
    if cut.by_version:
        return list(cut.by_version)
    first, last = times.select("first", "last").row(0)
    if first is None:
        return []
    spans = enumerate(zip(cut.starts, cut.ends, strict=True))
    return [(place, *map(str, span)) for place, span in spans if span[0] <= last and span[1] > first]


def summed(sketches: Sequence[Sketch]) -> Sketch:
    """Return the sketch of all rows that some sketches are of."""
    if len(sketches) == 1:
        return sketches[0]
    return Sketch({name: _summed(name, [one.frames[name] for one in sketches]) for name in SCHEMAS})


def _summed(name: str, frames: list[pl.DataFrame]) -> pl.DataFrame:
    every = _stacked(name, frames)
    if name == "marked":
        return _summed_marks(every)
    schema, keys = SCHEMAS[name], _KEYS[name]
    added = [
        getattr(pl.col(each), {"first": "min", "last": "max"}.get(each, "sum"))() for each in schema if each not in keys
    ]
    return every.group_by(keys).agg(added).select(list(schema)).sort(keys, nulls_last=True)


def _summed_marks(every: pl.DataFrame) -> pl.DataFrame:
    keys = ["column", "window"]
    alone = pl.len().over(keys) == 1
    rows = []
    for held in every.filter(~alone).partition_by(keys, maintain_order=True):
        counts = held.select("values", "below", "infinite", "lowest", "fractions").sum().row(0, named=True)
        rows.append(
            {
                "column": held["column"][0],
                "window": held["window"][0],
                **counts,
                # As a list: of arrays polars makes an Array, whatever type is asked for.
                "upto": np.sum(np.stack([np.asarray(each) for each in held["upto"]]), axis=0).tolist(),
                "least": held["least"].min(),
                "greatest": held["greatest"].max(),
                **{name: exact_sum(held[name].to_list()) for name in _SUMS},
            }
        )
    return pl.concat([every.filter(alone), _framed("marked", rows)]).sort(keys)


def _framed(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(
        [pl.Series(column, [row[column] for row in rows], dtype=dtype) for column, dtype in SCHEMAS[name].items()]
    )


def _stacked(name: str, frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return frames one below the other, in the order of columns and windows."""
    held = [frame for frame in frames if frame.height]
    if not held:
        return pl.DataFrame(schema=SCHEMAS[name])
    every = pl.concat(held).select(list(SCHEMAS[name]))
    return every.sort(
        [key for key in ("column", "window", "key") if key in every.columns], nulls_last=True, maintain_order=True
    )


@dataclass(frozen=True, eq=False)
class _Placed:
    """Which rows of a block are in windows, ordered by window: `rows` are their numbers, None for all of them in order.

    `windows` are the positions of the windows that occur, `codes` says for each row which of these it lies in.
    """

    rows: NDArray[np.int64] | None
    windows: NDArray[np.int64]
    codes: NDArray[np.int64]
    times: pl.Series

    def volume(self) -> pl.DataFrame:
        return pl.DataFrame({"window": self.windows, "rows": np.bincount(self.codes, minlength=self.windows.size)})


def _placed(times: pl.DataFrame, cut: Cut) -> _Placed:
    timed = times.with_row_index(_ROW).lazy().filter(pl.col(TIME_COLUMN).is_not_null())
    found = cut.numbered(nw.from_native(timed), _WINDOW).select(_ROW, _WINDOW, TIME_COLUMN).to_native().collect()
    number, moment = found[_WINDOW].to_numpy(), found[TIME_COLUMN]
    rows = None if found.height == times.height else found[_ROW].cast(pl.Int64).to_numpy()
    if number.size and (number[1:] < number[:-1]).any():
        order = np.argsort(number, kind="stable")
        number, moment = number[order], moment.gather(order)
        rows = order if rows is None else rows[order]
    starts = np.append(0, np.flatnonzero(number[1:] != number[:-1]) + 1)[: number.size]
    windows = number[starts].astype(np.int64)
    codes = np.repeat(np.arange(windows.size), np.diff(np.append(starts, number.size)))
    return _Placed(rows, windows, codes, moment)


def _of_column(block: pl.DataFrame, bins: Bins, placed: _Placed) -> dict[str, pl.DataFrame]:
    """Return the frames of one column of a block, each with the column's name."""
    column = block[bins.column]
    if not isinstance(bins, NumericBins):
        held = column if placed.rows is None else column.gather(placed.rows)
        texts = tally_of_texts(held, placed.times, placed.codes, placed.windows.size)
        facts = {"values": [column.len() - column.null_count()], "nan": [0], "infinite": [0]}
        return {"texts": _named("texts", texts, bins, placed), "facts": _named("facts", pl.DataFrame(facts), bins)}
    values = column.to_numpy()
    gone = np.isnan(values)
    missing = int(np.count_nonzero(gone))
    usual = bool(np.isfinite(values).all()) if not missing else False
    infinite = 0 if usual else int(np.count_nonzero(np.isinf(values)))
    nulls = column.null_count()
    facts = {"values": [values.size - nulls], "nan": [missing - nulls], "infinite": [infinite]}
    found = {"facts": _named("facts", pl.DataFrame(facts), bins)}
    codes = placed.codes
    if placed.rows is not None:
        values, gone = values[placed.rows], gone[placed.rows]
    if missing:
        rows = np.bincount(codes[gone], minlength=placed.windows.size)
        away = pl.DataFrame({_WINDOW: np.arange(rows.size), "rows": rows}).filter(pl.col("rows") > 0)
        found["missing"] = _named("missing", away, bins, placed)
        values, codes = values[~gone], codes[~gone]
    if bins.marked:
        found["marked"] = _named("marked", _of_marks(bins, values, codes, placed.windows.size), bins, placed)
        return found
    numbers = tally_of_numbers(values, codes, placed.windows.size)
    found["numbers"] = _named("numbers", numbers, bins, placed)
    return found


def _named(name: str, frame: pl.DataFrame, bins: Bins, placed: _Placed | None = None) -> pl.DataFrame:
    """Return the frame with the column's name, and the windows' positions instead of their codes."""
    more = [pl.lit(bins.column).alias("column")]
    if placed is not None and placed.windows.size == 1:
        more.append(pl.lit(int(placed.windows[0]), dtype=pl.Int64).alias(_WINDOW))
    elif placed is not None:
        codes = frame[_WINDOW].to_numpy()
        frame = frame.with_columns(pl.Series(_WINDOW, placed.windows[codes] if codes.size else codes, dtype=pl.Int64))
    return frame.with_columns(more).select(pl.col(each).cast(dtype) for each, dtype in SCHEMAS[name].items())


def _of_marks(bins: NumericBins, values: NDArray[np.float64], codes: NDArray[np.int64], windows: int) -> pl.DataFrame:
    """Count values at the marks of a column, and add up what its moments take; `codes` ascend."""
    marks, width, mean = Marks(bins.values), bins.values.size + 1, bins.mean or 0.0
    low, high = bins.values[0], bins.values[-1]
    counts = np.zeros(windows * width, dtype=np.int64)
    whole = {name: np.zeros(windows, dtype=np.int64) for name in ("below", "infinite", "lowest", "fractions")}
    least, greatest = np.full(windows, np.inf), np.full(windows, -np.inf)
    sums: dict[str, list[list[float]]] = {name: [[] for _ in range(windows)] for name in _SUMS}
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
            "upto": pl.Series(list(by_window[:, :-1]), dtype=pl.List(pl.Int64)),
            **whole,
            "least": least,
            "greatest": greatest,
            **{name: [exact_sum(parts) for parts in each] for name, each in sums.items()},
        }
    )
    return held.filter(pl.col("values") > 0)
