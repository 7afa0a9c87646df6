"""Sketches: what drift needs to know of some rows, by window and column, so that the rows need not be read again.

Sketches of parts of a log add up to that of the whole. Counts are exact; sums of floats are rounded once for each part,
and once more for all of them.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.log.schema import TIME
from audit_lab.monitor.bins import NumericBins
from audit_lab.monitor.blocks import BLOCK_ROWS, grouped_blocks
from audit_lab.monitor.column_bins import exact_sum
from audit_lab.monitor.counts import MEASURED, TIME_COLUMN, VERSION_COLUMN
from audit_lab.monitor.marked import SUMS, marks_of_rows
from audit_lab.monitor.ordered import ascends
from audit_lab.monitor.placed import placed_rows
from audit_lab.monitor.tallies import tally_of_numbers, tally_of_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from audit_lab.monitor.bins import Bins
    from audit_lab.monitor.cuts import Cut
    from audit_lab.monitor.filed import Filed, FiledRows
    from audit_lab.monitor.placed import Placed

__all__ = ["SCHEMAS", "Sketch", "fits", "read_columns", "sketch_of", "sketch_of_pairs", "summed", "windows_between"]

_WINDOW = "window"
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
_THREADS = 2


@dataclass(frozen=True, eq=False)
class Sketch:
    """Frames of the `SCHEMAS`, ordered by column, window and key."""

    frames: dict[str, pl.DataFrame]

    def of(self, name: str, column: str) -> pl.DataFrame:
        """Return the rows of one frame that are of one column, without its name."""
        return self._unnamed[name].slice(*self._places[name].get(column, (0, 0)))

    @cached_property
    def _unnamed(self) -> dict[str, pl.DataFrame]:
        return {name: frame.drop("column", strict=False) for name, frame in self.frames.items()}

    @cached_property
    def _places(self) -> dict[str, dict[str, tuple[int, int]]]:
        """From which row on each column's rows stand in each frame, and how many they are."""
        found: dict[str, dict[str, tuple[int, int]]] = {}
        for name, frame in self.frames.items():
            runs = frame["column"].rle().struct.unnest() if "column" in frame.columns else pl.DataFrame()
            ends = np.cumsum(runs["len"].to_numpy()) if runs.height else np.array([])
            found[name] = (
                {
                    column: (int(end) - rows, rows)
                    for column, rows, end in zip(*runs.select("value", "len"), ends, strict=True)
                }
                if runs.height
                else {}
            )
        return found


def sketch_of(frame: pl.LazyFrame, bins: Sequence[Bins], cut: Cut, rows: int = BLOCK_ROWS) -> Sketch:
    """Read prepared rows of polars once, and return their sketch.

    Parameters
    ----------
    frame
        The rows: a time, each column as float64 or text, and the version where windows go by it.
    bins
        The bins of each column. Only the marks of columns with very many values matter.
    cut
        The windows.
    rows
        As for `read_columns`.

    Raises
    ------
    LogError
        The rows cannot be read.
    """
    kinds = {one.column: one.kind for one in bins}
    marks = {one.column: one for one in bins if isinstance(one, NumericBins) and one.marked}
    return read_columns(frame, kinds, cut, marks, rows=rows)


def read_columns(
    frame: pl.LazyFrame,
    kinds: Mapping[str, str],
    cut: Cut,
    marks: Mapping[str, NumericBins],
    *,
    look: Callable[[Sequence[str], int, pl.DataFrame], None] | None = None,
    most: int | None = None,
    rows: int = BLOCK_ROWS,
) -> Sketch:
    """Read prepared rows of polars once, and return the sketch of some columns.

    Parameters
    ----------
    frame, cut
        As for `sketch_of`.
    kinds
        The columns, "numeric" or "categorical".
    marks
        The bins of columns that are counted at marks; the others are counted value by value.
    look
        Is shown each block of rows as it is read: its columns, from which row on, and it.
    most
        A column of numbers with more values than this in a window of a block is left out; None leaves out none. It has
        no row among the facts.
    rows
        How many they are, where that is known: of few rows more columns are read at a time.
    """
    always = [TIME_COLUMN, *([VERSION_COLUMN] if cut.by_version else [])]
    volumes: list[pl.DataFrame] = []
    parts: dict[str, list[dict[str, pl.DataFrame]] | None] = {name: [] for name in kinds}
    with ThreadPoolExecutor(_THREADS) as threads:
        for group, first, block in grouped_blocks(frame, always, list(kinds), rows, MEASURED):
            placed = placed_rows(block.select(always), cut)
            found = threads.map(
                lambda name, block=block, placed=placed: (
                    None if parts[name] is None else _of_column(block[name], kinds[name], placed, marks, most)
                ),
                group,
            )
            if look is not None:
                look(group, first, block)
            for name, one in zip(group, found, strict=True):
                held = parts[name]
                if one is None or held is None:
                    parts[name] = None
                else:
                    held.append(one)
            if next(iter(kinds)) in group:
                volumes.append(placed.volume())
        left = [name for name in sorted(kinds) if parts[name] is not None]
        added = list(threads.map(lambda name: {each: _added(name, each, parts[name] or []) for each in SCHEMAS}, left))
    frames = {each: _named(each, left, [one[each] for one in added]) for each in SCHEMAS if each != "volume"}
    return Sketch({"volume": _summed("volume", volumes), **frames})


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
        question = ["sketch", asked, marks, BLOCK_ROWS, windows_between(cut, one.times)]
        read = partial(sketch_of, one.prepared.to_native(), bins, cut, one.pair.rows)
        known = filed.known([one.pair], question, SCHEMAS, lambda read=read: read().frames)  # type: ignore[misc]
        found.append(Sketch(known) if fits(known, bins, cut) else read())
    return summed(found)


def fits(frames: dict[str, pl.DataFrame], bins: Sequence[Bins], cut: Cut) -> bool:
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


def windows_between(cut: Cut, times: pl.DataFrame) -> list[Any]:
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
    named = "column" in schema
    if named:  # numbers in the order of the names are several times as fast to group and to sort by
        columns = pl.Enum(every["column"].unique().sort())
        every = every.with_columns(pl.col("column").cast(columns))
    if not _apart(frames, keys):
        every = every.group_by(keys).agg(added)
    ordered = every.select(list(schema)).sort(keys, nulls_last=True)
    return ordered.with_columns(pl.col("column").cast(pl.String)) if named else ordered


def _apart(frames: Sequence[pl.DataFrame], keys: Sequence[str]) -> bool:
    """Say whether no two frames, each without a key twice, have rows of one window."""
    if "window" not in keys or len(frames) < 2:  # noqa: PLR2004 - of one, blocks may have to be added up
        return False
    windows = [set(frame["window"].unique()) for frame in frames]
    return sum(map(len, windows)) == len(set().union(*windows))


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
                **{name: exact_sum(held[name].to_list()) for name in SUMS},
            }
        )
    return pl.concat([every.filter(alone), _framed("marked", rows)]).sort(keys)


def _framed(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(
        [pl.Series(column, [row[column] for row in rows], dtype=dtype) for column, dtype in SCHEMAS[name].items()]
    )


def _stacked(name: str, frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return frames one below the other."""
    held = [frame for frame in frames if frame.height]
    if not held:
        return pl.DataFrame(schema=SCHEMAS[name])
    return pl.concat([frame.select(list(SCHEMAS[name])) for frame in held])


def _named(name: str, columns: Sequence[str], frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return frames of columns, each without its name, one below the other with their names."""
    heights = [frame.height for frame in frames]
    if not any(heights):
        return pl.DataFrame(schema=SCHEMAS[name])
    every = pl.concat([frame for frame in frames if frame.height])
    names = pl.Series("column", columns, dtype=pl.String).gather(np.repeat(np.arange(len(heights)), heights))
    return every.insert_column(0, names)


def _added(column: str, name: str, parts: Sequence[dict[str, pl.DataFrame]]) -> pl.DataFrame:
    """Return one frame of a column from those of the blocks, in the order of windows and keys, without its name."""
    held = [part[name] for part in parts if name in part and part[name].height]
    if not held and name == "facts":  # there were no rows, which is known of the column
        return pl.DataFrame({each: [0] for each in SCHEMAS[name] if each != "column"})
    if not held:
        return pl.DataFrame()
    if len(held) > 1:
        named = _stacked(name, [frame.with_columns(pl.lit(column).alias("column")) for frame in held])
        return (_summed_marks(named) if name == "marked" else _summed(name, [named])).drop("column")
    keys = [key for key in _KEYS.get(name, ("window",)) if key != "column"]
    return held[0] if not keys or ascends(held[0], keys) else held[0].sort(keys, nulls_last=True)


def _of_column(
    column: pl.Series, kind: str, placed: Placed, marks: Mapping[str, NumericBins], most: int | None
) -> dict[str, pl.DataFrame] | None:
    """Return the frames of one column of a block, without its name; None where it has more values than `most`."""
    if kind != "numeric":
        held = column if placed.rows is None else column.gather(placed.rows)
        texts = tally_of_texts(held, placed.times, placed.codes, placed.windows.size)
        facts = {"values": [column.len() - column.null_count()], "nan": [0], "infinite": [0]}
        return {"texts": _in_windows("texts", texts, placed), "facts": pl.DataFrame(facts)}
    nulls = column.null_count()
    usual = not nulls and math.isfinite(column.sum())  # then every value is finite
    # Values that are only counted are looked at where they lie: putting them together takes fresh memory for each.
    if usual and placed.rows is None and column.name not in marks:
        numbers = tally_of_numbers(column, placed.codes, placed.windows.size, most)
        whole = pl.DataFrame({"values": [column.len()], "nan": [0], "infinite": [0]})
        return None if numbers is None else {"facts": whole, "numbers": _in_windows("numbers", numbers, placed)}
    values = column.to_numpy()
    gone = np.zeros(0, dtype=bool) if usual else np.isnan(values)
    missing = int(np.count_nonzero(gone))
    infinite = 0 if usual else int(np.count_nonzero(np.isinf(values)))
    facts = {"values": [column.len() - nulls], "nan": [missing - nulls], "infinite": [infinite]}
    found = {"facts": pl.DataFrame(facts)}
    codes = placed.codes
    if placed.rows is not None:
        values, gone = values[placed.rows], gone if usual else gone[placed.rows]
    if missing:
        rows = np.bincount(codes[gone], minlength=placed.windows.size)
        away = pl.DataFrame({_WINDOW: np.arange(rows.size), "rows": rows}).filter(pl.col("rows") > 0)
        found["missing"] = _in_windows("missing", away, placed)
        values, codes = values[~gone], codes[~gone]
    if column.name in marks:
        counted = marks_of_rows(marks[column.name], values, codes, placed.windows.size)
        found["marked"] = _in_windows("marked", counted, placed)
        return found
    numbers = tally_of_numbers(pl.Series(values), codes, placed.windows.size, most)
    return None if numbers is None else {**found, "numbers": _in_windows("numbers", numbers, placed)}


def _in_windows(name: str, frame: pl.DataFrame, placed: Placed) -> pl.DataFrame:
    """Return the frame with the windows' positions instead of their codes."""
    codes = frame[_WINDOW].to_numpy()
    held = {each.name: each for each in frame.get_columns()}
    held[_WINDOW] = pl.Series(_WINDOW, placed.windows[codes] if codes.size else codes, dtype=pl.Int64)
    types = {each: dtype for each, dtype in SCHEMAS[name].items() if each != "column"}
    # Series by series: to begin a query for each frame of a thousand columns takes longer than to count their rows.
    return pl.DataFrame(
        [held[each] if held[each].dtype == dtype else held[each].cast(dtype) for each, dtype in types.items()]
    )
