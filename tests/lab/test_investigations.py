"""A notebook that begins an investigation: set to a log, whole, and never over another."""

from __future__ import annotations

import ast
import json
import re

import nbformat

ABOUT = {"log": "logs/loans", "case": "INC-3", "question": 'Who "moved"?\n# no', "actor": "ana", "purpose": "a test"}


def begin(server, **changed):
    return server.send("POST", "notebooks", json.dumps({**ABOUT, **changed}).encode())


def test_the_notebook_opens_the_log_from_where_it_stands_and_begins_the_case(server):
    reply = begin(server, folder="work/march")
    assert (reply.status, reply.body) == (201, {"path": "work/march/INC-3.ipynb"})
    notebook = nbformat.read(server.root / "work" / "march" / "INC-3.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    literals = {node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)}
    assert {"../../logs/loans", "INC-3", ABOUT["question"], "ana", "a test"} <= literals
    assert "log.verify()" in code
    assert "log.drift()" in code
    # What the template says of its own sample is left out.
    whole = json.dumps(notebook.cells)
    assert not {"carrier", "INC-2015", "delay-risk", "flights"} & set(re.findall(r"[\w-]+", whole))


def test_a_notebook_that_is_there_is_not_replaced(server):
    assert begin(server, case="INC-4").status == 201
    before = (server.root / "INC-4.ipynb").read_bytes()
    again = begin(server, case="INC-4", question="Another?")
    assert again.status == 400
    assert "INC-4.ipynb" in again.body["message"]
    assert (server.root / "INC-4.ipynb").read_bytes() == before


def test_an_id_that_could_lead_elsewhere_is_only_a_name(server):
    reply = begin(server, case="../../outside/x")
    assert reply.status == 201
    assert "/" not in reply.body["path"]


def test_a_case_without_a_question_begins_nothing(server):
    assert begin(server, case="INC-5", question=" ").status == 400
    assert not (server.root / "INC-5.ipynb").exists()
