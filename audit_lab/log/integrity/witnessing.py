"""Look at a log as a witness: check that it only grew since the last time, and cosign its checkpoint.

A witness keeps the newest checkpoint that it cosigned of each log, apart from the log and from whoever writes it. What
it cosigned holds the log in time: a log that was cut, or written anew, cannot get another cosignature.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from audit_lab.errors import IntegrityError, MisuseError
from audit_lab.log.files.disk import LocalDisk
from audit_lab.log.files.private_file import make_private_folder
from audit_lab.log.folder import LogFolder
from audit_lab.log.integrity.findings import Examination
from audit_lab.log.integrity.outside import is_pinned
from audit_lab.log.integrity.tree import examine_tree
from audit_lab.log.keys.vault import state_folder
from audit_lab.log.time_anchors.remembered import Remembered
from audit_lab.log.tree.tree_file import CHECKPOINT_NAME
from audit_lab.seal.keys import PublicKey
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import consistency_path
from audit_lab.seal.report import Finding, Verdict, Verification, settle
from audit_lab.seal.witness import WitnessRequest, witness_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from audit_lab.log.integrity.tree import SealedTree
    from audit_lab.seal.checkpoint import Checkpoint
    from audit_lab.seal.entry_kinds import GenesisEntry
    from audit_lab.seal.keys import SigningKey
    from audit_lab.seal.trust import Trust

__all__ = ["Sighting", "witness_folder", "witness_log"]

_KEEP_BOTH = (
    "Keep what the witness remembers and the log as it is: together they show that the log was cut or rewritten"
)


@dataclass(frozen=True)
class Sighting:
    """What a witness saw: the log, its size then and before, and the checkpoint with the cosignature added."""

    origin: str
    size: int
    size_before: int
    note: bytes


def witness_folder() -> Path:
    """Return where a witness remembers what it saw unless another folder is named."""
    return state_folder() / "witnessed"


def witness_log(
    location: str | Path,
    *,
    key: SigningKey,
    trust: Trust,
    folder: Path | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Sighting:
    """Check a log's signed side, and that it grew from what this witness saw last; then cosign its checkpoint.

    Rows are not looked at: a witness vouches for the history, not for the values.

    Parameters
    ----------
    location
        The log: a folder that the witness can read, or ``s3://``.
    key
        The witness's key.
    trust
        The first keys of the logs that it witnesses, in the role ``log``.
    folder
        Where it remembers what it saw; `witness_folder` by default. The new state is on disk before this returns.
    clock
        Gives the time to state.

    Raises
    ------
    MisuseError
        There is no sealed log, or its first key is not accepted.
    IntegrityError
        The log's entries, tiles or checkpoints do not hold, or it did not grow from what was seen; the error carries
        the report.
    """
    examination = Examination()
    tree = examine_tree(LogFolder(location), examination)
    genesis = tree.history.genesis
    subject = f"log {tree.history.origin} at {location}" if genesis else f"log at {location}"
    if examination.findings or genesis is None:
        settle(Verification(subject, Verdict.REFUSED, examination.listed(), tuple(examination.checked)))
    if genesis is None or not is_pinned(genesis.log_key, trust):
        raise MisuseError(
            f"the witness does not know the first key of {subject} ({trust.name})",
            "Put its key, as whoever keeps the log handed it out, into the trust file, for the role log.",
        )
    state = Remembered(witness_folder() if folder is None else folder)
    make_private_folder(state.folder)
    with LocalDisk().lock(str(state.folder / ".lock")):
        before = state.recall(genesis.log_key)
        try:
            note = _cosigned(tree, genesis, before, key, clock())
        except MalformedError as error:
            finding = Finding(error.code, CHECKPOINT_NAME, error.message, _KEEP_BOTH)
            report = Verification(subject, Verdict.FAILED, (finding,), tuple(examination.checked))
            raise IntegrityError(f"{subject} gets no cosignature: {error.message}", error.next_step, report) from error
        state.keep(genesis.log_key, note)
    return Sighting(tree.history.origin, tree.history.size, before.size if before else 0, note)


def _cosigned(
    tree: SealedTree, genesis: GenesisEntry, before: Checkpoint | None, key: SigningKey, at: datetime
) -> bytes:
    """Return the log's checkpoint with the witness's line, by the same transition that a witness on a network makes."""
    history = tree.history
    old = before.size if before else 0
    if old > history.size:
        raise MalformedError(
            f"the log has {history.size} entries, and the witness has seen {old}", _KEEP_BOTH, "witness.rolled-back"
        )
    request = WitnessRequest(old, tuple(consistency_path(history, old, history.size)), tree.note)
    keys = [PublicKey(genesis.log_key.name, raw) for raw in sorted(history.log_keys)]
    return witness_checkpoint(request, before, keys, key, at).note.to_bytes()
