"""What happened to the rows of a segment: stored leaf hashes aligned with recomputed ones."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from audit_lab.errors import LogError
from audit_lab.log.commitment.hashing import HASH_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.int64]
    Hashes = NDArray[np.uint64]

__all__ = ["MOST_NAMED", "Few", "RowChanges", "aligned_changes"]

#: Of each kind of change, so many rows are named and the others counted.
MOST_NAMED = 20
#: A row that stands several times is aligned in every way while there are no more ways than this.
_MOST_WAYS = 16

Place = TypeVar("Place")


@dataclass(frozen=True)
class Few(Generic[Place]):
    """How many there are, and the first of them."""

    total: int
    first: tuple[Place, ...]


@dataclass(frozen=True)
class RowChanges:
    """The differences between the rows that were sealed and those that were found; rows count from 0.

    Attributes
    ----------
    changed
        Sealed row, and the found row that stands in its place with other content.
    dropped
        Sealed rows that are gone.
    added
        Found rows that were never sealed.
    moved
        Sealed row, and where its content is found out of order.
    duplicated
        Sealed row, and where a further copy of it is found.
    """

    changed: Few[tuple[int, int]]
    dropped: Few[int]
    added: Few[int]
    moved: Few[tuple[int, int]]
    duplicated: Few[tuple[int, int]]

    @property
    def total(self) -> int:
        """How many changes there are of all kinds; 0 where every row is as it was sealed."""
        return sum(each.total for each in (self.changed, self.dropped, self.added, self.moved, self.duplicated))

    def __str__(self) -> str:
        """Return the changes as one phrase, for a finding."""
        phrases = [
            _phrase(self.changed, "changed", lambda pair: str(pair[0])),
            _phrase(self.dropped, "dropped", str),
            _phrase(self.added, "added", str),
            _phrase(self.moved, "moved", lambda pair: f"{pair[0]} to {pair[1]}"),
            _phrase(self.duplicated, "duplicated", lambda pair: f"{pair[0]} at {pair[1]}"),
        ]
        return "; ".join(filter(None, phrases)) or "no row differs"


def aligned_changes(sealed: bytes, found: bytes) -> RowChanges:
    """Say which rows changed, by aligning the leaf hashes that were sealed with those recomputed from the rows.

    The rows that kept their order are a longest common subsequence (Hunt and Szymanski 1977; of rows that stand many
    times, only one way to align them is tried). Of the rest, a sealed and a found row in the same gap between two that
    kept their order are one changed row. Takes O(n log n).

    Parameters
    ----------
    sealed, found
        Leaf hashes, 32 bytes each.

    Raises
    ------
    LogError
        The bytes are not a whole number of hashes.
    """
    import numpy as np

    old, new = _hashes(sealed), _hashes(found)
    start, end = _common_ends(old, new)
    old_ids, new_ids = _identities(old[start : len(old) - end], new[start : len(new) - end])
    kept_old, kept_new = _kept_in_order(old_ids, new_ids)
    rest_old, rest_new = np.delete(np.arange(len(old_ids)), kept_old), np.delete(np.arange(len(new_ids)), kept_new)
    at_old, at_new = _paired(old_ids[rest_old], new_ids[rest_new])
    moved = np.column_stack((rest_old[at_old], rest_new[at_new])) + start
    lost, further = np.delete(rest_old, at_old), np.delete(rest_new, at_new)
    originals = _first_places(old, new[further + start])
    unknown = further[originals < 0]
    in_old, in_new = _paired(np.searchsorted(kept_old, lost), np.searchsorted(kept_new, unknown))
    return RowChanges(
        changed=_few_pairs(np.column_stack((lost[in_old], unknown[in_new])) + start),
        dropped=_few_rows(np.delete(lost, in_old) + start),
        added=_few_rows(np.delete(unknown, in_new) + start),
        moved=_few_pairs(moved),
        duplicated=_few_pairs(np.column_stack((originals, further + start))[originals >= 0]),
    )


def _hashes(content: bytes) -> Hashes:
    import numpy as np

    if len(content) % HASH_BYTES:
        raise LogError(
            f"{len(content)} bytes are not a whole number of hashes of {HASH_BYTES} bytes",
            "Recompute them from the segment's rows, or restore them from a backup.",
        )
    return np.frombuffer(content, dtype=np.uint64).reshape(-1, HASH_BYTES // 8)


def _common_ends(old: Hashes, new: Hashes) -> tuple[int, int]:
    """Return how many hashes both begin with, and how many of the others both end with."""
    shorter = min(len(old), len(new))
    start = _equal_from_start(old[:shorter], new[:shorter])
    left = shorter - start
    return start, _equal_from_start(old[len(old) - left :][::-1], new[len(new) - left :][::-1])


def _equal_from_start(one: Hashes, other: Hashes) -> int:
    differs = (one != other).any(axis=1)
    return int(differs.argmax()) if differs.any() else len(one)


def _identities(old: Hashes, new: Hashes) -> tuple[Rows, Rows]:
    """Return a number for each hash, equal where and only where the hashes are."""
    import numpy as np

    both = np.concatenate((old, new))
    _, first, ids = np.unique(both[:, 0], return_index=True, return_inverse=True)
    if not np.array_equal(both[first[ids]], both):
        _, ids = np.unique(both, axis=0, return_inverse=True)
    ids = ids.reshape(-1).astype(np.int64)
    return ids[: len(old)], ids[len(old) :]


def _first_places(old: Hashes, wanted: Hashes) -> Rows:
    """Return where each wanted hash first stands among the old ones, -1 where it does not."""
    import numpy as np

    if not len(wanted):
        return np.empty(0, dtype=np.int64)
    old_ids, wanted_ids = _identities(old, wanted)
    places = np.full(int(max(old_ids.max(initial=0), wanted_ids.max())) + 1, -1, dtype=np.int64)
    places[old_ids[::-1]] = np.arange(len(old_ids))[::-1]
    return places[wanted_ids]


def _kept_in_order(old_ids: Rows, new_ids: Rows) -> tuple[Rows, Rows]:
    """Return the places of a longest common subsequence in both."""
    import numpy as np

    old_places, new_places = _possible_pairs(old_ids, new_ids)
    chosen = np.array(_longest_rising(new_places.tolist()), dtype=np.int64)
    return old_places[chosen], new_places[chosen]


def _possible_pairs(old_ids: Rows, new_ids: Rows) -> tuple[Rows, Rows]:
    """Return pairs of places with equal content: by old place, and for one old place from the last new one."""
    import numpy as np

    kinds = int(max(old_ids.max(initial=-1), new_ids.max(initial=-1))) + 1
    old_count, new_count = np.bincount(old_ids, minlength=kinds), np.bincount(new_ids, minlength=kinds)
    in_order = np.argsort(new_ids, kind="stable")
    starts = np.cumsum(new_count) - new_count
    tries_all = old_count * new_count <= _MOST_WAYS
    rank = _ranks(old_ids)
    ways = np.where(tries_all[old_ids], new_count[old_ids], rank < new_count[old_ids])
    old_places = np.repeat(np.arange(len(old_ids)), ways)
    ids = old_ids[old_places]
    nth = np.arange(len(old_places)) - np.repeat(np.cumsum(ways) - ways, ways)
    offset = np.where(tries_all[ids], new_count[ids] - 1 - nth, rank[old_places])
    return old_places, in_order[starts[ids] + offset]


def _longest_rising(numbers: list[int]) -> list[int]:
    """Return the places of a longest strictly rising subsequence."""
    tails: list[int] = []
    tail_places: list[int] = []
    before: list[int] = []
    for place, number in enumerate(numbers):
        length = bisect_left(tails, number)
        before.append(tail_places[length - 1] if length else -1)
        tails[length : length + 1] = [number]
        tail_places[length : length + 1] = [place]
    chosen: list[int] = []
    place = tail_places[-1] if tail_places else -1
    while place >= 0:
        chosen.append(place)
        place = before[place]
    return chosen[::-1]


def _paired(old_ids: Rows, new_ids: Rows) -> tuple[Rows, Rows]:
    """Return places that pair the first of an id with the first of the same id, the second with the second ..."""
    import numpy as np

    old_keys, new_keys = (ids * (len(old_ids) + len(new_ids)) + _ranks(ids) for ids in (old_ids, new_ids))
    _, in_old, in_new = np.intersect1d(old_keys, new_keys, assume_unique=True, return_indices=True)
    order = np.argsort(in_old)
    return in_old[order], in_new[order]


def _ranks(ids: Rows) -> Rows:
    """Return for each place how many equal ids stand before it."""
    import numpy as np

    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    is_first = np.ones(len(ids), dtype=bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    places = np.arange(len(ids))
    ranks = np.empty(len(ids), dtype=np.int64)
    ranks[order] = places - np.maximum.accumulate(np.where(is_first, places, 0))
    return ranks


def _few_rows(rows: Rows) -> Few[int]:
    return Few(len(rows), tuple(rows[:MOST_NAMED].tolist()))


def _few_pairs(pairs: Rows) -> Few[tuple[int, int]]:
    return Few(len(pairs), tuple((old, new) for old, new in pairs[:MOST_NAMED].tolist()))


def _phrase(few: Few[Place], what: str, name: Callable[[Place], str]) -> str:
    if not few.total:
        return ""
    named = ", ".join(map(name, few.first))
    more = f" and {few.total - len(few.first)} more" if few.total > len(few.first) else ""
    return f"{few.total} {what} ({'row' if few.total == 1 else 'rows'} {named}{more})"
