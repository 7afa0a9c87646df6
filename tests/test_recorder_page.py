"""What the page about recording shows is run, in order, and its words are those of the product."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from pages import blocks, run_all, table

import audit_lab as al
from audit_lab.capture.recorder.record_form import EXTRAS

PAGE = Path(__file__).parents[1] / "docs" / "recorder.md"


def test_every_example_runs_and_the_log_has_what_it_recorded(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    said = run_all(blocks(PAGE.read_text()), place)
    assert "durable=1" in said[0]
    assert "'decision': 'approve'" in said[2]
    assert "Everything is sealed." in said[3]
    assert "UNANCHORED" in said[4]
    log = al.open(place / "decisions")
    # Each recorder's records lie in their order; which recorder's are sealed first is left open.
    predictions = log.predictions.sort("occurred_at").collect()
    assert predictions["decision"].to_list() == ["approve", "deny", "deny", None, "approve"]
    cities = predictions.join(log.inputs("loans").collect(), on="prediction_id", maintain_order="left")["city"]
    assert cities.to_list() == ["Bern", "Basel", "Ys", "Bern"]
    assert log.events.collect()["kind"].to_list() == ["recorder.quarantined"]


def test_the_table_names_everything_that_a_record_may_have():
    named = {word.strip("` ") for row in table(PAGE.read_text(), "argument") for word in row[0].split(",")}
    assert named == EXTRAS | {"prediction_id", "occurred_at", "latency_ms"}


def test_the_readme_s_example_runs(tmp_path):
    readme = (PAGE.parents[1] / "README.md").read_text()
    ((language, content),) = blocks(readme.split("## Record what a model decides\n")[1].split("\n## ")[0])
    begun = "import audit_lab as al\nal.create_log('decisions', 'demonstration-decisions').close()\n"
    run_all([(language, f"{begun}{content}recorder.close()\nrecorder.sealed(60)\n")], tmp_path)
    assert al.open(tmp_path / "decisions").predictions.collect()["decision"].to_list() == ["approve"]
