"""What the pages on onsets, operations and segments show is run, and prints what they quote."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from pages import blocks, command_of, surroundings

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("page", ["onset.md", "operations.md"])
def test_every_example_runs_and_prints_what_is_quoted(page, flights, tmp_path):
    text = (DOCS / page).read_text()
    shutil.copytree(flights, tmp_path / "flights")
    printed = ""
    for language, content in blocks(text):
        done = subprocess.run(
            command_of(language, content),
            cwd=tmp_path,
            env=surroundings(tmp_path / "home"),
            capture_output=True,
            check=False,
            timeout=200,
        )
        assert (done.returncode, done.stderr.decode()) == (0, ""), content
        printed += f" {' '.join(done.stdout.decode().split())}"
    quoted = re.findall(r"(?m)^> (.*)$", text)
    assert len(quoted) >= 3
    assert [line for line in quoted if line not in printed] == []
    drawn = re.findall(r"--picture (\S+)", text)
    assert all((tmp_path / name).read_text().startswith("<svg") for name in drawn)


def test_the_table_of_findings_names_every_code():
    source = (DOCS.parent / "audit_lab" / "monitor" / "operations" / "findings.py").read_text()
    told = set(re.findall(r"(?m)^\| `([a-z-]+)` \|", (DOCS / "operations.md").read_text()))
    made = set(re.findall(r'OperationsFinding\(\s*"([a-z-]+)"', source))
    assert told == made == {"failed-predictions", "error-rate", "latency", "failed-job"}
