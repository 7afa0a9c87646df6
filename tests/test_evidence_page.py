"""What the page about evidence shows is run, in order, and its tables are those of the product."""

from __future__ import annotations

import re
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from pages import blocks, quotes, run_all, table

PAGE = Path(__file__).parents[1] / "docs" / "evidence.md"


def names_in(column):
    return [name for row in table(PAGE.read_text(), column) for name in re.findall(r"`([^`]+)`", row[0])]


@pytest.mark.skipif(not all(map(shutil.which, ("ssh-agent", "openssl"))), reason="needs ssh-agent and openssl")
def test_every_example_runs_and_says_what_the_page_quotes(credit, tmp_path):
    place = tmp_path / "place"
    shutil.copytree(credit, place / "credit")
    shown = blocks(PAGE.read_text())
    printed = dict(zip([content for _, content in shown], run_all(shown, place), strict=True))
    said = " ".join(printed.values())
    (quoted,) = quotes(PAGE.read_text())
    assert quoted in said
    assert said.count("UNANCHORED") == 4
    assert "rita-roe" in said
    assert "['conclusion']" in said
    assert "The rule for small incomes decided, not the score." in said
    with zipfile.ZipFile(place / "out" / "INC-2026-014.zip") as archive:
        listed = names_in("file")
        assert [name for name in archive.namelist() if not name.startswith(tuple(listed))] == []
    assert (place / "verify.html").read_bytes() == (place / "unpacked" / "data" / "verify.html").read_bytes()


def test_the_verdicts_and_parts_on_the_page_are_those_of_the_product():
    from audit_lab.evidence.differences import PARTS
    from audit_lab.seal.report import Verdict

    assert [row[0] for row in table(PAGE.read_text(), "verdict")] == list(Verdict)
    assert sorted(names_in("part")) == sorted(PARTS)
