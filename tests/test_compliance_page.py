"""The page about clauses names nothing that is not there: each command, function, test and page exists."""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path

import pytest
from typer.main import get_command

import audit_lab as al
from audit_lab.cli.app import application

sys.path.insert(0, str(Path(__file__).parent))
from pages import table

ROOT = Path(__file__).parents[1]
#: Where a row begins: a clause has a number.
CLAUSE = re.compile(r"(?m)^\| \d(?!1 CFR)")
TEXT = (ROOT / "docs" / "compliance.md").read_text()
REGULATIONS = ["21 CFR Part 11", "EU GMP Annex 11", "EU AI Act", "GDPR", "Regulation B"]
ROWS = [(f"{regulation} {row[0]}", row) for regulation in REGULATIONS for row in table(TEXT, regulation)]


def named(cell):
    return re.findall(r"`([^`]+)`", cell)


@cache
def commands():
    return get_command(application())


def is_there(name):
    """Whether a command of the command line, or an attribute of the library, has this name."""
    words = name.split(" ")
    if words[0] == "audit-lab":
        found = commands()
        for word in words[1:]:
            found = getattr(found, "commands", {}).get(word)
        return found is not None
    found = al
    for part in name.removeprefix("al.").split("."):
        found = getattr(found, part, None)
    return name.startswith("al.") and found is not None


def test_every_table_is_read():
    assert len(ROWS) == len(CLAUSE.findall(TEXT)) == 40
    assert len(re.findall(r"(?m)^## ", TEXT)) == len(REGULATIONS)


@pytest.mark.parametrize(("clause", "row"), ROWS, ids=[clause for clause, _ in ROWS])
def test_a_clause_is_served_by_what_is_there_and_says_what_is_not(clause, row):
    _, asks, serves, by, shown, remains = row
    assert all((asks, serves, remains)), clause
    assert named(by), clause
    assert [name for name in named(by) if not is_there(name)] == []
    assert named(shown), clause
    assert [path for path in named(shown) if not (ROOT / path).exists()] == []
    assert all(path.startswith(("tests/", "docs/")) for path in named(shown))


@pytest.mark.parametrize("name", ["audit-lab comply", "audit-lab case comply", "al.comply", "al.Case.comply", "Case"])
def test_what_is_not_there_would_be_noticed(name):
    assert not is_there(name)


def test_the_page_claims_no_compliance():
    assert TEXT.splitlines()[2].startswith("This page claims no compliance.")
    assert not re.search(r"(?i)\bcomplian(t|ce with)\b|\bcertified\b|\bensures\b|\bguarantees?\b", TEXT)
