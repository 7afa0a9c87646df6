"""What can be seen of each column of a foreign folder: a bounded sample of its values, and statistics over all rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.files.printable import printable
from audit_lab.log.files.reading import collect
from audit_lab.log.foreign.scan import collect_foreign
from audit_lab.log.foreign.values import readable_instants
from audit_lab.log.segments import ROW, SEGMENT

if TYPE_CHECKING:
    from audit_lab.log.foreign.scan import ForeignFolder

__all__ = ["ColumnProfile", "FolderProfile", "profile_folder", "words"]

_ROWS_PER_FILE = 1_000
_RUNS = 4
_FILES = 20
_COLUMNS_PER_PASS = 100
_TEXT_CHARS = 400
_NAME_CHARS = 200
_FEW = 24
_UNIQUE_SAMPLE = 0.95
#: The estimate of distinct values errs by up to a tenth.
_UNIQUE_ESTIMATE = 0.8
_EXAMPLES = 4
_EXAMPLE_CHARS = 48
_WORD = re.compile(r"[^\W\d_]+|[0-9]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NESTED = (pl.List, pl.Array, pl.Struct, pl.Object)


def words(name: str) -> tuple[str, ...]:
    """Return the words of a column's name, lower case: ``pBad``, ``p_bad`` and ``P-BAD`` are all ``p bad``."""
    found = [part.lower() for word in _WORD.findall(name[:_NAME_CHARS]) for part in _HUMP.split(word)]
    return tuple(part for word in found for part in _split(word))


def _split(word: str) -> tuple[str, ...]:
    """Part words that are often written together, such as ``requestid`` and ``modelversion``."""
    nouns = r"model|request|prediction|event|user|customer|client|subject|transaction|record|applicant|inference|algo"
    ends = r"ids?|uuid|name|version|ver|time|timestamp|date|score|label|number|no"
    match = re.fullmatch(rf"({nouns})({ends})", word) or re.fullmatch(
        r"(predicted|pred|true|actual)(label|class)", word
    )
    return match.groups() if match else (word,)


@dataclass(frozen=True)
class ColumnProfile:
    """One column: its type over all files, statistics over all rows, and a bounded sample of its values.

    Parameters
    ----------
    rows, nulls, distinct
        Over the whole folder; `distinct` is an estimate (up to 10 % off), and None for nested columns.
    low, high
        Of a number, over the whole folder; None for other types.
    sample
        Sampled values that are not null; long text is cut.
    partition
        The column stands in the files' paths, not in the files.
    """

    name: str
    dtype: pl.DataType
    rows: int
    nulls: int
    distinct: int | None
    low: float | None
    high: float | None
    sample: pl.Series
    partition: bool = False

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words of its name."""
        return words(self.name)

    @property
    def nested(self) -> bool:
        """Whether its values are lists or structures."""
        return isinstance(self.dtype, _NESTED)

    @property
    def is_text(self) -> bool:
        """Whether it holds text."""
        return isinstance(self.dtype, pl.String | pl.Categorical | pl.Enum)

    @property
    def plain(self) -> bool:
        """Whether its values are text, numbers, or true and false."""
        return self.is_text or self.dtype.is_numeric() or self.dtype == pl.Boolean

    @property
    def all_distinct(self) -> bool:
        """Whether no value repeats, which is known only where the sample is the whole column."""
        return self.whole and self.uniqueness == 1

    @property
    def uniqueness(self) -> float:
        """The share of distinct values among those not null, 0 to 1; estimated where the sample is not the column."""
        known = self.rows - self.nulls
        if not known or self.distinct is None:
            return 0.0
        if self.whole:
            return self.sample.n_unique() / known
        return min(self.distinct / known, 1.0)

    @property
    def looks_unique(self) -> bool:
        """Whether nearly no value repeats: neither in the sample nor, as far as can be estimated, beyond it."""
        sampled = self.sample.n_unique() / self.sample.len() if self.sample.len() else 0.0
        return not self.nested and sampled >= _UNIQUE_SAMPLE and self.uniqueness >= _UNIQUE_ESTIMATE

    @property
    def whole(self) -> bool:
        """Whether the sample holds every value of the column."""
        return self.sample.len() == self.rows - self.nulls

    @cached_property
    def texts(self) -> list[str]:
        """The sample as text; empty for nested columns."""
        if self.nested:
            return []
        if self.dtype == pl.Binary:
            return [f"hex:{value.hex()}" for value in self.sample.to_list()]
        return self.sample.cast(pl.String).to_list()

    @cached_property
    def values(self) -> frozenset[str] | None:
        """Its distinct sampled values, lower case, where there are few; whole numbers without ``.0``."""
        few = set()
        for text in self.texts:
            few.add(re.sub(r"^(-?\d+)\.0$", r"\1", text.strip().lower()))
            if len(few) > _FEW:
                return None
        return frozenset(few)

    @cached_property
    def examples(self) -> tuple[str, ...]:
        """The first distinct sampled values, safe for a terminal."""
        first = dict.fromkeys(self.texts[:_ROWS_PER_FILE])
        return tuple(printable(text, _EXAMPLE_CHARS) for text in list(first)[:_EXAMPLES])


@dataclass(frozen=True)
class FolderProfile:
    """All columns of a folder, with the sampled rows."""

    folder: ForeignFolder
    rows: int
    columns: dict[str, ColumnProfile]
    sample: pl.DataFrame


def profile_folder(folder: ForeignFolder) -> FolderProfile:
    """Look at every column of a folder; memory is bounded by the sample, whatever the folder's size.

    The sample is 1,000 rows of each of at most 20 files: four runs from its start to its end, the files spread evenly
    over the sorted names.

    Raises
    ------
    LogError
        A file cannot be read.
    """
    schema = folder.schema
    every = folder.scan(schema)
    sample = _sampled(folder)
    statistics: dict[str, Any] = {}
    names = list(schema)
    for start in range(0, len(names), _COLUMNS_PER_PASS):
        part = range(start, min(start + _COLUMNS_PER_PASS, len(names)))
        wanted = [entry for place in part for entry in _statistics(place, names[place], schema[names[place]])]
        statistics |= collect_foreign(every.select(pl.len().alias("rows"), *wanted), folder, schema).row(0, named=True)
    rows = int(statistics.get("rows", 0))
    partitions = {name for file in folder.files for name in file.partitions if name not in file.schema}
    columns = {
        name: ColumnProfile(
            name=name,
            dtype=schema[name],
            rows=rows,
            nulls=int(statistics[f"nulls {place}"]),
            distinct=statistics.get(f"distinct {place}"),
            low=statistics.get(f"low {place}"),
            high=statistics.get(f"high {place}"),
            sample=sample[name].drop_nulls(),
            partition=name in partitions,
        )
        for place, name in enumerate(names)
    }
    return FolderProfile(folder, rows, columns, sample)


def _sampled(folder: ForeignFolder) -> pl.DataFrame:
    """Read the sample file by file, so that no more than one file's row groups are in memory."""
    count = len(folder.files)
    step = (count - 1) / (_FILES - 1)
    chosen = range(count) if count <= _FILES else sorted({round(place * step) for place in range(_FILES)})
    scans = folder.scans(folder.schema)
    columns = [_sample(name, dtype) for name, dtype in folder.schema.items()]
    parts = [
        collect(part.drop(SEGMENT, ROW).select(columns), str(folder.files[place].path))
        for place in chosen
        for part in _slices(scans[place], folder.files[place].rows())
    ]
    return pl.concat(parts, how="vertical_relaxed")


def _slices(frame: pl.LazyFrame, rows: int) -> list[pl.LazyFrame]:
    """Take a file whole when it is small, else some runs of rows from its start to its end: logs change with time."""
    if rows <= _ROWS_PER_FILE:
        return [frame]
    length = _ROWS_PER_FILE // _RUNS
    return [frame.slice(run * (rows - length) // (_RUNS - 1), length) for run in range(_RUNS)]


def _sample(name: str, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.String):
        return pl.col(name).str.slice(0, _TEXT_CHARS)
    if isinstance(dtype, pl.Binary):
        return pl.col(name).bin.slice(0, _TEXT_CHARS)
    if isinstance(dtype, pl.Datetime):
        return readable_instants(name, dtype).alias(name)
    if isinstance(dtype, pl.Duration):
        return pl.col(name).to_physical()
    if isinstance(dtype, _NESTED):
        return pl.lit(None).alias(name)
    return pl.col(name)


def _statistics(place: int, name: str, dtype: pl.DataType) -> list[pl.Expr]:
    """Name the answers by the column's place: a name can be anything."""
    wanted = [pl.col(name).null_count().alias(f"nulls {place}")]
    if not isinstance(dtype, _NESTED):
        wanted.append(pl.col(name).approx_n_unique().alias(f"distinct {place}"))
    if dtype.is_numeric():
        number = pl.col(name).cast(pl.Float64)
        wanted += [number.min().alias(f"low {place}"), number.max().alias(f"high {place}")]
    return wanted
