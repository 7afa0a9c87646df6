"""What the page about serving logs shows is run, in order, and its tables are those of the product."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from pages import blocks, run_all, table

import audit_lab as al
from audit_lab.capture.adapters import exchange
from audit_lab.capture.adapters.forms import FORMS

PAGE = Path(__file__).parents[1] / "docs" / "adapters.md"


def test_every_example_runs_and_the_logs_have_what_they_took_over(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    said = run_all(blocks(PAGE.read_text()), place)
    assert "4 records (sagemaker) in 1 file: 3 kept, 1 quarantined." in said[0]
    assert "something is in quarantine" in said[0]
    assert "1 file had been taken over before." in said[0]
    assert "1 request without a response" in said[1]
    log = al.open(place / "adapted")
    assert log.predictions.collect()["prediction_id"].to_list() == ["e-1#0", "e-1#1", "e-2"]
    assert log.outcomes.collect()["label"].to_list() == ["1", "0"]
    assert "p-2" in said[2]


def test_the_tables_name_every_form_option_and_code():
    text = PAGE.read_text()
    assert {row[0].strip("`") for row in table(text, "form")} == set(FORMS)
    sides = {"BOTH", "LABEL", "REQUEST", "RESPONSE"}
    codes = {getattr(exchange, name) for name in exchange.__all__ if name.isupper() and name not in sides}
    assert {row[0].strip("`") for row in table(text, "code in the quarantine")} == codes
    arguments = {row[1].strip("`") for row in table(text, "option")}
    others = {"source", "log", "largest_record_mb", "origin", "actor", "vault", "passphrase", "clock", "progress"}
    assert arguments == set(inspect.signature(al.adapt).parameters) - others
