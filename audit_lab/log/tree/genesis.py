"""The first entry of a sealed log: its first key, and what was declared before any decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.folder import LogFolder
from audit_lab.log.tree.tree_file import CHECKPOINT_NAME, LogTree
from audit_lab.seal.entry import parse_entry
from audit_lab.seal.entry_kinds import GenesisEntry
from audit_lab.seal.malformed import MalformedError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["genesis_of"]


def genesis_of(location: str | Path) -> GenesisEntry:
    """Return a log's first entry as it states itself; nothing of it is verified.

    Raises
    ------
    MisuseError
        The log is not sealed.
    LogError
        Its first entry cannot be read.
    """
    folder = LogFolder(location)
    if not folder.exists(CHECKPOINT_NAME):
        raise MisuseError(f"the log {folder} is not sealed", f"Seal it from here on: audit-lab seal {folder}.")
    try:
        (content,) = LogTree(folder).entries(0, 1)
        entry = parse_entry(content, "The first entry")
    except MalformedError as error:
        raise LogError(
            f"the tree of {folder} cannot be read: {error.message}", "Verify it: audit-lab verify."
        ) from error
    if not isinstance(entry, GenesisEntry):
        raise LogError(f"the log {folder} does not begin with a genesis entry", "Verify it: audit-lab verify.")
    return entry
