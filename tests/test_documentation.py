"""What the documentation shows is run: every command and every piece of Python, in order, on a copy of a sample log."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from pages import blocks, quotes, run_all, table

ROOT = Path(__file__).parents[1]
LOG_PAGE = ROOT / "docs" / "log.md"
REPLAY_PAGE = ROOT / "docs" / "replay.md"
README = ROOT / "README.md"


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


@pytest.fixture
def hangar(tmp_path, flights):
    """Return a folder that holds the sample log of flights as `flights`, with a home of its own."""
    shutil.copytree(flights, tmp_path / "hangar" / "flights")
    return tmp_path / "hangar"


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


def test_the_first_lines_of_the_readme_run(tmp_path, flights):
    (tmp_path / "sample_data").mkdir()
    (tmp_path / "sample_data" / "flights").symlink_to(flights)
    ((language, content),) = blocks(section(README.read_text(), "The first ten lines"))
    (promised,) = re.findall(r"decision\.replay\(\)  # (.*) \.\.\.", content)
    asked = content.replace("decision.replay()", "print(decision.replay())")
    assert promised in run_all([(language, asked)], tmp_path)[0]


def test_the_commands_of_the_readme_are_called_as_they_can_be():
    from typer.main import get_command

    from audit_lab.cli.app import application

    (content,) = re.findall(r"(?ms)^```\n(.*?)^```$", section(README.read_text(), "The same from the command line"))
    lines = [shlex.split(line, comments=True) for line in content.splitlines()]
    assert {line[0] for line in lines} == {"audit-lab"}
    for words in lines:
        called, parent = get_command(application()), None
        given = iter(words[1:])
        while hasattr(called, "commands"):  # a group: its command follows
            name = next(given)
            parent = called.make_context("audit-lab", [name], parent=parent, resilient_parsing=True)
            called = called.commands[name]
        called.make_context(called.name, list(given), parent=parent)  # raises where an option or argument does not fit


def test_every_example_about_replays_runs_and_says_what_the_page_quotes(hangar):
    text = REPLAY_PAGE.read_text()
    shown = blocks(text)
    assert len(shown) == len(re.findall(r"(?m)^```$", text))
    printed = " ".join(run_all(shown, hangar))
    assert len(quotes(text)) == 4
    assert [quoted for quoted in quotes(text) if quoted not in printed] == []


def test_every_example_about_the_explorer_runs_and_says_what_the_page_quotes(tmp_path, flights, credit):
    text = (ROOT / "docs" / "explorer.md").read_text()
    (tmp_path / "sample_data").mkdir()
    (tmp_path / "sample_data" / "flights").symlink_to(flights)
    (tmp_path / "sample_data" / "credit").symlink_to(credit)
    shown = blocks(text)
    printed = " ".join(run_all(shown, tmp_path))
    assert [quoted for quoted in quotes(text) if quoted not in printed] == []
    assert len(quotes(text)) == 1


def test_the_codes_of_the_page_about_replays_are_those_of_the_product():
    from audit_lab.replay.verdict import EFFECTS, STEPS, Verdict

    text = REPLAY_PAGE.read_text()
    assert {code.strip("`"): means for code, means in table(text, "code of `UNREPLAYABLE`")} == EFFECTS
    verdicts = table(text, "verdict")
    assert {row[0].strip("`") for row in verdicts} == set(Verdict)
    codes = [row[1].strip("`") for row in verdicts if row[0] != "`UNREPLAYABLE`"]
    assert codes == ["exact", "within-tolerance", *(f"{step}-differs" for step in STEPS)]


def test_the_tolerances_and_causes_of_the_page_about_replays_are_those_of_the_product():
    from audit_lab.replay.causes.cause import KINDS
    from audit_lab.replay.tolerance import DEFAULT_TOLERANCES

    stated = {row[0].strip("`"): row[2] for row in table(REPLAY_PAGE.read_text(), "kind of output")}
    allowed = {}
    for kind, tolerance in DEFAULT_TOLERANCES.items():
        absolute, relative = f"{tolerance.absolute:g}", f"{tolerance.relative:g} of the recorded value"
        if tolerance.absolute and tolerance.relative:
            allowed[kind] = f"{absolute}, or {relative} if that is more"
        else:
            allowed[kind] = absolute if tolerance.absolute else relative
    assert stated == allowed | {"label": "nothing: it is the same or not"}
    assert [row[0].strip("`") for row in table(REPLAY_PAGE.read_text(), "kind")] == list(KINDS)


@pytest.mark.parametrize("page", [*sorted((ROOT / "docs").glob("*.md")), README], ids=lambda page: page.name)
def test_every_command_of_a_page_is_one_that_there_is(page):
    from typer.main import get_command

    from audit_lab.cli.app import application

    commands = get_command(application()).commands
    groups = {name: group.commands for name, group in commands.items() if hasattr(group, "commands")}
    assert groups  # commands in groups are seen, too
    for name, follows in re.findall(r"audit-lab ([a-z]+(?:-[a-z]+)*)(?: ([a-z]+))?", page.read_text()):
        assert name in commands
        assert name not in groups or follows in {"", *groups[name]}


def test_a_kept_replay_is_described_as_it_is_written():
    from audit_lab.replay.runner import RESULT_SCHEMA

    kept = section((ROOT / "docs" / "formats.md").read_text(), "Kept replay")
    named = re.findall(r"`(\w+)`", "".join(row[0] for row in table(kept, "columns")[:-1]))
    sides = [f"{side}_{step}" for step in ("label", "rule", "decision") for side in ("recorded", "replayed")]
    assert sorted([*named, *sides]) == sorted(RESULT_SCHEMA)


def test_every_benchmark_has_a_row_and_a_command():
    page = (ROOT / "benchmarks" / "README.md").read_text()
    measuring = {path.stem for path in (ROOT / "benchmarks").glob("*.json")}
    assert measuring
    assert measuring <= {row[0].strip("`").removesuffix(".py") for row in table(page, "script")}
    assert measuring <= set(re.findall(r"(?m)^\.venv/bin/python benchmarks/(\w+)\.py", page))
