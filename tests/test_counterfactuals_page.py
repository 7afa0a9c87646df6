"""What the page about counterfactuals shows is run, on a copy of the sample log, and says what the page quotes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from pages import blocks, run_all

PAGE = Path(__file__).parents[1] / "docs" / "counterfactuals.md"


def test_every_example_runs_and_says_what_the_page_quotes(credit, tmp_path):
    shutil.copytree(credit, tmp_path / "place" / "credit")
    text = PAGE.read_text()
    printed = run_all(blocks(text), tmp_path / "place")
    (quoted,) = re.findall(r"(?m)^> .*\n(?:> .*\n)*", text)
    said = " ".join(quoted.replace("> ", "").split())
    assert len(printed) == 2
    assert [said in each for each in printed] == [True, True]


def test_every_option_on_the_page_is_one_that_there_is():
    program = "from audit_lab.cli import main; main(['counterfactual', '--help'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    named = set(re.findall(r"`(--[a-z-]+)", PAGE.read_text()))
    assert len(named) > 8
    assert named <= set(re.findall(r"--[a-z-]+", done.stdout))
