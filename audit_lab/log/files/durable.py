"""Files written whole: aside, flushed to disk, then renamed into place, the name flushed too."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["sync_folder", "write_bytes"]


def write_bytes(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file so that a reader sees all of it or none, whatever stops the process or the machine.

    Folders that are missing are made. When this returns the file, its name and the names of those folders are on disk.

    Parameters
    ----------
    path
        The file; one that is there is replaced.
    content
        All of its bytes.
    mode
        Who may read and write it.
    """
    missing = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            Path(aside).chmod(mode)
            os.fsync(file.fileno())
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    for folder in dict.fromkeys([path.parent, *(made.parent for made in missing)]):
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Flush a folder's names to disk; a system that cannot open folders does so by itself."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
