"""What a page may say of the bundle that it stands in: what was checked when it was made, and what is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit_lab.verifier.predicate import Predicate

__all__ = ["NOTEBOOK_FOLDER", "OWN_FOLDER", "checked_at_export", "not_known"]

#: A member of the attested environment, and what it says of a notebook that did not run in a clean folder.
NOTEBOOK_FOLDER, OWN_FOLDER = "notebook_folder", "own"

_NOTEBOOK_RAN = (
    "The notebook was run from its first cell to its last before it was exported, in a clean kernel and {}; its "
    "outputs are those of that run."
)
_IN_CLEAN_FOLDER = "a clean folder, where it found its log and nothing else"
_IN_OWN_FOLDER = "in its own folder"
_FILES_BESIDE = "What the notebook read in its own folder: files that stood there are not in this bundle."
_CHECKED = (
    "Every file of this bundle is listed with its SHA-256 digest and covered by one signature.",
    "Every exhibit is named by the digest of its files, and every finding rests on exhibits.",
    "Every line of the custody record is bound to the line before it.",
)
_NOT_KNOWN = (
    "Whether the log is complete: no proof covers a decision that was never logged.",
    "Whether the bundle existed at the time that it states: no page inside it can say that; a verifier can.",
    "Whose key signed it: a public key proves something only if it reached you by another way than this bundle.",
)
_NOT_SEALED = "Whether the rows shown are in a sealed log: the log was not sealed, so their inclusion is not proven."
_NOT_PROVEN = (
    "Whether the rows shown are in the log that its checkpoint seals: this bundle names the checkpoint and carries no "
    "proofs of inclusion."
)

_HOW = {"drop": "left out", "mask": "masked", "hash": "replaced by pseudonyms"}


def checked_at_export(predicate: Predicate, *, with_notebook: bool) -> list[str]:
    """Return what the export made sure of, a sentence each."""
    ran = _NOTEBOOK_RAN.format(_IN_OWN_FOLDER if _ran_at_home(predicate) else _IN_CLEAN_FOLDER)
    said = [ran, *_CHECKED] if with_notebook else [*_CHECKED]
    proven = 0 if predicate.rows is None else predicate.rows.proven
    if proven:
        rows = "1 row of the log was" if proven == 1 else f"{proven:,} rows of the log were"
        said.append(f"{rows} found in the tree that its checkpoint seals; the proofs are in this bundle.")
    return said


def not_known(predicate: Predicate) -> list[str]:
    """Return what a reader cannot conclude from the bundle, a sentence each."""
    said = [*_NOT_KNOWN]
    if predicate.log_checkpoint is None:
        said.insert(1, _NOT_SEALED)
    elif predicate.rows is None or not predicate.rows.proven:
        said.insert(1, _NOT_PROVEN)
    if predicate.log_checkpoint is not None and predicate.rows is not None:
        said += [f"Whether further rows are in the log: {each}." for each in predicate.rows.not_proven]
    if predicate.redaction is not None:
        redaction = predicate.redaction
        columns = ", ".join(f"{name}: {_HOW[how]}" for name, how in sorted(redaction.columns.items()))
        said.append(f"What was withheld under the profile {redaction.profile} ({columns}).")
        said += [f"Of what was withheld: {each}." for each in redaction.not_searched]
    if _ran_at_home(predicate):
        said.append(_FILES_BESIDE)
    return said


def _ran_at_home(predicate: Predicate) -> bool:
    stated = predicate.environment
    return isinstance(stated, dict) and stated.get(NOTEBOOK_FOLDER) == OWN_FOLDER
