"""The page about decisions: its Python runs, and its tables name every code of gaps and findings."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from audit_lab.replay.reconstruction import FINDINGS, GAPS
from audit_lab.replay.verdict import EFFECTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "decisions.md").read_text()


def codes(heading):
    section = re.split(r"(?m)^## ", PAGE.split(f"## {heading}\n", 1)[1])[0]
    return re.findall(r"(?m)^\| `([a-z-]+)` \|", section)


def test_every_code_is_in_the_tables_in_the_order_in_which_it_is_told():
    assert codes("Findings") == list(FINDINGS)
    assert codes("Gaps") == [code for code in GAPS if code != "version"]


def test_the_codes_of_versions_that_it_names_are_ones_that_there_are():
    (row,) = re.findall(r"(?m)^\| any code (.*?) \|", PAGE)
    named = re.findall(r"`([a-z-]+)`", row)
    assert named
    assert set(named) <= set(EFFECTS)


def test_its_python_runs():
    program = "\n".join(re.findall(r"(?ms)^```python\n(.*?)^```$", PAGE))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "contested: The subject contested the decision on 2025-06-12 11:43 UTC; it was answered." in done.stdout
    assert "1 decision was found about 'applicant-5184'." in done.stdout
