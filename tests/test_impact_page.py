"""What the page about impact shows is run: every command and every piece of Python, on a copy of the sample log."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from pages import blocks, run_all

PAGE = Path(__file__).parents[1] / "docs" / "impact.md"


@pytest.fixture
def folder(tmp_path, flights):
    shutil.copytree(flights, tmp_path / "place" / "flights")
    return tmp_path / "place"


def test_every_example_runs_and_says_what_the_page_quotes(folder):
    text = PAGE.read_text()
    shown = blocks(text)
    assert len(shown) == len(re.findall(r"(?m)^```$", text))
    printed = run_all(shown, folder)
    quoted = re.findall(r"(?m)^> .*\n(?:> .*\n)*", text)
    assert len(quoted) == 2
    for quote in quoted:
        assert " ".join(quote.replace("> ", "").split()) in " ".join(printed)
    assert (folder / "who-else.svg").read_text().startswith("<svg")


def test_every_option_in_the_table_is_one_that_there_is(run_help):
    named = set(re.findall(r"`(--[a-z-]+)", PAGE.read_text()))
    assert named <= run_help


@pytest.fixture
def run_help():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from audit_lab.cli import main; main(['impact', '--help']); main(['comparable', '--help'])",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return set(re.findall(r"--[a-z-]+", done.stdout))
