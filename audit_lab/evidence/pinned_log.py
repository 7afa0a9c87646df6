"""The log of a case as the case saw it: opened at the case's checkpoint, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError, LogError
from audit_lab.log.store import open_store
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.malformed import MalformedError

if TYPE_CHECKING:
    from pathlib import Path

    from audit_lab.log.store import LogStore

__all__ = ["open_pinned"]

_NEXT = "Find out with audit-lab verify which history is the log's, before anything is exported"


def open_pinned(path: Path, checkpoint: str) -> LogStore:
    """Open a sealed log at a checkpoint.

    Parameters
    ----------
    path
        The log's folder.
    checkpoint
        The signed note that a case keeps.

    Raises
    ------
    LogError
        The log never was as the checkpoint says, by now or any more: it was cut, rewritten, or is another log.
    """
    try:
        wanted = parse_checkpoint(checkpoint.encode(), "The case's checkpoint").checkpoint
        store = open_store(path, as_of=wanted.size)
        found = parse_checkpoint((store.checkpoint or "").encode(), "The log's checkpoint").checkpoint
    except (AuditLabError, MalformedError) as error:
        raise LogError(f"The log at {path} cannot be opened at the case's checkpoint ({error})", _NEXT) from error
    if found != wanted:
        raise LogError(
            f"The log at {path} no longer matches the case's checkpoint: at {wanted.size} entries it is {found.origin} "
            f"with the root {found.root.hex()[:16]}, and the case has {wanted.origin} with {wanted.root.hex()[:16]}",
            _NEXT,
        )
    return store
