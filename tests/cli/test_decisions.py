"""`audit-lab decisions`: many decisions by ids, by an expression, or about one subject."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest


@pytest.fixture
def log(make_log):
    named = lambda frame: frame.with_columns(subject_id=pl.format("s-{}", pl.col("sequence") % 4))
    return make_log(predictions=named)


def test_by_ids_that_are_all_there(run, log):
    answer = run("decisions", "--log", log, "--id", "p-001", "--id", "p-003@part-00000:3", "--json")
    document = answer.json
    assert answer.code == 0
    assert [row["place"] for row in document["decisions"]] == ["p-001@part-00000:1", "p-003@part-00000:3"]
    assert document["missing"] == []


def test_an_id_that_is_not_there_exits_1_and_is_named(run, log):
    answer = run("decisions", "--log", log, "--id", "p-001", "--id", "p-999")
    assert answer.code == 1
    assert "1 of 2 decisions asked for were found." in answer.out
    assert "Not in the log\n- p-999" in answer.out


def test_ids_from_a_file(run, log, tmp_path):
    (tmp_path / "ids.txt").write_text("p-001\n\n  p-002 \n")
    answer = run("decisions", "--log", log, "--ids", tmp_path / "ids.txt", "--json")
    assert answer.code == 0
    assert [row["prediction_id"] for row in answer.json["decisions"]] == ["p-001", "p-002"]


def test_by_an_expression_and_a_time(run, log):
    answer = run("decisions", "inputs.years < 2", "--log", log, "--since", "2024-03-05", "--json")
    assert answer.code == 0
    assert {row["decision_rule"] for row in answer.json["decisions"]} == {"newcomer"}


def test_about_a_subject_with_what_happened_in_order_of_time(run, log):
    answer = run("decisions", "--log", log, "--subject", "s-1")
    assert answer.code == 0
    assert answer.out.startswith("10 decisions were found about 's-1'.")
    assert "In order of time" in answer.out
    assert run("decisions", "--log", log, "--subject", "nobody").code == 1


def test_gaps_and_findings_are_told_with_how_many_have_them(run, make_log):
    late = datetime(2030, 1, 1, tzinfo=UTC)
    folder = make_log(
        "changed",
        artifact=b"other",
        inputs_loans=None,
        model_versions=lambda frame: frame.with_columns(recorded_at=pl.lit(late)),
    )
    answer = run("decisions", "--log", folder, "--limit", "1")
    assert answer.code == 0
    assert "40 have the gap inputs-missing." in answer.out
    assert "40 have the gap artifact-digest-mismatch." in answer.out
    assert "40 have the finding decided-before-registration." in answer.out
    assert "40 found; 1 shown." in answer.out


@pytest.mark.parametrize(
    "arguments", [("decision = 'deny'", "--id", "p-001"), ("--id", "p-001", "--subject", "s-1"), ("nonsense (",)]
)
def test_what_cannot_be_meant_exits_2(run, log, arguments):
    answer = run("decisions", *arguments, "--log", log)
    assert answer.code == 2
    assert answer.err.startswith("audit-lab: ")


def test_a_decision_shows_its_findings(run, make_log):
    late = datetime(2030, 1, 1, tzinfo=UTC)
    folder = make_log("late", model_versions=lambda frame: frame.with_columns(recorded_at=pl.lit(late)))
    answer = run("show", "--log", folder, "p-001")
    assert answer.code == 0
    assert "Findings\n- decided-before-registration: " in answer.out
    assert "final decision" in answer.out
