"""What the page about causes shows is run, on a copy of the sample log, and says what the page quotes."""

from __future__ import annotations

import inspect
import re
import shutil
import sys
from pathlib import Path

import audit_lab as al

sys.path.insert(0, str(Path(__file__).parent))
from pages import blocks, quotes, run_all, table

PAGE = Path(__file__).parents[1] / "docs" / "cause.md"


def test_every_example_runs_and_says_what_the_page_quotes(flights, tmp_path):
    place = tmp_path / "place"
    shutil.copytree(flights, place / "flights")
    text = PAGE.read_text()
    printed = " ".join(run_all(blocks(text), place))
    quoted = quotes(text)
    assert len(quoted) == 5
    assert [each for each in quoted if each not in printed] == []
    shown = [(folder / "cause.png").read_bytes() for folder in (place, PAGE.parent / "pictures")]
    assert all(each.startswith(b"\x89PNG") for each in shown)


def test_the_table_names_every_parameter():
    given = {name for cells in table(PAGE.read_text(), "given") for name in re.findall(r"`([a-z_]+)`", cells[0])}
    assert given == set(inspect.signature(al.AuditLog.cause).parameters) - {"self"}


def test_the_table_of_methods_names_those_that_there_are():
    from audit_lab.monitor.cause.contribution import ATTRIBUTION, EXCHANGE, REWEIGHTING

    assert [cells[0] for cells in table(PAGE.read_text(), "method")] == [ATTRIBUTION, REWEIGHTING, EXCHANGE]
