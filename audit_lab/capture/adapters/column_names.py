"""Which names features can have as columns of a log, and how many of them one statement of a segment can tell."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from audit_lab.log.commitment.column_types import column_type
from audit_lab.log.schema import is_pattern

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import polars as pl

__all__ = ["TOO_MANY", "ColumnNames", "name_fault"]

TOO_MANY = "its features would be more columns than the statement of a table can name"

#: Columns that a table of inputs has itself, or that are given to it while it is read.
_OWN = ("prediction_id", "recorded_at", "_owner", "_segment", "_row")
#: Of the 65,535 bytes of a statement, so many are for names and types of columns; a pair has six bytes around both.
_ROOM_BYTES, _AROUND_BYTES = 64_000, 6
#: What the types that a value of JSON gets are called: that of a list, of a boolean, and of any other.
_OF_LIST, _OF_BOOLEAN, _OF_OTHER = len("list[f64]"), len("bool"), len("f64")


def name_fault(name: str) -> str | None:
    """Return why no column can be called so; None where one can."""
    if name in _OWN:
        return f"a feature is called {name}, as a column of the log itself"
    if is_pattern(name):
        return f"a feature is called {name[:80]!a}, which is read as a pattern of names"
    if "\0" in name:
        return f"a feature's name has a zero character ({name[:80]!a})"
    return None


class ColumnNames:
    """The names of the features of one model, as far as a statement has room for them.

    Parameters
    ----------
    known
        Types of columns that are known, by name.
    """

    def __init__(self, known: Mapping[str, pl.DataType]) -> None:
        self._kinds = {name: len(str(column_type(dtype, name))) for name, dtype in known.items()}

    def have_room(self, names: Collection[str]) -> bool:
        """Whether there is room for all of these, whatever their values are."""
        return sum(self._size(name, _OF_LIST) for name in names) <= _ROOM_BYTES

    def with_room(self, rows: Sequence[Mapping[str, Any]]) -> set[str]:
        """Return the names for which there is room.

        First come those of columns that are known, then those of most rows, then those of rows with fewest names; rows
        without room for their own names count for nothing.
        """
        sizes: dict[str, int] = {}
        counts: Counter[str] = Counter()
        widths: dict[str, int] = {}
        for row in rows:
            own = {name: self._size(name, _kind(value)) for name, value in row.items() if value is not None}
            if sum(own.values()) > _ROOM_BYTES:
                continue
            for name, size in own.items():
                sizes[name] = max(size, sizes.get(name, 0))
                widths[name] = min(len(own), widths.get(name, len(own)))
            counts.update(own.keys())
        kept: set[str] = set()
        left = _ROOM_BYTES
        for name in sorted(counts, key=lambda each: (each not in self._kinds, -counts[each], widths[each])):
            left -= sizes[name]
            if left < 0:
                break
            kept.add(name)
        return kept

    def _size(self, name: str, kind: int) -> int:
        return len(json.dumps(name, ensure_ascii=False).encode()) + self._kinds.get(name, kind) + _AROUND_BYTES


def _kind(value: Any) -> int:
    return _OF_LIST if type(value) is list else _OF_BOOLEAN if type(value) is bool else _OF_OTHER
