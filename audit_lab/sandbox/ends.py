"""How a child ended, as an error with its reason."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

from audit_lab.errors import SandboxClosedError, SandboxError

if TYPE_CHECKING:
    from audit_lab.sandbox.job import Limits

__all__ = [
    "closed_too_early",
    "crash",
    "ended",
    "isolation_missing",
    "not_started",
    "processor_used_up",
    "raised",
    "too_late",
    "unreadable",
    "unwritable",
]

_MEMORY_MARKS = ("MemoryError", "bad_alloc", "memory allocation of", "Cannot allocate memory", "out of memory")
#: A process that waits for another, as bubblewrap does, ends with this much more than the signal that ended the other.
_SIGNAL_BASE = 128
_LONGER = "The model hangs or needs longer: give it more time (--time-limit), or examine the artifact apart."


def too_late(task: str, limits: Limits) -> SandboxError:
    """Say that the clock ran out."""
    return SandboxError(f"the task {task} was stopped after {limits.wall_s:g} s", _LONGER, "timeout")


def processor_used_up(task: str, limits: Limits) -> SandboxError:
    """Say that the processor time ran out."""
    return SandboxError(f"the task {task} used up its {limits.cpu_s} s of processor time", _LONGER, "timeout")


def raised(task: str, error: dict[str, Any], limits: Limits) -> SandboxError:
    """Say what the task raised."""
    if error.get("type") == "MemoryError" or any(mark in str(error.get("message")) for mark in _MEMORY_MARKS):
        return _memory(task, limits)
    return SandboxError(
        f"the task {task} raised {error.get('type')}: {error.get('message')}",
        "The model or its inputs do not fit together in this environment: compare the recorded runtime with this one.",
        "error",
    )


def ended(task: str, code: int, text: str, limits: Limits) -> SandboxError:
    """Say how a child ended that gave no answer; `text` is the last of what it wrote."""
    number = -code if code < 0 else code - _SIGNAL_BASE
    if number == signal.SIGXCPU:
        return processor_used_up(task, limits)
    if any(mark in text for mark in _MEMORY_MARKS):
        return _memory(task, limits)
    if number == signal.SIGSYS:
        return SandboxError(
            f"the task {task} was ended by the kernel: it tried to start a process or to open a socket",
            "Treat the artifact as hostile: no model needs that to score. Examine it apart from this machine.",
            "crash",
        )
    return crash(task, _how(code, number), text)


def _how(code: int, number: int) -> str:
    try:
        return f"signal {signal.Signals(number).name}"
    except ValueError:
        return f"exit code {code}"


def crash(task: str, how: str, text: str) -> SandboxError:
    """Say that the child died."""
    last = " ".join(text.splitlines()[-1].split()) if text else "no message"
    return SandboxError(
        f"the task {task} died with {how}: {last}",
        "The artifact crashes its library: compare the recorded runtime with this one, and treat the file with care.",
        "crash",
    )


def _memory(task: str, limits: Limits) -> SandboxError:
    return SandboxError(
        f"the task {task} wanted more than its {limits.memory_bytes / 1e9:.1f} GB of memory",
        "Give it more (--memory-limit), or examine the artifact apart: an honest model of this kind needs less.",
        "memory",
    )


def unreadable(task: str, why: str) -> SandboxError:
    """Say that the child's answer is none."""
    return SandboxError(
        f"the task {task} left an answer that cannot be read ({why})",
        "Treat the artifact as hostile: examine it apart from this machine.",
        "output",
    )


def unwritable(task: str, error: dict[str, Any]) -> SandboxError:
    """Say that the task's answer could not be written down."""
    return unreadable(task, f"{error.get('type')}: {error.get('message')}")


def closed_too_early() -> SandboxError:
    """Say that a worker is asked after its end."""
    return SandboxClosedError("the worker has ended and takes no further job", "Start another for it.", "crash")


def not_started(name: str, why: str) -> SandboxError:
    """Say that the worker did not come up in its environment."""
    return SandboxError(
        f"the worker did not start in {name}: {why}",
        "Check that the environment has Python 3.11 or later and polars, and that this user may read it all.",
        "error",
    )


def isolation_missing(missing: tuple[str, ...], record: dict[str, str]) -> SandboxError:
    """Say which walls are missing that an artifact of this kind must have."""
    walls = "; ".join(f"{name}: {record.get(name, 'unknown')}" for name in missing)
    return SandboxError(
        f"this machine does not isolate a child well enough for an artifact that is trusted by digest only ({walls})",
        "Install bubblewrap and libseccomp, and allow user namespaces (docs/sandbox.md), or run it where they are.",
        "isolation",
    )
