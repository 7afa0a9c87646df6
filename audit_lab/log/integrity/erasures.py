"""Erasures by the entries alone: each has its file and each file its entry, and no legal hold forbade it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.seal.entry_kinds import EraseEntry, HoldEntry, PlacementEntry, ReleaseEntry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from audit_lab.log.integrity.findings import Examination
    from audit_lab.log.integrity.history import History
    from audit_lab.log.keys.vault import Vault
    from audit_lab.seal.entry_kinds import SegmentEntry

__all__ = ["check_erasures", "check_holds"]

_ERASURE = "Ask whoever keeps the log for the record of the erasure; without one it was a deletion."
_HOLD = "Ask who erased it, and find out what the hold was for: the values are gone."


def check_erasures(history: History, examination: Examination) -> None:
    """Check that every file that took another's place as an erasure has its erase entry, and the reverse."""
    digests: dict[str, str] = {}
    placed: list[tuple[PlacementEntry, set[str]]] = []
    for entry in history.entries:
        if isinstance(entry, PlacementEntry):
            if entry.reason == "erase":
                placed.append((entry, {digests[path] for path in entry.replaces if path in digests}))
            digests[entry.file] = entry.sha256
    recorded = [(number, entry) for number, entry in enumerate(history.entries) if isinstance(entry, EraseEntry)]
    for placement, old in placed:
        if not any(_belong(placement, old, erasure) for _, erasure in recorded):
            what = "it took the place of another file as an erasure, and no erase entry says of what"
            examination.find("log.erasure-missing", placement.file, what, _ERASURE)
    for number, erasure in recorded:
        sealed = history.state.segments.get(erasure.table, {}).get(erasure.segment)
        if not any(_belong(placement, old, erasure) for placement, old in placed):
            what = f"it erases rows of {erasure.table}/{erasure.segment}, and no file took its place with them gone"
        elif sealed is None or not _possible(sealed.statement, erasure):
            what = f"it erases rows or fields that {erasure.table}/{erasure.segment} does not have"
        else:
            continue
        examination.find("log.erasure-forged", f"entry {number}", what, _ERASURE)


def check_holds(
    history: History, erased: Mapping[tuple[str, str, int], str], vault: Vault | None, examination: Examination
) -> None:
    """Check that nothing was erased while a legal hold forbade it, as far as its ids are still known.

    Parameters
    ----------
    history
        The log's entries.
    erased
        The prediction ids of erased rows, by table, segment and row.
    vault
        The log's vault: holds name their predictions by digests under a key of it.
    examination
        Where findings go.
    """
    for number, erasure, holds in _erasures_under_hold(history):
        names = ", ".join(sorted({hold.name for hold in holds}))
        if vault is None:
            what = f"whether entry {number} erased what the hold {names} forbade: that takes the log's vault"
            examination.not_checked.append(what)
            continue
        held = {digest for hold in holds for digest in hold.predictions_sha256}
        ids = [erased.get((erasure.table, erasure.segment, row), "") for row in erasure.rows]
        broken = [each for each in ids if vault.keyed_digest("prediction", each) in held]
        if broken:
            what = f"it erased values of {', '.join(broken[:5])} while the hold {names} forbade it"
            examination.find("log.hold-broken", f"entry {number}", what, _HOLD)
        if any(hold.subjects_sha256 for hold in holds):
            what = f"whether entry {number} erased rows of the subjects of the hold {names}: whose they were is erased"
            examination.not_checked.append(what)


def _belong(placement: PlacementEntry, old: set[str], erasure: EraseEntry) -> bool:
    """Whether an erase entry speaks of a file that took another's place."""
    return (
        erasure.table == placement.table
        and erasure.new_sha256 == placement.sha256
        and erasure.old_sha256 in old
        and any(hold.segment == erasure.segment for hold in placement.holds)
    )


def _possible(statement: SegmentEntry, erasure: EraseEntry) -> bool:
    columns = {name for name, _ in statement.schema}
    return statement.commitment == "fields" and erasure.rows[-1] < statement.rows and set(erasure.fields) <= columns


def _erasures_under_hold(history: History) -> Iterator[tuple[int, EraseEntry, list[HoldEntry]]]:
    in_force: list[HoldEntry] = []
    for number, entry in enumerate(history.entries):
        if isinstance(entry, HoldEntry):
            in_force.append(entry)
        elif isinstance(entry, ReleaseEntry):
            in_force = [hold for hold in in_force if hold.name != entry.name]
        elif isinstance(entry, EraseEntry) and in_force:
            yield number, entry, list(in_force)
