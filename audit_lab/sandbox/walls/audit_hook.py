"""The innermost wall: Python's own audit events.

It binds Python code only, and whoever runs native code steps over it. It stands because it speaks: it names what was
tried, where the kernel would only say "not permitted" or end the process.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

__all__ = ["refuse_side_effects"]

_PROCESS_EVENTS = ("subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn")
_NETWORK_EVENTS = (
    "socket.__new__",
    "socket.connect",
    "socket.bind",
    "socket.getaddrinfo",
    "socket.gethostbyaddr",
    "socket.gethostbyname",
    "socket.getnameinfo",
    "socket.sendto",
    "socket.sendmsg",
)
_SIGNAL_EVENTS = ("os.kill", "os.killpg")
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def refuse_side_effects(writable: list[str]) -> None:
    """Raise PermissionError where Python code starts a process, uses a socket, signals, or writes elsewhere."""
    inside = tuple(str(Path(folder).resolve()) + os.sep for folder in writable)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            writes = isinstance(flags, int) and flags & _WRITE_FLAGS
            if writes and isinstance(path, str | bytes) and not _is_inside(os.fsdecode(path), inside):
                raise PermissionError(f"the sandbox refuses to write {os.fsdecode(path)}")
        elif event.startswith(_PROCESS_EVENTS) or event in _NETWORK_EVENTS or event in _SIGNAL_EVENTS:
            raise PermissionError(f"the sandbox refuses {event}")

    sys.addaudithook(hook)


def _is_inside(path: str, inside: tuple[str, ...]) -> bool:
    return path == os.devnull or (os.path.realpath(path) + os.sep).startswith(inside)
