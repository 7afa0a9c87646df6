"""An MLflow tracking server: a real one on loopback, and ones that mean harm."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

import audit_lab as al
from audit_lab.capture.lineage import json_server, mlflow_server, read_mlflow_runs, read_mlflow_server
from audit_lab.errors import MisuseError, StorageError

SECRETS = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")


@pytest.fixture(autouse=True)
def _no_secrets(monkeypatch):
    for name in SECRETS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def real(trained, quiet, tmp_path_factory):
    """Return the address of an `mlflow server` on the store that MLflow wrote."""
    place = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", str(trained[0]), "--workers", "1"]
    with (place / "said").open("wb") as said:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            env={**quiet, "HOME": str(place)},
            cwd=place,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        wait_for(port, process, place / "said")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait(20)


def wait_for(port, process, said, most_s=400):
    ends = time.monotonic() + most_s
    while time.monotonic() < ends:
        assert process.poll() is None, said.read_text()
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise AssertionError(said.read_text())


def test_a_real_server_says_what_its_store_does(real, trained):
    asked, read = read_mlflow_server(real), read_mlflow_runs(trained[0])
    for table, frame in read.tables().items():
        assert asked.tables()[table].to_dicts() == frame.to_dicts(), table
    assert (asked.report.refused, asked.report.kept) == (0, asked.report.read)
    assert asked.report.notes == ()


def test_one_experiment_of_a_real_server_is_read_alone_and_another_is_not_there(real, trained):
    assert set(read_mlflow_server(real, experiments=["credit"]).runs["run_id"]) == set(trained[1:])
    with pytest.raises(MisuseError, match=r"no active experiment nobody.*Known are: Default, credit"):
        read_mlflow_server(real, experiments=["nobody"])
    with pytest.raises(MisuseError, match="no MLflow run"):
        read_mlflow_server(real, experiments=["Default"])


def test_artifacts_of_a_real_server_are_fetched_when_asked_for(real, trained, tmp_path):
    rows = read_mlflow_server(real, artifacts=tmp_path / "fetched")
    fetched = {path.name: path for path in (tmp_path / "fetched" / "loans" / "1").iterdir()}
    (kept,) = trained[0].glob("*/models/*/artifacts/MLmodel")
    assert fetched["MLmodel"].read_bytes() == kept.read_bytes()
    assert set(fetched) == {path.name for path in kept.parent.iterdir()}
    assert any("opened none" in note for note in rows.report.notes)
    with pytest.raises(MisuseError, match="is there already"):
        read_mlflow_server(real, artifacts=tmp_path / "fetched")


def test_a_sealed_log_takes_a_server_over_once(real, tmp_path):
    al.create_log(tmp_path / "log", "demonstration-server").close()
    first = al.import_lineage(tmp_path / "log", "mlflow", real, actor="keeper")
    again = al.import_lineage(tmp_path / "log", "mlflow", real, actor="keeper")
    assert first.appended.rows == {"lineage": 6, "runs": 2, "datasets": 1, "model_versions": 1}
    assert (set(again.appended.rows.values()), again.appended.size) == ({0}, None)


@contextmanager
def serving(answer):
    """Serve what `answer` (method, path, asked) returns: a status and a body, or a function that writes by itself."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            length = int(self.headers.get("Content-Length") or 0)
            parts = urlsplit(self.path)
            asked = (
                json.loads(self.rfile.read(length)) if length else {k: v[0] for k, v in parse_qs(parts.query).items()}
            )
            path = parts.path.removeprefix("/api/2.0/mlflow/")
            seen.append((path, asked, dict(self.headers)))
            said = answer(path, asked)
            if callable(said):
                self.close_connection = True
                said(self)
                return
            status, body, *headers = said
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer  # noqa: N815 - what the standard library calls

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # whoever asked has gone: that is what some tests are about
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


RUN = {"info": {"run_id": "r1", "experiment_id": "1", "status": "FINISHED", "start_time": 1_700_000_000_000}}


def store(path, asked, **other):
    """Answer as a small store does, but for what is given otherwise."""
    answers = {
        "experiments/search": {"experiments": [{"experiment_id": "1", "name": "credit"}]},
        "runs/search": {"runs": [RUN]},
        "logged-models/search": {},
        "registered-models/search": {},
        "model-versions/search": {},
        "metrics/get-history": {},
        **other,
    }
    found = answers.get(path)
    return (404, b"") if found is None else (found(asked) if callable(found) else (200, found))


def test_pages_are_followed_to_their_end():
    runs = [{"info": {"run_id": f"r{number}"}} for number in range(5)]
    page = lambda asked: (
        200,
        {
            "runs": runs[int(asked.get("page_token", 0)) :][:2],
            **(
                {"next_page_token": str(int(asked.get("page_token", 0)) + 2)}
                if int(asked.get("page_token", 0)) < 4
                else {}
            ),
        },
    )
    with serving(lambda path, asked: store(path, asked, **{"runs/search": page})) as (address, _):
        assert read_mlflow_server(address).runs["run_id"].to_list() == ["r0", "r1", "r2", "r3", "r4"]


def test_pages_without_an_end_are_given_up():
    page = lambda asked: (200, {"runs": [], "next_page_token": "again"})
    with (
        serving(lambda path, asked: store(path, asked, **{"runs/search": page})) as (address, seen),
        pytest.raises(StorageError, match="no end of pages of runs/search"),
    ):
        read_mlflow_server(address)
    assert len(seen) < 10


def test_a_server_that_lacks_an_endpoint_is_read_without_it():
    with serving(lambda path, asked: store(path, asked, **{"logged-models/search": None})) as (address, _):
        rows = read_mlflow_server(address)
    assert rows.runs["run_id"].to_list() == ["r1"]
    assert rows.report.notes == (
        "The server does not know logged-models/search: what that would tell is not in the rows.",
    )


def test_aliases_stand_beside_their_version_and_strange_ones_are_passed_over():
    said = [{"alias": "champion", "version": "2"}, {"alias": 3}, "x", {"alias": "old", "version": "1"}]
    registered = {"registered_models": [{"name": "loans", "aliases": said}, {"aliases": said}, "strange"]}
    versions = {"model_versions": [{"name": "loans", "version": each, "current_stage": "None"} for each in "12"]}
    answers = {"registered-models/search": registered, "model-versions/search": versions}
    with serving(lambda path, asked: store(path, asked, **answers)) as (address, _):
        rows = read_mlflow_server(address).model_versions.select("model_version", "facets").rows()
    assert rows == [("1", '{"aliases": ["old"]}'), ("2", '{"aliases": ["champion"]}')]


def test_a_redirect_is_not_followed_and_told():
    with serving(lambda *_: (200, {})) as (other, seen):
        sent = lambda *_: (302, b"", ("Location", f"{other}/steal"))
        with (
            serving(sent) as (address, _),
            pytest.raises(StorageError, match=r"sends its askers on to .*/steal, where none is sent"),
        ):
            read_mlflow_server(address)
    assert seen == []


@pytest.mark.parametrize(
    ("environment", "header"),
    [
        ({"MLFLOW_TRACKING_TOKEN": "t0ken"}, "Bearer t0ken"),
        ({"MLFLOW_TRACKING_USERNAME": "u", "MLFLOW_TRACKING_PASSWORD": "p"}, "Basic dTpw"),
        ({}, None),
    ],
)
def test_the_environment_says_who_asks(monkeypatch, environment, header):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with serving(store) as (address, seen):
        read_mlflow_server(address)
    assert {headers.get("Authorization") for _, _, headers in seen} == {header}


def test_a_secret_is_not_sent_in_clear_nor_shown(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    with pytest.raises(MisuseError, match="in clear") as caught:
        read_mlflow_server("http://mlflow.example.org")
    assert "t0ken" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ftp://host", "is no address of a server"),
        ("file:///etc/passwd", "is no address of a server"),
        ("http://", "is no address of a server"),
        ("http://host/?x=1", "is no address of a server"),
        ("http://host:99999", "is no address"),
        ("http://[::1", "is no address"),
        ("https://user:secret@host", "holds a name or a password"),
    ],
)
def test_an_address_that_cannot_be_meant_is_misuse(address, said):
    with pytest.raises(MisuseError, match=said) as caught:
        read_mlflow_server(address)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("patience_s", [0, -1, float("inf"), float("nan")])
def test_a_patience_that_cannot_be_meant_is_misuse(patience_s):
    with pytest.raises(MisuseError, match="the patience is"):
        read_mlflow_server("https://mlflow.example.org", patience_s=patience_s)


def drip(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    try:
        for _ in range(200):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.02)
    except OSError:
        pass


def drip_head(handler):
    try:
        for _ in range(200):
            handler.wfile.write(b"H")
            handler.wfile.flush()
            time.sleep(0.02)
    except OSError:
        pass


def say_nothing(handler):
    time.sleep(0.6)


@pytest.mark.parametrize("answer", [drip, drip_head, say_nothing])
def test_a_server_that_keeps_one_waiting_is_given_up(answer):
    began = time.monotonic()
    with (
        serving(lambda *_: answer) as (address, _),
        pytest.raises(StorageError, match=r"asked for 0.3 seconds|timed out"),
    ):
        read_mlflow_server(address, patience_s=0.3)
    assert time.monotonic() - began < 3


def break_off(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    handler.wfile.write(b"{}")
    handler.close_connection = True


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one():
    with serving(lambda *_: break_off) as (address, _), pytest.raises(StorageError, match="broke off its answer"):
        read_mlflow_server(address)


def test_an_answer_of_any_length_is_not_taken(monkeypatch):
    monkeypatch.setattr(json_server, "LARGEST_ANSWER_BYTES", 1_000)
    with (
        serving(lambda *_: (200, b" " * 100_000)) as (address, _),
        pytest.raises(StorageError, match="answers with more than 1,000 bytes"),
    ):
        read_mlflow_server(address)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>", "is not JSON"),
        (b"[]", "it is no object"),
        (b'{"runs": [], "runs": []}', "more than once"),
        (b'{"a": 12345678901234567890}', "16 digits"),
        (b"[" * 1_000, "nests deeper"),
    ],
)
def test_an_answer_that_two_readers_could_take_differently_ends_the_reading(body, said):
    with serving(lambda *_: (200, body)) as (address, _), pytest.raises(StorageError, match=said):
        read_mlflow_server(address)


@pytest.mark.parametrize(
    ("status", "said"), [(401, "refuses to answer"), (403, "refuses to answer"), (500, "status 500")]
)
def test_a_server_that_refuses_or_fails_says_so(status, said):
    with serving(lambda *_: (status, b"\x1b[31mno")) as (address, _), pytest.raises(StorageError, match=said) as caught:
        read_mlflow_server(address)
    assert "\x1b" not in str(caught.value)


def test_a_server_that_is_not_there_is_told():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(StorageError, match="cannot be asked"):
        read_mlflow_server(f"http://127.0.0.1:{port}")


def test_entries_that_cannot_be_taken_over_are_refused_and_the_rest_is_read():
    runs = [
        {},
        RUN,
        RUN,
        {"info": {"run_id": "r2"}, "data": {"metrics": [{"key": "loss"}]}, "inputs": {"dataset_inputs": [7]}},
    ]
    points = [{"timestamp": 1, "value": "NaN", "step": 0}, {"value": "x"}, 7, {"timestamp": 2, "value": 0.5, "step": 1}]
    other = {
        "runs/search": {"runs": runs},
        "metrics/get-history": {"metrics": points},
        "model-versions/search": {"model_versions": [{}]},
    }
    with serving(lambda path, asked: store(path, asked, **other)) as (address, _):
        rows = read_mlflow_server(address)
    report = rows.report
    assert report.kept + report.duplicates + report.refused == report.read == 9
    assert (report.duplicates, report.refused) == (1, 4)
    assert report.quarantine["raw_bytes"].to_list()[0] == b"{}"
    (run,) = rows.runs.filter(run_id="r2").to_dicts()
    assert json.loads(run["metrics"]) == {"loss": [[1, "nan", 0], [2, 0.5, 1]]}


@pytest.mark.parametrize("path", ["../outside", "/etc/owned", "a/../../b", "a\\b", "a\x00b", "a\nb", "", "x" * 300])
def test_no_path_of_a_server_leads_out_of_the_folder(tmp_path, path):
    versions = {"model_versions": [{"name": "../m", "version": "..", "run_id": "r1", "model_id": "m-1"}]}

    def answer(asked_path, asked):
        if asked_path.endswith("/directories"):
            return 200, {"files": [{"path": path}, {"path": "MLmodel", "is_dir": False}]}
        if asked_path.endswith("/files"):
            return 200, b"content"
        return store(asked_path, asked, **{"model-versions/search": versions})

    with serving(answer) as (address, _):
        rows = read_mlflow_server(address, artifacts=tmp_path / "a" / "b")
    written = [each.relative_to(tmp_path).as_posix() for each in tmp_path.rglob("*") if each.is_file()]
    assert written == ["a/b/..%2Fm/%2E%2E/MLmodel"]
    assert any("does not stay in its folder" in note for note in rows.report.notes)


def test_folders_that_hold_each_other_end(tmp_path):
    versions = {"model_versions": [{"name": "m", "version": "1", "run_id": "r1", "model_id": "m-1"}]}

    def answer(path, asked):
        if path.endswith("/directories"):
            folder = asked.get("artifact_directory_path", "")
            return 200, {"files": [{"path": f"{folder}/d" if folder else "d", "is_dir": True}]}
        return store(path, asked, **{"model-versions/search": versions})

    with serving(answer) as (address, seen):
        read_mlflow_server(address, artifacts=tmp_path / "a")
    assert len(seen) < 40


def test_a_history_that_is_long_keeps_its_end(monkeypatch):
    monkeypatch.setattr(mlflow_server, "MOST_POINTS", 3)
    other = {
        "runs/search": {"runs": [{"info": {"run_id": "r1"}, "data": {"metrics": [{"key": "loss"}]}}]},
        "metrics/get-history": {"metrics": [{"timestamp": 1, "value": 1.0, "step": step} for step in range(9)]},
    }
    with serving(lambda path, asked: store(path, asked, **other)) as (address, _):
        rows = read_mlflow_server(address)
    assert [point[2] for point in json.loads(rows.runs["metrics"][0])["loss"]] == [6, 7, 8]
    assert any("the last 3 kept" in note for note in rows.report.notes)


def test_an_option_of_a_server_goes_with_no_folder(tmp_path):
    with pytest.raises(MisuseError, match="--experiment goes with an MLflow server alone"):
        al.import_lineage(tmp_path, "mlflow", Path("mlruns"), experiments=["a"])
    with pytest.raises(MisuseError, match="lineage is not read from 'prefect'"):
        al.import_lineage(tmp_path, "prefect", "x")
