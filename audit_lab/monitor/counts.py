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

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.engines.answers import collected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from audit_lab.monitor.bins import Bins
    from audit_lab.monitor.cuts import Cut
    from audit_lab.monitor.sketch import Sketch

__all__ = [
    "MEASURED",
    "TIME_COLUMN",
    "VERSION_COLUMN",
    "Extent",
    "Rows",
    "Source",
    "extent",
    "how_many",
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

_ROWS = "__rows__"
_FIRST = "__first__"
_LAST = "__last__"
_TIMED = "__timed__"

#: Up to this many values, 160 MB of numbers, are kept in memory between the passes.
_VALUES_KEPT = 20_000_000


@dataclass(frozen=True)
class Extent:
    """What a frame holds: rows with a time, the first and last of those times, and oddities stated as facts.

    `untimed` counts the rows without a time, and `with_nan` names the columns that hold a NaN.
    """

    rows: int
    first: datetime
    last: datetime
    facts: tuple[str, ...]
    untimed: int = 0
    with_nan: tuple[str, ...] = ()


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
        _check_columns(frame, (time, *([] if version is None else [version])), columns)
        schema = frame.collect_schema()
        nulls = _null_columns(frame)
        self.kinds = {name: "numeric" if name in nulls else _kind(name, schema[name]) for name in columns}
        self._every = self._prepared(frame)

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
            some = self._prepared(_framed(self._source, start, end)) if callable(self._source) else self._every
        return some.filter(nw.col(TIME_COLUMN) >= start, nw.col(TIME_COLUMN) < end)

    def sketch(self, bins: Sequence[Bins], cut: Cut) -> Sketch:
        """Return the sketch of all rows, which polars reads."""
        from audit_lab.monitor.sketch import sketch_of

        return sketch_of(self.every().to_native(), bins, cut)

    def without_nan(self, seen: Extent) -> None:
        """From now on leave out rows without a time, and take NaN as null: a number that is none is a missing value.

        Rows that take little memory are read here, once, where polars reads them; the others stay where they are, and
        each pass reads what it needs.
        """
        self._with_nan = seen.with_nan
        every = self._cleaned(self._every)
        if seen.untimed:
            every = every.filter(~nw.col(TIME_COLUMN).is_null())
        self._every = every
        if every.implementation.is_polars() and seen.rows * (len(self.kinds) + 1) <= _VALUES_KEPT:
            self._in_memory = nw.from_native(collected(every, MEASURED).lazy())

    def _prepared(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        schema = frame.collect_schema()
        values = [_value(name, kind, schema[name]) for name, kind in self.kinds.items()]
        if self._version is not None:
            named = nw.col(self._version).cast(nw.String)
            values.append(nw.when(named != "").then(named).alias(VERSION_COLUMN))
        prepared = frame.select(_moment(self._time, schema[self._time]).alias(TIME_COLUMN), *values)
        if self._span is not None:
            prepared = prepared.filter(nw.col(TIME_COLUMN) >= self._span[0], nw.col(TIME_COLUMN) < self._span[1])
        return self._cleaned(prepared)

    def _cleaned(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        cleaned = [nw.when(~nw.col(name).is_nan()).then(nw.col(name)).alias(name) for name in self._with_nan]
        return frame.with_columns(*cleaned) if cleaned else frame


def extent(rows: Rows) -> Extent:
    """Look over the rows once: first and last time, and what must be stated about the values.

    Raises
    ------
    LogError
        There is no row with a time.
    """
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
        message = "There are no rows with a time to look for drift in"
        raise LogError(message, "Check the filter and the time column.")
    facts = [f"{untimed:,} rows have no time and are in no window" if untimed else ""]
    for name in kinds:
        infinite, nan = (int(found.get(f"{name}/{what}") or 0) for what in ("infinite", "nan"))
        if not found[f"{name}/values"]:
            facts.append(f"{name} is null in every row")
        if nan:
            facts.append(f"{name}: {nan:,} values are NaN and count as missing")
        if infinite:
            facts.append(f"{name}: {infinite:,} values are infinite and sort below or above all others")
    with_nan = tuple(name for name in numeric if found[f"{name}/nan"])
    told = tuple(fact for fact in facts if fact)
    return Extent(int(found[_TIMED]), found[_FIRST], found[_LAST], told, untimed, with_nan)


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


def _check_columns(frame: nw.LazyFrame[Any], others: Sequence[str], columns: Sequence[str]) -> None:
    schema = frame.collect_schema()
    for name in (*others, *columns):
        if name not in schema:
            near = ", ".join(schema.names()[:20])
            message = f"There is no column {name!r}"
            raise MisuseError(message, f"Columns are: {near}.")
    if not columns or len(set(columns)) != len(columns):
        message = "Drift needs at least one column, and each only once"
        raise MisuseError(message, "Give the columns to watch as a list of different names.")


def _moment(time: str, dtype: Any) -> nw.Expr:
    if not isinstance(dtype, nw.Datetime | nw.Date):
        message = f"Column {time!r} holds {dtype}, not a time"
        raise MisuseError(message, "Give the column that says when each prediction happened, as datetime or date.")
    zone = getattr(dtype, "time_zone", None)
    if dtype == nw.Datetime("us", "UTC"):
        return nw.col(time)
    moment = nw.col(time).cast(nw.Datetime("us", zone))
    return moment.dt.replace_time_zone("UTC") if zone is None else moment.dt.convert_time_zone("UTC")


def _null_columns(rows: nw.LazyFrame[Any]) -> set[str]:
    """Return the columns whose type says that they hold nothing; only polars has such a type."""
    native = rows.to_native()
    if not isinstance(native, pl.LazyFrame):
        return set()
    return {name for name, dtype in native.collect_schema().items() if dtype == pl.Null}


def _kind(name: str, dtype: Any) -> str:
    if dtype.is_numeric():
        return "numeric"
    if isinstance(dtype, nw.String | nw.Boolean | nw.Categorical | nw.Enum):
        return "categorical"
    message = f"Column {name!r} holds {dtype}, which drift does not measure"
    raise MisuseError(message, "Give columns of numbers, text or booleans.")


def _value(name: str, kind: str, dtype: Any) -> nw.Expr:
    column = nw.col(name)
    if kind == "numeric":
        return column if isinstance(dtype, nw.Float64) else column.cast(nw.Float64)
    if isinstance(dtype, nw.Boolean):
        texts = nw.coalesce(nw.when(column).then(nw.lit("true")), nw.when(~column).then(nw.lit("false")))
        return texts.alias(name)
    return column if isinstance(dtype, nw.String) else column.cast(nw.String)


def _is_infinite(column: nw.Expr) -> nw.Expr:
    return (column == math.inf) | (column == -math.inf)
