"""What shows, without reading it, that an artifact was changed since it was read and compared with its digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError
from audit_lab.log.index.row_reader import stamp_of

if TYPE_CHECKING:
    from pathlib import Path

    from audit_lab.log.index.row_reader import Stamp
    from audit_lab.log.store import LogStore

__all__ = ["artifact_stamps"]

#: A folder of more files than this is no artifact that is ever read; not all of it is looked at.
_MOST_FILES = 1_000


def artifact_stamps(store: LogStore, uri: str | None) -> tuple[Stamp | None, ...] | None:
    """Return the stamp of an artifact, and of each file in it where it is a folder; None where there is none to be had.

    Parameters
    ----------
    store
        The log; the files of one in an object store have no stamps.
    uri
        Where the registry says that the artifact is.
    """
    if not uri or store.folder.path is None:
        return None
    try:
        path = store.file(uri)
    except AuditLabError:
        return None  # reading the artifact will say why
    return tuple(stamp_of(each) for each in (path, *_files(path)))


def _files(path: Path) -> list[Path]:
    found: list[Path] = []
    if path.is_dir() and not path.is_symlink():
        for each in path.rglob("*"):
            found.append(each)
            if len(found) >= _MOST_FILES:
                break
    return sorted(found)
