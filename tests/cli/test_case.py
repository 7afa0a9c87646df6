"""The commands about a case."""

from __future__ import annotations

import pytest

import audit_lab as al
from audit_lab.case import CaseFile
from audit_lab.cli import case_work
from audit_lab.evidence.generated import QUESTIONS, Step

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


@pytest.fixture
def keys(run, tmp_path, monkeypatch):
    """The keys of an investigator and of an approver, as `keys new` makes them."""
    monkeypatch.setenv("AUDIT_LAB_PASSPHRASE", "correct horse battery")
    jane = run("keys", "new", "jane", "--out", tmp_path / "keys", "--json").json
    rex = run("keys", "new", "rex", "--kind", "sign-off", "--out", tmp_path / "keys", "--json").json
    return jane, rex


def test_a_case_is_finished_exported_and_signed_by_the_command_line_alone(run, opened, keys, tmp_path):
    folder, (jane, rex) = opened["folder"], keys
    name = opened["exhibits"][0]["title"].split(" ")[-1]
    kept = run("case", "keep", folder, "coverage", f"decision:{name}", "--json").json
    assert [(each["number"], each["kind"]) for each in kept] == [(3, "table"), (1, "decision")]
    assert kept[0]["query"] == "log.coverage().table"
    titled = run("case", "keep", folder, "verify", "--title", "The log holds", "--note", "unsealed")
    assert (titled.code, "The log holds" in titled.out) == (0, True)
    assert run("case", "finding", folder, "All is there.", "--exhibit", "3", "--confidence", "high").code == 0
    said = run(
        "case", "event", folder, "2026-01-02T09:00:00+01:00", "She complained", "--stated-by", "Ida", "--json"
    ).json
    assert (said["by"], said["source"]) == ("Ida", "stated")
    assert (
        run("case", "event", folder, "2026-01-02T09:00:00Z", "Denied", "--exhibit", "1", "--json").json["source"]
        == "log"
    )
    assert run("case", "conclude", folder, "It was so.", "--json").json["conclusion"] == "It was so."
    assert "It was so." in run("case", "conclude", folder, "It was so.").out
    made = run("export", folder, "--out", tmp_path / "out", "--key", jane["key"])
    assert made.code == 0, made.err
    bundle = tmp_path / "out" / "INC-1.zip"
    assert f"audit-lab verify {bundle} --trust {jane['trust']}" in " ".join(made.out.split())
    assert run("verify", bundle, "--trust", jane["trust"]).code == 0
    trust = ("--trust", jane["trust"], "--trust", rex["trust"])
    signed = ("--name", "Rex Holm", "--meaning", "approved", "--key", rex["key"], *trust, "--case", folder)
    assert run("sign", bundle, *signed).code == 0
    assert [each["state"] for each in run("case", "show", folder, "--json").json["sign_offs"]] == [
        "valid for the case as it is, by custody"
    ]
    (shown,) = run("case", "show", folder, "--bundle", bundle, *trust, "--json").json["sign_offs"]
    assert (shown["by"], shown["state"]) == ("Rex Holm, approver", "valid")
    (unknown,) = run("case", "show", folder, "--bundle", bundle, "--trust", jane["trust"], "--json").json["sign_offs"]
    assert unknown["state"].startswith("VOID: sign-off.key-not-trusted")
    report = run("case", "report", folder, "--bundle", bundle, *trust, "--json").json["text"]
    assert ("Approved by Rex Holm" in report, "DRAFT" in report) == (True, False)
    assert run("case", "comment", folder, "Sent.").code == 0
    assert "valid for the case" in run("case", "show", folder).out
    assert run("case", "conclude", folder, "It was otherwise.").code == 0
    for asked in ((), ("--bundle", bundle, *trust)):
        (void,) = run("case", "show", folder, *asked, "--json").json["sign_offs"]
        assert void["state"].startswith("VOID: the case changed after it was signed")
    assert "has changed since" in run("case", "report", folder, "--bundle", bundle, *trust).err
    assert run("case", "conclude", folder, "It was so.").code == 0
    assert "VOID" not in run("case", "show", folder).out


def test_a_question_is_asked_of_the_log_as_the_case_saw_it(run, opened, flights):
    answer = run("case", "keep", opened["folder"], "coverage", "--log", flights)
    assert (answer.code, "is not the log of the case INC-1" in answer.err) == (2, True)
    refused = run("case", "keep", opened["folder"], "coverage", "drift", "--title", "Both")
    assert (refused.code, "a title is for one exhibit" in refused.err) == (2, True)
    assert "there is no question" in run("case", "keep", opened["folder"], "__import__('os')").err


@pytest.mark.parametrize("question", sorted(QUESTIONS))
def test_every_question_of_the_list_can_be_asked_of_a_log(question):
    known = {"since": "2026-01-01", "conversion": "mile -> km"}
    step = Step(question, {name: known.get(name, "shap") for name in QUESTIONS[question].parameters})
    asked = []

    class Log:
        def __getattr__(self, name):
            def answer(*_, **__):
                asked.append(name)
                return self

            return answer

        table = None

    case_work._answer(Log(), step)
    assert asked


@pytest.mark.parametrize("option", [("--own-folder",), ("--log", ".")])
def test_what_is_about_notebooks_is_refused_for_a_case(run, opened, option):
    answer = run("export", opened["folder"], *option, "--demonstration-key")
    assert (answer.code, "are for notebooks" in answer.err) == (2, True)
    nothing = run("export", opened["folder"] + "-2", "--demonstration-key")
    assert (nothing.code, "there is no notebook and no case" in nothing.err) == (2, True)


def test_trust_without_a_bundle_is_refused(run, opened):
    for command in ("show", "report"):
        answer = run("case", command, opened["folder"], "--trust", "t.toml")
        assert (answer.code, "Add --bundle" in answer.err) == (2, True)


def test_a_case_says_at_its_beginning_what_it_must_be_signed_off_as(run, make_log, tmp_path):
    given = ("--log", make_log(), "--folder", tmp_path / "cases", "--question", "Why?", *WHO, "--json")
    asked = ("--sign-off", "reviewed", "--sign-off", "approved")
    for name, more, persons in (("INC-1", asked, 2), ("INC-2", (*asked, "--persons", 1), 1)):
        folder = run("case", "new", name, *given, *more).json["folder"]
        about = CaseFile.open(folder).about
        assert (about.sign_offs, about.persons) == (("reviewed", "approved"), persons)
    for more in (("--sign-off", "liked"), ("--persons", "2"), ("--sign-off", "approved", "--persons", "3")):
        assert run("case", "new", "INC-3", *given, *more).code == 2
