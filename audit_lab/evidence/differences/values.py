"""Two JSON documents, member by member."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.evidence.differences.change import Change, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["records_of", "value_changes", "value_lines"]

_MOST = 200
_ABSENT = object()


def value_changes(part: str, before: Any, after: Any, *, name: str = "") -> list[Change]:
    """Return a change for each member whose value differs; lists are compared place by place.

    Parameters
    ----------
    part
        The part of the case that the documents are.
    before, after
        Parsed JSON; None where there is no document.
    name
        What stands before the members' names.
    """
    found = []
    for place, one, other in _differing(before, after, name):
        what = "added" if one is _ABSENT else "removed" if other is _ABSENT else "changed"
        was, is_now = (None if value is _ABSENT else shown(value) for value in (one, other))
        found.append(Change(part, what, place, was, is_now))
    if len(found) > _MOST:
        more = Change(part, "changed", f"{len(found) - _MOST:,} further values")
        return [*found[:_MOST], more]
    return found


def value_lines(before: Any, after: Any) -> tuple[str, ...]:
    """Return the same as lines of text."""
    return tuple(str(change) for change in value_changes("", before, after))


def records_of(value: Any, key: str) -> dict[str, Any]:
    """Return the objects in a list by a member of theirs; a list that is none holds nothing."""
    entries = value if isinstance(value, list) else []
    return {str(entry[key]): entry for entry in entries if isinstance(entry, dict) and key in entry}


def _differing(one: Any, other: Any, name: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for member in sorted(one.keys() | other.keys()):
            inside = f"{name}.{member}" if name else member
            yield from _differing(one.get(member, _ABSENT), other.get(member, _ABSENT), inside)
    elif isinstance(one, list) and isinstance(other, list):
        for at in range(max(len(one), len(other))):
            left, right = (side[at] if at < len(side) else _ABSENT for side in (one, other))
            yield from _differing(left, right, f"{name}[{at}]")
    elif not _same(one, other):
        yield name or "it", one, other


def _same(one: Any, other: Any) -> bool:
    """Whether two values are one: 1 is not true, and not 1.0."""
    return type(one) is type(other) and bool(one == other)
