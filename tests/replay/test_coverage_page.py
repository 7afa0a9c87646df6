"""What docs/coverage.md shows is run, and says what comes out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from audit_lab.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "coverage.md").read_text()
BLOCKS = re.findall(r"(?ms)^```(sh|python)\n(.*?)^```$", PAGE)


@pytest.fixture
def here(tmp_path, monkeypatch, flights):
    """Stand in a folder that holds the sample log as `flights`."""
    (tmp_path / "flights").symlink_to(flights)
    monkeypatch.chdir(tmp_path)


def test_python_of_the_page_runs(here, capsys):
    names: dict[str, object] = {}
    exec("".join(content for language, content in BLOCKS if language == "python"), names)
    (quoted,) = re.findall(r"(?m)^> (.*)$", PAGE)
    assert quoted in capsys.readouterr().out
    assert "</svg>" in names["picture"]


def test_commands_of_the_page_answer(here, capsys):
    commands = [content.split()[1:] for language, content in BLOCKS if language == "sh"]
    assert [(command[0], main(command)) for command in commands] == [("coverage", 1), ("in-force", 0)]
    assert Path("coverage.svg").read_text().startswith("<svg")


def test_kinds_of_output_on_the_page_are_all_there_are():
    from audit_lab.replay.signature import KINDS

    (table,) = re.findall(r"(?ms)^\| kind \|.*?^$", PAGE)
    assert set(re.findall(r"`(\w+)`", table)) == set(KINDS)
