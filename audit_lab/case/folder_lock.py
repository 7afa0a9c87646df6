"""One writer at a time in a case's folder."""

from __future__ import annotations

import errno
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError
from audit_lab.log.files.disk import LocalDisk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["LOCK_NAME", "folder_lock"]

LOCK_NAME = ".lock"

_NOT_WRITABLE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the system lets go of it when the process ends, however it ends.

    Raises
    ------
    AuditLabError
        Another writer held the lock for a minute, or nothing can be written there.
    """
    with ExitStack() as held:
        try:
            held.enter_context(LocalDisk().lock(str(folder / LOCK_NAME)))
        except TimeoutError as error:
            raise AuditLabError(
                f"Another writer holds the case {folder}", "Close it there, or try again later"
            ) from error
        except OSError as error:
            if error.errno not in _NOT_WRITABLE:
                raise
            raise AuditLabError(
                f"The case in {folder} cannot be written to ({error.strerror}), and custody must say what is done",
                "Copy its folder to a place of yours, and work on the copy",
            ) from error
        yield
