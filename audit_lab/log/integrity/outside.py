"""Gather what outside the log may hold it in time, from the reader and from the log's own folder of anchors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import LogError, MisuseError, StorageError
from audit_lab.log.time_anchors.anchors import ANCHOR_NAME
from audit_lab.log.time_anchors.timestamps import MOST_TOKEN_BYTES, Authority, read_authority
from audit_lab.log.tree.tree_file import checkpoint_path
from audit_lab.seal.note import MOST_NOTE_BYTES
from audit_lab.seal.report import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.log.folder import LogFolder
    from audit_lab.log.integrity.tree import SealedTree
    from audit_lab.log.time_anchors.anchors import Anchoring
    from audit_lab.log.time_anchors.remembered import Remembered
    from audit_lab.seal.keys import PublicKey
    from audit_lab.seal.trust import Trust

__all__ = ["Outside", "find_anchors", "is_pinned"]

_MOST_ANCHORS = 1_000
_RESTORE = "Restore it from a backup."


@dataclass(frozen=True)
class Outside:
    """What the reader brings: accepted keys, remembered checkpoints, notes from witnesses, accepted authorities."""

    trust: Trust
    remembered: Remembered | None
    witnesses: Sequence[Path | bytes]
    authorities: Sequence[Authority | Path]


def is_pinned(log_key: PublicKey, trust: Trust) -> bool:
    """Whether the reader accepts the key that a log began with; a revoked key is not accepted."""
    entries = trust.pinned(log_key.key_id, "log")
    return any(entry.origin in {"*", log_key.name} and entry.revoked_from is None for entry in entries)


def find_anchors(folder: LogFolder, tree: SealedTree, outside: Outside, anchoring: Anchoring) -> None:
    """Check every anchor there is against the history that was recomputed.

    Raises
    ------
    MisuseError
        A file that the reader named cannot be read, or a remembered checkpoint is damaged.
    """
    history = tree.history
    if history.genesis is None or not history.is_whole:
        anchoring.not_checked.append("anchors: the log's own history could not be recomputed")
        return
    log_key = history.genesis.log_key
    if outside.remembered is not None:
        pinned = is_pinned(log_key, outside.trust)
        anchoring.check_remembered(log_key, outside.remembered, key_is_pinned=pinned)
    for number, witness in enumerate(outside.witnesses, start=1):
        name = str(witness) if isinstance(witness, Path) else f"cosigned checkpoint {number}"
        anchoring.check_cosigned(_read(witness), name, outside.trust, from_outside=True)
    authorities = [read_authority(each) if isinstance(each, Path) else each for each in outside.authorities]
    authorities += [Authority(each.name, each.certificates) for each in outside.trust.authorities]
    for path in folder.list("anchors")[:_MOST_ANCHORS]:
        match = ANCHOR_NAME.fullmatch(path)
        if match is None:
            continue
        size = int(match["size"])
        try:
            if match["kind"] == "cosigned":
                content = folder.read_range(path, 0, MOST_NOTE_BYTES + 1)
                anchoring.check_cosigned(content, path, outside.trust, from_outside=False)
            else:
                token = folder.read_range(path, 0, MOST_TOKEN_BYTES + 1)
                anchoring.check_stamped(token, size, _checkpoint(folder, size), authorities)
        except (LogError, StorageError) as error:
            anchoring.findings.append(Finding("anchor.unreadable", path, error.message, _RESTORE))


def _checkpoint(folder: LogFolder, size: int) -> bytes | None:
    path = checkpoint_path(size)
    return folder.read_range(path, 0, MOST_NOTE_BYTES + 1) if folder.exists(path) else None


def _read(witness: Path | bytes) -> bytes:
    if isinstance(witness, bytes):
        return witness
    try:
        with witness.open("rb") as file:
            return file.read(MOST_NOTE_BYTES + 1)
    except OSError as error:
        raise MisuseError(
            f"The cosigned checkpoint {witness} cannot be read ({error.strerror})", "Give the file of the witness"
        ) from error
