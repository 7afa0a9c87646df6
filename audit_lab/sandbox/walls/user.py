"""Become a user who owns nothing, and give up every capability."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import TYPE_CHECKING

from audit_lab.sandbox.walls.kernel import call, prctl

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["become", "can_reach", "drop_capabilities"]

_DUMPABLE = 4
_NO_NEW_PRIVILEGES = 38
_CAPABILITIES_VERSION_3 = 0x20080522


def become(uid: int) -> None:
    """Take `uid` as user and group for good, without supplementary groups."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # The kernel hides a process from itself after such a change (/proc/self/fd); nobody else has this uid.
    prctl(_DUMPABLE, 1)


def can_reach(uid: int, paths: Iterable[str]) -> bool:
    """Say whether `uid` could read these files and folders; tried in a process of its own."""
    attempt = os.fork()
    if attempt == 0:
        try:
            become(uid)
            for path in paths:
                os.close(os.open(path, os.O_RDONLY))
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(attempt, 0)[1]) == 0


def drop_capabilities() -> None:
    """Give up every capability, and the right to gain one by running a program."""
    prctl(_NO_NEW_PRIVILEGES, 1)
    header = struct.pack("Ii", _CAPABILITIES_VERSION_3, 0)
    call("capset", ctypes.c_char_p(header), ctypes.c_char_p(bytes(24)))
