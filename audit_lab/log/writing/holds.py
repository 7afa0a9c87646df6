"""Legal holds: subjects and predictions that nothing is erased of until the hold is released.

In the log they stand as digests under a key of the vault: whoever has a copy of the log cannot find out whom a hold is
about by trying names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.seal.entry_kinds import HoldEntry, ReleaseEntry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from audit_lab.log.keys.vault import Vault
    from audit_lab.log.tree.state import LogState
    from audit_lab.log.writing.writer import LogWriter

__all__ = ["hindering_holds", "place_hold", "release_hold"]

_SUBJECT, _PREDICTION = "subject", "prediction"
#: So many digests fit into one entry.
_DIGESTS_PER_ENTRY = 800


def place_hold(
    writer: LogWriter,
    name: str,
    *,
    actor: str,
    reason: str,
    subjects: Collection[str] = (),
    prediction_ids: Collection[str] = (),
) -> None:
    """Seal a hold on everything of some subjects, and on some predictions.

    Parameters
    ----------
    writer
        A writer of the log.
    name
        What the hold is called, for example the number of a lawsuit; a name in force is taken.
    actor, reason
        Who places it and why; sealed in clear, so no person's name belongs into the reason.
    subjects, prediction_ids
        Whom and what it is about; at least one. They need not be in the log yet.

    Raises
    ------
    MisuseError
        The name is in force already, or nothing is held.
    StorageError
        The disk refused.
    """
    if not (subjects or prediction_ids):
        raise MisuseError(f"The hold {name!r} holds nothing", "Name a subject or a prediction")
    with writer.turn() as turn:
        if name in turn.state.holds:
            raise MisuseError(f"A hold {name!r} is in force already", "Release it first, or give another name")
        digests = [(_SUBJECT, digest) for digest in _digests(turn.vault, _SUBJECT, subjects)]
        digests += [(_PREDICTION, digest) for digest in _digests(turn.vault, _PREDICTION, prediction_ids)]
        parts = [digests[at : at + _DIGESTS_PER_ENTRY] for at in range(0, len(digests), _DIGESTS_PER_ENTRY)]
        turn.seal(
            [
                HoldEntry(
                    origin=turn.origin,
                    sealed_at=turn.sealed_at,
                    name=name,
                    subjects_sha256=tuple(digest for kind, digest in part if kind == _SUBJECT),
                    predictions_sha256=tuple(digest for kind, digest in part if kind == _PREDICTION),
                    actor=actor,
                    reason=reason,
                )
                for part in parts
            ]
        )


def release_hold(writer: LogWriter, name: str, *, actor: str, reason: str) -> None:
    """Seal the end of a hold.

    Raises
    ------
    MisuseError
        No hold of this name is in force.
    StorageError
        The disk refused.
    """
    with writer.turn() as turn:
        if name not in turn.state.holds:
            known = ", ".join(sorted(turn.state.holds)) or "none"
            raise MisuseError(f"No hold {name!r} is in force", f"Holds in force: {known}")
        turn.seal([ReleaseEntry(origin=turn.origin, sealed_at=turn.sealed_at, name=name, actor=actor, reason=reason)])


def hindering_holds(
    state: LogState, vault: Vault, subjects: Iterable[str], prediction_ids: Iterable[str]
) -> tuple[str, ...]:
    """Return the names of the holds in force on any of some subjects or predictions, sorted."""
    if not state.holds:
        return ()
    wanted = {*_digests(vault, _SUBJECT, subjects)}, {*_digests(vault, _PREDICTION, prediction_ids)}
    return tuple(
        sorted(
            name
            for name, entries in state.holds.items()
            if any(
                not wanted[0].isdisjoint(entry.subjects_sha256) or not wanted[1].isdisjoint(entry.predictions_sha256)
                for entry in entries
            )
        )
    )


def _digests(vault: Vault, kind: str, ids: Iterable[str]) -> list[str]:
    return sorted({vault.keyed_digest(kind, each) for each in ids})
