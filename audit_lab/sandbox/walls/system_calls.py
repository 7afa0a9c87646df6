"""seccomp: the kernel refuses the system calls that no model needs.

The parent compiles the filter (`compiled`, through libseccomp); the child installs the bytes (`install`), so that an
environment without the library is bound all the same. What only an attack does ends the process at once, so that it is
told as what it was; what an honest library may try and can do without is answered with an error.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import importlib
import os
import struct
from functools import cache
from typing import Any

from audit_lab.sandbox.walls.kernel import prctl

__all__ = ["compiled", "install"]

_NO_NEW_PRIVILEGES = 38
_SET_SECCOMP, _MODE_FILTER = 22, 2
_INSTRUCTION_BYTES = 8
_CLONE_THREAD = 0x10000
_AF_INET, _AF_INET6 = 2, 10
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI and TIOCLINUX: typing into the terminal of another

_ENDS_THE_PROCESS = ("execve", "execveat", "fork", "vfork")
_REFUSED = (
    # the machine and its file systems
    *("mount", "umount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount"),
    *("fspick", "mount_setattr", "open_by_handle_at", "name_to_handle_at", "fanotify_init", "quotactl", "quotactl_fd"),
    *("swapon", "swapoff", "reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module"),
    *("acct", "syslog", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname"),
    *("ioperm", "iopl", "personality", "vhangup", "mknod", "mknodat"),
    # namespaces, users, other processes
    *("unshare", "setns", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease"),
    *("kcmp", "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "move_pages", "migrate_pages"),
    *("setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups"),
    *("capset", "setrlimit"),
    # large and young parts of the kernel
    *("bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("add_key", "request_key", "keyctl", "lookup_dcookie", "nfsservctl", "uselib", "ustat", "sysfs", "vmsplice"),
    # talking to others
    *("socketpair", "connect", "bind", "listen", "accept", "accept4", "msgget", "semget", "shmget", "mq_open"),
)
_SIGNALS = ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")


def compiled(pid: int | None) -> bytes:
    """Return the filter as the instructions that the kernel takes.

    Parameters
    ----------
    pid
        The only process that may be sent a signal, or nothing where a process namespace holds no other.

    Raises
    ------
    OSError
        libseccomp is not installed, or does not know this machine.
    """
    try:
        seccomp = _library()
    except (ImportError, OSError, RuntimeError, AttributeError, TypeError) as error:
        raise OSError(f"libseccomp cannot be used: {error}") from error
    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    end, refuse = seccomp.KILL_PROCESS, seccomp.ERRNO(errno.EPERM)

    def add(action: int, name: str, *conditions: Any) -> None:
        # An older libseccomp lacks the names of the youngest calls.
        with contextlib.suppress(ValueError):
            rules.add_rule(action, name, *conditions)

    for name in _ENDS_THE_PROCESS:
        add(end, name)
    for name in _REFUSED:
        add(refuse, name)
    add(end, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, _CLONE_THREAD, 0))
    add(seccomp.ERRNO(errno.ENOSYS), "clone3")  # its flags lie in memory; the C library then uses clone
    for family in (_AF_INET, _AF_INET6):
        add(end, "socket", seccomp.Arg(0, seccomp.EQ, family))
    for family in (*range(_AF_INET), *range(_AF_INET + 1, _AF_INET6)):
        add(refuse, "socket", seccomp.Arg(0, seccomp.EQ, family))
    add(refuse, "socket", seccomp.Arg(0, seccomp.GT, _AF_INET6))
    add(refuse, "prlimit64", seccomp.Arg(2, seccomp.NE, 0))
    for request in _TERMINAL_INPUT:
        add(refuse, "ioctl", seccomp.Arg(1, seccomp.MASKED_EQ, 0xFFFFFFFF, request))
    if pid is not None:
        add(refuse, "tkill")
        for name in _SIGNALS:
            add(refuse, name, seccomp.Arg(0, seccomp.NE, pid))
    return _exported(rules)


@cache
def _library() -> Any:
    return importlib.import_module("pyseccomp")


def _exported(rules: Any) -> bytes:
    descriptor = os.memfd_create("filter")
    with os.fdopen(descriptor, "w+b") as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def install(instructions: bytes) -> None:
    """Bind this thread, and all that come from it, for good."""
    code = ctypes.create_string_buffer(instructions, len(instructions))
    program = ctypes.create_string_buffer(
        struct.pack("@HP", len(instructions) // _INSTRUCTION_BYTES, ctypes.addressof(code))
    )
    prctl(_NO_NEW_PRIVILEGES, 1)
    prctl(_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(program))
