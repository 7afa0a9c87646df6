"""Many records of one shape, column by column: what the careful way makes of each of them, without an object for each.

A form that knows such a shape makes a `Block` of exchanges, or `Sides` of what has to be paired first, and nothing at
all where one record among them is of another shape: then the records are looked at one by one. A block can always be
unfolded into the exchanges that it stands for.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import polars as pl

from audit_lab.capture.adapters.exchange import BOTH, Decoded, Half

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Block", "Exchange", "Place", "Places", "Sides", "Table", "pieces"]

#: Where records cannot be taken together, pieces of them are tried: so many at a time, and at last one by one.
_SMALLER = (1_024, 64)

Made = TypeVar("Made")


class Place(NamedTuple):
    """Where a record stood: the number of its file in the part's files, its number there, and its bytes."""

    file: int
    number: int
    raw: bytes


class Exchange(NamedTuple):
    """An exchange that can be told, where its records stood (request first), and how many instances it has."""

    half: Half
    decoded: Decoded
    places: tuple[Place, ...]
    size: int


class Places(NamedTuple):
    """Where records stood, as columns; see `Place`."""

    files: Sequence[int]
    numbers: Sequence[int]
    raws: Sequence[bytes] | pl.Series

    @property
    def size_bytes(self) -> int:
        """How many bytes the records have."""
        if isinstance(self.raws, pl.Series):
            return int(self.raws.bin.size().sum())
        return sum(map(len, self.raws))

    def each(self) -> Iterator[Place]:
        """Yield them one by one."""
        return map(Place, self.files, self.numbers, self.raws)


class Table(NamedTuple):
    """The one instance and the one answer of each exchange.

    Attributes
    ----------
    names
        The features' names; None where the bodies have values alone.
    columns
        The values of each feature, single ones all of them.
    answers
        One for each exchange.
    """

    names: tuple[str, ...] | None
    columns: Sequence[Sequence[Any]]
    answers: list[Any]

    @property
    def shape(self) -> tuple[tuple[str, ...] | None, int]:
        """The features' names, and how many there are."""
        return self.names, len(self.columns)


@dataclass(frozen=True)
class Block:
    """Exchanges of one instance each.

    Attributes
    ----------
    keys, ats
        As in `Half`.
    common
        Columns of the predictions that all of them state alike, by name.
    stated
        Columns of the predictions of which each states its own, by name.
    table
        Their instances and answers.
    places
        Where their records stood: one entry, or that of the requests and that of the responses.
    """

    keys: list[str]
    ats: Sequence[int | None]
    common: dict[str, Any]
    stated: dict[str, list[Any]]
    table: Table
    places: tuple[Places, ...]

    def __len__(self) -> int:
        """Return how many exchanges there are."""
        return len(self.keys)

    def column(self, name: str) -> Sequence[Any]:
        """Return what each of them states of a column, or None."""
        return self.stated[name] if name in self.stated else [self.common.get(name)] * len(self)

    def names(self) -> set[str]:
        """Return which columns they state."""
        return {*self.common, *self.stated}

    def rows(self) -> list[Any]:
        """Return the instances as `Decoded.inputs` has them."""
        names = self.table.names
        rows = zip(*self.table.columns, strict=True)
        return list(map(list, rows)) if names is None else [dict(zip(names, row, strict=True)) for row in rows]

    def in_file(self, file: int) -> Block:
        """Return the same block of a file that is told by its number."""
        (only,) = self.places
        return Block(
            self.keys, self.ats, self.common, self.stated, self.table, (only._replace(files=[file] * len(self)),)
        )

    def exchanges(self) -> Iterator[Exchange]:
        """Yield the exchanges one by one."""
        places = zip(*(each.each() for each in self.places), strict=True)
        own = zip(*self.stated.values(), strict=True) if self.stated else repeat(())
        rows, answers = self.rows(), self.table.answers
        for key, at, values, row, answer, of in zip(self.keys, self.ats, own, rows, answers, places, strict=False):
            about = {**self.common, **dict(zip(self.stated, values, strict=True))}
            yield Exchange(Half(key, BOTH, at, about=about), Decoded([row], [answer]), of, 1)


@dataclass(frozen=True)
class Sides:
    """Records of one side each, which have to be paired by key.

    Attributes
    ----------
    keys, ats
        As in `Half`.
    are_responses
        Which side each is.
    bodies
        The body of each.
    abouts
        What each states, as JSON, but for ``request_id``, which is its key.
    """

    keys: list[str]
    ats: Sequence[int | None]
    are_responses: list[bool]
    bodies: list[bytes]
    abouts: list[bytes]

    def __len__(self) -> int:
        """Return how many records there are."""
        return len(self.keys)


def pieces(count: int, quick: Callable[[int, int], Made]) -> Iterator[tuple[int, int, Made]]:
    """Yield ranges of records in order, with what `quick` makes of each; None where they are to be taken one by one."""
    waiting = [(0, count, 0)]
    while waiting:
        start, stop, level = waiting.pop()
        made = quick(start, stop)
        if made is not None or level == len(_SMALLER) or stop - start <= _SMALLER[-1]:
            yield start, stop, made
            continue
        step = _SMALLER[level]
        smaller = [(at, min(at + step, stop), level + 1) for at in range(start, stop, step)]
        waiting += reversed(smaller)
