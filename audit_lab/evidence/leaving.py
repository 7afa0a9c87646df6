"""What leaves with a bundle beside the case itself: rows of its log, and what is needed to prove them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.evidence.model_files import model_files
from audit_lab.evidence.pinned_log import open_pinned
from audit_lab.evidence.redaction.profile import RedactionProfile
from audit_lab.evidence.rows.proven import ProvenRows, proven_rows
from audit_lab.log.keys.vault import Vault, vault_folder
from audit_lab.log.store import LogStore, open_store
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.malformed import MalformedError
from audit_lab.verifier.predicate import AttestedRows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.case.about import CaseAbout
    from audit_lab.case.casefile import CaseFile
    from audit_lab.evidence.redaction.values import Redaction

__all__ = ["Leaving", "leaving_with", "log_of", "models_of", "rows_of"]

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
    redaction
        What is withheld; None for nothing.
    include_models
        Whether the artifacts of models leave too; else their digests do.
    """

    vault: Vault | Path | None = None
    known_checkpoint: bytes | None = None
    redaction: RedactionProfile | None = None
    include_models: bool = False


def leaving_with(
    *,
    redaction: Path | str | None = None,
    include_models: bool = False,
    vault: Vault | Path | str | None = None,
    known_checkpoint: Path | str | None = None,
) -> Leaving:
    """Return what an export may take, from what a caller names.

    Raises
    ------
    MisuseError
        The profile or the checkpoint cannot be read.
    """
    known = None
    if known_checkpoint is not None:
        try:
            known = Path(known_checkpoint).read_bytes()
            parse_checkpoint(known, str(known_checkpoint))
        except (OSError, MalformedError) as error:
            raise MisuseError(
                f"The checkpoint {known_checkpoint} cannot be read ({error})", "Give the file of a log's checkpoint"
            ) from error
    return Leaving(
        vault=Path(vault) if isinstance(vault, str) else vault,
        known_checkpoint=known,
        redaction=None if redaction is None else RedactionProfile.read(Path(redaction)),
        include_models=include_models,
    )


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
    place = _place(about, folders)
    return None if place is None else open_pinned(place, about.log_checkpoint)


def models_of(case: CaseFile, folders: Sequence[Path], leaving: Leaving) -> dict[str, bytes]:
    """Return the artifacts that leave, by their names in the bundle; none unless they are asked for.

    Raises
    ------
    LogError, ModelError
        As for `audit_lab.evidence.model_files.model_files`.
    MisuseError
        The log is not at hand.
    """
    if not leaving.include_models:
        return {}
    place = _place(case.about, folders)
    if place is None:
        raise MisuseError(
            f"{_NOT_AT_HAND}, and the models are kept with it", "Export where the log is, or without them"
        )
    store = open_pinned(place, case.about.log_checkpoint) if case.about.log_checkpoint else open_store(place)
    return model_files(store, case.exhibits)


def _place(about: CaseAbout, folders: Sequence[Path]) -> Path | None:
    return next((path for folder in folders if (path := folder / about.log_path).is_dir()), None)


def rows_of(case: CaseFile, store: LogStore | None, leaving: Leaving, redaction: Redaction | None = None) -> ProvenRows:
    """Return the rows of the log that a case rests on with their proofs, or why there are none.

    Raises
    ------
    LogError
        A row is not as it was sealed, or the log did not grow from the known checkpoint.
    MisuseError
        The vault that was named is missing, or is another log's.
    """
    if not case.about.log_checkpoint:
        return ProvenRows(attested=AttestedRows(0, (_NOT_SEALED,)))
    if store is None:
        return ProvenRows(attested=AttestedRows(0, (_NOT_AT_HAND,)))
    return proven_rows(store, case.exhibits, _vault(store, leaving.vault), leaving.known_checkpoint, redaction)


def _vault(store: LogStore, named: Vault | Path | None) -> Vault | None:
    """Return the log's vault; None where none is named and the usual one is not there."""
    if isinstance(named, Vault):
        return named
    usual = vault_folder(store.origin)
    if named is None and not usual.is_dir():
        return None
    return Vault.open(store.origin, named or usual, log=store.folder.path)
