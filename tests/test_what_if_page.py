"""What the page about what-ifs shows is run, on a copy of the sample log, and says what the page quotes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from pages import blocks, run_all, table

PAGE = Path(__file__).parents[1] / "docs" / "what-if.md"


def first_cells(heading):
    """Return what stands between back quotes in the first column of a table."""
    return [name for row in table(PAGE.read_text(), heading) for name in re.findall(r"`([^`]+)`", row[0])]


def test_every_example_runs_and_says_what_the_page_quotes(credit, tmp_path):
    shutil.copytree(credit, tmp_path / "place" / "credit")
    text = PAGE.read_text()
    printed = run_all(blocks(text), tmp_path / "place")
    (quoted,) = re.findall(r"(?m)^> .*\n(?:> .*\n)*", text)
    assert " ".join(quoted.replace("> ", "").split()) in printed[0]
    assert printed[1].startswith("True True {'duration_in_month': 24, 'credit_amount': 3959} {}")


def test_the_parts_and_remarks_on_the_page_are_those_of_the_product():
    from audit_lab.explain.what_if import WhatIf, recorded_values

    known = {*WhatIf.__dataclass_fields__, *vars(WhatIf)}
    assert {name.removesuffix("()") for name in first_cells("part")} <= known
    source = "".join(path.read_text() for path in Path(recorded_values.__file__).parent.glob("*.py"))
    codes = set(re.findall(r'Remark\(\s*[\w.]+, "([a-z-]+)"', source))
    assert codes == set(first_cells("`remarks`"))


def test_every_option_on_the_page_is_one_that_there_is():
    program = "from audit_lab.cli import main; main(['what-if', '--help'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    named = set(re.findall(r"`(--[a-z-]+)", PAGE.read_text()))
    assert len(named) == 5
    assert named <= set(re.findall(r"--[a-z-]+", done.stdout))
