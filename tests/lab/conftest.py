"""A Jupyter server with the panel's extension, on a folder with good, broken and hostile logs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import polars as pl
import pytest

import audit_lab
from audit_lab.log.files.write import write_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

TOKEN = "a-token-for-this-test"

_AUTHORIZER = """
from jupyter_server.auth.authorizer import Authorizer
from jupyter_server.services.contents.manager import ContentsManager


class WithoutAuditLab(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return resource != "audit_lab"


class WithoutKernels(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return resource != "kernels"


class ReadersOnly(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return resource != "audit_lab" or action == "read"


class Warehouse(ContentsManager):
    pass
"""


@dataclass(frozen=True)
class Reply:
    """What came back: the HTTP status and the parsed body."""

    status: int
    body: Any


@dataclass(frozen=True)
class Server:
    """A running server: where it listens and which folder it shows."""

    url: str
    root: Path

    def ask(self, question: str, token: str | None = TOKEN, **parameters: str) -> Reply:
        return self.send("GET", f"{question}?{urlencode(parameters)}", token=token)

    def send(self, method: str, address: str, body: bytes | None = None, token: str | None = TOKEN) -> Reply:
        headers = {} if token is None else {"Authorization": f"token {token}"}
        request = Request(f"{self.url}audit-lab/api/{address}", body, headers, method=method)
        try:
            with urlopen(request, timeout=240) as response:
                return Reply(response.status, json.load(response))
        except HTTPError as error:
            with error:
                return Reply(error.code, json.load(error))

    def begin(self, **asked: Any) -> Reply:
        return self.send("POST", "jobs", json.dumps(asked).encode())

    def ended(self, job: str, seconds: float = 300) -> dict[str, Any]:
        """Return a job once it has ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            body: dict[str, Any] = self.ask(f"jobs/{job}").body
            if body["state"] not in {"waiting", "running"}:
                return body
            time.sleep(0.1)
        pytest.fail(f"The job {job} did not end: {body}")


@pytest.fixture(scope="session")
def make_log() -> Callable[..., Path]:
    """Return a function that writes a log with predictions ``p-000``, ``p-001``, ... one minute apart."""

    def make(folder: Path, count: int = 3, ids: list[str] | None = None) -> Path:
        names = ids or [f"p-{number:03}" for number in range(count)]
        times = [datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(minutes=minute) for minute in range(len(names))]
        rows = pl.DataFrame(
            {
                "prediction_id": names,
                "occurred_at": times,
                "recorded_at": times,
                "model_name": ["loan"] * len(names),
                "model_version": ["1.0.0"] * len(names),
                "outputs": [{"score": 0.25, "label": "good"}] * len(names),
                "threshold": [0.5] * len(names),
                "decision": ["approve"] * len(names),
                "decision_rule": ["threshold"] * len(names),
                "environment": ["production"] * len(names),
            },
            schema_overrides={"outputs": pl.Struct({"score": pl.Float64, "label": pl.String})},
        )
        inputs = rows.select("prediction_id", "recorded_at", amount=pl.lit(1200.0))
        about = {"origin": folder.name, "description": "A log for a test", "notes": ["Its times are invented."]}
        write_log(folder, {"predictions": rows, "inputs/loan": inputs}, about)
        return folder

    return make


def make_case(cases: Path, log: Path, case_id: str = "INC-1") -> Path:
    """Open a case about a log, with one exhibit and one finding, and return its folder."""
    opened = audit_lab.open(log)
    case = audit_lab.Case.create(
        case_id, opened, question="Who <b>decided</b>?", actor="ana", purpose="a test", folder=cases
    )
    exhibit = case.keep(opened.newest(2), "The newest two")
    case.finding("Nobody did.", supported_by=[exhibit], confidence="low")
    return case.folder


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory,
    make_log: Callable[..., Path],
    start: Callable[..., AbstractContextManager[Server]],
) -> Iterator[Server]:
    base = tmp_path_factory.mktemp("served")
    root = base / "root"
    root.mkdir()
    make_log(root / "logs" / "loans")
    make_log(root / "logs" / "many", 250)
    make_log(root / "logs" / "twice", ids=["same", "same", "other"])
    make_log(base / "outside")
    (root / "linked").symlink_to(base / "outside")
    (root / "broken").mkdir()
    (root / "broken" / "manifest.json").write_text('{"format": "audit_lab.log", "tables": {')
    leaking = make_log(root / "leaking")
    segment = next((leaking / "predictions").glob("*.parquet"))
    segment.unlink()
    segment.symlink_to(next((base / "outside" / "predictions").glob("*.parquet")))
    make_case(root / "cases", root / "logs" / "loans")
    make_case(root / "cases", root / "logs" / "loans", "SIGNED")
    (make_case(root / "cases", root / "logs" / "loans", "DAMAGED") / "findings.json").write_text("{")
    (make_case(root / "cases", root / "logs" / "loans", "LINKED") / "conclusion.md").symlink_to("/etc/hostname")
    (root / "no-bundle.zip").write_bytes(b"PK\x03\x04 and nothing more")
    (root / "linked.zip").symlink_to(base / "outside" / "manifest.json")
    with start(root) as started:
        yield started


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., AbstractContextManager[Server]]:
    """Return a context manager that runs a server on a folder, with its own home and configuration."""

    @contextmanager
    def run(root: Path, *options: str) -> Iterator[Server]:
        home = tmp_path_factory.mktemp("home")
        (home / "without_audit_lab.py").write_text(_AUTHORIZER)
        port = _free_port()
        environment = {
            **os.environ,
            "HOME": str(home),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "JUPYTER_NO_CONFIG": "1",
            "PYTHONPATH": os.pathsep.join([str(home), str(Path(audit_lab.__file__).parents[1])]),
        }
        command = [
            *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
            *(f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}"),
            *(f"--ServerApp.root_dir={root}", "--ServerApp.jpserver_extensions={'audit_lab.lab': True}", *options),
        ]
        with (home / "server.log").open("w") as log:
            process = subprocess.Popen(command, env=environment, cwd=home, stdout=log, stderr=log)
        try:
            _wait_until_up(f"http://127.0.0.1:{port}/api", process, home / "server.log")
            yield Server(f"http://127.0.0.1:{port}/", root)
        finally:
            process.terminate()
            process.wait(timeout=60)

    return run


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait_until_up(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urlopen(url, timeout=5):
                return
        except URLError:
            time.sleep(0.1)
    pytest.fail(f"The server did not answer within four minutes:\n{log.read_text()}")
