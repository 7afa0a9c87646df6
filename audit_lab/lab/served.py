"""What one server serves: the logs and the cases below its root folder, and the jobs about them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.lab.asked_work import asked_work
from audit_lab.lab.cases import ServedCases
from audit_lab.lab.investigations import begin_investigation
from audit_lab.lab.jobs import Jobs
from audit_lab.lab.logs import ServedLogs

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.lab.jobs import Job
    from audit_lab.lab.logs import OpenedLog
    from audit_lab.lab.messages import JobAnswer, NotebookAnswer

__all__ = ["Served"]


class Served:
    """The logs, cases and jobs of one root folder.

    Parameters
    ----------
    root
        The server's root folder.
    open_log
        Opens the log in a folder: `audit_lab.open`.
    """

    def __init__(self, root: Path, open_log: Callable[[Path], OpenedLog]) -> None:
        self._root = root.resolve()
        self.logs = ServedLogs(self._root, open_log)
        self.cases = ServedCases(self._root, self.logs.problem)
        self.jobs = Jobs(self._root, self._ended)

    def begin(self, body: bytes, *, may_run: bool) -> JobAnswer:
        """Begin the job that a request's body asks for; as `asked_work` reads it."""
        return self.jobs.start(asked_work(self._root, body, may_run=may_run))

    def investigate(self, body: bytes) -> NotebookAnswer:
        """Write the notebook that a request's body asks for; as `begin_investigation` reads it."""
        return begin_investigation(self._root, body)

    def _ended(self, job: Job) -> None:
        """Remember how the verification of a log ended."""
        if job.work.kind == "verify-log" and job.result is not None and job.ended_at is not None:
            folder = Path(job.work.arguments["path"])
            self.logs.badges.keep(folder, job.work.state, job.result, job.ended_at)
