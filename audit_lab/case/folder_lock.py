"""One writer at a time in a case's folder."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError
from audit_lab.log.files.disk import LocalDisk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["LOCK_NAME", "folder_lock"]

LOCK_NAME = ".lock"


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the system lets go of it when the process ends, however it ends.

    Raises
    ------
    AuditLabError
        Another writer held the lock for a minute.
    """
    with ExitStack() as held:
        try:
            held.enter_context(LocalDisk().lock(str(folder / LOCK_NAME)))
        except TimeoutError as error:
            raise AuditLabError(
                f"Another writer holds the case {folder}", "Close it there, or try again later"
            ) from error
        yield
