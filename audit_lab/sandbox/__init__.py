"""Run a named task in an isolated child process.

The parent writes the job (JSON header, Arrow tables, private copies of files) into a fresh folder and starts
`worker` in a child with a cleared environment, resource limits and, where the kernel allows it, a network namespace
of its own. The worker loads the one task it was told by name, runs it, and writes the answer back into the folder.
A hang, a crash or an appetite for memory is a `SandboxError` with its reason, never an accident of the caller's.
"""

from __future__ import annotations

from audit_lab.sandbox.job import Answer, Isolation, Job, Limits, PythonEnvironment, TaskResult
from audit_lab.sandbox.kept import warm_worker
from audit_lab.sandbox.run import Worker, isolation_offered, run_task

__all__ = [
    "Answer",
    "Isolation",
    "Job",
    "Limits",
    "PythonEnvironment",
    "TaskResult",
    "Worker",
    "isolation_offered",
    "run_task",
    "warm_worker",
]
