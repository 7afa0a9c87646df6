"""Rows that correct earlier rows of a small table: which rows stand, and which corrections cannot be followed.

A log is append-only, so a wrong row stays and a new one says in `supersedes` what it corrects: a row's place
(``ID@SEGMENT:ROW``), or its ``ID`` alone for every row of the same key that was recorded before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.log.files.reading import collect
from audit_lab.log.segments import ROW, SEGMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from audit_lab.log.store import LogStore

__all__ = ["Corrected", "in_order_of_recording", "standing"]

_LONGEST = 80
_NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class Corrected:
    """The rows that no other row corrects, in order of recording, and what was wrong with corrections.

    Parameters
    ----------
    rows
        Rows as dicts, with ``_segment`` and ``_row``.
    replaced
        The index in the rows given of each row that is corrected, to the index of the first row that corrects it.
    corrections
        The index of each row whose correction was followed.
    findings
        The index of a row whose correction was not followed, and why, in a sentence.
    """

    rows: list[dict[str, Any]]
    replaced: dict[int, int]
    corrections: frozenset[int]
    findings: tuple[tuple[int, str], ...]


def in_order_of_recording(store: LogStore, table: str) -> list[dict[str, Any]]:
    """Return a small table's rows with ``_segment`` and ``_row``, in order of `recorded_at`, then of their places.

    A row that does not say when it was recorded comes first: nothing shows that it is newer than another.

    Raises
    ------
    LogError
        The table cannot be read.
    """
    kept = None if store.shelf is None else store.shelf.small(table)
    rows = collect(store.placed(table), f"the {table} of {store.location}") if kept is None else kept
    return rows.sort("recorded_at", SEGMENT, ROW, nulls_last=False).rows(named=True)


def standing(
    rows: list[dict[str, Any]], name: Callable[[dict[str, Any]], str], key: Callable[[dict[str, Any]], Hashable]
) -> Corrected:
    """Leave out the rows that later ones correct.

    A correction that names no row, or a row recorded after it, is not followed; so corrections never go in circles.

    Parameters
    ----------
    rows
        As `in_order_of_recording` returns them.
    name
        What a row is called in a place, before the last ``@``.
    key
        What two rows have in common where one of them replaces the other under the same name.
    """
    places = {(row[SEGMENT], int(row[ROW])): number for number, row in enumerate(rows)}
    replaced: dict[int, int] = {}
    findings: list[tuple[int, str]] = []
    followed: set[int] = set()
    for number, row in enumerate(rows):
        named = row["supersedes"]
        if named is None:
            continue
        corrected = _corrected(rows, number, places, name, key)
        if corrected:
            followed.add(number)
            replaced |= {each: number for each in corrected if each not in replaced}
        else:
            shown = named if len(named) <= _LONGEST else f"{named[:_LONGEST]}..."
            findings.append((number, f"{name(row)} says that it corrects {shown!r}, which names no earlier row of it"))
    left = [row for number, row in enumerate(rows) if number not in replaced]
    return Corrected(left, replaced, frozenset(followed), tuple(findings))


def _corrected(
    rows: list[dict[str, Any]],
    number: int,
    places: dict[tuple[str, int], int],
    name: Callable[[dict[str, Any]], str],
    key: Callable[[dict[str, Any]], Hashable],
) -> list[int]:
    """Return the rows that a row corrects; none where it names none before it."""
    row, named = rows[number], rows[number]["supersedes"]
    if named == name(row):
        return [each for each in range(number) if key(rows[each]) == key(row)]
    called, _, place = named.rpartition("@")
    segment, _, position = place.rpartition(":")
    found = places.get((segment, int(position))) if _NUMBER.fullmatch(position) else None
    if found is None or found >= number or (called and called != name(rows[found])):
        return []
    return [found]
