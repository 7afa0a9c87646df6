"""A notebook is run again in what its bundle records, made of packages that are here; or it is said why it was not."""

from __future__ import annotations

import json
import re
from importlib import metadata
from types import SimpleNamespace

import pytest

import audit_lab as al
from audit_lab.cli import main
from audit_lab.errors import ModelError
from audit_lab.evidence import export_notebook
from audit_lab.evidence.environment import _packages, environment_facts
from audit_lab.evidence.rerun.recorded_environment import recorded_environment
from audit_lab.log.files.write import write_log
from audit_lab.replay.environment.fingerprint import normal_name
from audit_lab.seal.report import Verdict
from audit_lab.seal.trust import format_trust

#: What a notebook needs to run and a bundle to be checked: the recorded environment of these tests.
ROOTS = (
    *("polars", "numpy", "narwhals", "pyyaml", "packaging", "cryptography", "rfc8785"),
    *("ipykernel", "mistune", "nbclient", "nbformat", "nh3", "pygments"),
)
#: What is here and was not there: a cell that asks for it shows which environment it ran in.
NOT_THERE = "hypothesis"
CELLS = (
    'import audit_lab as al\nlog = al.open("../log")\nlog',
    'case = al.Case.create("INC-4", log, question="Where?", actor="jane", purpose="complaint")\ncase',
    f'import importlib.util\nprint(importlib.util.find_spec("{NOT_THERE}") is not None)',
)


def needed(roots):
    """Return the names of packages and of all that they ask for here."""
    found, waiting = set(), list(roots)
    while waiting:
        name = normal_name(waiting.pop())
        if name not in found:
            found.add(name)
            asked = metadata.requires(name) or []
            names = (re.match(r"[\w.-]+", each)[0] for each in asked if "extra ==" not in each)
            waiting += [each for each in names if normal_name(each) in _packages()]
    return found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, key, trust):
    """Export a notebook whose bundle records few packages; return the bundle, its log and its trust file."""
    folder = tmp_path_factory.mktemp("recorded")
    write_log(folder / "log", {}, {"origin": "tests/empty", "description": "Nothing", "notes": []})
    (folder / "notebook").mkdir()
    cells = [
        {"cell_type": "code", "id": f"c{at}", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for at, source in enumerate(CELLS)
    ]
    story = folder / "notebook" / "story.ipynb"
    story.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}))
    (folder / "trust.toml").write_text(format_trust(trust.keys))
    few = needed(ROOTS)
    with pytest.MonkeyPatch.context() as patch:
        known = {name: each for name, each in _packages().items() if name in few}
        patch.setattr("audit_lab.evidence.environment._packages", lambda: known)
        bundle = export_notebook(story, folder / "story.zip", key=key)
    return SimpleNamespace(bundle=bundle, log=folder / "log", trust=folder / "trust.toml")


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """Keep environments in a cache of this test's own; return a folder without wheels, so that nothing is fetched."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "wheels").mkdir()
    return tmp_path / "wheels"


def test_it_runs_in_what_the_bundle_records(recorded, nowhere, capsys):
    asked = ["verify", str(recorded.bundle), "--trust", str(recorded.trust), "--rerun", "--run-foreign-code", "--json"]
    asked += ["--log", str(recorded.log), "--environment", "recorded", "--wheels", str(nowhere)]
    assert main(asked) == 1
    said = json.loads(capsys.readouterr().out)
    told = [(cell["verdict"], cell["differs"]) for cell in said["rerun"]["cells"]]
    assert told[:2] == [("reproduced", []), ("reproduced", [])]
    assert told[2] == ("differs", ["output 1, text: recorded 'True\\n', now 'False\\n' (from character 0)"])
    assert [line for line in said["rerun"]["environment_changes"] if not line.startswith("package audit-lab:")] == []
    assert any(line.startswith("The environment made for it, ") for line in said["notes"])


def test_where_it_cannot_be_made_nothing_runs_and_that_is_said(recorded, nowhere, monkeypatch):
    monkeypatch.setattr("audit_lab.evidence.rerun.report.run_behind_walls", lambda *_: pytest.fail("it ran"))
    monkeypatch.setattr("audit_lab.replay.environment.whole_environment.metadata.distributions", list)
    report = al.verify(
        recorded.bundle,
        recorded.trust,
        rerun=True,
        log=recorded.log,
        run_foreign_code=True,
        environment="recorded",
        wheels=nowhere,
    )
    assert report.verdict is Verdict.UNANCHORED
    assert {cell.verdict for cell in report.cells} == {"not re-executed"}
    (line,) = [line for line in report.not_checked if line.startswith("re-run:")]
    assert line.startswith(
        "re-run: no cell was re-executed; the recorded environment cannot be made: no wheel is to be"
    )
    assert "--leave-out" in line


@pytest.mark.parametrize(
    "change",
    [
        {"packages": {"numpy": "https://example.org/numpy.whl"}},
        {"packages": {"-r": "1"}},
        {"packages": [1, 2]},
        {"python": "3.11; import os"},
        {"python": None},
        {"package_sha256": "none"},
        {"package_sha256": {"numpy": 1}},
    ],
)
def test_a_record_of_another_form_makes_no_environment(change, nowhere):
    with pytest.raises(ModelError) as caught:
        recorded_environment({**environment_facts(), **change}, wheels=nowhere)
    assert caught.value.code in {"environment-malformed", "environment-not-built", "environment-not-recorded"}
