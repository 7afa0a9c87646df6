"""What happens to recorders when their process forks or ends."""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from typing import Protocol

__all__ = ["look_after", "look_after_end"]


class _Recorder(Protocol):
    def begin_in_child(self) -> None: ...

    def close(self) -> None: ...


_RECORDERS: weakref.WeakSet[_Recorder] = weakref.WeakSet()
#: Processes, of this one and those that it was forked from, whose end is looked after.
_LOOKED_AFTER: set[int] = set()


def look_after(recorder: _Recorder) -> None:
    """Have a recorder begin anew in every forked child, and closed at the end of the process."""
    _RECORDERS.add(recorder)


def look_after_end() -> None:
    """Have recorders closed at the end of a process of `multiprocessing`, which does not end as an interpreter does."""
    if "multiprocessing.process" not in sys.modules or os.getpid() in _LOOKED_AFTER:
        return
    from multiprocessing import process, util

    _LOOKED_AFTER.add(os.getpid())
    if process.parent_process() is not None:
        util.Finalize(None, _at_exit, exitpriority=_LAST)


#: After the queues and pools of the process were ended.
_LAST = -100


def _after_fork() -> None:
    for recorder in list(_RECORDERS):
        recorder.begin_in_child()


def _at_exit() -> None:
    """Close all recorders, and raise then what some of them raised."""
    errors = []
    for recorder in list(_RECORDERS):
        try:
            recorder.close()
        except Exception as error:  # noqa: BLE001 (raised below)
            errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else ExceptionGroup("recorders could not be closed", errors)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
