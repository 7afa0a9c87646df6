"""What a page may say of the bundle that it stands in: what was checked when it was made, and what is not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit_lab.verifier.predicate import Predicate

__all__ = ["NOTEBOOK_FOLDER", "OWN_FOLDER", "Said", "checked_at_export", "not_known"]

#: A member of the attested environment, and what it says of a notebook that did not run in a clean folder.
NOTEBOOK_FOLDER, OWN_FOLDER = "notebook_folder", "own"

_NOTEBOOK_RAN = (
    "The notebook was run from its first cell to its last before it was exported, in a clean kernel and {}; its "
    "outputs are those of that run."
)
_IN_CLEAN_FOLDER = "a clean folder, where it found its log and nothing else"
_IN_OWN_FOLDER = "in its own folder"
_FILES_BESIDE = "What the notebook read in its own folder: files that stood there are not in this bundle."
_FILES = "Every file of this bundle is listed with its SHA-256 digest and covered by one signature."
_CUSTODY = "Every line of the custody record is bound to the line before it."
_EXHIBITS = "Every exhibit is named by the digest of its files{}."
_REST = ", and every finding rests on exhibits"
_NO_ANSWER = "The answer to the question: none was stated."
_NO_EXHIBIT = "What an answer would rest on: the case keeps no exhibit."
_WORDS = (
    "Whether findings and answer are right: they are the investigator's words about the exhibits, and other exhibits "
    "may have been left out."
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


@dataclass(frozen=True)
class Said:
    """What a case says at all: the number of its exhibits and of its findings, and whether it has an answer."""

    exhibits: int
    findings: int
    is_answered: bool


def checked_at_export(predicate: Predicate, said: Said, *, with_notebook: bool) -> list[str]:
    """Return what the export made sure of, a sentence each."""
    checked = []
    if with_notebook:
        checked.append(_NOTEBOOK_RAN.format(_IN_OWN_FOLDER if _ran_at_home(predicate) else _IN_CLEAN_FOLDER))
    checked.append(_FILES)
    if said.exhibits:
        checked.append(_EXHIBITS.format(_REST if said.findings else ""))
    checked.append(_CUSTODY)
    proven = 0 if predicate.rows is None else predicate.rows.proven
    if proven:
        rows = "1 row of the log was" if proven == 1 else f"{proven:,} rows of the log were"
        checked.append(f"{rows} found in the tree that its checkpoint seals; the proofs are in this bundle.")
    return checked


def not_known(predicate: Predicate, stated: Said, *, not_compared: str = "") -> list[str]:
    """Return what a reader cannot conclude from the bundle, a sentence each.

    `not_compared` is a sentence about the log's segments, where nobody compared them.
    """
    complete, *others = _NOT_KNOWN
    said = [] if stated.is_answered else [_NO_ANSWER]
    said += [] if stated.exhibits else [_NO_EXHIBIT]
    said += [complete, *([not_compared] if not_compared else [])]
    if predicate.log_checkpoint is None:
        said += [_NOT_SEALED] if stated.exhibits else []
    elif predicate.rows is None or not predicate.rows.proven:
        said += [_NOT_PROVEN] if stated.exhibits else []
    said += others
    said += [_WORDS] if stated.is_answered or stated.findings else []
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
