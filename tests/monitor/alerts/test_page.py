"""The page about watching: what it shows is run, and what it lists is what there is."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

import audit_lab as al
from audit_lab.monitor.alerts.entry import ENTRY_KINDS, ENTRY_MEMBERS
from audit_lab.monitor.alerts.example import EXAMPLE
from audit_lab.monitor.alerts.reviewing import CONCLUSIONS
from audit_lab.monitor.alerts.rule_file import parse_rules
from audit_lab.monitor.alerts.rule_values import KINDS

sys.path.insert(0, str(Path(__file__).parents[2]))
from pages import blocks, quotes, run_all, table

PAGE = (Path(__file__).parents[3] / "docs" / "watch.md").read_text()


def test_every_example_runs_and_says_what_the_page_quotes(tmp_path, flights):
    shutil.copytree(flights, tmp_path / "place" / "flights")
    printed = " ".join(run_all(blocks(PAGE), tmp_path / "place"))
    assert len(quotes(PAGE)) == 6
    assert [quoted for quoted in quotes(PAGE) if quoted not in printed] == []


def test_the_table_of_kinds_is_that_of_the_product():
    rows = table(PAGE, "kind")
    assert {row[0].strip("`"): re.findall(r"`(\w+)`", row[1]) for row in rows} == {
        kind: list(keys) for kind, keys in KINDS.items()
    }


def test_the_conclusions_are_those_of_the_product():
    assert [conclusion for conclusion in CONCLUSIONS if f"`{conclusion}`" not in PAGE.replace("\n", " ")] == []


def test_the_rules_shown_for_telling_people_are_part_of_the_example():
    (shown,) = re.findall(r"(?ms)^## Telling people\n```\n(.*?)^```$", PAGE)
    stated = [line for line in shown.splitlines() if line]
    assert [line for line in stated if line not in EXAMPLE.splitlines()] == []


def test_the_formats_of_entries_are_those_of_the_product():
    text = (Path(__file__).parents[3] / "docs" / "formats.md").read_text().partition("## Alerts\n")[2]
    rows = table(text.partition("\n## ")[0], "kind")
    stated = {row[0].strip("`"): (row[1].strip("`"), re.findall(r"`(\w+)`", row[2])) for row in rows}
    assert stated == {kind: (name, sorted(ENTRY_MEMBERS[kind] - {"format"})) for kind, name in ENTRY_KINDS.items()}


@pytest.mark.soak
def test_the_whole_example_can_be_evaluated_on_the_sample_log(flights):
    found = al.open(flights).watch(parse_rules(EXAMPLE, "example"))
    assert [one.rule for one in found.unevaluated] == []
    assert {alert.rule.kind for alert in found.alerts} >= {"drift", "drift together", "silence", "onset", "performance"}
