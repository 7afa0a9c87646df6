"""What the page about cases shows is run, on a copy of the sample log, and says what the page quotes."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from pages import blocks, quotes, run_all, table

PAGE = Path(__file__).parents[1] / "docs" / "cases.md"


def test_every_example_runs_and_says_what_the_page_quotes(credit, tmp_path):
    place = tmp_path / "place"
    shutil.copytree(credit, place / "credit")
    printed = run_all(blocks(PAGE.read_text()), place)
    (quoted,) = quotes(PAGE.read_text())
    assert printed[0] == quoted
    assert printed[2] == "under review ['closed'] ()"
    assert "report.md: a draft" in printed[3]
    assert "The version in force gives the same decision again." in printed[3]
    assert "Replay of 0199859c-9e5d-7bef-8e72-944c87f4ae79: EXACT" in " ".join(
        (place / "cases" / "INC-2026-014" / "report.md").read_text().replace("\\", "").split()
    )


def test_the_parts_and_files_on_the_page_are_those_of_the_product():
    from audit_lab.case import CaseFile
    from audit_lab.case.case_folder import _OWN

    parts = {
        name.removesuffix("()") for row in table(PAGE.read_text(), "part") for name in re.findall("`([^`]+)`", row[0])
    }
    assert parts <= {name for kind in CaseFile.__mro__ for name in vars(kind)}
    files = {name for row in table(PAGE.read_text(), "file") for name in re.findall(r"`([^`]+)`", row[0])}
    assert files == {*_OWN, "exhibits/", "custody.jsonl"}
