"""Rows in files that are read once for both sides: counted by value before the reference's bins are known.

Where the reference is made of whole windows, the counts of these windows are those that its bins are made from, so that
its rows need no reading of their own, and its sample is taken from the rows as they come. Columns with very many values
are left out: they are counted between percentiles, which must be known first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import polars as pl

from audit_lab.log.files.reading import collect
from audit_lab.log.schema import TIME
from audit_lab.monitor.bins import CategoryBins, NumericBins
from audit_lab.monitor.blocks import BLOCK_ROWS, blocks_of, column_groups
from audit_lab.monitor.calibration import SAMPLED_ROWS
from audit_lab.monitor.counts import MEASURED, TIME_COLUMN
from audit_lab.monitor.marked import marks_of_values
from audit_lab.monitor.reference_rows import joined_reference, read_parts, read_reference
from audit_lab.monitor.samples import places_within, spans_of
from audit_lab.monitor.sketch import SCHEMAS, Sketch, fits, read_columns, sketch_of_pairs, summed, windows_between

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from audit_lab.monitor.bins import Bins
    from audit_lab.monitor.cuts import Cut
    from audit_lab.monitor.filed import Filed, FiledRows
    from audit_lab.monitor.reference_rows import ReferenceRows

__all__ = ["TalliedRows", "values_by_window", "whole_windows"]

#: A column with more values than this in one window of a block is not counted by value.
_MOST_TALLIED = 32_768
#: Rows that lie in so few runs are taken run by run.
_MOST_RUNS = 128
_COUNTED = ("facts", "missing", "numbers", "texts")


@dataclass(frozen=True, eq=False)
class _Tallied:
    """The counts of the columns that were counted by value, in their order, and sampled rows, where they were wanted.

    Sampled rows are in the order of the files and their rows, with their times.
    """

    sketch: Sketch
    columns: tuple[str, ...]
    sampled: pl.DataFrame | None


def whole_windows(cut: Cut, span: tuple[datetime, datetime], seen: tuple[datetime, datetime]) -> list[int] | None:
    """Return the windows that together hold the rows of a span and no others; None where there are no such windows.

    Parameters
    ----------
    cut
        The windows.
    span
        The span, its end excluded.
    seen
        The times of the first and the last of all rows.
    """
    start, end = span
    if cut.by_version or start >= end or cut.starts[0] > start or cut.ends[-1] < end:
        return None
    touched = [place for place in range(len(cut.starts)) if cut.starts[place] < end and cut.ends[place] > start]
    first, last = cut.starts[touched[0]], cut.ends[touched[-1]]
    return touched if (first >= start or start <= seen[0]) and (last <= end or end > seen[1]) else None


@dataclass(eq=False)
class TalliedRows:
    """The rows of pairs of files, cut into windows, of which some are the reference: read once for both sides.

    Parameters
    ----------
    filed, pairs, asked, cut
        As for `audit_lab.monitor.sketch.sketch_of_pairs`.
    kinds
        The kind of each column.
    """

    filed: Filed
    pairs: Sequence[FiledRows]
    asked: list[Any]
    kinds: Mapping[str, str]
    cut: Cut
    _tallied: _Tallied | None = None

    def reference(self, held: pl.LazyFrame, span: tuple[datetime, datetime], inside: Sequence[int]) -> ReferenceRows:
        """Return the reference that some windows are.

        Parameters
        ----------
        held
            Its rows, prepared; those of columns with very many values are read here.
        span
            When they lie.
        inside
            The windows, as `whole_windows` returns them.
        """
        count = sum(_rows_within(one, span) for one in self.pairs)
        if not count:
            return read_reference(nw.from_native(held), self.kinds, span)
        tallied = self._tallied = self._read(spans_of(*span, count, SAMPLED_ROWS))
        bins = {name: _bins(tallied.sketch, name, self.kinds[name], inside) for name in tallied.columns}
        others = {name: kind for name, kind in self.kinds.items() if name not in bins}
        rest = read_parts(held, others, span) if others else None
        return joined_reference(count, list(self.kinds), bins, tallied.sampled, rest)

    def sketch(self, bins: Sequence[Bins]) -> Sketch:
        """Return the sketch of all columns under these bins; what was counted by value is not read again."""
        tallied, self._tallied = self._tallied or self._read(None), None
        rest = [one for one in bins if one.column not in tallied.columns]
        others = sketch_of_pairs(self.filed, self.pairs, self.asked, rest, self.cut) if rest else None
        return _completed(tallied, bins, others)

    def by_value(self) -> _Tallied:
        """Return the counts of the columns that have not too many values."""
        return self._read(None)

    def _read(self, spans: Sequence[tuple[datetime, datetime]] | None) -> _Tallied:
        """Count the rows by value, those of each pair read or known before; and sample those of some spans of time."""
        found: list[Sketch] = []
        sampled: list[dict[int, list[pl.DataFrame]]] = []
        held = dict(self.kinds)
        for one in self.pairs:
            # Columns that had too many values in a file before are not counted: which ones they are is part of this.
            question = [
                "tally",
                self.asked,
                list(held),
                BLOCK_ROWS,
                _MOST_TALLIED,
                windows_between(self.cut, one.times),
            ]
            frame = one.prepared.to_native()
            sampler = None if spans is None or not _may_hold(one.times, spans) else _Sampler(spans)

            def read(frame: pl.LazyFrame = frame, sampler: _Sampler | None = sampler) -> dict[str, pl.DataFrame]:
                look = None if sampler is None else sampler.look
                rows = one.pair.rows  # noqa: B023 - called at once
                return read_columns(frame, held, self.cut, {}, look=look, most=_MOST_TALLIED, rows=rows).frames  # noqa: B023 - as said

            known = self.filed.known([one.pair], question, SCHEMAS, read)
            if not fits(known, [], self.cut):
                known = read()
            if sampler is not None:
                if not sampler.shown:
                    sampler.read(frame, list(held), one.pair.rows)
                sampled.append(sampler.parts)
            found.append(Sketch(known))
            here = set(known["facts"]["column"])
            held = {name: kind for name, kind in held.items() if name in here}
        columns = tuple(held)
        every = summed([_only(one, held) for one in found])
        return _Tallied(every, columns, None if spans is None else _joined(sampled, held))


def values_by_window(
    kinds: Mapping[str, str], cut: Cut, frame: pl.LazyFrame, tallied: TalliedRows | None = None
) -> dict[str, pl.DataFrame]:
    """Return how many rows of each window have each value of some columns.

    Parameters
    ----------
    kinds, cut
        The columns, and the windows.
    frame
        All rows, prepared.
    tallied
        The same rows and columns in pairs of files, where they lie so: the counts of each pair are read, or known
        before, but those of columns with very many values.

    Returns
    -------
    dict of polars.DataFrame
        By column: ``window``, ``key`` (the value, null where it is missing) and ``rows``.
    """
    known = None if tallied is None else tallied.by_value()
    rest = {name: kind for name, kind in kinds.items() if known is None or name not in known.columns}
    read = read_columns(frame, rest, cut, {}) if rest else None
    return {
        name: _values(read if read is not None and name in rest else known.sketch, name, kind)  # type: ignore[union-attr]
        for name, kind in kinds.items()
    }


def _values(sketch: Sketch, name: str, kind: str) -> pl.DataFrame:
    if kind != "numeric":
        return sketch.of("texts", name).select("window", "key", "rows")
    gone = sketch.of("missing", name).select("window", pl.lit(None, dtype=pl.Float64).alias("key"), "rows")
    return pl.concat([sketch.of("numbers", name), gone])


def _completed(tallied: _Tallied, bins: Sequence[Bins], others: Sketch | None) -> Sketch:
    """Put columns that were counted by value, and `others`, under their bins."""
    held = set(tallied.columns)
    marked = [one for one in bins if isinstance(one, NumericBins) and one.marked and one.column in held]
    parts: dict[str, list[pl.DataFrame]] = {name: [tallied.sketch.frames[name]] for name in SCHEMAS}
    for one in marked:
        counted = marks_of_values(one, tallied.sketch.of("numbers", one.column))
        if counted.height:
            parts["marked"].append(counted.with_columns(column=pl.lit(one.column)))
    if others is not None:
        for name in (*_COUNTED, "marked"):
            parts[name].append(others.frames[name])
    frames = {
        name: each[0]
        if len(each) == 1
        else pl.concat([frame.select(list(SCHEMAS[name])) for frame in each]).sort("column", maintain_order=True)
        for name, each in parts.items()
    }
    return Sketch(frames)


def _only(sketch: Sketch, columns: Mapping[str, str]) -> Sketch:
    """Leave out columns of which a later file has too many values."""
    if sketch.frames["facts"].height == len(columns):
        return sketch
    mine = pl.col("column").is_in(list(columns))
    return Sketch({name: frame if name == "volume" else frame.filter(mine) for name, frame in sketch.frames.items()})


def _bins(sketch: Sketch, name: str, kind: str, inside: Sequence[int]) -> Bins:
    """Return the bins that are made from the counts of some windows."""
    if kind != "numeric":
        mine = sketch.of("texts", name).filter(pl.col("window").is_in(list(inside)))
        rows = mine.group_by("key").agg(pl.col("rows").sum())
        held = rows.drop_nulls("key").sort("rows", "key", descending=[True, False])
        gone = int(rows.filter(pl.col("key").is_null())["rows"].sum())
        return CategoryBins(name, tuple(held["key"]), held["rows"].to_numpy(), gone)
    counted, missing = sketch.of("numbers", name), sketch.of("missing", name)
    here = np.isin(counted["window"].to_numpy(), inside)
    values, places = np.unique(counted["key"].to_numpy()[here], return_inverse=True)
    summed_rows = np.bincount(places, weights=counted["rows"].to_numpy()[here], minlength=values.size).astype(np.int64)
    gone = int(missing["rows"].to_numpy()[np.isin(missing["window"].to_numpy(), inside)].sum())
    return NumericBins.of_counts(name, values, summed_rows, gone)


def _rows_within(one: FiledRows, span: tuple[datetime, datetime]) -> int:
    """Return how many rows of a pair of files lie in a span: read only where its first and last row do not tell."""
    start, end = span
    timed, first, last = one.times.select("timed", "first", "last").row(0)
    if first is None or first >= end or last < start:
        return 0
    if start <= first and last < end:
        return int(timed)
    moment = pl.col(TIME_COLUMN)
    inside = one.prepared.to_native().filter((moment >= start) & (moment < end))
    return int(collect(inside.select(pl.len()), MEASURED).item())


def _may_hold(times: pl.DataFrame, spans: Sequence[tuple[datetime, datetime]]) -> bool:
    first, last = times.select("first", "last").row(0)
    return first is not None and first < spans[-1][1] and last >= spans[0][0]


class _Sampler:
    """Takes the rows of some spans of time from blocks as they are read, by group of columns."""

    def __init__(self, spans: Sequence[tuple[datetime, datetime]]) -> None:
        self._spans = spans
        self._places: dict[int, NDArray[np.int64]] = {}
        self.parts: dict[int, list[pl.DataFrame]] = {}
        self.shown = False
        self._groups: dict[str, int] = {}

    def look(self, names: Sequence[str], first: int, block: pl.DataFrame) -> None:
        """Take rows of a block; a block of other columns, from the same row on, holds the same rows."""
        self.shown = True
        if first not in self._places:
            self._places[first] = places_within(block[TIME_COLUMN], self._spans)
        group = self._groups.setdefault(names[0], len(self._groups))
        always = [] if group else [TIME_COLUMN]
        self.parts.setdefault(group, []).append(_taken(block.select(*always, *names), self._places[first]))

    def read(self, frame: pl.LazyFrame, columns: Sequence[str], rows: int) -> None:
        """Read rows whose counts were known."""
        for group in column_groups(columns, rows):
            first = 0
            for block in blocks_of(frame.select(TIME_COLUMN, *group), MEASURED):
                self.look(group, first, block)
                first += block.height


def _taken(block: pl.DataFrame, places: NDArray[np.int64]) -> pl.DataFrame:
    """Return rows of a block by their places, ascending: runs of them as they lie, where they are few."""
    runs = np.flatnonzero(np.diff(places, prepend=-2) != 1)
    if runs.size > _MOST_RUNS:
        return block[places]
    ends = np.append(runs[1:], places.size)
    parts = [block.slice(int(places[run]), int(end - run)) for run, end in zip(runs, ends, strict=True)]
    return pl.concat(parts, rechunk=True) if parts else block.clear()


def _joined(sampled: Sequence[dict[int, list[pl.DataFrame]]], kinds: Mapping[str, str]) -> pl.DataFrame:
    """Return the sampled rows of all files, of the columns that were counted in all of them; NaN is missing."""
    types = {name: pl.Float64() if kind == "numeric" else pl.String() for name, kind in kinds.items()}
    files = [
        pl.concat([pl.concat(parts) for _, parts in sorted(groups.items())], how="horizontal")
        for groups in sampled
        if groups
    ]
    nothing = pl.DataFrame(schema={TIME_COLUMN: TIME, **types})
    rows = pl.concat([nothing, *(each.select(nothing.columns) for each in files)])
    return rows.with_columns(pl.col(pl.Float64).fill_nan(None))
