"""Findings about rows: which of them changed, and whether what is erased was erased lawfully."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.seal.merkle import HASH_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from audit_lab.log.integrity.findings import Examination
    from audit_lab.log.integrity.rows import CheckedPart
    from audit_lab.log.manifest import Segment

__all__ = ["find_changes", "find_erasures"]

_RESTORE = "Restore the segment from a backup, and find out who had write access since it was sealed."
_ERASURE = "Ask whoever keeps the log for the record of the erasure; without one it was a deletion."
_DOUBT = "these rows hold other values than were sealed, or stand elsewhere: too many differ to try every place"
_NO_KEY = b"\0" * HASH_BYTES


def find_changes(examination: Examination, file: Segment, part: CheckedPart, changes: dict[str, Any] | None) -> None:
    """Add the findings about rows that are not as they were sealed, each kind of change its own code."""
    segment, first = part.hold.segment, part.hold.first_row
    what = f"the rows of {part.table}/{segment} lead to another root than the one that was sealed"
    if changes is None:
        why = "the file of their hashes is missing or changed too"
        if part.leaves is not None:
            why = "the file of their hashes, which was sealed with it, agrees with the rows and not with the root"
        examination.find("log.rows-root-differs", file.path, f"{what}; rows cannot be named: {why}", _RESTORE)
        return
    examination.find("log.rows-root-differs", file.path, f"{what}: {changes['phrase']}", _RESTORE)
    names, lost = changes["names"], _lost_keys(part)

    def sealed(row: int, found: int | None = None) -> str:
        return f"{names.get(str(found), '')}@{segment}:{first + row}"

    def now(row: int) -> str:
        return f"now {segment}:{first + row}"

    total, changed = changes["changed"]
    known = [sealed(row, found) for row, found in changed if row not in lost]
    doubt = "" if changes["every_row_tried"] else _DOUBT
    _list(examination, "log.row-changed", file.path, known, total - len(changed) + len(known), what=doubt)
    total, dropped = changes["dropped"]
    _list(examination, "log.row-dropped", file.path, [sealed(row) for row in dropped], total)
    total, added = changes["added"]
    _list(examination, "log.row-added", file.path, [f"{names.get(str(row), '')} {now(row)}" for row in added], total)
    for kind in ("moved", "duplicated"):
        total, pairs = changes[kind]
        places = [f"{sealed(row, found)} {now(found)}" for row, found in pairs]
        _list(examination, f"log.row-{kind}", file.path, places, total)


def find_erasures(examination: Examination, file: Segment, part: CheckedPart, said: dict[str, Any]) -> None:
    """Add the findings about erased rows: values that are still there, and erasures that no entry records."""
    segment, first = part.hold.segment, part.hold.first_row
    rows = range(first, first + part.hold.rows)
    recorded = {row: fields for row, fields in part.erased.items() if row in rows}
    if recorded and part.kept is not None:
        kept = {int(row): set(fields) for row, fields, _ in said["erased"]}
        wrong = sorted(row for row in {*recorded, *kept} if kept.get(row) != recorded.get(row))
        _list(
            examination,
            "log.erasure-forged",
            part.kept,
            [f"{segment}:{row}" for row in wrong],
            len(wrong),
            what="what is kept of these rows is not what their erase entries say",
            next_step=_ERASURE,
        )
    restored = [f"{segment}:{row} {name}" for row, name in said["restored"]]
    _list(
        examination,
        "log.erased-value-present",
        file.path,
        restored,
        len(restored),
        what="fields that were recorded as erased hold a value",
        next_step="Find out who put it there, and erase it again.",
    )
    lost = sorted(_lost_keys(part))
    _list(
        examination,
        "log.erasure-missing",
        file.path,
        [f"{segment}:{first + row}" for row in lost],
        len(lost),
        what="the keys of these rows are destroyed, and no erase entry says why",
        next_step=_ERASURE,
    )


def _lost_keys(part: CheckedPart) -> set[int]:
    """Return the rows, counted from the part's first, whose keys are destroyed without an erase entry."""
    if part.keys is None or _NO_KEY not in part.keys:
        return set()
    first = part.hold.first_row
    return {
        row
        for row in range(part.hold.rows)
        if part.keys[row * HASH_BYTES : (row + 1) * HASH_BYTES] == _NO_KEY and first + row not in part.erased
    }


def _list(
    examination: Examination,
    code: str,
    file: str,
    places: Iterable[str],
    total: int,
    *,
    what: str = "",
    next_step: str = _RESTORE,
) -> None:
    shown = list(places)[:20]
    if not shown:
        return
    more = f" and {total - len(shown)} more" if total > len(shown) else ""
    kind = (
        what
        or {
            "log.row-changed": "these rows hold other values than were sealed",
            "log.row-dropped": "these rows are gone",
            "log.row-added": "these rows were never sealed",
            "log.row-moved": "these rows stand in another place",
            "log.row-duplicated": "these rows stand there again",
        }[code]
    )
    examination.find(code, file, f"{kind}: {', '.join(shown)}{more}", next_step)
