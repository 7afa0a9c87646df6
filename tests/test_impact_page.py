"""What the page about impact shows is run: every command and every piece of Python, on a copy of the sample log."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "impact.md"
_BLOCK = re.compile(r"(?ms)^```(sh|python)\n(.*?)^```$")


@pytest.fixture
def folder(tmp_path, flights):
    shutil.copytree(flights, tmp_path / "place" / "flights")
    return tmp_path / "place"


def test_every_example_runs_and_says_what_the_page_quotes(folder):
    text = PAGE.read_text()
    shown = _BLOCK.findall(text)
    assert len(shown) == len(re.findall(r"(?m)^```$", text))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AUDIT_LAB_", "XDG_"))},
        "HOME": str(folder / "home"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    printed = []
    for language, content in shown:
        command = ["bash", "-euo", "pipefail", "-c", content] if language == "sh" else [sys.executable, "-c", content]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False, timeout=120)
        assert done.returncode == 0, f"{content}\n{done.stdout.decode()}\n{done.stderr.decode()}"
        printed.append(" ".join(done.stdout.decode().split()))
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
