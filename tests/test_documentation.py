"""What the documentation shows is run: every command and every piece of Python, in order, on a copy of a sample log."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOG_PAGE = ROOT / "docs" / "log.md"
README = ROOT / "README.md"
_BLOCK = re.compile(r"(?ms)^```(sh|python)\n(.*?)^```$")


def blocks(text):
    return [(found[1], found[2]) for found in _BLOCK.finditer(text)]


def section(text, heading):
    """Return what stands under a heading of the second level."""
    return re.split(r"(?m)^## ", text.split(f"## {heading}\n", 1)[1])[0]


@pytest.fixture
def folder(tmp_path, credit):
    """Return a folder that holds the sample logs as `loans` and `theirs`, with a home of its own."""
    place = tmp_path / "place"
    shutil.copytree(credit, place / "loans")
    shutil.copytree(ROOT / "sample_data" / "foreign_loans", place / "theirs")
    return place


def run_all(shown, folder):
    """Run blocks one after another, and return what they printed."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AUDIT_LAB_", "XDG_"))},
        "HOME": str(folder / "home"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "AUDIT_LAB_PASSPHRASE": "documented",
    }
    said = []
    for language, content in shown:
        command = ["bash", "-euo", "pipefail", "-c", content] if language == "sh" else [sys.executable, "-c", content]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False, timeout=120)
        assert done.returncode == 0, f"{content}\n{done.stdout.decode()}\n{done.stderr.decode()}"
        said.append(" ".join(done.stdout.decode().split()))
    return said


def test_every_example_about_the_log_runs(folder):
    text = LOG_PAGE.read_text()
    said = run_all(blocks(text), folder)
    assert len(said) == len(re.findall(r"(?m)^```$", text))
    printed = "\n".join(said)
    quoted = re.search(r"(?m)^> .*\n(?:> .*\n)*", text)[0].replace("> ", "").split("·", 1)[1]
    assert " ".join(quoted.split()) in printed.replace("\n", " ")
    assert "VERIFIED" in printed
    assert "Jane Doe" in printed


def test_the_readme_s_examples_about_the_log_run(folder):
    shown = blocks(section(README.read_text(), "A log that shows every change"))
    assert {language for language, _ in shown} == {"sh"}
    assert "VERIFIED" in "\n".join(run_all(shown, folder))


def test_every_command_of_the_page_is_one_that_there_is():
    from audit_lab.cli.app import app

    commands = {command.callback.__name__.replace("_", "-") for command in app.registered_commands}
    named = set(re.findall(r"audit-lab ([a-z]+(?:-[a-z]+)*)", LOG_PAGE.read_text() + README.read_text()))
    assert named <= commands
