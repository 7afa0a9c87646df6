"""Run named tasks in an isolated child process that stays for as many jobs as it is given.

`launch` starts the child in the strongest way that works here: with `bubblewrap`, or shutting itself in. `worker` is
the child's side: it raises the walls (`walls`), looks at them from inside and reports, before anything is handed over;
then it takes one job after the other. `run` is the parent's: a `Worker` holds the child (`child`) and the folder that
both share (`folder`), and reads answers as the hostile bytes that they may be (`arrow`). `kept` keeps workers warm. A
hang, a crash, an appetite for memory or an attack is a `SandboxError` with its reason (`ends`), never an accident of
the caller's.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from audit_lab.sandbox.job import Answer, Isolation, Job, Library, Limits, PythonEnvironment, TaskResult

if TYPE_CHECKING:
    from audit_lab.sandbox.kept import warm_worker
    from audit_lab.sandbox.run import Worker, isolation_offered, run_task

__all__ = [
    "Answer",
    "Isolation",
    "Job",
    "Library",
    "Limits",
    "PythonEnvironment",
    "TaskResult",
    "Worker",
    "isolation_offered",
    "run_task",
    "warm_worker",
]

#: The parent's half, imported when it is first used: the child, which imports this too, has no use for it.
_HOMES = {
    "Worker": "audit_lab.sandbox.run",
    "isolation_offered": "audit_lab.sandbox.run",
    "run_task": "audit_lab.sandbox.run",
    "warm_worker": "audit_lab.sandbox.kept",
}


def __getattr__(name: str) -> Any:
    """Import a name of the parent's half."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
