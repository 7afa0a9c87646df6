"""What leaves with a bundle beside the case itself: rows of its log, and what is needed to prove them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.evidence.pinned_log import open_pinned
from audit_lab.evidence.rows.proven import ProvenRows, proven_rows
from audit_lab.log.keys.vault import Vault, vault_folder
from audit_lab.verifier.predicate import AttestedRows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from audit_lab.case.about import CaseAbout
    from audit_lab.case.exhibit import Exhibit
    from audit_lab.log.store import LogStore

__all__ = ["Leaving", "log_of", "rows_of"]

_NOT_SEALED = "the log was not sealed, so no row can be proven to be in it"
_NOT_AT_HAND = "the log was not at hand when the bundle was made"


@dataclass(frozen=True)
class Leaving:
    """What an export may take.

    Attributes
    ----------
    vault
        The vault of the case's log, or its folder; default: the one in the user's state folder, if it is there.
    known_checkpoint
        The note of a checkpoint that the reader has already: the bundle proves that the log grew from it.
    """

    vault: Vault | Path | None = None
    known_checkpoint: bytes | None = None


def log_of(about: CaseAbout, folders: Sequence[Path]) -> LogStore | None:
    """Return the sealed log of a case at the case's checkpoint; None where it is not sealed, or not at hand.

    Parameters
    ----------
    about
        The case's facts.
    folders
        Where a relative path of a log may begin.

    Raises
    ------
    LogError
        The log that stands there no longer matches the case's checkpoint.
    """
    if not about.log_checkpoint:
        return None
    places = (folder / about.log_path for folder in folders)
    place = next((path for path in places if path.is_dir()), None)
    return None if place is None else open_pinned(place, about.log_checkpoint)


def rows_of(about: CaseAbout, exhibits: Sequence[Exhibit], store: LogStore | None, leaving: Leaving) -> ProvenRows:
    """Return the rows of the log that a case rests on with their proofs, or why there are none.

    Raises
    ------
    LogError
        A row is not as it was sealed, or the log did not grow from the known checkpoint.
    MisuseError
        The vault that was named is missing, or is another log's.
    """
    if not about.log_checkpoint:
        return ProvenRows(attested=AttestedRows(0, (_NOT_SEALED,)))
    if store is None:
        return ProvenRows(attested=AttestedRows(0, (_NOT_AT_HAND,)))
    return proven_rows(store, exhibits, _vault(store, leaving.vault), leaving.known_checkpoint)


def _vault(store: LogStore, named: Vault | Path | None) -> Vault | None:
    """Return the log's vault; None where none is named and the usual one is not there."""
    if isinstance(named, Vault):
        return named
    usual = vault_folder(store.origin)
    if named is None and not usual.is_dir():
        return None
    return Vault.open(store.origin, named or usual, log=store.folder.path)
