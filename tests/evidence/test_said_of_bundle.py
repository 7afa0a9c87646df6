"""What a bundle's pages say was checked and is not known is about what is in the bundle."""

from __future__ import annotations

import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

import audit_lab as al
from audit_lab.evidence import export_case

WORDS = (
    "Whether findings and answer are right: they are the investigator&#x27;s words about the exhibits, and other "
    "exhibits may have been left out."
)


@pytest.fixture
def first_page(key, tmp_path):
    """Return a function that exports a case and returns the page that a judge reads first."""

    def shown(case):
        with zipfile.ZipFile(export_case(case, tmp_path / "out", key=key)) as file:
            return file.read("data/README.html").decode()

    return shown


@pytest.fixture
def empty(tmp_path):
    log = SimpleNamespace(origin="flights.example", path=Path("flights"), manifest_sha256="ab" * 32, checkpoint=None)
    return al.Case.create("E-1", log, question="Is it so?", actor="jane", purpose="c", folder=tmp_path / "cases")


def test_a_case_of_nothing_claims_nothing(empty, first_page):
    said = first_page(empty)
    unknown = said.partition("What is not known")[2]
    assert "<li>The answer to the question: none was stated.</li>" in unknown
    assert "<li>What an answer would rest on: the case keeps no exhibit.</li>" in unknown
    for claim in ("Every exhibit", "every finding", "rows shown", "Whether findings and answer"):
        assert claim not in said


def test_a_case_without_a_finding_does_not_speak_of_findings(case, first_page):
    (case.folder / "findings.json").unlink()
    with pytest.warns(UserWarning, match=r"findings\.json"):
        said = first_page(case)
    assert "<li>Every exhibit is named by the digest of its files.</li>" in said
    assert WORDS in said  # it has an answer


def test_findings_and_answer_are_said_to_be_somebodys_words(case, first_page):
    said = first_page(case)
    assert WORDS in said.partition("What is not known")[2]
    assert "<li>Every exhibit is named by the digest of its files, and every finding rests on exhibits.</li>" in said
    assert "none was stated" not in said
    assert "keeps no exhibit" not in said
    assert "Whether the rows shown are in a sealed log" in said


def test_the_page_of_a_notebook_says_the_same(exported):
    with zipfile.ZipFile(exported) as file:
        said = file.read("data/notebook/investigation.html").decode()
    assert WORDS in said
    assert "and every finding rests on exhibits." in said
