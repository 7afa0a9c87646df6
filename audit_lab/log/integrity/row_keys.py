"""Find which sealed row a field-committed row is, when rows were dropped, added or moved.

The leaf of such a row depends on its key, and which key is its own is only known by its place. So where a row is not
the one that was sealed at its place, other rows' keys are tried, nearest first, within a budget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.seal.merkle import HASH_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import polars as pl

__all__ = ["resolved_leaves"]

_NEAR = 32
#: How many leaves are computed at most in the search: some seconds.
_BUDGET = 100_000
_STRANGER = b"\0" * HASH_BYTES


def resolved_leaves(
    values: pl.DataFrame,
    sealed: bytes,
    stated: Sequence[int] | None,
    leaves_at: Callable[[pl.DataFrame, Sequence[int]], bytes],
) -> tuple[bytes, bool]:
    """Return the leaf of each row under the key of the sealed row that it equals, and whether every row was tried.

    A row that equals none has the leaf under the key of its own place, which is then no sealed leaf. Where the search
    was given up, rows that only moved look like changed ones.

    Parameters
    ----------
    values
        The rows as they stand, with the stated schema.
    sealed
        The leaf of each row that was sealed, 32 bytes each.
    stated
        The place that the file gives each row, where it gives any.
    leaves_at
        Gives the leaves of rows if they are those of some places.
    """
    search = _Search(values, sealed, leaves_at)
    search.try_places(range(values.height), range(values.height) if stated is None else stated)
    shift = 0
    for row in range(values.height):
        if row in search.found or search.spent:
            continue
        place = search.find(row, row + shift)
        if place is not None:
            shift = place - row
            rest = [later for later in range(row + 1, values.height) if later not in search.found]
            search.try_places(rest, [later + shift for later in rest])
    return b"".join(search.leaf(row) for row in range(values.height)), not search.spent


class _Search:
    """Which sealed row each row was found to be."""

    def __init__(
        self, values: pl.DataFrame, sealed: bytes, leaves_at: Callable[[pl.DataFrame, Sequence[int]], bytes]
    ) -> None:
        self._values = values
        self._leaves_at = leaves_at
        self._sealed = _split(sealed)
        self._budget = _BUDGET + 2 * values.height
        self.found: dict[int, int] = {}

    @property
    def spent(self) -> bool:
        """Whether the search has cost as much as it may."""
        return self._budget <= 0

    def leaf(self, row: int) -> bytes:
        """Return the leaf of a row; one that no sealed row has for a row that is none of them."""
        place = self.found.get(row)
        return self._stranger(row) if place is None else self._sealed[place]

    def try_places(self, rows: Iterable[int], places: Iterable[int]) -> None:
        """Try each row at one place."""
        pairs = [(row, place) for row, place in zip(rows, places, strict=True) if 0 <= place < len(self._sealed)]
        for (row, place), leaf in zip(pairs, self._leaves(pairs), strict=True):
            if leaf == self._sealed[place]:
                self.found[row] = place

    def find(self, row: int, guess: int) -> int | None:
        """Try one row at the places near a guess, then at those where no row was found yet, then at all."""
        near = range(max(guess - _NEAR, 0), min(guess + _NEAR + 1, len(self._sealed)))
        taken = set(self.found.values())
        free = [place for place in range(len(self._sealed)) if place not in taken]
        for places in (near, free, range(len(self._sealed))):
            if self.spent:
                return None
            self.try_places([row] * len(places), places)
            if row in self.found:
                return self.found[row]
        return None

    def _leaves(self, pairs: list[tuple[int, int]]) -> list[bytes]:
        if not pairs:
            return []
        self._budget -= len(pairs)
        return _split(self._leaves_at(self._values[[row for row, _ in pairs]], [place for _, place in pairs]))

    def _stranger(self, row: int) -> bytes:
        return self._leaves([(row, row)])[0] if row < len(self._sealed) else _STRANGER


def _split(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
