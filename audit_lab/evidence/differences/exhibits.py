"""The exhibits of two cases: which is which, and what changed in one, down to rows and values."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from audit_lab.evidence.differences.change import Change, shown
from audit_lab.evidence.differences.tables import table_lines
from audit_lab.evidence.differences.values import value_lines
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import parse_json
from audit_lab.verifier.layout import PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from audit_lab.evidence.differences.side import Side

__all__ = ["exhibit_changes", "file_lines", "owned_files", "paired_exhibits"]

_PART = "exhibits"
#: What is told elsewhere: files are compared by content, and times stand apart.
_ELSEWHERE = {"id", "files", "kept_at"}
_TABLE, _SHOWN_TABLE = ".parquet", ".csv"

_Exhibit = dict[str, Any]


def exhibit_changes(before: Side, after: Side, one: Sequence[_Exhibit], other: Sequence[_Exhibit]) -> list[Change]:
    """Return the exhibits that were added, removed or changed."""
    pairs, removed, added = paired_exhibits(one, other)
    found = []
    for exhibit, again in pairs:
        lines = list(value_lines(_about(exhibit), _about(again)))
        if exhibit.get("id") != again.get("id"):
            lines += _file_changes(before, after, exhibit, again)
        if lines:
            found.append(Change(_PART, "changed", _name(again), details=tuple(lines)))
    found += [Change(_PART, "removed", _name(exhibit)) for exhibit in removed]
    return found + [Change(_PART, "added", _name(exhibit)) for exhibit in added]


def paired_exhibits(
    one: Sequence[_Exhibit], other: Sequence[_Exhibit]
) -> tuple[list[tuple[_Exhibit, _Exhibit]], list[_Exhibit], list[_Exhibit]]:
    """Return which exhibits are the same thing, and those of either side that have no partner.

    The same are, in this order: those of one digest, of one kind and title, of one kind and number.
    """
    marks: tuple[Callable[[_Exhibit], object], ...] = (
        lambda exhibit: str(exhibit.get("id")),
        lambda exhibit: (str(exhibit.get("kind")), str(exhibit.get("title"))),
        lambda exhibit: (str(exhibit.get("kind")), str(exhibit.get("number"))),
    )
    pairs: list[tuple[_Exhibit, _Exhibit]] = []
    left, right = list(one), list(other)
    for mark in marks:
        for exhibit in list(left):
            partner = next((each for each in right if mark(each) == mark(exhibit)), None)
            if partner is not None:
                pairs.append((exhibit, partner))
                left.remove(exhibit)
                right.remove(partner)
    return pairs, left, right


def file_lines(name: str, one: bytes | None, other: bytes | None) -> tuple[str, ...]:
    """Return what changed in a file, by its kind; None where it was too large to be looked into."""
    kind = PurePosixPath(name).suffix
    if one is None or other is None:
        return ("not looked into: it is larger than 64 MiB",)
    if kind == _TABLE:
        return table_lines(one, other)
    if kind == ".json":
        try:
            return value_lines(parse_json(one, name), parse_json(other, name)) or (
                "the same values, written otherwise",
            )
        except MalformedError as error:
            return (error.message,)
    if kind == ".svg":
        return ("the picture differs",)
    return (f"{len(one):,} bytes -> {len(other):,} bytes",)


def owned_files(exhibits: Sequence[_Exhibit]) -> set[str]:
    """Return the files that exhibits list, by their names in a bundle."""
    return {PAYLOAD + path for exhibit in exhibits for path, _ in _files(exhibit).values()}


def _about(exhibit: _Exhibit) -> _Exhibit:
    return {name: value for name, value in exhibit.items() if name not in _ELSEWHERE}


def _name(exhibit: _Exhibit) -> str:
    return f"exhibit {shown(exhibit.get('number'))}, {shown(str(exhibit.get('title')))}"


def _file_changes(before: Side, after: Side, exhibit: _Exhibit, again: _Exhibit) -> list[str]:
    one, other = _files(exhibit), _files(again)
    lines = []
    for name in sorted(one.keys() | other.keys()):
        if name not in other or name not in one:
            lines.append(f"{shown(name)} {'removed' if name in one else 'added'}")
            continue
        (path, digest), (path_after, digest_after) = one[name], other[name]
        if digest == digest_after or _is_shown_table(name, one, other):
            continue
        contents = before.content(PAYLOAD + path), after.content(PAYLOAD + path_after)
        lines += [f"{shown(name)}: {line}" for line in file_lines(name, *contents)]
    return lines


def _is_shown_table(name: str, one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether a file only shows, as CSV, a table that is compared itself."""
    table = str(PurePosixPath(name).with_suffix(_TABLE))
    return name.endswith(_SHOWN_TABLE) and table in one and table in other


def _files(exhibit: _Exhibit) -> dict[str, tuple[str, str]]:
    files = exhibit.get("files")
    return {
        str(file.get("name")): (str(file.get("path")), str(file.get("sha256")))
        for file in (files if isinstance(files, list) else [])
        if isinstance(file, dict)
    }
