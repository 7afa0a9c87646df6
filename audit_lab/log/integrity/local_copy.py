"""Files of a log as files of this machine, for readers that need a path."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.log.manifest import inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.log.folder import LogFolder

__all__ = ["local_copy"]

_PIECE_BYTES = 8 << 20


@contextmanager
def local_copy(folder: LogFolder, path: str) -> Iterator[Path]:
    """Give the path of a file of a log; one in an object store is copied, and the copy removed afterwards.

    Raises
    ------
    LogError
        The path leads out of the log.
    StorageError
        The file cannot be read.
    """
    if folder.path is not None:
        yield inside(folder.path, path)
        return
    with tempfile.NamedTemporaryFile(prefix="audit-lab-", suffix=".parquet") as file:
        size = 0
        while piece := folder.read_range(path, size, _PIECE_BYTES):
            file.write(piece)
            size += len(piece)
        file.flush()
        yield Path(file.name)
