"""The templates: committed without outputs, with parameters in one cell; each runs, answers, and becomes evidence."""

from __future__ import annotations

import ast
import json
import zipfile
from pathlib import Path

import pytest

import audit_lab as al
from audit_lab.evidence import demonstration_key, export_notebook
from audit_lab.seal.report import Verdict

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
EXECUTED = "data/notebook/investigation.ipynb"
HTML = "data/notebook/investigation.html"
#: What each answers in the end, and the words that its page must hold: none of them stands in its source.
ANSWERS = {
    "02_replay_a_decision": (
        "Yes: the replay is EXACT, and the version had been approved and promoted before.",
        ["bit for bit", "nadia.osei", "second income shown after the score", "karel.novak"],
    ),
    "03_compare_two_versions": (
        "it decides 20% of the same applicants differently, in both directions, while the outcomes do not show",
        ["135 (13.50%) would have been decided otherwise", "hot encoding and logistic regression", "mature windows"],
    ),
    "04_answer_a_subjects_request": (
        "The applicant can be told that credit-approval 2.0.0 proposed 'deny' on 20 October 2025, the 20 inputs",
        ["Balance of checking account with us, or no such account", "look first", "about members of staff"],
    ),
    "05_fairness_review": (
        "Yes, by age_in_years and by personal_status_and_sex \N{MULTIPLICATION SIGN} age_in_years",
        ["0.60 [0.51, 0.72], below four fifths", "Suppressed groups: 7", "chance alone would keep it below 15.4%"],
    ),
}
PARAMETERS = {"LOG", "CASE", "QUESTION", "ACTOR", "PURPOSE"}


@pytest.fixture(scope="module", params=sorted(ANSWERS))
def made(request, tmp_path_factory):
    """Return a template's name, its bundle, what accepts the bundle, and its files."""
    folder = tmp_path_factory.mktemp(request.param)
    key = demonstration_key(folder / "demonstration-key")
    bundle = export_notebook(NOTEBOOKS / f"{request.param}.ipynb", folder, key=key.key)
    with zipfile.ZipFile(bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return request.param, bundle, key.trust, files


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_it_is_committed_without_outputs_and_with_its_parameters_in_the_first_cell(name):
    notebook = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []
    tree = ast.parse("".join(code[0]["source"]))
    given = {
        node.id
        for each in tree.body
        if isinstance(each, ast.Assign)
        for target in each.targets
        for node in ast.walk(target)
        if isinstance(node, ast.Name)
    }
    assert given >= PARAMETERS
    assert "/home/" not in json.dumps(notebook)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_prose_stands_before_what_it_speaks_of(name):
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())["cells"]
    kinds = [cell["cell_type"] for cell in cells]
    assert (kinds[0], kinds[-1]) == ("markdown", "markdown")
    assert "code code code" not in " ".join(kinds)
    words = sum(len("".join(cell["source"]).split()) for cell in cells if cell["cell_type"] == "markdown")
    assert words > 200


def test_it_ran_to_its_end_and_reached_its_answer(made):
    name, _, _, files = made
    cells = [cell for cell in json.loads(files[EXECUTED])["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert [each for each in outputs if each["output_type"] == "error" or each.get("name") == "stderr"] == []
    answer, words = ANSWERS[name]
    investigation = json.loads(files["data/investigation.json"])
    assert answer in investigation["conclusion"]
    assert all(finding["supported_by"] for finding in investigation["findings"])
    page = files[HTML].decode()
    source = (NOTEBOOKS / f"{name}.ipynb").read_text()
    for said in words:
        assert said in page
        assert name == "04_answer_a_subjects_request" or said not in source


def test_what_its_views_showed_stands_in_the_bundle(made):
    _, _, _, files = made
    shown = [name for name in files if name.endswith("/shown.html")]
    assert shown
    for name in shown:
        assert b"default-src 'none'" in files[name]
        assert b"<script" not in files[name]


def test_its_bundle_holds(made):
    _, bundle, trust, _ = made
    report = al.verify(bundle, trust)
    assert (report.verdict, report.findings) == (Verdict.UNANCHORED, ())
