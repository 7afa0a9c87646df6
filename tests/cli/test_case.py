"""The commands about a case."""

from __future__ import annotations

import pytest

import audit_lab as al
from audit_lab.case import CaseFile

WHO = ("--actor", "jane", "--purpose", "complaint")


@pytest.fixture
def opened(run, make_log, tmp_path):
    """A case that was opened from a decision, and the log that it is about."""
    log = make_log()
    name = al.open(log).predictions.select("prediction_id").first().collect().item()
    given = ("--folder", tmp_path / "cases", "--question", "Why?", *WHO, "--decision", name, "--json")
    answer = run("case", "new", "INC-1", "--log", log, *given)
    assert (answer.code, answer.err) == (0, "")
    return answer.json


def test_a_case_is_worked_on_from_the_command_line(run, opened):
    folder = opened["folder"]
    assert opened["scope"]["opened_from"].startswith("decision ")
    assert [each["kind"] for each in opened["exhibits"]] == ["decision", "lineage"]
    assert run("case", "finding", folder, "It is so.", "--exhibit", "1", "--confidence", "low").code == 0
    given = (
        "--kind",
        "corrective",
        "--owner",
        "Rex",
        "--due",
        "2026-12-01",
        "--by",
        "rex",
        "--why",
        "review",
        "--json",
    )
    assert run("case", "action", folder, "Map it", *given).json["id"] == "A1"
    assert run("case", "action", folder, "A1", "--status", "closed", "--how", "done", "--json").json["how"] == "done"
    assert run("case", "comment", folder, "Good.", "--about", "A1", "--json").json["about"] == "A1"
    assert "DRAFT" in run("case", "report", folder, "--json").json["text"]
    assert run("case", "status", folder, "closed", "--reason", "answered", "--json").json["status"] == "closed"
    shown = run("case", "show", folder)
    for text in ("Case INC-1 (closed)", "It is so.", "Map it", "Good.", "answered"):
        assert text in shown.out
    assert run("case", "show", folder, "--json").json["status"] == "closed"
    kept = run("case", "exhibit", "list", folder, "--json").json
    assert [(each["kept_by"], each["rows"]) for each in kept] == [("jane", 1), ("jane", None)]
    lines = run("case", "custody", folder, "--json").json["lines"]
    assert ("rex", "review", "action agreed") in [(line["actor"], line["why"], line["action"]) for line in lines]
    assert "action agreed" in run("case", "custody", folder).out


def test_an_edit_by_hand_is_told(run, opened):
    path = CaseFile.open(opened["folder"]).folder / "timeline.toml"
    path.write_text(path.read_text().replace("was made", "was taken"))
    answer = run("case", "custody", path.parent)
    assert (answer.code, "timeline.toml differs" in answer.out) == (1, True)
    answer = run("case", "comment", path.parent, "hm")
    assert (answer.code, answer.err.startswith("audit-lab: timeline.toml of the case INC-1 changed")) == (0, True)
    assert run("case", "custody", path.parent).code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["action", "x", "--kind", "corrective"], "a kind, an owner and a day"),
        (["action", "A1", "--status", "closed", "--owner", "x"], "--status is about an action that was agreed"),
        (["finding", "x", "--exhibit", "9", "--confidence", "low"], "names no exhibit"),
        (["status", "reopened", "--reason", "x"], "cannot become reopened"),
    ],
)
def test_what_cannot_be_meant_is_refused(run, opened, arguments, message):
    command, *rest = arguments
    answer = run("case", command, opened["folder"], *rest)
    assert answer.code != 0
    assert message in answer.err


def test_a_case_needs_somebody_who_investigates(run, make_log):
    answer = run("case", "new", "INC-1", "--log", make_log(), "--question", "Why?")
    assert (answer.code, "needs somebody who investigates" in answer.err) == (2, True)
