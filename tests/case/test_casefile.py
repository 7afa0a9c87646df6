from __future__ import annotations

import hashlib
import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from audit_lab.case import CaseFile
from audit_lab.case.representation import Representation
from audit_lab.errors import AuditLabError, MisuseError, NotFoundError

FRAME = pl.DataFrame({"carrier": ["AA", "US"], "rows": [10, 0]})


def _acts(case):
    return [(line.action, line.actor, line.why) for line in case.custody]


def test_creating_leaves_a_custody_line(case):
    assert _acts(case) == [("created", "jane", "complaint")]
    assert case.custody[0].at == "2026-01-01T00:00:01.000000Z"


def test_creating_the_same_again_reopens_it(create):
    create().keep(FRAME, "rows")
    again = create(actor="joe", purpose="review")
    assert len(again.exhibits) == 1
    assert _acts(again)[-1] == ("opened again", "joe", "review")


def test_the_same_id_for_another_question_or_log_is_refused(create, log):
    create()
    with pytest.raises(MisuseError, match="another log or another question"):
        create(question="Who?")
    log.manifest_sha256 = "cd" * 32
    with pytest.raises(MisuseError, match="another log or another question"):
        create(log=log)


@pytest.mark.parametrize("case_id", ["", "  ", "a\nb", "x" * 121])
def test_an_id_that_is_no_line_is_refused(create, case_id, tmp_path):
    with pytest.raises(MisuseError, match="cannot be a case's id"):
        create(case_id)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case_id", ["../../etc/passwd", "/tmp/x", "--all", "*", "a/b"])
def test_an_id_is_never_a_path(create, case_id, tmp_path):
    case = create(case_id)
    assert case.folder.parent == tmp_path
    assert CaseFile.open(case.folder).case_id == case_id


def test_every_text_survives_the_folder(create):
    question = 'Why "so" \\ \x7f é \U0001f600\n?'
    assert CaseFile.open(create(question=question).folder).about.question == question


def test_cases_stand_where_the_environment_says(log, tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIT_LAB_CASES", str(tmp_path / "there"))
    case = CaseFile.create("INC-1", log, question="Why?", actor="jane", purpose="p")
    assert case.folder == tmp_path / "there" / "INC-1"


def test_cases_stand_in_the_working_folder_by_default(log, tmp_path, monkeypatch):
    monkeypatch.delenv("AUDIT_LAB_CASES", raising=False)
    monkeypatch.chdir(tmp_path)
    assert CaseFile.create("INC-1", log, question="Why?", actor="jane", purpose="p").folder == Path("cases/INC-1")


def test_opening_to_read_leaves_no_line(case):
    assert len(CaseFile.open(case.folder).custody) == 1


def test_a_folder_without_a_case(tmp_path):
    with pytest.raises(AuditLabError, match=r"case\.toml cannot be read"):
        CaseFile.open(tmp_path)


def test_an_exhibit_is_named_by_the_digest_of_its_files(case):
    exhibit = case.keep(FRAME, "rows", note="of June", query="log.find()")
    lines = "".join(
        f"{hashlib.sha256((exhibit.folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("table.csv", "table.parquet")
    )
    assert exhibit.id == hashlib.sha256(lines.encode()).hexdigest()
    assert exhibit.folder.name == f"001-{exhibit.id[:12]}-table"
    assert case.exhibits == (exhibit,)


def test_an_exhibit_of_a_kind_with_a_hyphen_is_read_again(case, monkeypatch):
    kept = Representation("what-if", {"what-if.json": b"{}"})
    monkeypatch.setattr("audit_lab.case.casefile.represent", lambda *_: kept)
    exhibit = case.keep(FRAME, "other inputs")
    assert exhibit.folder.name.endswith("-what-if")
    assert case.exhibits == (exhibit,)


def test_keeping_the_same_again_changes_nothing(case):
    first = case.keep(FRAME, "rows")
    assert case.keep(FRAME.clone(), "rows") == first
    assert len(case.exhibits) == 1
    assert [action for action, _, _ in _acts(case)] == ["created", "exhibit kept"]


def test_another_title_for_the_same_thing_is_recorded(case):
    case.keep(FRAME, "rows")
    case.keep(FRAME, "rows by carrier")
    assert [exhibit.title for exhibit in case.exhibits] == ["rows by carrier"]
    assert _acts(case)[-1][0] == "exhibit retitled"


def test_exhibits_are_numbered_in_order(case):
    for number in (3, 1, 2):
        case.keep(pl.DataFrame({"a": [number]}), f"t{number}")
    assert [(exhibit.number, exhibit.title) for exhibit in case.exhibits] == [(1, "t3"), (2, "t1"), (3, "t2")]


def test_two_cases_of_the_same_contents_are_equal_but_for_custody(create):
    one, two = create("INC-1"), create("INC-2")
    assert one.keep(FRAME, "rows").to_dict() == two.keep(FRAME, "rows").to_dict()


def test_an_exhibit_needs_a_title(case):
    with pytest.raises(MisuseError, match="needs a title"):
        case.keep(FRAME, " ")


def test_a_half_written_exhibit_is_not_there(case, monkeypatch):
    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        case.keep(FRAME, "rows")
    monkeypatch.undo()
    assert case.exhibits == ()
    assert list((case.folder / "exhibits").iterdir()) == []


def test_a_finding_rests_on_exhibits(case):
    exhibit = case.keep(FRAME, "rows")
    finding = case.finding("US vanished", [exhibit], "high")
    assert finding.supported_by == (exhibit.id,)
    assert case.finding("US vanished", [exhibit.id[:8]], "high") == finding
    assert case.findings == (finding,)
    assert _acts(case)[-1][0] == "finding stated"


@pytest.mark.parametrize("support", ["ffffffffff", "", "abc"])
def test_a_finding_on_an_unknown_exhibit(case, support):
    case.keep(FRAME, "rows")
    with pytest.raises(NotFoundError, match="names no exhibit"):
        case.finding("US vanished", [support], "high")
    assert case.findings == ()


def test_a_finding_on_nothing_or_of_unknown_confidence(case):
    exhibit = case.keep(FRAME, "rows")
    with pytest.raises(MisuseError, match="at least one exhibit"):
        case.finding("US vanished", [], "high")
    with pytest.raises(MisuseError, match="no confidence"):
        case.finding("US vanished", [exhibit], "certain")


def test_a_conclusion_can_be_changed_and_custody_says_so(case):
    case.conclude("It merged.")
    case.conclude("It merged.")
    case.conclude("It merged into AA.")
    assert case.conclusion == "It merged into AA."
    assert [action for action, _, _ in _acts(case)] == ["created", "concluded", "conclusion changed"]


def test_an_edited_custody_record_is_found(case):
    case.conclude("It merged.")
    path = case.folder / "custody.jsonl"
    path.write_bytes(path.read_bytes().replace(b"jane", b"joan", 1))
    with pytest.raises(AuditLabError, match="line 2 does not bind line 1"):
        _ = case.custody


def test_a_clock_set_back_writes_nothing(case, clock):
    clock.now = datetime(2020, 1, 1, tzinfo=UTC)
    with pytest.raises(AuditLabError, match="clock"):
        case.conclude("x")
    assert len(case.custody) == 1


def test_two_writers_lose_nothing(case):
    def write(start):
        for number in range(start, start + 5):
            CaseFile.open(case.folder).record("looked", str(number))

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    looked = [line.subject for line in case.custody if line.action == "looked"]
    assert sorted(looked) == sorted(str(number) for number in (*range(5), *range(100, 105)))


def test_the_summary_takes_nothing_as_markup(create):
    case = create(question="<script>alert(1)</script>")
    exhibit = case.keep(FRAME, "<img src=x onerror=alert(1)>")
    case.finding("<b>x</b>", [exhibit], "low")
    case.conclude("<i>")
    html = case._repr_html_()
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;b&gt;x&lt;/b&gt;" in html


def test_the_summary_says_that_a_sign_off_is_void(case):
    case.record("signed off: approved", "a" * 64)
    assert "approved, recorded by" in case._repr_html_()
    assert "VOID" not in case._repr_html_()
    case.conclude("The cause is known.")
    assert "<b>VOID</b>: approved, recorded by" in case._repr_html_()
    assert case.to_dict()["sign_offs"][0]["void"].startswith("the case changed after it was signed")


def test_the_record_of_an_exhibit_is_plain_json(case):
    exhibit = case.keep(FRAME, "rows")
    assert json.loads((exhibit.folder / "exhibit.json").read_bytes())["title"] == "rows"


def test_a_case_about_a_log_that_has_grown_says_how_to_open_it_as_it_was(create, log):
    log.checkpoint = "flights\n7\nAAAA\n"
    create()
    log.manifest_sha256 = "cd" * 32
    with pytest.raises(MisuseError, match=r"al\.open\(path, as_of=7\)"):
        create(log=log)
