"""Shut the doors of the process we are in, and say which of them really closed.

Three layers, each reported: kernel namespaces (network), resource limits, and an audit hook that refuses sockets,
new processes and writes outside the work folder. The hook binds Python code only; it is the second line, not the first.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["isolate"]

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_CLONE_NEWIPC = 0x08000000
_FILE_SIZE_BYTES = 4_000_000_000
_OPEN_FILES = 512
_REFUSED_EVENTS = ("subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn")
_NETWORK_EVENTS = (
    "socket.connect",
    "socket.bind",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.sendto",
    "socket.sendmsg",
)
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def isolate(work: Path, memory_bytes: int, cpu_s: int) -> dict[str, str]:
    """Limit this process for good; return what is in force, for the record."""
    network = _leave_network()
    for limit, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, _FILE_SIZE_BYTES),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(limit)[1]
        # One above the soft limit: SIGXCPU, which says why, then comes before SIGKILL, which does not.
        ceiling = value + 1 if hard == resource.RLIM_INFINITY else min(value + 1, hard)
        resource.setrlimit(limit, (min(value, ceiling), ceiling))
    _refuse_side_effects(work)
    return {
        "network": network,
        "memory_bytes": str(memory_bytes),
        "cpu_s": str(cpu_s),
        "writes": "audit hook: work folder only",
        "processes": "audit hook: none may be started",
    }


def _leave_network() -> str:
    """Move into a network namespace without an interface; the kernel then refuses every connection."""
    if sys.platform != "linux":
        return "audit hook only (no namespaces on this system)"
    libc = ctypes.CDLL(None, use_errno=True)
    for flags in (_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC, _CLONE_NEWNET | _CLONE_NEWIPC):
        if libc.unshare(flags) == 0:
            return "none: own network namespace"
    return f"audit hook only (unshare: {os.strerror(ctypes.get_errno())})"


def _refuse_side_effects(work: Path) -> None:
    inside = str(work.resolve()) + os.sep

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            writes = isinstance(flags, int) and flags & _WRITE_FLAGS
            if writes and isinstance(path, str | bytes) and not _is_inside(os.fsdecode(path), inside):
                raise PermissionError(f"the sandbox refuses to write {os.fsdecode(path)}")
        elif event.startswith(_REFUSED_EVENTS) or event in _NETWORK_EVENTS:
            raise PermissionError(f"the sandbox refuses {event}")

    sys.addaudithook(hook)


def _is_inside(path: str, inside: str) -> bool:
    return path == os.devnull or (os.path.realpath(path) + os.sep).startswith(inside)
