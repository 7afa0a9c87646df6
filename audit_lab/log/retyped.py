"""A column whose type changed between the files of a table: what it is read as, and what must be said of it.

Numbers are read as numbers where each has an equal one in one type. Whatever else has texts is read as text, each value
as it stands, and what has none is left out: nothing is rounded, and the other columns are read as ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.files.reading import collect
from audit_lab.log.unification import expected_schema, unified_schema, widened, widest_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

__all__ = ["ColumnEnds", "read_schema", "retyped_sentences"]

#: Up to here, on either side of 0, each whole number has an equal one among those of double precision.
_EXACT = 2**53
_LARGEST = 2**63 - 1

_AS_TEXT = (pl.String, pl.Categorical, pl.Enum, pl.Boolean, pl.Date, pl.Datetime, pl.Time)
_WHOLE, _FRACTIONS, _TEXT = "whole numbers", "numbers with fractions", "text"
_KINDS = {pl.Boolean: "truth values", pl.Date: "dates", pl.Datetime: "times", pl.Time: "times of a day"}


def read_schema(
    table: str, files: Sequence[tuple[str, pl.Schema]], ends: Callable[[str], Iterable[tuple[int, int]]]
) -> pl.Schema:
    """Return the schema that the files of a table are read in, without the columns that no type can be found for.

    Parameters
    ----------
    table
        The table's name.
    files
        What to call each file in a message, and its columns.
    ends
        Returns the least and the greatest whole number of a column in each file that has whole numbers there.

    Raises
    ------
    LogError
        A canonical column is not of its canonical type.
    """
    expected = expected_schema(table)
    runs = list(_runs(files))
    retyped: dict[str, pl.DataType | None] = {}
    for name in dict.fromkeys(name for run in runs for name in run.schema if name not in expected):
        types = list(dict.fromkeys(run.schema[name] for run in runs if name in run.schema))
        if _together(types) is None:
            number = _number(types)
            fitting = number is not None and all(_fits(each, number) for each in ends(name))
            retyped[name] = number if fitting else pl.String() if all(map(_is_readable, types)) else None
    kept = [
        (run.first, pl.Schema({name: dtype for name, dtype in run.schema.items() if name not in retyped}))
        for run in runs
    ]
    unified = unified_schema(table, kept)
    order = dict.fromkeys([*expected, *(name for run in runs for name in run.schema)])
    found = {**unified, **{name: dtype for name, dtype in retyped.items() if dtype is not None}}
    return pl.Schema({name: found[name] for name in order if name in found})


def retyped_sentences(table: str, files: Sequence[tuple[str, pl.Schema]], read: pl.Schema) -> tuple[str, ...]:
    """Say of each further column that has values of several kinds which, in which files, and what it is `read` as."""
    expected, runs, said = expected_schema(table), list(_runs(files)), []
    for name in dict.fromkeys(name for run in runs for name in run.schema if name not in expected):
        having = [run for run in runs if not isinstance(run.schema.get(name, pl.Null()), pl.Null)]
        kinds = groupby(((_kind(run.schema[name]), run) for run in having), key=itemgetter(0))
        spans = [(kind, [run for _, run in mine]) for kind, mine in kinds]
        if len(spans) > 1:
            said.append(f"the feature {name} {_changes(spans)}{_reading(read.get(name), {kind for kind, _ in spans})}")
    return tuple(said)


class ColumnEnds:
    """The least and the greatest value of columns of files, read again only where a file changed."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[object, list[tuple[int, int]]]] = {}

    def of(
        self, uri: str, name: str, stamp: object, storage_options: Mapping[str, str] | None
    ) -> list[tuple[int, int]]:
        """Return both of a column of whole numbers, nothing where it has no value; `stamp` shows a changed file.

        Raises
        ------
        LogError
            The file cannot be read.
        """
        known = self._known.get((uri, name))
        if known is None or known[0] != stamp:
            rows = pl.scan_parquet(uri, glob=False, storage_options=dict(storage_options) if storage_options else None)
            found = collect(rows.select(pl.col(name).min().alias("least"), pl.col(name).max().alias("most")), uri)
            known = self._known[uri, name] = (stamp, found.drop_nulls().rows())
        return known[1]


def _fits(ends: tuple[int, int], number: pl.DataType) -> bool:
    least, most = (-_EXACT, _EXACT) if number.is_float() else (-_LARGEST - 1, _LARGEST)
    return least <= ends[0] and ends[1] <= most


@dataclass(frozen=True)
class _Run:
    """Neighbouring files of the same columns."""

    schema: pl.Schema
    first: str
    last: str
    files: int


def _runs(files: Sequence[tuple[str, pl.Schema]]) -> Iterator[_Run]:
    for schema, mine in groupby(files, key=lambda each: each[1]):
        names = [where for where, _ in mine]
        yield _Run(schema, names[0], names[-1], len(names))


def _together(types: Sequence[pl.DataType]) -> pl.DataType | None:
    known: pl.DataType | None = types[0]
    for dtype in types[1:]:
        known = None if known is None else widened(known, dtype)
    return known


def _number(types: Sequence[pl.DataType]) -> pl.DataType | None:
    """Return the type that columns of numbers are read in where their values fit; None where some are not numbers."""
    known: pl.DataType | None = None
    for dtype in types:
        if not isinstance(dtype, pl.Null):
            known = dtype if known is None else widened(known, dtype) or widest_number(known, dtype)
            if known is None:
                return None
    return known


def _is_readable(dtype: pl.DataType) -> bool:
    """Whether each value of a type has a text."""
    return dtype.is_numeric() or isinstance(dtype, (*_AS_TEXT, pl.Null))


def _kind(dtype: pl.DataType) -> str:
    if dtype.is_integer():
        return _WHOLE
    if dtype.is_numeric():
        return _FRACTIONS
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        return _TEXT
    if isinstance(dtype, pl.List | pl.Array):
        return "lists"
    return _KINDS.get(type(dtype), f"values of the type {type(dtype).__name__}")


def _changes(spans: Sequence[tuple[str, list[_Run]]]) -> str:
    if len(spans) == 2:  # noqa: PLR2004 - one change
        (before, until), (after, since) = spans
        return f"has {before} up to {until[-1].last} and {after} from {since[0].first} on: "
    parts = []
    for kind in dict.fromkeys(kind for kind, _ in spans):
        mine = [run for each, runs in spans if each == kind for run in runs]
        count = sum(run.files for run in mine)
        parts.append(f"{kind} in {count:,} {'file' if count == 1 else 'files'}, first {mine[0].first}")
    return f"changes its type {len(spans) - 1:,} times: {'; '.join(parts)}: "


def _reading(read: pl.DataType | None, kinds: set[str]) -> str:
    if read is None:
        return "it is left out where both are asked for, and stands in each decision as it was recorded"
    if read.is_numeric():
        return f"it is read as {_kind(read)}, each of the same value"
    if isinstance(read, pl.String) and kinds == {_WHOLE, _FRACTIONS}:
        return "as no type of number has all of its values, it is read as text, each value as it stands"
    return f"it is read as {_kind(read)}, each value as it stands"
