"""What the page about groups of decisions shows is run, on a copy of the sample log, and says what the page quotes."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import audit_lab as al

sys.path.insert(0, str(Path(__file__).parent))
from pages import blocks, run_all

PAGE = Path(__file__).parents[1] / "docs" / "cohorts.md"


def test_every_example_runs_and_says_what_the_page_quotes(flights, tmp_path):
    shutil.copytree(flights, tmp_path / "place" / "flights")
    text = PAGE.read_text()
    printed = run_all(blocks(text), tmp_path / "place")
    (quoted,) = re.findall(r"(?m)^> .*\n(?:> .*\n)*", text)
    said = " ".join(quoted.replace("> ", "").split())
    assert [said in each for each in printed] == [True, True, False]
    assert "'contrast': True" in printed[1]
    assert printed[2].endswith("True")


def test_every_option_and_parameter_on_the_page_is_one_that_there_is():
    text = PAGE.read_text()
    program = "from audit_lab.cli import main; main(['cohort', '--help'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    named = set(re.findall(r"`(--[a-z-]+)", text))
    assert named == {"--contrast", "--feature", "--where"}
    assert named <= set(re.findall(r"--[a-z-]+", done.stdout))
    (table,) = re.findall(r"(?m)^\| given \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text)
    given = {name for line in table.splitlines() for name in re.findall(r"`([a-z_]+)`", line.split("|")[1])}
    assert given == set(inspect.signature(al.AuditLog.attributions).parameters) - {"self"}
