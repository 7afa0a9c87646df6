"""What the page about what-ifs shows is run, on a copy of the sample log, and says what the page quotes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "what-if.md"
_BLOCK = re.compile(r"(?ms)^```(sh|python)\n(.*?)^```$")


def first_cells(heading):
    """Return what stands between back quotes in the first column of a table."""
    (found,) = re.findall(rf"(?m)^\| {re.escape(heading)} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE.read_text())
    return [name for line in found.splitlines() for name in re.findall(r"`([^`]+)`", line.split("|")[1])]


def test_every_example_runs_and_says_what_the_page_quotes(credit, tmp_path):
    shutil.copytree(credit, tmp_path / "place" / "credit")
    text = PAGE.read_text()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AUDIT_LAB_", "XDG_"))},
        "HOME": str(tmp_path / "home"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    printed = []
    for language, content in _BLOCK.findall(text):
        command = ["bash", "-euo", "pipefail", "-c", content] if language == "sh" else [sys.executable, "-c", content]
        done = subprocess.run(
            command, cwd=tmp_path / "place", env=environment, capture_output=True, check=False, timeout=120
        )
        assert done.returncode == 0, f"{content}\n{done.stdout.decode()}\n{done.stderr.decode()}"
        printed.append(" ".join(done.stdout.decode().split()))
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
