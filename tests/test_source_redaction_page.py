"""What the page about redaction at the source shows is run, in order, and its words are those of the product."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from pages import blocks, quotes, run_all, table

from audit_lab.capture.redaction.rule import RULES
from audit_lab.capture.redaction.source_redaction import COLUMNS

PAGE = Path(__file__).parents[1] / "docs" / "source-redaction.md"


def test_every_example_runs_and_prints_what_the_page_quotes(tmp_path):
    text = PAGE.read_text()
    said = run_all(blocks(text), tmp_path)
    for quoted in quotes(text):
        assert any(quoted in each for each in said), quoted
    assert any("predictions.subject_id was replaced by a pseudonym" in each for each in said)


def test_the_page_names_every_rule_and_every_column_that_one_can_change():
    text = PAGE.read_text()
    rules = {row[0].split(",")[0].strip("` ") for row in table(text, "rule")}
    assert rules == set(RULES)
    assert all(f"`{column}`" in text for columns in COLUMNS.values() for column in columns)
