"""Long work for the panel, each piece in a process of its own: it can be cancelled whatever it is doing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock, Semaphore, Thread
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from audit_lab.errors import AuditLabError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from audit_lab.lab.messages import JobAnswer, JobsAnswer, Problem, Progress

__all__ = ["Job", "Jobs", "TooManyJobsError", "Work"]

_RUNNING = 2
_UNFINISHED = 10
_KEPT = 50
_LINE_BYTES = 16_000_000
_OPEN = frozenset({"waiting", "running"})


class TooManyJobsError(AuditLabError):
    """As many jobs as the server takes are not finished yet."""


@dataclass(frozen=True)
class Work:
    """What is to be done: its kind, what it is about by the browser's names, and the arguments of the process.

    `state` is that of the log when the work was asked for, where it is about a log's integrity.
    """

    kind: str
    about: str
    arguments: Mapping[str, Any]
    state: str = ""


@dataclass
class Job:
    """One piece of work, and how far it is."""

    work: Work
    id: str = field(default_factory=lambda: uuid4().hex)
    state: str = "waiting"
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: datetime | None = None
    progress: Progress | None = None
    result: dict[str, Any] | None = None
    problem: Problem | None = None
    process: subprocess.Popen[bytes] | None = None

    def answer(self) -> JobAnswer:
        """Return the job as the panel gets it."""
        return {
            "id": self.id,
            "kind": self.work.kind,
            "about": self.work.about,
            "state": self.state,
            "started_at": self.started_at.isoformat(),
            "ended_at": None if self.ended_at is None else self.ended_at.isoformat(),
            "progress": self.progress,
            "result": self.result,
            "problem": self.problem,
        }


class Jobs:
    """The jobs of one server: two run at a time, ten may be unfinished, and the last fifty are remembered.

    Parameters
    ----------
    folder
        Where the processes work: the server's root folder.
    ended
        Called with each job that came to a result, before anybody is told so: it must be quick.
    """

    def __init__(self, folder: Path, ended: Callable[[Job], None]) -> None:
        self._folder = folder
        self._ended = ended
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = Lock()
        self._turns = Semaphore(_RUNNING)

    def start(self, work: Work) -> JobAnswer:
        """Begin a piece of work, and return the job at once.

        Raises
        ------
        TooManyJobsError
            Ten are unfinished.
        """
        with self._lock:
            if sum(job.state in _OPEN for job in self._jobs.values()) >= _UNFINISHED:
                message = f"{_UNFINISHED} jobs are not finished yet"
                raise TooManyJobsError(message, "Wait for one of them, or cancel one.")
            job = Job(work)
            self._jobs[job.id] = job
            finished = [each.id for each in self._jobs.values() if each.state not in _OPEN]
            for name in finished[: max(0, len(self._jobs) - _KEPT)]:
                del self._jobs[name]
        Thread(target=self._run, args=(job,), name=f"audit-lab {work.kind}", daemon=True).start()
        return job.answer()

    def read(self, name: str) -> JobAnswer:
        """Return one job.

        Raises
        ------
        NotFoundError
            There is none of that id.
        """
        with self._lock:
            return self._job(name).answer()

    def list_jobs(self) -> JobsAnswer:
        """Return every job that is remembered, newest first, each without its result."""
        with self._lock:
            return {"jobs": [{**job.answer(), "result": None} for job in reversed(self._jobs.values())]}

    def cancel(self, name: str) -> JobAnswer:
        """End a job and every process that it started; one that has ended stays as it is."""
        with self._lock:
            job = self._job(name)
            if job.state in _OPEN:
                self._close(job, "cancelled")
                _kill(job.process)
            return job.answer()

    def cancel_all(self) -> None:
        """End every job, as when the server stops."""
        with self._lock:
            for job in self._jobs.values():
                if job.state in _OPEN:
                    self._close(job, "cancelled")
                    _kill(job.process)

    def _job(self, name: str) -> Job:
        if name not in self._jobs:
            message = f"There is no job {name[:40]!r}"
            raise NotFoundError(message, "Look at the list of jobs: a server forgets old ones, and all when it stops.")
        return self._jobs[name]

    def _run(self, job: Job) -> None:
        with self._turns:
            with self._lock:
                if job.state != "waiting":
                    return
                job.state = "running"
                job.process = _started(self._folder)
            with job.process as process:
                self._follow(job, process)
                _kill(process)

    def _follow(self, job: Job, process: subprocess.Popen[bytes]) -> None:
        """Hand the work over, and take in what comes back until the process says no more."""
        asked = {"kind": job.work.kind, "arguments": dict(job.work.arguments)}
        with suppress(OSError):  # it ended before it heard; what follows says so
            process.stdin.write(json.dumps(asked).encode() + b"\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
        while line := process.stdout.readline(_LINE_BYTES):  # type: ignore[union-attr]
            with self._lock:
                if job.state == "running" and self._take(job, line):
                    return
        with self._lock:
            if job.state == "running":
                self._fail(job, "The work stopped before it came to a result", "The Jupyter server's log says why.")

    def _take(self, job: Job, line: bytes) -> bool:
        """Take in one line; return whether it was the last."""
        if not line.endswith(b"\n"):
            self._fail(job, "The answer is too large to be shown here", "Ask for it on the command line: audit-lab.")
            return True
        said = json.loads(line)
        if "progress" in said:
            job.progress = said["progress"]
            return False
        if "problem" in said:
            self._fail(job, said["problem"]["message"], said["problem"]["next_step"])
            return True
        job.result = self._named(said["result"])
        self._close(job, "done")
        self._ended(job)  # before anybody can read that it is done: what it leads to is there by then
        return True

    def _fail(self, job: Job, message: str, next_step: str) -> None:
        job.problem = self._named({"message": message, "next_step": next_step})
        self._close(job, "failed")

    def _close(self, job: Job, state: str) -> None:
        job.state = state
        job.ended_at = datetime.now(UTC)
        job.progress = None

    def _named(self, value: Any) -> Any:
        """Return an answer whose paths are those of the file browser."""
        if isinstance(value, str):
            return value.replace(f"{self._folder}{os.sep}", "")
        if isinstance(value, dict):
            return {key: self._named(each) for key, each in value.items()}
        return [self._named(each) for each in value] if isinstance(value, list) else value


def _started(folder: Path) -> subprocess.Popen[bytes]:
    """Start the process of a job; nothing that lies in `folder` is imported."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "audit_lab.lab.work"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder,
        start_new_session=True,
    )


def _kill(process: subprocess.Popen[bytes] | None) -> None:
    """End a process and those that it started."""
    if process is not None and process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
