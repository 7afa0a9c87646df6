"""The addresses of the panel: who may ask, which parameters they take, which status an error becomes."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import ensure_async
from tornado.web import HTTPError, authenticated

from audit_lab.errors import AuditLabError, LogError, MisuseError, NotFoundError
from audit_lab.lab.asked_work import NotAllowedError
from audit_lab.lab.jobs import TooManyJobsError
from audit_lab.lab.logs import MAX_ROWS
from audit_lab.lab.shortening import LARGEST_ANSWER_BYTES, shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.lab.messages import Answer, Problem
    from audit_lab.lab.served import Served

__all__ = ["ADDRESSES", "ElsewhereHandler"]

_DEFAULT_ROWS = 50
_CLUES = ("customer", "subject", "around", "zone", "within", "amount", "decision", "model")
_BODY_BYTES = 100_000


class _AuditLabHandler(APIHandler):
    """Answers in JSON; an authorizer knows it as the resource ``audit_lab``."""

    auth_resource = "audit_lab"

    def initialize(self, served: Served) -> None:
        self.served = served

    async def answer(self, work: Callable[[], Answer], status: int = 200) -> None:
        """Do the blocking `work` in a thread and send what it returns, its texts cut, or the problem that it met."""
        try:
            body = await asyncio.to_thread(lambda: _bounded(work()))
            self.set_status(status)
        except AuditLabError as error:
            self.set_status(_status_of(error))
            body = json.dumps(shortened(self.served.logs.problem(error)))
        self.set_header("Cache-Control", "no-store")
        await self.finish(body)

    def body(self) -> bytes:
        """Return the request's body, which is never longer than 100,000 bytes."""
        body: bytes = self.request.body
        if len(body) > _BODY_BYTES:
            raise HTTPError(413)
        return body

    def rows_wanted(self) -> int:
        """Return the parameter ``limit``: 50 unless told, never more than 200."""
        text = self.get_query_argument("limit", str(_DEFAULT_ROWS))
        if not text.isascii() or not text.isdigit() or int(text) == 0:
            message = f"The limit {text!r} is not a number of rows"
            raise MisuseError(message, f"Give a whole number from 1 to {MAX_ROWS}.")
        return min(int(text), MAX_ROWS)


class ElsewhereHandler(APIHandler):
    """Any address of a server whose file browser shows what is in no folder: says so, to whoever may ask."""

    auth_resource = "audit_lab"

    def initialize(self, manager: str) -> None:
        """Take the name of the contents manager."""
        self.manager = manager

    @authenticated
    @authorized
    async def get(self, *_: str) -> None:
        """Answer with a `Problem`."""
        await self._refuse()

    @authenticated
    @authorized
    async def post(self, *_: str) -> None:
        """Answer with a `Problem`."""
        await self._refuse()

    @authenticated
    @authorized
    async def delete(self, *_: str) -> None:
        """Answer with a `Problem`."""
        await self._refuse()

    async def _refuse(self) -> None:
        problem: Problem = {
            "message": f"This server's files are kept by {self.manager}, and not in a folder",
            "next_step": "Copy the log into a folder, and start a Jupyter server there: jupyter lab, without another "
            "contents manager.",
        }
        self.set_status(501)
        self.set_header("Cache-Control", "no-store")
        await self.finish(json.dumps(problem))


class LogsHandler(_AuditLabHandler):
    """``logs``: the logs below the server's folder."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer with a `LogsAnswer`."""
        await self.answer(self.served.logs.list_logs)


class PredictionsHandler(_AuditLabHandler):
    """``predictions?log=&search=&limit=``: the newest predictions of a log."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer with a `PredictionsAnswer`."""
        log = self.get_query_argument("log", "")
        search = self.get_query_argument("search", "")
        await self.answer(lambda: self.served.logs.newest(log, self.rows_wanted(), search))


class DecisionHandler(_AuditLabHandler):
    """``decision?log=&id=``: one reconstructed decision."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer with a `DecisionAnswer`."""
        log = self.get_query_argument("log", "")
        prediction_id = self.get_query_argument("id", "", strip=False)
        await self.answer(lambda: self.served.logs.decide(log, prediction_id))


class LineageHandler(_AuditLabHandler):
    """``lineage?log=&id=``: the way back from one decision."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer with a `LineageAnswer`."""
        log = self.get_query_argument("log", "")
        prediction_id = self.get_query_argument("id", "", strip=False)
        await self.answer(lambda: self.served.logs.lineage(log, prediction_id))


class SourceHandler(_AuditLabHandler):
    """``source?log=&id=``: the stored rows behind one decision."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer with a `SourceAnswer`."""
        log = self.get_query_argument("log", "")
        prediction_id = self.get_query_argument("id", "", strip=False)
        await self.answer(lambda: self.served.logs.source(log, prediction_id))


class LetterHandler(_AuditLabHandler):
    """``letter?log=&customer=&around=...``: the decisions that a letter may speak of."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer with a `LetterAnswer`."""
        log = self.get_query_argument("log", "")
        clues = {clue: self.get_query_argument(clue, "") for clue in _CLUES}
        await self.answer(lambda: self.served.logs.letter(log, clues))


class CasesHandler(_AuditLabHandler):
    """``cases``: the cases below the server's folder."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer with a `CasesAnswer`."""
        await self.answer(self.served.cases.list_cases)


class CaseHandler(_AuditLabHandler):
    """``case?path=``: one case."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer with a `CaseAnswer`."""
        path = self.get_query_argument("path", "")
        await self.answer(lambda: self.served.cases.read(path))


class NotebooksHandler(_AuditLabHandler):
    """``notebooks``: a notebook that begins an investigation."""

    @authenticated
    @authorized
    async def post(self) -> None:
        """Write what the body asks for, and answer with a `NotebookAnswer`."""
        body = self.body()
        await self.answer(lambda: self.served.investigate(body), 201)


class JobsHandler(_AuditLabHandler):
    """``jobs``: long work that is being done, and more of it."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer with a `JobsAnswer`."""
        await self.answer(self.served.jobs.list_jobs)

    @authenticated
    @authorized
    async def post(self) -> None:
        """Begin what the body asks for, and answer with its `JobAnswer`."""
        body = self.body()
        asking = self.authorizer.is_authorized(self, self.current_user, "execute", "kernels")
        may_run = await ensure_async(asking)
        await self.answer(lambda: self.served.begin(body, may_run=may_run), 202)


class JobHandler(_AuditLabHandler):
    """``jobs/{id}``: one job."""

    @authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Answer with a `JobAnswer`."""
        await self.answer(lambda: self.served.jobs.read(name))

    @authenticated
    @authorized
    async def delete(self, name: str) -> None:
        """End the job, and answer with its `JobAnswer`."""
        await self.answer(lambda: self.served.jobs.cancel(name))


#: Each handler below ``/audit-lab/api/``, by its address; a group in it is a parameter of the path.
ADDRESSES: dict[str, type[_AuditLabHandler]] = {
    "case": CaseHandler,
    "cases": CasesHandler,
    "decision": DecisionHandler,
    "jobs": JobsHandler,
    "jobs/([0-9a-f]+)": JobHandler,
    "letter": LetterHandler,
    "lineage": LineageHandler,
    "logs": LogsHandler,
    "notebooks": NotebooksHandler,
    "predictions": PredictionsHandler,
    "source": SourceHandler,
}


def _bounded(answer: Answer) -> str:
    """Return an answer as JSON that a browser can hold.

    Raises
    ------
    LogError
        It is too large even with its texts cut.
    """
    body = json.dumps(shortened(answer), allow_nan=False)
    if len(body) > LARGEST_ANSWER_BYTES:
        message = f"The answer has {len(body):,} bytes, more than the {LARGEST_ANSWER_BYTES:,} that are shown here"
        raise LogError(message, "Ask on the command line, which gives all of it: audit-lab, with --json.")
    return body


def _status_of(error: AuditLabError) -> int:
    """Return 404 for what is not there, 400 for a wrong question, 422 for what cannot answer it, 429 for too many."""
    if isinstance(error, NotFoundError):
        return 404
    if isinstance(error, TooManyJobsError):
        return 429
    if isinstance(error, NotAllowedError):
        return 403
    return 400 if isinstance(error, MisuseError) else 422
