"""Namespaces of our own, where bubblewrap is not: as many as the kernel allows, one step after the other.

The process that calls `enter` stays behind and waits. Its child is the first of the new process namespace and reaps;
the grandchild is the worker. Who ends the one that stays behind ends all of them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import struct
from pathlib import Path
from typing import NoReturn

from audit_lab.sandbox.walls.kernel import call, prctl, system_call, why

__all__ = ["close_file_system", "die_with", "enter"]

_MOUNTS, _UTS, _IPC, _USER, _PROCESSES, _NETWORK = (
    0x00020000,
    0x04000000,
    0x08000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
_EVERYTHING = _MOUNTS | _UTS | _IPC | _PROCESSES | _NETWORK
#: Tried in this order: a machine that refuses the whole may still give the network and the file systems.
_OFFERS = (_EVERYTHING, _USER | _EVERYTHING, _USER | _MOUNTS | _IPC | _NETWORK, _USER | _IPC | _NETWORK)

_NO_SUID, _NO_DEVICES, _NO_EXEC = 1 << 1, 1 << 2, 1 << 3
_RECURSIVE, _PRIVATE = 1 << 14, 1 << 18
_MOUNT_SETATTR, _THIS_FOLDER, _AT_RECURSIVE, _READ_ONLY = 442, -100, 0x8000, 1
_PARENT_DEATH_SIGNAL = 1


def die_with(parent: int | None) -> None:
    """End when the process that started this one ends; at once when it is gone already."""
    with contextlib.suppress(OSError):
        prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def enter() -> str:
    """Move into namespaces of our own; return why not, or an empty text.

    Only the worker returns from here; `close_file_system` comes next.
    """
    uid, gid = os.getuid(), os.getgid()
    reason = ""
    for flags in _OFFERS:
        if flags & _USER == 0 and uid != 0:
            continue
        try:
            call("unshare", flags)
        except OSError as error:
            reason = reason or why(error)
            continue
        if flags & _USER:
            _map_user(uid, gid)
        if flags & _PROCESSES:
            _fork_and_wait()  # stays outside
            _fork_and_wait()  # the first process of the namespace
        break
    else:
        return reason
    return "" if flags & _EVERYTHING == _EVERYTHING else reason


def _map_user(uid: int, gid: int) -> None:
    Path("/proc/self/setgroups").write_text("deny", "ascii")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", "ascii")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", "ascii")


def _fork_and_wait() -> None:
    """Return in a new child only; the caller waits for it and ends as it ended."""
    child = os.fork()
    if child:
        _wait(child)
    die_with(None)


def _wait(child: int) -> NoReturn:
    while True:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(128 - code if code < 0 else code)


def close_file_system(work: str, size_bytes: int, owner: int) -> str:
    """Make every file system read-only but a new one at `work`; return why not, or an empty text."""
    try:
        _mount("none", "/", "", _RECURSIVE | _PRIVATE, "")
        with contextlib.suppress(OSError):
            _mount("proc", "/proc", "proc", _NO_SUID | _NO_DEVICES | _NO_EXEC, "")
        attributes = struct.pack("QQQQ", _READ_ONLY | _NO_SUID, 0, 0, 0)
        path = ctypes.c_char_p(b"/")
        system_call(_MOUNT_SETATTR, _THIS_FOLDER, path, _AT_RECURSIVE, ctypes.c_char_p(attributes), len(attributes))
        options = f"size={size_bytes},mode=0700,uid={owner},gid={owner}"
        _mount("tmpfs", work, "tmpfs", _NO_SUID | _NO_DEVICES, options)
        os.chdir(work)
    except OSError as error:
        return why(error)
    return ""


def _mount(source: str, target: str, kind: str, flags: int, options: str) -> None:
    texts = [ctypes.c_char_p(text.encode()) for text in (source, target, kind)]
    call("mount", *texts, ctypes.c_ulong(flags), ctypes.c_char_p(options.encode()))
