"""Every notebook of the project: exported, verified, run again behind walls, and reproduced to its last cell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import audit_lab as al
from audit_lab.evidence import demonstration_key, export_notebook
from audit_lab.evidence.generated import QUESTIONS, notebook_bytes, parsed_step, relative_path
from audit_lab.seal.report import Verdict
from tests.pages import quotes

REPOSITORY = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
#: The log of each notebook, where it is not the one about flights.
LOGS = dict.fromkeys(
    ("02_replay_a_decision", "03_compare_two_versions", "04_answer_a_subjects_request", "05_fairness_review"), "credit"
)
EVERYDAY = "01_investigate_an_incident"


def reproduced(bundle, trust, name):
    log = REPOSITORY / "sample_data" / LOGS.get(name, "flights")
    report = al.verify(bundle, trust, rerun=True, log=log, run_foreign_code=True)
    assert report.verdict is Verdict.UNANCHORED
    source = json.loads((REPOSITORY / "notebooks" / f"{name}.ipynb").read_text())
    assert len(report.cells) == sum(cell["cell_type"] == "code" for cell in source["cells"])
    assert {cell.verdict for cell in report.cells} == {"reproduced"}
    assert (report.share_reproduced, report.tolerance) == (1.0, 0.0)
    return report


def test_the_incident_notebook_is_reproduced_to_its_last_cell(exported):
    report = reproduced(exported.bundle, exported.trust, EVERYDAY)
    (quoted,) = quotes((REPOSITORY / "docs" / "rerun.md").read_text())
    assert quoted in report.checked


@pytest.mark.soak
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda each: each.stem)
def test_every_notebook_is_reproduced_to_its_last_cell(notebook, tmp_path):
    key = demonstration_key(tmp_path / "demonstration-key")
    reproduced(export_notebook(notebook, tmp_path, key=key.key), key.trust, notebook.stem)


@pytest.mark.soak
def test_the_incident_notebook_is_reproduced_in_its_recorded_environment(exported, tmp_path, monkeypatch):
    """Made of what is installed here, with the recorded files, so that nothing is fetched."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "none").mkdir()
    log = REPOSITORY / "sample_data" / "flights"
    asked = {
        "rerun": True,
        "log": log,
        "run_foreign_code": True,
        "environment": "recorded",
        "wheels": tmp_path / "none",
    }
    report = al.verify(exported.bundle, exported.trust, **asked)
    assert {cell.verdict for cell in report.cells} == {"reproduced"}
    assert report.environment_changes == ()
    assert any(note.startswith("The environment made for it, ") for note in report.notes)


#: One of each question that a generated cell may ask, of the log about credit.
DECISION = "01942667-8cd1-7c44-b8e4-d45e93a58b21"
STEPS = (
    *("verify", "coverage", "drift", "onset", "cause:2025-07-01", "performance"),
    "fairness:personal_status_and_sex:approve",
    *(f"decision:{DECISION}", f"replay:{DECISION}", f"explain:{DECISION}:shap", f"lineage:{DECISION}"),
    *("decisions:decision = 'deny'", "impact:2.0.0", "impact-unit:credit_amount:km -> mile"),
)


@pytest.mark.soak
def test_a_notebook_of_every_question_is_reproduced_without_code_of_its_author(tmp_path):
    assert {step.partition(":")[0] for step in STEPS} == QUESTIONS.keys()
    log, notebook = REPOSITORY / "sample_data" / "credit", tmp_path / "review.ipynb"
    about = {"id": "INC-9", "question": "What changed?", "actor": "A. Investigator", "purpose": "review"}
    notebook.write_bytes(notebook_bytes(about, relative_path(log, notebook), [parsed_step(text) for text in STEPS]))
    key = demonstration_key(tmp_path / "demonstration-key")
    report = al.verify(export_notebook(notebook, tmp_path, key=key.key), key.trust, rerun=True, log=log)
    assert [(cell.generated, cell.verdict) for cell in report.cells] == [(True, "reproduced")] * (len(STEPS) + 2)


@pytest.mark.soak
def test_the_incident_notebook_is_reproduced_in_a_fresh_environment(exported, tmp_path):
    """The locked packages, installed anew; the package is read from its sources."""
    fresh = tmp_path / "fresh"
    lock = REPOSITORY / "lock" / "runtime.txt"
    subprocess.run([sys.executable, "-m", "uv", "venv", "-q", "--python", sys.executable, str(fresh)], check=True)
    install = ["uv", "pip", "install", "-q", "--python", str(fresh / "bin" / "python"), "-r", str(lock)]
    subprocess.run([sys.executable, "-m", *install], check=True)
    call = "import sys; from audit_lab.cli import main; sys.exit(main(sys.argv[1:]))"
    asked = ["verify", str(exported.bundle), "--trust", str(exported.trust), "--rerun", "--run-foreign-code", "--json"]
    done = subprocess.run(
        [fresh / "bin" / "python", "-c", call, *asked, "--log", str(REPOSITORY / "sample_data" / "flights")],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = json.loads(done.stdout)
    assert (done.returncode, said["verdict"], said["findings"]) == (0, "UNANCHORED", [])
    assert said["rerun"]["share_reproduced"] == 1.0
