"""What lies in a log's folder and is no part of the log: told, and never taken into account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.errors import StorageError
from audit_lab.log.files.storage import ASIDE_PREFIX
from audit_lab.seal.entry_kinds import PlacementEntry

if TYPE_CHECKING:
    from audit_lab.log.folder import LogFolder
    from audit_lab.log.integrity.findings import Examination
    from audit_lab.log.integrity.history import History

__all__ = ["check_presence"]

_MOST_NAMED = 20
_AGAIN = "the erasure was interrupted, or somebody put it back; erase again to complete it"


def check_presence(folder: LogFolder, history: History, examination: Examination) -> None:
    """Look for Parquet files that no entry speaks of, and for files that an erasure was to remove."""
    try:
        present = [path for path in folder.list() if path.endswith(".parquet")]
    except StorageError as error:
        examination.find("log.folder-unreadable", "log", error.message, error.next_step)
        return
    state = history.state
    current = {path for files in state.files.values() for path in files}
    erased = {
        path
        for entry in history.entries
        if isinstance(entry, PlacementEntry) and entry.reason == "erase"
        for path in entry.replaces
    }
    unknown = []
    for path in present:
        if path in erased:
            examination.notes.append(
                f"{path} is the file from before an erasure, and still shows what was to go: {_AGAIN}"
            )
        elif (
            path not in current and path not in state.replaced and not path.rpartition("/")[2].startswith(ASIDE_PREFIX)
        ):
            unknown.append(path)
    if unknown and history.is_whole:
        more = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
        examination.notes.append(
            f"no entry speaks of {', '.join(unknown[:_MOST_NAMED])}{more}: left by a writer that was stopped, or put "
            "there by somebody; no answer takes it into account"
        )
