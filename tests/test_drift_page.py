"""What the page about drift shows is run, and its tables are compared with the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from audit_lab.monitor.contradiction import REASONS
from audit_lab.monitor.cuts import AROUND_LENGTHS
from audit_lab.monitor.findings import MINIMUM_ROWS, VANISHED_ROWS, VANISHED_SHARE
from audit_lab.monitor.measures import CATALOGUE
from audit_lab.monitor.recognised import KINDS
from audit_lab.monitor.verdict import SEVERITIES, TOO_FEW_ROWS
from audit_lab.monitor.windows import WINDOWS

PAGE = Path(__file__).parents[1] / "docs" / "drift.md"
_BLOCK = re.compile(r"(?ms)^```(sh|python)\n(.*?)^```$")


def table(heading: str) -> list[list[str]]:
    """Return the cells of the table whose first column is headed so, row by row."""
    (found,) = re.findall(rf"(?m)^\| {re.escape(heading)} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE.read_text())
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found.splitlines()]


def test_every_example_runs_and_says_what_the_page_quotes(tmp_path, flights):
    text = PAGE.read_text()
    shown = _BLOCK.findall(text)
    assert len(shown) == len(re.findall(r"(?m)^```$", text)) == 5
    (tmp_path / "flights").symlink_to(flights)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "HOME": str(tmp_path / "home"), "PATH": path}
    python = "\n".join(content for language, content in shown if language == "python")
    (shell,) = (content for language, content in shown if language == "sh")
    printed = ""
    for command in ([sys.executable, "-c", python], ["bash", "-euo", "pipefail", "-c", shell]):
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False, timeout=240)
        assert done.returncode == 0, done.stderr.decode()
        printed += " ".join(done.stdout.decode().split())
    (quoted,) = re.findall(r"(?m)^> .*\n(?:> .*\n)*", text)
    assert " ".join(re.sub(r"(?m)^> ", "", quoted).split()) in printed
    assert "Taken together, the columns moved" in printed


def test_the_measures_are_those_of_the_catalogue():
    stated = table("column")
    expected = []
    for one in CATALOGUE:
        moderate = "" if one.moderate is None else str(one.moderate)
        counts_from = moderate if one.major is None else f"{moderate}, major {one.major}"
        formula = re.sub(r"\|(.*?)\|", r"abs(\1)", one.formula)
        expected.append(
            [
                f"`{one.name}`",
                one.title,
                f"`{formula}`",
                one.values,
                one.exact,
                counts_from,
                one.threshold_source,
                one.source,
            ]
        )
    assert stated == expected


def test_the_verdicts_and_the_cases_are_those_of_the_code():
    assert [row[0].strip("`") for row in table("verdict")] == [*SEVERITIES, TOO_FEW_ROWS]
    assert {row[0].strip("`"): row[1] for row in table("case")} == REASONS
    assert (MINIMUM_ROWS, VANISHED_ROWS, VANISHED_SHARE) == (50, 15, 0.01)


def test_the_kinds_of_changes_are_those_of_the_code():
    assert {row[0].strip("`"): row[1] for row in table("kind")} == KINDS


def test_the_lengths_of_windows_are_those_of_the_code():
    text = PAGE.read_text()
    assert all(f'"{every}"' in text for every in WINDOWS)
    assert set(AROUND_LENGTHS) < set(WINDOWS)
