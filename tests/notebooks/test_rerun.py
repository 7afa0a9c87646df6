"""Every notebook of the project: exported, verified, run again behind walls, and reproduced to its last cell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import audit_lab as al
from audit_lab.evidence import demonstration_key, export_notebook
from audit_lab.evidence.generated import QUESTIONS, notebook_bytes, parsed_step, relative_path
from audit_lab.seal.report import Verdict
from tests.pages import quotes

REPOSITORY = Path(__file__).resolve().parents[2]
NAMES = sorted(path.stem for path in (REPOSITORY / "notebooks").glob("*.ipynb"))
#: The log of each notebook, where it is not the one about flights.
LOGS = dict.fromkeys(
    ("02_replay_a_decision", "03_compare_two_versions", "04_answer_a_subjects_request", "05_fairness_review"), "credit"
)
EVERYDAY = "01_investigate_an_incident"


def code_cells(name):
    source = json.loads((REPOSITORY / "notebooks" / f"{name}.ipynb").read_text())
    return sum(cell["cell_type"] == "code" for cell in source["cells"])


def log_of(name):
    return REPOSITORY / "sample_data" / LOGS.get(name, "flights")


def reproduced(bundle, trust, name):
    report = al.verify(bundle, trust, rerun=True, log=log_of(name), run_foreign_code=True)
    assert report.verdict is Verdict.UNANCHORED
    assert len(report.cells) == code_cells(name)
    assert {cell.verdict for cell in report.cells} == {"reproduced"}
    assert (report.share_reproduced, report.tolerance) == (1.0, 0.0)
    return report


def test_the_incident_notebook_is_reproduced_to_its_last_cell(exported):
    report = reproduced(exported.bundle, exported.trust, EVERYDAY)
    (quoted,) = quotes((REPOSITORY / "docs" / "rerun.md").read_text())
    assert quoted in report.checked


@pytest.fixture(scope="module")
def bundles(exported, tmp_path_factory):
    """Return what gives a notebook's bundle and trust file, exporting it when it is first asked for."""
    folder = tmp_path_factory.mktemp("bundles")
    key = demonstration_key(folder / "demonstration-key")
    made = {EVERYDAY: (exported.bundle, exported.trust)}

    def bundle_of(name):
        if name not in made:
            notebook = REPOSITORY / "notebooks" / f"{name}.ipynb"
            made[name] = (export_notebook(notebook, folder, key=key.key), key.trust)
        return made[name]

    return bundle_of


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Return a folder for environments that are made: they are the same for all notebooks, and made once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def fresh(bundles, tmp_path_factory):
    """Return the interpreter of an environment of its own, installed by the lock that stands in a bundle."""
    folder = tmp_path_factory.mktemp("fresh")
    with zipfile.ZipFile(bundles(EVERYDAY)[0]) as archive:
        lock = archive.read("data/environment/requirements.txt").decode().splitlines()
    requirements = folder / "requirements.txt"  # all but ourselves: the package is read from its sources
    requirements.write_text("".join(f"{line}\n" for line in lock if not line.startswith("audit-lab==")))
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "-q", "--python", sys.executable, str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    install = [*uv, "pip", "install", "-q", "--no-deps", "--python", str(python), "-r", str(requirements)]
    subprocess.run(install, check=True)
    return python


@pytest.mark.soak
@pytest.mark.parametrize("name", NAMES)
def test_every_notebook_is_reproduced_to_its_last_cell(bundles, name):
    reproduced(*bundles(name), name)


@pytest.mark.soak
@pytest.mark.parametrize("name", NAMES)
def test_every_notebook_is_reproduced_in_its_recorded_environment(bundles, cache, tmp_path, monkeypatch, name):
    """Made of what is installed here, with the recorded files, so that nothing is fetched."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    asked = {"rerun": True, "log": log_of(name), "run_foreign_code": True}
    report = al.verify(*bundles(name), **asked, environment="recorded", wheels=tmp_path)
    assert {cell.verdict for cell in report.cells} == {"reproduced"}
    assert report.environment_changes == ()
    assert any(note.startswith("The environment made for it, ") for note in report.notes)


@pytest.mark.soak
@pytest.mark.parametrize("name", NAMES)
def test_every_notebook_is_reproduced_in_a_fresh_environment(bundles, fresh, tmp_path, name):
    """The packages of the bundle's lock, installed anew, and a home in which nothing stands."""
    bundle, trust = bundles(name)
    call = "import sys; from audit_lab.cli import main; sys.exit(main(sys.argv[1:]))"
    asked = ["verify", str(bundle), "--trust", str(trust), "--rerun", "--run-foreign-code", "--json"]
    done = subprocess.run(
        [fresh, "-c", call, *asked, "--log", str(log_of(name))],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = json.loads(done.stdout)
    assert (done.returncode, said["verdict"], said["findings"]) == (0, "UNANCHORED", [])
    cells = said["rerun"]["cells"]
    assert len(cells) == code_cells(name)
    assert (said["rerun"]["share_reproduced"], {cell["verdict"] for cell in cells}) == (1.0, {"reproduced"})


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
