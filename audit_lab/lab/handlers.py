"""The three addresses of the panel: who may ask, which parameters they take, which status an error becomes."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado.web import authenticated

from audit_lab.errors import AuditLabError, MisuseError, NotFoundError
from audit_lab.lab.logs import MAX_ROWS

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.lab.logs import ServedLogs
    from audit_lab.lab.messages import DecisionAnswer, LogsAnswer, PredictionsAnswer

__all__ = ["DecisionHandler", "LogsHandler", "PredictionsHandler"]

_DEFAULT_ROWS = 50


class _AuditLabHandler(APIHandler):
    """A read-only answer; an authorizer knows it as the resource ``audit_lab``."""

    auth_resource = "audit_lab"

    def initialize(self, logs: ServedLogs) -> None:
        self.logs = logs

    async def answer(self, work: Callable[[], DecisionAnswer | LogsAnswer | PredictionsAnswer]) -> None:
        """Do the blocking `work` in a thread and send what it returns, or the problem that it met."""
        try:
            body = json.dumps(await asyncio.to_thread(work), allow_nan=False)
        except AuditLabError as error:
            self.set_status(_status_of(error))
            body = json.dumps(self.logs.problem(error))
        self.set_header("Cache-Control", "no-store")
        await self.finish(body)

    def rows_wanted(self) -> int:
        """Return the parameter ``limit``: 50 unless told, never more than 200."""
        text = self.get_query_argument("limit", str(_DEFAULT_ROWS))
        if not text.isascii() or not text.isdigit() or int(text) == 0:
            message = f"The limit {text!r} is not a number of rows"
            raise MisuseError(message, f"Give a whole number from 1 to {MAX_ROWS}.")
        return min(int(text), MAX_ROWS)


class LogsHandler(_AuditLabHandler):
    """``GET /audit-lab/api/logs``: the logs below the server's folder."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer with a `LogsAnswer`."""
        await self.answer(self.logs.list_logs)


class PredictionsHandler(_AuditLabHandler):
    """``GET /audit-lab/api/predictions?log=&search=&limit=``: the newest predictions of a log."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer with a `PredictionsAnswer`."""
        log = self.get_query_argument("log", "")
        search = self.get_query_argument("search", "")
        await self.answer(lambda: self.logs.newest(log, self.rows_wanted(), search))


class DecisionHandler(_AuditLabHandler):
    """``GET /audit-lab/api/decision?log=&id=``: one reconstructed decision."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer with a `DecisionAnswer`."""
        log = self.get_query_argument("log", "")
        prediction_id = self.get_query_argument("id", "", strip=False)
        await self.answer(lambda: self.logs.decide(log, prediction_id))


def _status_of(error: AuditLabError) -> int:
    """Return 404 for what is not there, 400 for a wrong question, 422 for a log that cannot answer it."""
    if isinstance(error, NotFoundError):
        return 404
    return 400 if isinstance(error, MisuseError) else 422
