"""A column step by step, a day or, where days are thin, a week or a month: what each step's values are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import polars as pl

from audit_lab.log.engines.answers import collected_all
from audit_lab.monitor.counts import MEASURED
from audit_lab.monitor.cuts import calendar_cut
from audit_lab.monitor.recognised.samples import DECILES, Sample
from audit_lab.monitor.windows import window_length

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from audit_lab.monitor.counts import Extent, Rows
    from audit_lab.monitor.cuts import Cut

__all__ = ["OTHER_TEXT", "STEP_ROWS", "ColumnSteps", "Days", "days_of", "rows_of_text"]

#: A step with fewer values than this is not looked at by itself ...
STEP_ROWS = 30
#: ... and steps of a length will do if those with enough hold this share of the rows.
_COVERAGE = 0.8
_LENGTHS = ("1d", "1w", "1mo")
#: Of a numeric column so many values of each day are kept, at equal ranks where there are more.
_KEPT = 512
#: A value with this share of a day's rows is counted on every day, to the row.
_FREQUENT = 0.05
#: ... if the day has this many rows of it.
_FREQUENT_ROWS = 10
#: A text with fewer rows than this in the whole log is counted as one of many.
_NAMED_ROWS = 15
_MOST_NAMED = 2_000
#: Engines other than polars find a day of a zone by comparing with each; beyond this, days are those of UTC.
_MOST_COMPARED = 2_000
#: So many columns are counted together.
_TOGETHER = 5

_DAY = "__day__"
_ROWS = "__rows__"
_PART = "__part__"
_PLACE = "__place__"

#: The code of every text that is too rare for one of its own.
OTHER_TEXT = -1.0


@dataclass(frozen=True, eq=False)
class Days:
    """One column by day: for each day the rows, the missing ones, a sample of the values, and the frequent ones.

    Values of a text column are codes, places in `names`; `OTHER_TEXT` stands for all rare texts. `frequent` has the
    rows of each frequent value on each day, to the row.
    """

    column: str
    ordered: bool
    names: tuple[str, ...]
    samples: tuple[Sample | None, ...]
    rows: NDArray[np.int64]
    missing: NDArray[np.int64]
    frequent: dict[float, NDArray[np.int64]]
    cut: Cut

    @property
    def values(self) -> NDArray[np.int64]:
        """How many values, none missing, each day has."""
        return self.rows - self.missing

    @cached_property
    def steps(self) -> ColumnSteps | None:
        """The column by day, or else by week or month; None where even months have too few values."""
        return self._steps(self.values)

    @cached_property
    def row_steps(self) -> ColumnSteps | None:
        """The same of steps with rows enough, though they may have no value."""
        return self._steps(self.rows)

    def _steps(self, counts: NDArray[np.int64]) -> ColumnSteps | None:
        for every in _LENGTHS:
            grouped = self._grouped(every)
            enough = [group for group in grouped if counts[group].sum() >= STEP_ROWS]
            if enough and sum(counts[group].sum() for group in enough) >= _COVERAGE * counts.sum():
                return ColumnSteps(self, tuple(enough))
        return None

    def _grouped(self, every: str) -> list[NDArray[np.int64]]:
        length = window_length(every, self.cut.zone)
        numbers = np.array([length.number_of(start) for start in self.cut.starts])
        return [np.flatnonzero(numbers == number) for number in np.unique(numbers)]


@dataclass(frozen=True, eq=False)
class ColumnSteps:
    """A column's steps that have values enough, ascending: of which days each is made."""

    days: Days
    groups: tuple[NDArray[np.int64], ...]

    @property
    def column(self) -> str:
        """The column."""
        return self.days.column

    @property
    def count(self) -> int:
        """How many steps there are."""
        return len(self.groups)

    @property
    def daily(self) -> bool:
        """Whether a step is one day."""
        return all(group.size == 1 for group in self.groups)

    @cached_property
    def samples(self) -> tuple[Sample, ...]:
        """The values of each step; steps that have none, as those of `Days.row_steps` may, are left out."""
        return tuple(one for one in self.samples_if_any if one is not None)

    @cached_property
    def samples_if_any(self) -> tuple[Sample | None, ...]:
        """The values of each step, or None."""
        held = ([self.days.samples[day] for day in group] for group in self.groups)
        kept = ([one for one in some if one is not None] for some in held)
        return tuple(Sample.merged(some) if some else None for some in kept)

    @property
    def numbers(self) -> NDArray[np.int64]:
        """The number of each step's first day, counted from the first day of all."""
        return np.array([group[0] for group in self.groups], dtype=np.int64)

    def only(self, marks: NDArray[np.bool_]) -> ColumnSteps:
        """Return the steps that are marked."""
        return ColumnSteps(self.days, tuple(group for group, kept in zip(self.groups, marks, strict=True) if kept))

    @cached_property
    def deciles(self) -> NDArray[np.float64]:
        """The nine deciles of each step, shape (steps, 9)."""
        return np.array([sample.quantiles(DECILES) for sample in self.samples]).reshape(self.count, DECILES.size)

    def start(self, step: int) -> datetime:
        """Return when a step starts."""
        return self.days.cut.starts[int(self.groups[step][0])]

    def end(self, step: int) -> datetime:
        """Return when a step ends."""
        return self.days.cut.ends[int(self.groups[step][-1])]

    def gathered(self, steps: Iterable[int]) -> Sample:
        """Return the values of some steps together."""
        return Sample.merged([self.samples[step] for step in sorted(steps)])

    def summed(self, by_day: NDArray[np.int64]) -> NDArray[np.int64]:
        """Add up counts by day into counts by step."""
        return np.array([by_day[group].sum() for group in self.groups], dtype=np.int64)

    def within(self, start: datetime, end: datetime) -> NDArray[np.bool_]:
        """Mark the steps that start between two times."""
        return np.array([start <= self.start(step) < end for step in range(self.count)], dtype=bool)

    def ongoing(self, last: int) -> bool:
        """Say whether a run that ends before step `last` lasts to the end."""
        return last == self.count


def days_of(
    rows: Rows,
    columns: Sequence[str],
    seen: Extent,
    zone: str,
    part: str | None = None,
    *,
    named: Sequence[str] = (),
) -> dict[tuple[str, str | None], Days]:
    """Read the columns once; return each by day, by column and value of `part`, None without one.

    Parameters
    ----------
    rows
        The rows, without NaN.
    columns
        The columns wanted.
    seen
        The first and last time.
    zone
        Whose days.
    part
        A column of text: each of its values has days of its own.
    named
        Texts that are counted however rare they are.
    """
    length = window_length("1d", zone)
    starts = length.starts(seen.first, seen.last)
    every = rows.every()
    if zone != "UTC" and not every.implementation.is_polars() and len(starts) > _MOST_COMPARED:
        length = window_length("1d")
        starts = length.starts(seen.first, seen.last)
    cut = calendar_cut(length, starts)
    found: dict[tuple[str, str | None], Days] = {}
    if part is None and every.implementation.is_polars():
        for name, tally in rows.by_value(columns, cut).items():
            counted = tally.rename({"window": _DAY, "key": name, "rows": _ROWS})
            found[name, None] = _days(name, rows.kinds[name], counted, cut)
        return found
    numbered = cut.numbered(every, _DAY)
    if part is not None:
        numbered = numbered.with_columns(nw.col(part).alias(_PART))
    keys = [_DAY] if part is None else [_DAY, _PART]
    for first in range(0, len(columns), _TOGETHER):
        names = columns[first : first + _TOGETHER]
        questions: list[nw.LazyFrame[Any]] = [
            numbered.select(*keys, name).group_by(*keys, name).agg(nw.len().alias(_ROWS)) for name in names
        ]
        for name, answer in zip(names, collected_all(questions, MEASURED), strict=True):
            tally = answer.with_columns(pl.col(_DAY, _ROWS).cast(pl.Int64))
            parts = [((None,), tally)] if part is None else list(tally.group_by(_PART))
            for (value,), held in parts:
                found[name, None if value is None else str(value)] = _days(name, rows.kinds[name], held, cut, named)
    return found


def rows_of_text(days: Days, text: str) -> NDArray[np.int64]:
    """Return the rows of one text on each day; none, if it is too rare for a code of its own."""
    code = days.names.index(text) if text in days.names else None
    if code is None:
        return np.zeros_like(days.rows)
    held = [0 if one is None else int(one.rows[one.values == code].sum()) for one in days.samples]
    return np.array(held, dtype=np.int64)


def _days(name: str, kind: str, tally: pl.DataFrame, cut: Cut, named: Sequence[str] = ()) -> Days:
    count = len(cut.starts)
    rows, missing = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    for held, into in ((tally, rows), (tally.filter(pl.col(name).is_null()), missing)):
        by_day = held.group_by(_DAY).agg(pl.col(_ROWS).sum())
        into[by_day[_DAY].to_numpy()] = by_day[_ROWS].to_numpy()
    held = tally.drop_nulls(name).select(_DAY, name, _ROWS)
    names: tuple[str, ...] = ()
    if kind != "numeric":
        names, held = _coded(name, held, named)
    held = held.select(_DAY, pl.col(name).cast(pl.Float64), _ROWS).sort(_DAY, name)
    held = held.with_columns(pl.col(name) + 0.0)  # of 0.0 and -0.0, which are one value, engines return either
    samples: list[Sample | None] = [None] * count
    day, values, counts = (held[column].to_numpy() for column in (_DAY, name, _ROWS))
    edges = np.flatnonzero(np.diff(day, prepend=-1, append=-1)) if day.size else np.array([], dtype=np.int64)
    for first, last in pairwise(edges):
        samples[int(day[first])] = _thinned(values[first:last], counts[first:last].astype(np.float64))
    frequent = _frequent(name, held, rows, count)
    return Days(name, kind == "numeric", names, tuple(samples), rows, missing, frequent, cut)


def _coded(name: str, held: pl.DataFrame, named: Sequence[str] = ()) -> tuple[tuple[str, ...], pl.DataFrame]:
    """Replace texts by their places among the more frequent ones."""
    kept = pl.col(name).is_in(list(named))
    totals = held.group_by(name).agg(pl.col(_ROWS).sum()).filter((pl.col(_ROWS) >= _NAMED_ROWS) | kept)
    first = totals.sort(kept, _ROWS, name, descending=[True, True, False]).head(_MOST_NAMED)
    ordered = first.sort(_ROWS, name, descending=[True, False]).select(name).with_row_index(_PLACE)
    coded = held.join(ordered, on=name, how="left", maintain_order="left").with_columns(
        pl.col(_PLACE).cast(pl.Float64).fill_null(OTHER_TEXT).alias(name)
    )
    return tuple(ordered[name]), coded.group_by(_DAY, name).agg(pl.col(_ROWS).sum())


def _thinned(values: NDArray[np.float64], rows: NDArray[np.float64]) -> Sample:
    """Keep at most so many values, those at the middle ranks of parts of one size."""
    if values.size <= _KEPT:
        return Sample(values, rows)
    cumulated = np.cumsum(rows)
    ranks = (np.arange(_KEPT) + 0.5) * cumulated[-1] / _KEPT
    chosen = values[np.searchsorted(cumulated, ranks)]
    return Sample.of(chosen, np.full(_KEPT, cumulated[-1] / _KEPT))


def _frequent(name: str, held: pl.DataFrame, rows: NDArray[np.int64], count: int) -> dict[float, NDArray[np.int64]]:
    """Return the rows by day of each value that has a good share of any day's rows."""
    least = np.maximum(_FREQUENT * rows[held[_DAY].to_numpy()], _FREQUENT_ROWS)
    wanted = held.filter(pl.Series(held[_ROWS].to_numpy() >= least))[name].unique()
    kept = held.filter(pl.col(name).is_in(wanted.to_list()))
    day, values, counts = (kept[column].to_numpy() for column in (_DAY, name, _ROWS))
    found: dict[float, NDArray[np.int64]] = {}
    for value in wanted.sort().to_list():
        by_day = np.zeros(count, dtype=np.int64)
        by_day[day[values == value]] = counts[values == value]
        found[value] = by_day
    return found
