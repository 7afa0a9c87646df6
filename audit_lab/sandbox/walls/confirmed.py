"""Look at this process from inside: which walls stand? Nothing is claimed that was not found here."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.sandbox.walls.kernel import call

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "files_closed",
    "namespaces",
    "network_closed",
    "processes_closed",
    "system_calls_filtered",
    "user_unprivileged",
]

_NAMESPACES = ("mnt", "net", "pid", "user")
_NAMESPACE_PROCESSES = 2


def namespaces() -> dict[str, str]:
    """Return the names of the namespaces this process is in; empty where the system has none."""
    found = {}
    for kind in _NAMESPACES:
        with contextlib.suppress(OSError):
            found[kind] = str(Path(f"/proc/self/ns/{kind}").readlink())
    return found


def network_closed(outside: Mapping[str, str]) -> bool:
    """Say whether this is another network namespace than the parent's, with nothing but a loopback interface."""
    if not _is_own("net", outside):
        return False
    lines = Path("/proc/self/net/dev").read_text("ascii").splitlines()
    return {line.partition(":")[0].strip() for line in lines if ":" in line} <= {"lo"}


def files_closed(outside: Mapping[str, str], hidden: str, elsewhere: Iterable[str]) -> tuple[bool, bool]:
    """Say whether files are closed at all, and whether by a mount namespace of our own.

    Parameters
    ----------
    outside
        The parent's namespaces.
    hidden
        A file that exists outside and may not be read.
    elsewhere
        Folders in which nothing may be made.
    """
    closed = not _can_read(hidden) and not any(_can_make(folder) for folder in elsewhere)
    return closed, closed and _is_own("mnt", outside)


def processes_closed(outside: Mapping[str, str]) -> bool:
    """Say whether this is a process namespace of our own, and /proc shows no process of another."""
    if not _is_own("pid", outside):
        return False
    seen = {int(name) for name in os.listdir("/proc") if name.isdigit()}  # noqa: PTH208 - names, not paths
    return seen <= {*range(1, _NAMESPACE_PROCESSES + 1), os.getpid()}


def system_calls_filtered() -> bool:
    """Say whether a filter binds this thread and refuses what it should."""
    status = _status()
    if status.get("Seccomp") != "2" or status.get("NoNewPrivs") != "1":
        return False
    try:
        call("unshare", 0)  # which does nothing where it is allowed
    except PermissionError:
        return True
    return False


def user_unprivileged(outside: Mapping[str, str], caller: int) -> bool:
    """Say whether the kernel knows this process as somebody else than root, without a capability.

    In a user namespace of its own it is its caller, whatever it is called there.
    """
    status = _status()
    powers = {status.get(name, "").strip("0") for name in ("CapPrm", "CapEff", "CapAmb")}
    known = {caller} if _is_own("user", outside) else set(os.getresuid())
    return 0 not in known and powers == {""}


def _is_own(kind: str, outside: Mapping[str, str]) -> bool:
    own = namespaces().get(kind)
    return own is not None and kind in outside and own != outside[kind]


def _status() -> dict[str, str]:
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _can_read(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError:
        return False
    return True


def _can_make(folder: str) -> bool:
    path = f"{folder}/.audit-lab-{os.urandom(8).hex()}"
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError:
        return False
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108 - beside os.open
    return True
