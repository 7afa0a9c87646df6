"""The page about running a notebook again: what it names is there; the notebooks' own tests run what it shows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from audit_lab.evidence.generated import QUESTIONS
from audit_lab.evidence.rerun.report import VOLATILE_TAG, RerunCell
from tests.pages import table

REPOSITORY = Path(__file__).parents[3]
PAGE = (REPOSITORY / "docs" / "rerun.md").read_text()
SOURCES = [REPOSITORY / "audit_lab" / "evidence" / "rerun" / name for name in ("report.py", "exhibits.py")]


def texts():
    nodes = [node for source in SOURCES for node in ast.walk(ast.parse(source.read_text()))]
    return {node.value for node in nodes if isinstance(node, ast.Constant)}


def test_the_findings_are_those_of_the_code():
    codes = {text for text in texts() if isinstance(text, str) and re.fullmatch(r"rerun\.[a-z-]+", text)}
    assert {row[0] for row in table(PAGE, "finding")} == codes


def test_the_verdicts_of_cells_are_those_of_the_code():
    named = [row[0] for row in table(PAGE, "verdict of a cell")]
    assert named == ["reproduced", "differs", "volatile", "not re-executed"]
    assert set(named) <= texts()
    assert all(f"``{name}``" in str(RerunCell.__doc__) for name in named)
    assert f"the tag `{VOLATILE_TAG}`" in PAGE


def test_the_steps_are_those_of_the_code():
    rows = table(PAGE, "step")
    assert [row[0].partition(":")[0] for row in rows] == list(QUESTIONS)
    for step, asks in rows:
        question = QUESTIONS[step.partition(":")[0]]
        written = question.query.format(**{name: name.upper() for name in question.parameters})
        assert asks.startswith(f"`{written}`")
        assert step == ":".join([step.partition(":")[0], *(name.upper() for name in question.parameters)])
