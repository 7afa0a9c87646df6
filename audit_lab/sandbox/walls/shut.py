"""Shut this process in: every wall that the kernel offers, from the outermost in, and a report of what was found."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import resource
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.sandbox.walls import confirmed, kernel, landlock, namespaces, system_calls, user
from audit_lab.sandbox.walls.audit_hook import refuse_side_effects

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Plan", "shut_in"]

_SYSTEM_CALLS = ("shared", "own")


@dataclass(frozen=True)
class Plan:
    """What the parent asks of its child, before anything is handed over.

    Parameters
    ----------
    contained
        What put the child into namespaces, such as ``bubblewrap 0.8.0``; nothing where it must do so itself.
    parent
        The parent's process id as the child sees it, where it does.
    caller
        The user who starts the child.
    uid
        The user to become, where the child starts as root and the parent found one.
    memory_bytes, file_bytes, work_bytes, open_files, processes
        Limits for good: address space, one file, the work folder, and, where the user is the child's own, threads.
    work
        The only folder that may be written, and the current one.
    readable
        What else may be read.
    hidden, elsewhere
        What must turn out unreadable, and folders that must turn out closed.
    outside
        The namespaces that the parent is in.
    filters
        The system call filter in base 64: ``own`` in a process namespace, else ``shared``; empty where there is none.
    filters_missing
        Why there is none.
    """

    contained: str
    parent: int | None
    caller: int
    uid: int | None
    memory_bytes: int
    file_bytes: int
    work_bytes: int
    open_files: int
    processes: int
    work: str
    readable: tuple[str, ...]
    hidden: str
    elsewhere: tuple[str, ...]
    outside: Mapping[str, str]
    filters: Mapping[str, str]
    filters_missing: str

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Plan:
        """Return the plan that a message holds."""
        return cls(**{**message, "readable": tuple(message["readable"]), "elsewhere": tuple(message["elsewhere"])})


def shut_in(plan: Plan) -> dict[str, Any]:
    """Limit this process for good; return what is in force (`Isolation`, as JSON-safe values)."""
    uid = _user_to_become(plan)
    reasons = {} if plan.contained else _contain(plan, os.getuid() if uid is None else uid)
    _limit(plan, own_count=uid is not None or _counts_by_namespace(plan))
    if uid is not None:
        user.become(uid)
        if not plan.contained:
            namespaces.die_with(None)  # the kernel forgets it when the user changes
    elif plan.uid is not None:
        reasons["user"] = "another user could not read the interpreter or its libraries"
    with contextlib.suppress(OSError):
        user.drop_capabilities()
    writable = [plan.work, *(["/dev/shm"] if plan.contained else [])]  # noqa: S108 - a private one
    landlock_version = 0
    try:
        landlock_version = landlock.restrict(plan.readable, writable)
    except OSError as error:
        reasons["landlock"] = kernel.why(error)
    own_processes = confirmed.namespaces().get("pid") != plan.outside.get("pid")
    try:
        _filter_system_calls(plan, own_processes=own_processes)
    except OSError as error:
        reasons["system_calls"] = kernel.why(error)
    found = _found(plan, landlock_version, reasons)
    refuse_side_effects(writable)
    return found


def _user_to_become(plan: Plan) -> int | None:
    """Return the user of the plan, unless this interpreter lies where that user could not read it."""
    needed = (os.__file__, sys.executable, __file__, *plan.readable)
    if os.getuid() != 0 or plan.uid is None or not user.can_reach(plan.uid, needed):
        return None
    return plan.uid


def _contain(plan: Plan, owner: int) -> dict[str, str]:
    if sys.platform != "linux":
        return {"namespaces": "no namespaces on this system"}
    namespaces.die_with(plan.parent)
    reason = namespaces.enter()
    own_mounts = confirmed.namespaces().get("mnt") != plan.outside.get("mnt")
    closed = namespaces.close_file_system(plan.work, plan.work_bytes, owner) if own_mounts else reason
    return {"namespaces": reason, "mounts": closed}


def _counts_by_namespace(plan: Plan) -> bool:
    """Say whether the kernel counts this user's processes apart from those outside (since Linux 5.14)."""
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    young = release is not None and tuple(map(int, release.groups())) >= (5, 14)
    return young and confirmed.namespaces().get("user") != plan.outside.get("user")


def _limit(plan: Plan, *, own_count: bool) -> None:
    limits = {
        resource.RLIMIT_AS: plan.memory_bytes,
        resource.RLIMIT_FSIZE: plan.file_bytes,
        resource.RLIMIT_NOFILE: plan.open_files,
        resource.RLIMIT_CORE: 0,
    }
    if own_count:  # elsewhere the caller's own processes would count
        limits[resource.RLIMIT_NPROC] = plan.processes
    for limit, value in limits.items():
        hard = resource.getrlimit(limit)[1]
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(limit, (ceiling, ceiling))


def _filter_system_calls(plan: Plan, *, own_processes: bool) -> None:
    name = _SYSTEM_CALLS[own_processes]
    if name not in plan.filters:
        raise OSError(plan.filters_missing)
    system_calls.install(base64.b64decode(plan.filters[name]))


def _found(plan: Plan, landlock_version: int, reasons: dict[str, str]) -> dict[str, Any]:
    """Look around, and put what stands into words."""
    if sys.platform != "linux":
        names = ("network", "files", "processes", "system_calls", "user")
        return {"record": dict.fromkeys(names, "audit hook only (not Linux)"), "missing": list(names)}
    closed, mounted = confirmed.files_closed(plan.outside, plan.hidden, plan.elsewhere)
    stands = {
        "network": confirmed.network_closed(plan.outside),
        "files": mounted,
        "processes": confirmed.processes_closed(plan.outside),
        "system_calls": confirmed.system_calls_filtered(),
        "user": confirmed.user_unprivileged(plan.outside, plan.caller),
    }
    second = f" and Landlock {landlock_version}" if landlock_version else ""
    uid = os.getuid() if plan.uid is not None else plan.caller
    why = {name: f" ({reason})" if reason else "" for name, reason in reasons.items()}
    apart = why.get("namespaces", "")
    words = {
        "network": ("none: own network namespace", f"audit hook only{apart}"),
        "files": (f"own mount namespace{second}: the work folder only", _files(closed, landlock_version, why)),
        "processes": ("own process namespace: none may be started", f"not apart from others{apart}"),
        "system_calls": ("seccomp filter", f"not filtered{why.get('system_calls', '')}"),
        # Without its number, which is another for each child: what is recorded of equal runs is equal.
        "user": ("unprivileged", _privileged(uid, why)),
    }
    record = {name: words[name][0 if stands[name] else 1] for name in words}
    record["started_by"] = plan.contained or "the sandbox itself"
    return {"record": record, "missing": [name for name, there in stands.items() if not there]}


def _files(closed: bool, landlock_version: int, why: Mapping[str, str]) -> str:  # noqa: FBT001 - said once, above
    apart = why.get("mounts") or why.get("namespaces") or why.get("landlock", "")
    if closed and landlock_version:
        return f"Landlock {landlock_version} only: the work folder{apart}"
    return f"audit hook only: the work folder{apart}"


def _privileged(uid: int, why: Mapping[str, str]) -> str:
    return f"uid {uid}, whom the kernel may take for root{why.get('user', '')}"
