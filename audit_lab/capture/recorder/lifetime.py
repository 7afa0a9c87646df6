"""What happens to recorders when their process forks or ends."""

from __future__ import annotations

import atexit
import os
import weakref
from typing import Protocol

__all__ = ["look_after"]


class _Recorder(Protocol):
    def begin_in_child(self) -> None: ...

    def close(self) -> None: ...


_RECORDERS: weakref.WeakSet[_Recorder] = weakref.WeakSet()


def look_after(recorder: _Recorder) -> None:
    """Have a recorder begin anew in every forked child, and closed at the end of the process."""
    _RECORDERS.add(recorder)


def _after_fork() -> None:
    for recorder in list(_RECORDERS):
        recorder.begin_in_child()


def _at_exit() -> None:
    for recorder in list(_RECORDERS):
        recorder.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
