"""What a log holds, counted once for each pass over the columns needed, on whichever engine holds the rows.

The rows stay where they are: only counts come back, and every number that is not a count is computed from counts, so
that engines cannot differ in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import narwhals as nw
import polars as pl

from audit_lab.errors import LogError
from audit_lab.log.engines.answers import collected
from audit_lab.log.schema import TIME
from audit_lab.monitor.filed import Filed, FiledRows
from audit_lab.monitor.prepared import check_columns, kind_of, moment_of, null_columns, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from audit_lab.monitor.bins import Bins
    from audit_lab.monitor.cuts import Cut
    from audit_lab.monitor.reference_rows import ReferenceRows
    from audit_lab.monitor.sketch import Sketch
    from audit_lab.monitor.tallied import TalliedRows

__all__ = [
    "MEASURED",
    "TIME_COLUMN",
    "VERSION_COLUMN",
    "Extent",
    "Rows",
    "Source",
    "extent",
    "fits_memory",
    "how_many",
    "value_facts",
    "version_spans",
]

Frame: TypeAlias = "pl.LazyFrame | nw.LazyFrame[Any]"
Source: TypeAlias = "Frame | Callable[[datetime | None, datetime | None], Frame]"

#: The column of prepared rows that says when each happened.
TIME_COLUMN = "__time__"
#: The column of prepared rows that says which version of a model answered, where that is asked for.
VERSION_COLUMN = "__version__"
#: What errors call the rows, which may come from several tables.
MEASURED = "What drift is measured on"

_TIMES = {"timed": pl.Int64(), "untimed": pl.Int64(), "first": TIME, "last": TIME}
_ROWS = "__rows__"
_FIRST = "__first__"
_LAST = "__last__"
_TIMED = "__timed__"

#: Up to this many values, 160 MB of numbers, are kept in memory between the passes.
_VALUES_KEPT = 20_000_000


@dataclass(frozen=True)
class Extent:
    """What a frame holds: rows with a time, the first and last of those times, and oddities stated as facts.

    `untimed` counts the rows without a time, and `with_nan` names the columns that may hold a NaN. Where `values_seen`
    is false only times were looked at: what must be stated about values is known when they are counted.
    """

    rows: int
    first: datetime
    last: datetime
    facts: tuple[str, ...]
    untimed: int = 0
    with_nan: tuple[str, ...] = ()
    values_seen: bool = True


class Rows:
    """The rows that are measured: a UTC time (`TIME_COLUMN`), and each column as float64 or text.

    Parameters
    ----------
    source
        A lazy frame of any engine; or a function that returns one that holds every row of ``since <= time < until``
        (all rows for None) and so need not read others.
    time
        The column that says when a row happened; without a zone it is read as UTC.
    columns
        The columns to measure.
    version
        The column that says which version of a model answered; None where that does not matter.
    span
        Only rows of ``start <= time < end``; all when omitted.

    Attributes
    ----------
    kinds
        The kind of each column, "numeric" or "categorical".

    Raises
    ------
    MisuseError
        A column is not in the frame, is named twice, or is neither number, text nor boolean; the time is no time.
    """

    def __init__(
        self,
        source: Source,
        time: str,
        columns: Sequence[str],
        *,
        version: str | None = None,
        span: tuple[datetime, datetime] | None = None,
    ) -> None:
        self._source = source
        self._time = time
        self._version = version
        self._span = span
        self._with_nan: tuple[str, ...] = ()
        self._in_memory: nw.LazyFrame[Any] | None = None
        frame = _framed(source, *(span or (None, None)))
        check_columns(frame, (time, *([] if version is None else [version])), columns)
        schema = frame.collect_schema()
        nulls = null_columns(frame)
        self.kinds = {name: "numeric" if name in nulls else kind_of(name, schema[name]) for name in columns}
        self._raw = self._every = self._prepared(frame)
        self._filed: list[FiledRows] | None = None
        self._sketch: tuple[Sequence[Bins], Cut, Sketch] | None = None
        self._tallied: TalliedRows | None = None

    def every(self) -> nw.LazyFrame[Any]:
        """Return all rows."""
        return self._every if self._in_memory is None else self._in_memory

    @property
    def in_memory(self) -> bool:
        """Whether the rows were read once and are kept."""
        return self._in_memory is not None

    def between(self, start: datetime, end: datetime) -> nw.LazyFrame[Any]:
        """Return the rows of ``start <= time < end``."""
        some = self._in_memory
        if some is None:
            some = self._every
            if callable(self._source):
                some = self._cleaned(self._prepared(_framed(self._source, start, end)))
        return some.filter(nw.col(TIME_COLUMN) >= start, nw.col(TIME_COLUMN) < end)

    def sketch(self, bins: Sequence[Bins], cut: Cut) -> Sketch:
        """Return the sketch of all rows, which polars reads; the same question is answered from memory.

        NaN is told from what is missing, unless the rows are in memory.
        """
        from audit_lab.monitor.sketch import sketch_of, sketch_of_pairs

        if self._sketch is None or self._sketch[0] is not bins or self._sketch[1] is not cut:
            if isinstance(self._source, Filed) and not self.in_memory:
                known = self._tallied if self._tallied is not None and self._tallied.cut is cut else None
                made = (
                    known.sketch(bins)
                    if known
                    else sketch_of_pairs(self._source, self._timed(), self._asked(), bins, cut)
                )
            else:
                every = self._raw if self._in_memory is None else self._in_memory
                made = sketch_of(every.to_native(), bins, cut)
            self._sketch = (bins, cut, made)
        return self._sketch[2]

    def reference(
        self, held: nw.LazyFrame[Any], span: tuple[datetime, datetime] | None, cut: Cut | None = None
    ) -> ReferenceRows:
        """Read the reference's rows, `held`, or find what is known of them where they lie in files and in `span`.

        Where they are those of whole windows of `cut`, the rows of all windows are read here, once for both sides.
        """
        from audit_lab.monitor.reference_rows import ReferenceRows, read_reference
        from audit_lab.monitor.tallied import TalliedRows, whole_windows

        if not isinstance(self._source, Filed) or self.in_memory or span is None or not self._source.within(*span):
            return read_reference(held, self.kinds, span)
        source, (_, _, first, last) = self._source, self.times()
        whole = None if cut is None or first is None or last is None else whole_windows(cut, span, (first, last))
        self._tallied = None
        if whole is not None and cut is not None:
            self._tallied = TalliedRows(source, self._timed(), self._asked(), self.kinds, cut)

        def read() -> ReferenceRows:
            if self._tallied is None or whole is None:
                return read_reference(held, self.kinds, span)
            return self._tallied.reference(held.to_native(), span, whole)

        question = ["reference", self._asked(), [each.isoformat() for each in span], whole is not None]
        found = source.known(source.within(*span), question, ReferenceRows.schemas(self.kinds), lambda: read().frames())
        return ReferenceRows.of_frames(found, self.kinds)

    def by_value(self, columns: Sequence[str], cut: Cut) -> dict[str, pl.DataFrame]:
        """Return how many rows of polars have each value of some columns in each window, read or known before.

        Returns
        -------
        dict of polars.DataFrame
            By column: ``window``, ``key`` (the value, null where it is missing) and ``rows``.
        """
        from audit_lab.monitor.tallied import TalliedRows, values_by_window

        kinds, every = {name: self.kinds[name] for name in columns}, self.every().to_native()
        if isinstance(self._source, Filed) and not self.in_memory:
            return values_by_window(
                kinds, cut, every, TalliedRows(self._source, self._timed(), self._asked(), kinds, cut)
            )
        return values_by_window(kinds, cut, every)

    def times(self) -> tuple[int, int, datetime | None, datetime | None]:
        """Return how many rows have a time, how many have none, and the first and the last time."""
        if isinstance(self._source, Filed):
            answers = [one.times for one in self._timed()]
            found = pl.concat(answers) if answers else pl.DataFrame(schema=_TIMES)
        else:
            found = _times_of(self._raw)
        counts = [int(found[name].sum()) for name in ("timed", "untimed")]
        return counts[0], counts[1], found["first"].min(), found["last"].max()  # type: ignore[return-value]

    def keep(self) -> None:
        """Read the rows into memory, as they are."""
        self._raw = self._every = nw.from_native(collected(self._raw, MEASURED).lazy())

    def _timed(self) -> list[FiledRows]:
        """Return the rows of each pair of files that is asked."""
        if self._filed is None and isinstance(self._source, Filed):
            source, question = self._source, ["times", self._time, [each.isoformat() for each in self._span or ()]]
            self._filed = []
            for pair in source.within(*(self._span or (None, None))):
                rows = self._prepared(nw.from_native(pair.frame))
                known = source.known([pair], question, {"times": _TIMES}, lambda rows=rows: {"times": _times_of(rows)})  # type: ignore[misc]
                self._filed.append(FiledRows(pair, rows, known["times"]))
        return self._filed or []

    def _asked(self) -> list[Any]:
        """Return, as JSON, what the prepared rows of a pair depend on."""
        return [self._time, self._version, [each.isoformat() for each in self._span or ()], list(self.kinds.items())]

    def without_nan(self, seen: Extent) -> None:
        """From now on leave out rows without a time, and take NaN as null: a number that is none is a missing value.

        Rows that take little memory are read here, once, where polars reads them; the others stay where they are, and
        each pass reads what it needs.
        """
        self._with_nan = seen.with_nan
        every = self._cleaned(self._raw)
        if seen.untimed:
            every = every.filter(~nw.col(TIME_COLUMN).is_null())
        self._every = every
        if every.implementation.is_polars() and fits_memory(seen.rows, len(self.kinds)):
            self._raw = self._in_memory = nw.from_native(collected(every, MEASURED).lazy())

    def _prepared(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        schema = frame.collect_schema()
        values = [value_of(name, kind, schema[name]) for name, kind in self.kinds.items()]
        if self._version is not None:
            named = nw.col(self._version).cast(nw.String)
            values.append(nw.when(named != "").then(named).alias(VERSION_COLUMN))
        prepared = frame.select(moment_of(self._time, schema[self._time]).alias(TIME_COLUMN), *values)
        if self._span is not None:
            prepared = prepared.filter(nw.col(TIME_COLUMN) >= self._span[0], nw.col(TIME_COLUMN) < self._span[1])
        return prepared

    def _cleaned(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        if self._with_nan and frame.implementation.is_polars():  # one expression for a thousand columns
            native: pl.LazyFrame = frame.to_native()
            return nw.from_native(native.with_columns(pl.col(self._with_nan).fill_nan(None)))
        cleaned = [nw.when(~nw.col(name).is_nan()).then(nw.col(name)).alias(name) for name in self._with_nan]
        return frame.with_columns(*cleaned) if cleaned else frame


def extent(rows: Rows, *, whole: bool = True) -> Extent:
    """Look over the rows once: first and last time, and what must be stated about the values.

    Parameters
    ----------
    rows
        The rows; those that take little memory are read into it, where polars reads them.
    whole
        Whether values are looked at, too, where rows of polars take more memory; otherwise only times are.

    Raises
    ------
    LogError
        There is no row with a time.
    """
    if rows.every().implementation.is_polars():
        timed, untimed, first, last = rows.times()
        if first is None or last is None:
            raise _untimed()
        if fits_memory(timed + untimed, len(rows.kinds)):
            rows.keep()
        elif not whole:
            numeric = tuple(name for name, kind in rows.kinds.items() if kind == "numeric")
            return Extent(timed, first, last, _time_facts(untimed), untimed, numeric, values_seen=False)
    return _whole_extent(rows)


def value_facts(kinds: Iterable[str], seen: pl.DataFrame) -> list[str]:
    """Return what must be stated about the values of columns.

    Parameters
    ----------
    kinds
        The columns, in order.
    seen
        One row for each ``column``, with how many ``values`` are not null, and how many are ``nan`` and ``infinite``.
    """
    held = {row["column"]: row for row in seen.iter_rows(named=True)}
    facts = []
    for name in kinds:
        row = held.get(name, {"values": 0, "nan": 0, "infinite": 0})
        if not row["values"]:
            facts.append(f"{name} is null in every row")
        if row["nan"]:
            facts.append(f"{name}: {row['nan']:,} values are NaN and count as missing")
        if row["infinite"]:
            facts.append(f"{name}: {row['infinite']:,} values are infinite and sort below or above all others")
    return facts


def _time_facts(untimed: int) -> tuple[str, ...]:
    return (f"{untimed:,} rows have no time and are in no window",) if untimed else ()


def _untimed() -> LogError:
    return LogError("There are no rows with a time to look for drift in", "Check the filter and the time column.")


def _whole_extent(rows: Rows) -> Extent:
    kinds = rows.kinds
    numeric = [name for name, kind in kinds.items() if kind == "numeric"]
    every = rows.every()
    looked_at = every.select(
        nw.len().alias(_ROWS),
        nw.col(TIME_COLUMN).min().alias(_FIRST),
        nw.col(TIME_COLUMN).max().alias(_LAST),
        nw.col(TIME_COLUMN).count().alias(_TIMED),
        *(nw.col(name).count().alias(f"{name}/values") for name in kinds),
        *(how_many(_is_infinite(nw.col(name)), every).alias(f"{name}/infinite") for name in numeric),
        *(how_many(nw.col(name).is_nan(), every).alias(f"{name}/nan") for name in numeric),
    )
    found = collected(looked_at, MEASURED).row(0, named=True)
    untimed = int(found[_ROWS]) - int(found[_TIMED])
    if not found[_TIMED]:
        raise _untimed()
    counted = [
        {"column": name, **{what: int(found.get(f"{name}/{what}") or 0) for what in ("values", "nan", "infinite")}}
        for name in kinds
    ]
    facts = (*_time_facts(untimed), *value_facts(kinds, pl.DataFrame(counted)))
    with_nan = tuple(name for name in numeric if found[f"{name}/nan"])
    return Extent(int(found[_TIMED]), found[_FIRST], found[_LAST], facts, untimed, with_nan)


def fits_memory(rows: int, columns: int) -> bool:
    """Whether so many rows of so many columns, and a time, are kept in memory between the passes."""
    return rows * (columns + 1) <= _VALUES_KEPT


def _times_of(frame: nw.LazyFrame[Any]) -> pl.DataFrame:
    moment = nw.col(TIME_COLUMN)
    looked_at = frame.select(
        moment.count().alias("timed"),
        (nw.len() - moment.count()).alias("untimed"),
        moment.min().alias("first"),
        moment.max().alias("last"),
    )
    return collected(looked_at, MEASURED).cast(_TIMES)  # type: ignore[arg-type]


def version_spans(rows: Rows) -> list[tuple[str | None, datetime, datetime]]:
    """Return each version's name, None where none is stated, and the times of its first and last row."""
    moment = nw.col(TIME_COLUMN)
    spans = rows.every().group_by(VERSION_COLUMN).agg(moment.min().alias(_FIRST), moment.max().alias(_LAST))
    return [tuple(row) for row in collected(spans, MEASURED).select(VERSION_COLUMN, _FIRST, _LAST).iter_rows()]


def how_many(condition: nw.Expr, frame: nw.LazyFrame[Any]) -> nw.Expr:
    """Return for how many rows of a frame a condition holds; not every engine adds up truth values."""
    return condition.sum() if frame.implementation.is_polars() else condition.cast(nw.Int64).sum()


def _framed(source: Source, since: datetime | None, until: datetime | None) -> nw.LazyFrame[Any]:
    frame = source(since, until) if callable(source) else source
    return nw.from_native(frame) if isinstance(frame, pl.LazyFrame) else frame


def _is_infinite(column: nw.Expr) -> nw.Expr:
    return (column == math.inf) | (column == -math.inf)
