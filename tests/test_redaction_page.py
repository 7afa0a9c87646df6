"""What the page about rows and redaction shows is run, in order, and its words are those of the product."""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from pages import blocks, quotes, run_all, table

PAGE = Path(__file__).parents[1] / "docs" / "redaction.md"


def test_every_example_runs_and_says_what_the_page_quotes(credit, tmp_path):
    place = tmp_path / "place"
    shutil.copytree(credit, place / "credit")
    said = run_all(blocks(PAGE.read_text()), place)
    (quoted,) = quotes(PAGE.read_text())
    assert quoted in said[2]
    assert "UNANCHORED" in said[5]
    assert "rows of the log: each in its segment" in said[5]
    with zipfile.ZipFile(place / "out" / "whole.zip") as archive:
        whole = b"".join(map(archive.read, archive.namelist()))
    with zipfile.ZipFile(place / "out" / "counsel.zip") as archive:
        redacted = b"".join(map(archive.read, archive.namelist()))
    assert b"applicant-" in whole
    assert b"applicant-" not in redacted


def test_the_words_of_a_profile_are_those_of_the_product():
    from audit_lab.verifier.predicate import HOW_REDACTED

    assert sorted(row[0].strip("`") for row in table(PAGE.read_text(), "word")) == sorted(HOW_REDACTED)
