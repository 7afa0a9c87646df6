"""The file that says what the server answers, held against the handlers and against what a real server answers."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import sys
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from jsonschema import Draft202012Validator

from audit_lab.lab.handlers import ADDRESSES
from audit_lab.lab.jobs import Jobs
from audit_lab.lab.work import TASKS

sys.path.insert(0, str(Path(__file__).parent))
from stated import SPECIFICATION, answers_to

METHODS = ("get", "post", "put", "patch", "delete")
NO_JOB = "jobs/00000000000000000000000000000000"

ABOUT = {"case": "INC-2", "question": "What moved?", "actor": "ana", "purpose": "a test"}

#: Method, address, body, and the status that comes back; together every status that the file names but two.
ASKED = [
    ("GET", "logs", None, 200),
    ("GET", "predictions?log=logs/loans", None, 200),
    ("GET", "predictions?log=/etc", None, 400),
    ("GET", "predictions?log=gone", None, 404),
    ("GET", "predictions?log=leaking", None, 422),
    ("GET", "decision?log=logs/loans&id=p-001", None, 200),
    ("GET", "decision?log=..&id=p-001", None, 400),
    ("GET", "decision?log=logs/loans&id=nobody", None, 404),
    ("GET", "decision?log=logs/twice&id=same", None, 422),
    ("GET", "lineage?log=logs/loans&id=p-001", None, 200),
    ("GET", "lineage?log=linked&id=p-001", None, 400),
    ("GET", "lineage?log=logs/loans&id=nobody", None, 404),
    ("GET", "lineage?log=leaking&id=p-001", None, 422),
    ("GET", "source?log=logs/loans&id=p-001", None, 200),
    ("GET", "source?log=linked&id=p-001", None, 400),
    ("GET", "source?log=logs/loans&id=nobody", None, 404),
    ("GET", "source?log=leaking&id=p-001", None, 422),
    ("GET", "letter?log=logs/loans&decision=approve", None, 200),
    ("GET", "letter?log=logs/loans", None, 400),
    ("GET", "letter?log=gone&decision=approve", None, 404),
    ("GET", "letter?log=leaking&decision=approve", None, 422),
    ("GET", "cases", None, 200),
    ("GET", "case?path=cases/INC-1", None, 200),
    ("GET", "case?path=../outside", None, 400),
    ("GET", "case?path=cases/gone", None, 404),
    ("GET", "case?path=cases/DAMAGED", None, 422),
    ("GET", "jobs", None, 200),
    ("GET", NO_JOB, None, 404),
    ("DELETE", NO_JOB, None, 404),
    ("POST", "notebooks", {**ABOUT, "log": "logs/loans", "folder": "notebooks"}, 201),
    ("POST", "notebooks", {**ABOUT, "log": "logs/loans", "folder": "logs/loans"}, 400),
    ("POST", "notebooks", {**ABOUT, "log": "gone"}, 404),
    ("POST", "notebooks", {**ABOUT, "log": "leaking"}, 422),
    ("POST", "notebooks", {**ABOUT, "log": "x" * 100_000}, 413),
    ("POST", "jobs", {"kind": "verify-log", "log": "logs/loans"}, 202),
    ("POST", "jobs", {"kind": "run", "log": "logs/loans"}, 400),
    ("POST", "jobs", {"kind": "verify-log", "log": "gone"}, 404),
    ("POST", "jobs", {"kind": "verify-log", "log": "leaking"}, 422),
    ("POST", "jobs", {"kind": "verify-log", "log": "x" * 100_000}, 413),
]


def operation(method, address):
    path = re.sub(r"^jobs/.+", "jobs/{id}", address.split("?")[0])
    return f"/{path}", method.lower()


def held(method, address, reply):
    """Hold an answer against what the file says of that address, method and status."""
    path, verb = operation(method, address)
    stated = SPECIFICATION["paths"][path][verb]["responses"][str(reply.status)]
    answers_to(stated["content"]["application/json"]["schema"], reply.body)


@pytest.mark.parametrize(("method", "address", "body", "status"), ASKED)
def test_an_answer_is_what_the_file_says(server, method, address, body, status):
    sent = None if body is None else json.dumps(body).encode()
    reply = server.send(method, address, sent)
    assert reply.status == status, reply.body
    held(method, address, reply)


#: Every method of every address: a test below holds that none is missing.
EVERY = sorted({(method, address.split("?")[0]) for method, address, _, _ in ASKED})


def asked_of(server, method, address, **more):
    """Ask as somebody who means nothing in particular: who may not ask is not told what is wrong with the question."""
    return server.send(method, address, b"{}" if method == "POST" else None, **more)


@pytest.mark.parametrize("token", [None, "guessed"])
@pytest.mark.parametrize(("method", "address"), EVERY)
def test_every_method_of_every_address_is_closed_to_strangers(server, method, address, token):
    reply = asked_of(server, method, address, token=token)
    assert reply.status == 403
    held(method, address, reply)


def test_every_method_of_every_address_is_closed_to_who_may_not_use_audit_lab(start, tmp_path):
    with start(tmp_path, "--ServerApp.authorizer_class=without_audit_lab.WithoutAuditLab") as strict:
        replies = {each: asked_of(strict, *each) for each in EVERY}
    assert {each: reply.status for each, reply in replies.items()} == dict.fromkeys(EVERY, 403)
    for each, reply in replies.items():
        held(*each, reply)


def test_who_may_only_read_begins_writes_and_ends_nothing(start, tmp_path):
    with start(tmp_path, "--ServerApp.authorizer_class=without_audit_lab.ReadersOnly") as strict:
        refused = {each: asked_of(strict, *each).status == 403 for each in EVERY}
    assert refused == {(method, address): method != "GET" for method, address in EVERY}


def test_a_server_whose_files_are_in_no_folder_says_so_at_every_address(start, tmp_path, make_log):
    make_log(tmp_path / "log")
    with start(tmp_path, "--ServerApp.contents_manager_class=without_audit_lab.Warehouse") as elsewhere:
        for method, address in EVERY:
            assert asked_of(elsewhere, method, address, token=None).status == 403
            reply = asked_of(elsewhere, method, address)
            assert (reply.status, "kept by Warehouse" in reply.body["message"]) == (501, True)
            held(method, address, reply)


def test_the_requests_of_this_file_meet_every_method_of_every_address():
    there = {
        (method.upper(), address.replace("([0-9a-f]+)", NO_JOB.removeprefix("jobs/")))
        for address, handler in ADDRESSES.items()
        for method in METHODS
        if getattr(handler, method).__qualname__.startswith(handler.__name__)
    }
    assert set(EVERY) == there
    assert len(EVERY) == 13


def test_the_requests_of_this_file_meet_every_status_that_is_stated():
    stated = {
        (path, method, status)
        for path, methods in SPECIFICATION["paths"].items()
        for method, of in methods.items()
        if method in METHODS
        for status in of["responses"]
    }
    met = {(*operation(method, address), str(status)) for method, address, _, status in ASKED}
    met |= {(path, method, status) for path, method, _ in met for status in ("403", "501")}
    # The two below; and a job that is there, whose id is not known beforehand (tests/lab/test_jobs.py).
    elsewhere = {("/jobs", "post", "429"), ("/jobs/{id}", "get", "200"), ("/jobs/{id}", "delete", "200")}
    assert stated - met == elsewhere
    assert met <= stated


def test_the_file_names_the_addresses_and_methods_that_there_are():
    there = {
        f"/{re.sub(r'[(].*[)]', '{id}', address)}": {
            method for method in METHODS if getattr(handler, method).__qualname__.startswith(handler.__name__)
        }
        for address, handler in ADDRESSES.items()
    }
    stated = {path: set(of) & set(METHODS) for path, of in SPECIFICATION["paths"].items()}
    assert stated == there


@pytest.mark.parametrize("path", sorted(path for path, of in SPECIFICATION["paths"].items() if "get" in of))
def test_the_file_names_the_parameters_that_a_handler_reads(path):
    handler = next(
        handler for address, handler in ADDRESSES.items() if re.sub(r"[(].*[)]", "{id}", address) == path[1:]
    )
    asked = object.__new__(handler)
    read = []

    def argument(name, default=None, **_):
        read.append(name)
        return default

    async def answer(work, *_):
        work()

    asked.get_query_argument, asked.answer, asked.served = argument, answer, MagicMock()
    arguments = ["00"] if path == "/jobs/{id}" else []
    asyncio.run(inspect.unwrap(handler.get)(asked, *arguments))
    stated = SPECIFICATION["paths"][path]["get"].get("parameters", [])
    assert sorted(set(read)) == sorted(each["name"] for each in stated)


def test_the_file_names_the_kinds_of_jobs_that_there_are():
    schemas = SPECIFICATION["components"]["schemas"]
    assert sorted(schemas["Job"]["properties"]["kind"]["enum"]) == sorted(TASKS)
    assert sorted(schemas["Asked"]["discriminator"]["mapping"]) == sorted(TASKS)


def test_every_schema_is_a_schema():
    for schema in SPECIFICATION["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_an_eleventh_unfinished_job_is_refused(server):
    for job in server.ask("jobs").body["jobs"]:
        server.send("DELETE", f"jobs/{job['id']}")
    begun = [server.begin(kind="verify-log", log="logs/many") for _ in range(11)]
    try:
        assert [reply.status for reply in begun] == [202] * 10 + [429]
        held("POST", "jobs", begun[-1])
    finally:
        for reply in begun[:10]:
            ended = server.send("DELETE", f"jobs/{reply.body['id']}")
            held("DELETE", f"jobs/{reply.body['id']}", ended)
            assert ended.status == 200


def test_jobs_are_forgotten_when_there_are_more_than_fifty(server, tmp_path):
    assert inspect.signature(Jobs).parameters.keys() == {"folder", "ended"}
    for _ in range(55):
        job = server.begin(kind="verify-log", log="logs/loans")
        server.send("DELETE", f"jobs/{job.body['id']}")
    listed = server.ask("jobs")
    held("GET", "jobs", listed)
    assert len(listed.body["jobs"]) == 50
    assert listed.body["jobs"][0]["id"] == job.body["id"]
