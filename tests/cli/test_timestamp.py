"""A bundle is time-stamped at the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from audit_lab.evidence import Case, signing_key

sys.path.insert(0, str(Path(__file__).parents[1]))
from local_authority import make_local_authority


@pytest.fixture
def authority(tmp_path):
    return make_local_authority(tmp_path / "clock")


@pytest.fixture
def jane(run, tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIT_LAB_PASSPHRASE", "correct horse")
    return run("keys", "new", "jane", "--out", tmp_path / "jane", "--json").json


@pytest.fixture
def bundle(jane, tmp_path):
    log = SimpleNamespace(origin="flights.example", path=Path("x"), manifest_sha256="ab" * 32, checkpoint=None)
    case = Case.create("INC-1", log, question="Why?", actor="Jane", purpose="c", folder=tmp_path / "cases")
    case.keep(pl.DataFrame({"rows": [1]}), "Rows")
    return case.export(tmp_path / "out", key=signing_key(jane["key"]))


def test_a_request_is_written_and_its_answer_added(run, bundle, jane, authority, tmp_path):
    request, answer = tmp_path / "bundle.tsq", tmp_path / "bundle.tsr"
    assert run("timestamp", bundle, "--request", request, "--json").json == {"request": str(request)}
    answer.write_bytes(authority.answer(request.read_bytes()))
    accepted = ("--timestamp-authority", authority.root, "--trust", jane["trust"])
    stamped = run("timestamp", bundle, "--response", answer, *accepted, "--json").json
    assert stamped["authority"] == "clock"
    report = run("verify", bundle, *accepted, "--require-anchor", "--json")
    assert (report.code, report.json["verdict"]) == (0, "VERIFIED")
    assert report.json["anchors"][0].startswith("the attestation, time-stamped by clock on ")
    without = run("verify", bundle, "--trust", jane["trust"], "--require-anchor", "--json")
    assert (without.code, without.json["verdict"]) == (1, "FAILED")


def test_an_authority_in_the_trust_file_is_accepted_everywhere(run, bundle, jane, authority, tmp_path):
    request, answer, trust = tmp_path / "bundle.tsq", tmp_path / "bundle.tsr", Path(jane["trust"])
    certificates = f"[[authority]]\nname = \"clock\"\ncertificates = '''\n{authority.root.read_text()}'''\n"
    trust.write_text(f"{trust.read_text()}\n{certificates}")
    run("timestamp", bundle, "--request", request)
    answer.write_bytes(authority.answer(request.read_bytes()))
    assert "clock saw it at 20" in run("timestamp", bundle, "--response", answer, "--trust", trust).out.replace(
        "\n", " "
    )
    assert run("verify", bundle, "--trust", trust, "--json").json["verdict"] == "VERIFIED"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "one thing at a time"),
        (("--request", "a", "--response", "b"), "one thing at a time"),
        (("--response", "nowhere"), "cannot be read"),
        (("--authority", "https://127.0.0.1:1/"), "No time-stamping authority is accepted here"),
    ],
)
def test_calls_that_are_wrong(run, bundle, arguments, said):
    before = bundle.read_bytes()
    answer = run("timestamp", bundle, *arguments)
    assert answer.code == 2
    assert said in answer.err.replace("\n", " ")
    assert bundle.read_bytes() == before


def test_an_export_that_cannot_be_stamped_is_refused_before_its_notebook_runs(run, jane, tmp_path):
    cell = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": "1 / 0"}
    notebook = tmp_path / "n.ipynb"
    notebook.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell]}))
    options = ("--out", tmp_path / "o", "--key", jane["key"], "--timestamp", "https://127.0.0.1:1/")
    answer = run("export", notebook, *options)
    assert answer.code == 2
    assert "no time-stamping authority is accepted here" in answer.err.replace("\n", " ")


def test_an_export_stands_where_the_authority_cannot_be_reached(run, jane, authority, tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIT_LAB_PDF", "none")
    source = (
        "from types import SimpleNamespace; from pathlib import Path; from audit_lab.evidence import Case\n"
        "log = SimpleNamespace(origin='l', path=Path('x'), manifest_sha256='ab' * 32, checkpoint=None)\n"
        "Case.create('INC-1', log, question='Why?', actor='j', purpose='p').conclude('So.')"
    )
    cell = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
    notebook = tmp_path / "n.ipynb"
    notebook.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell]}))
    options = ("--out", tmp_path / "o", "--key", jane["key"], "--timestamp", "http://127.0.0.1:1/")
    answer = run("export", notebook, *options, "--timestamp-authority", authority.root)
    assert answer.code == 1
    said = " ".join(answer.err.split())
    assert "was exported and has no time stamp" in said
    assert "audit-lab timestamp" in said
    assert run("verify", tmp_path / "o" / "INC-1.zip", "--trust", jane["trust"]).code == 0
