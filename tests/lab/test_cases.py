"""Cases as a real server shows them: read, never changed, and never a way out of the root folder."""

from __future__ import annotations

import audit_lab as al


def entries(server):
    return {entry["path"]: entry for entry in server.ask("cases").body["cases"]}


def test_cases_are_listed_with_how_they_stand(server):
    entry = entries(server)["cases/INC-1"]
    assert entry == {
        "path": "cases/INC-1",
        "case_id": "INC-1",
        "question": "Who <b>decided</b>?",
        "log": "loans",
        "actor": "ana",
        "status": "open",
        "exhibits": 1,
        "findings": 1,
        "open_actions": 0,
        "is_concluded": False,
        "edited": [],
        "sign_offs": [],
        "void_sign_offs": [],
        "problem": None,
    }


def test_a_damaged_case_and_one_that_holds_a_link_come_with_their_problem(server):
    listed = entries(server)
    assert "findings.json" in listed["cases/DAMAGED"]["problem"]["message"]
    assert "conclusion.md" in listed["cases/LINKED"]["problem"]["message"]
    assert server.ask("case", path="cases/LINKED").status == 422
    assert str(server.root) not in str(listed)


def test_a_case_is_read_with_its_exhibits_and_reading_leaves_no_custody_line(server):
    custody = server.root / "cases" / "INC-1" / "custody.jsonl"
    before = custody.read_bytes()
    reply = server.ask("case", path="cases/INC-1")
    assert reply.status == 200
    assert [each["title"] for each in reply.body["case"]["exhibits"]] == ["The newest two"]
    assert [each["claim"] for each in reply.body["case"]["findings"]] == ["Nobody did."]
    assert custody.read_bytes() == before


def test_a_sign_off_is_listed_and_void_once_the_case_changed(server):
    case = al.Case.open(server.root / "cases" / "SIGNED", actor="ana", purpose="a test")
    case.record("signed off: approved", "a" * 64)
    (given,) = entries(server)["cases/SIGNED"]["sign_offs"]
    assert given.startswith("approved, recorded by ana at 20")
    case.conclude("Nobody.")
    entry = entries(server)["cases/SIGNED"]
    assert (entry["sign_offs"], entry["void_sign_offs"]) == ([], [given])
    (stated,) = server.ask("case", path="cases/SIGNED").body["case"]["sign_offs"]
    assert stated["void"].startswith("the case changed after it was signed")


def test_a_folder_without_a_case_is_a_problem_and_no_crash(server):
    reply = server.ask("case", path="logs")
    assert reply.status == 422
    assert reply.body["next_step"]
