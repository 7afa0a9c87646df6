"""What the page about a model's life shows is run, in order, and its list is that of the product."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from pages import blocks, run_all, table

import audit_lab as al
from audit_lab.capture.life.registration import MANDATORY

PAGE = Path(__file__).parents[1] / "docs" / "life.md"


def test_every_example_runs_and_is_in_the_log(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    said = run_all(blocks(PAGE.read_text()), place)
    assert "7" in said[2]
    store = al.open(place / "bank")._store
    rows = {name: store.table(name).collect().height for name in store.source.tables()}
    assert rows == {
        "approvals": 1, "datasets": 1, "deployments": 2, "events": 3, "lineage": 4, "model_versions": 1, "runs": 2
    }  # fmt: skip


def test_what_is_mandatory_is_listed():
    assert {row[0].strip("`"): row[1] for row in table(PAGE.read_text(), "name")} == MANDATORY
