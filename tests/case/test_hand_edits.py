"""Who changed which file: custody has the digests of each, and an edit past the case is noticed."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys

import polars as pl
import pytest

from audit_lab.case import CaseEditedWarning, CaseFile
from audit_lab.errors import AuditLabError
from audit_lab.seal.custody import NO_LINE, CustodyLine, FileChange

FRAME = pl.DataFrame({"a": [1]})


def _digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_line_has_the_digests_before_and_after(case):
    case.conclude("It merged.")
    before = _digest(case.folder / "conclusion.txt")
    case.conclude("It merged into AA.")
    after = _digest(case.folder / "conclusion.txt")
    assert [line.changes for line in case.custody[1:]] == [
        (FileChange("conclusion.txt", None, before),),
        (FileChange("conclusion.txt", before, after),),
    ]


def test_the_files_of_an_exhibit_are_in_custody(case):
    exhibit = case.keep(FRAME, "rows")
    names = [f"exhibits/{exhibit.folder.name}/{name}" for name in ("exhibit.json", "table.csv", "table.parquet")]
    assert [(change.file, change.before) for change in case.custody[-1].changes] == [(name, None) for name in names]
    assert (case.kept(exhibit).actor, case.kept(exhibit).action) == ("jane", "exhibit kept")
    assert case.edited() == ()


@pytest.mark.parametrize("name", ["case.toml", "conclusion.txt", "findings.json"])
def test_an_edit_by_hand_is_said_by_the_next_write(case, name):
    case.keep(FRAME, "rows")
    case.finding("x", [1], "low")
    case.conclude("It merged.")
    path = case.folder / name
    before = _digest(path)
    path.write_bytes(path.read_bytes() + b"\n")
    change = FileChange(name, before, _digest(path))
    assert case.edited() == (change,)
    with pytest.warns(CaseEditedWarning, match=f"{name} of the case INC-1 changed"):
        case.comment("looked")
    assert [(line.action, line.subject) for line in case.custody[-2:]] == [
        ("edited by hand", name),
        ("commented", "C1"),
    ]
    assert case.custody[-2].changes == (change,)
    assert case.edited() == ()


def test_an_edit_of_what_is_written_next_is_told_apart_from_the_write(case):
    case.conclude("It merged.")
    path = case.folder / "conclusion.txt"
    path.write_text("It never merged.")
    edited = _digest(path)
    with pytest.warns(CaseEditedWarning):
        case.conclude("It merged into AA.")
    assert [line.changes[0].after for line in case.custody[-2:]] == [edited, _digest(path)]
    assert case.custody[-1].changes[0].before == edited


def test_a_file_that_was_added_or_removed_by_hand_is_noticed(case):
    exhibit = case.keep(FRAME, "rows")
    (exhibit.folder / "table.csv").unlink()
    (exhibit.folder / "more.csv").write_text("a")
    (case.folder / "actions.toml").write_text("")
    (case.folder / "notes.txt").write_text("no file of a case")
    assert [
        (change.file.rpartition("/")[2], change.before is None, change.after is None) for change in case.edited()
    ] == [
        ("actions.toml", True, False),
        ("more.csv", True, False),
        ("table.csv", False, True),
    ]


def test_noting_edits_writes_a_line_once(case):
    assert case.note_edits() == ()
    (case.folder / "conclusion.txt").write_text("x")
    with pytest.warns(CaseEditedWarning):
        assert [change.file for change in case.note_edits()] == ["conclusion.txt"]
    assert case.note_edits() == ()
    assert [line.action for line in case.custody] == ["created", "edited by hand"]


def test_a_case_of_the_first_custody_format_goes_on(case):
    line = CustodyLine(1, "2025-01-01T00:00:00.000000Z", "jane", "created", "INC-1", "complaint", NO_LINE)
    (case.folder / "custody.jsonl").write_bytes(line.to_bytes() + b"\n")
    case.conclude("It merged.")
    assert [each.changes is None for each in case.custody] == [True, False]
    assert [change.file for change in case.custody[1].changes] == ["conclusion.txt"]


WRITER = """
import sys
from audit_lab.case import CaseFile
case = CaseFile.open(sys.argv[1], actor=sys.argv[2])
for number in range(8):
    case.action(f"{sys.argv[2]} {number}", kind="corrective", owner="Rex", due="2026-12-01")
"""


def test_two_processes_lose_nothing(tmp_path, log):
    case = CaseFile.create("INC-1", log, question="Why?", actor="jane", purpose="p", folder=tmp_path)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, case.folder, name]) for name in ("ida", "rex")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    wanted = sorted(f"{name} {number}" for name in ("ida", "rex") for number in range(8))
    assert sorted(each.what for each in case.actions) == wanted
    assert [each.id for each in case.actions] == [f"A{number}" for number in range(1, 17)]
    assert sorted(line.actor for line in case.custody) == ["ida"] * 8 + ["jane"] + ["rex"] * 8
    assert case.edited() == ()


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_case_where_nothing_can_be_written_is_read_and_says_so(case, monkeypatch, number):
    case.conclude("It merged.")
    real = os.open

    def refuse(path, *rest, **named):
        if str(path).endswith(".lock"):
            raise OSError(number, os.strerror(number), str(path))
        return real(path, *rest, **named)

    monkeypatch.setattr(os, "open", refuse)
    assert CaseFile.open(case.folder).conclusion == "It merged."
    with pytest.raises(
        AuditLabError, match=r"case in .*INC-1 cannot be written to .*Copy its folder to a place of yours"
    ):
        case.comment("looked")
    assert len(case.custody) == 2
