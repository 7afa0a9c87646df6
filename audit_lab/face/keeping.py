"""What whoever keeps a sealed log does with it beside appending: erase, hold, release, merge small files.

Each opens the log's vault, seals what it did, and closes it again. A program that writes all day has a writer of its
own (`audit_lab.open_writer`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.explain.forgetting import forget_erased
from audit_lab.log.erasure.erasure import erase as erase_rows
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.keys.pseudonym import pseudonym
from audit_lab.log.keys.vault import Vault
from audit_lab.log.store import open_store
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.log.writing.compaction import compact as compact_files
from audit_lab.log.writing.compaction import remove_replaced
from audit_lab.log.writing.holds import place_hold, release_hold
from audit_lab.log.writing.traces import reapply_erasures as destroy_again
from audit_lab.log.writing.writer import open_writer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import timedelta

    from audit_lab.log.erasure.erasure import Erasure
    from audit_lab.log.keys.pseudonym import PseudonymKey
    from audit_lab.log.writing.compaction import Compaction

__all__ = ["compact", "dispose", "erase", "hold", "reapply_erasures", "release"]


def erase(
    path: str | Path,
    *,
    actor: str,
    reason: str,
    subject: str | None = None,
    customer: str | None = None,
    predictions: Collection[str] = (),
    fields: Mapping[str, Sequence[str]] | None = None,
    vault: Vault | Path | str | None = None,
    passphrase: bytes | str | None = None,
    key: PseudonymKey | Path | str | None = None,
) -> Erasure:
    """Erase what a sealed log holds of a subject, or of some predictions (GDPR, article 17); it stays provable.

    Of the erased decisions, this user's cache of explanations is emptied too.

    Parameters
    ----------
    path
        The log's folder.
    actor, reason
        Who erases and why; sealed in clear, so no person's name belongs there.
    subject, customer, predictions
        Whose rows: a pseudonym as it stands in ``subject_id``, a customer number (with its pseudonym key), ids.
    fields
        Table to the columns that go; by default all that speak of the person, in all personal tables.
    vault, passphrase
        The log's vault, and where its passphrase comes from (``prompt``, ``env:NAME``, ``fd:NUMBER``).
    key
        The pseudonym key, or its file; default: the file in AUDIT_LAB_PSEUDONYM_KEY.

    Raises
    ------
    MisuseError
        A legal hold forbids it; a field cannot be erased; nobody is named, or a subject and a customer both are.
    NotFoundError
        The log holds nothing of them that is not erased already.
    """
    if subject is not None and customer is not None:
        raise MisuseError("customer and subject are both given", "Give one: the number, or its pseudonym.")
    named = subject if customer is None else pseudonym(customer, key)
    with open_writer(path, vault=vault, passphrase=passphrase) as writer:
        done = erase_rows(
            writer, actor=actor, reason=reason, subject_id=named, prediction_ids=predictions, fields=fields
        )
    try:
        forget_erased(open_store(path))
    except AuditLabError as error:  # what was erased is erased all the same
        kept = f"explanations of the erased decisions may still be in this user's cache ({error.message})"
        return replace(done, remaining=(*done.remaining, kept))
    return done


def reapply_erasures(
    path: str | Path, *, vault: Path | str | None = None, passphrase: bytes | str | None = None
) -> int:
    """Destroy the row keys of every erased row again, after the log's vault was restored from a backup.

    Returns
    -------
    int
        How many row keys were destroyed.

    Raises
    ------
    LogError
        The log is not the vault's, or contradicts itself; nothing was destroyed.
    """
    place = Path(path)
    origin = LogTree(LocalStorage(place)).origin
    opened = Vault.open(origin, None if vault is None else Path(vault), passphrase=passphrase, log=place)
    return destroy_again(place, opened)


def hold(
    path: str | Path,
    name: str,
    *,
    actor: str,
    reason: str,
    subjects: Collection[str] = (),
    predictions: Collection[str] = (),
    vault: Vault | Path | str | None = None,
    passphrase: bytes | str | None = None,
) -> None:
    """Forbid every erasure of some subjects and predictions until the hold is released.

    Raises
    ------
    MisuseError
        A hold of that name is in force, or nothing is held.
    """
    with open_writer(path, vault=vault, passphrase=passphrase) as writer:
        place_hold(writer, name, actor=actor, reason=reason, subjects=subjects, prediction_ids=predictions)


def release(
    path: str | Path,
    name: str,
    *,
    actor: str,
    reason: str,
    vault: Vault | Path | str | None = None,
    passphrase: bytes | str | None = None,
) -> None:
    """End a hold.

    Raises
    ------
    MisuseError
        No hold of that name is in force.
    """
    with open_writer(path, vault=vault, passphrase=passphrase) as writer:
        release_hold(writer, name, actor=actor, reason=reason)


def compact(
    path: str | Path, *, vault: Vault | Path | str | None = None, passphrase: bytes | str | None = None
) -> tuple[Compaction, ...]:
    """Merge small files of a sealed log; what is proven, and every row's place, stays as it was."""
    with open_writer(path, vault=vault, passphrase=passphrase) as writer:
        return compact_files(writer)


def dispose(
    path: str | Path,
    *,
    actor: str,
    older_than: timedelta,
    vault: Vault | Path | str | None = None,
    passphrase: bytes | str | None = None,
) -> tuple[str, ...]:
    """Remove the files that others took the place of at least so long ago; their rows stay, where they stand now."""
    with open_writer(path, vault=vault, passphrase=passphrase) as writer:
        return remove_replaced(writer, older_than=older_than, actor=actor)
