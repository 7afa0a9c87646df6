"""The access journal: who asked what, bound line to line, and what a crash or a forger leaves of it."""

from __future__ import annotations

import errno
import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.errors import IntegrityError, MisuseError, StorageError
from audit_lab.log.files import disk
from audit_lab.log.journal import journal
from audit_lab.log.journal.journal import Journal, journal_file
from audit_lab.log.journal.line import START, JournalLine, follow_chain, parse_head
from audit_lab.log.journal.record import read_journal
from audit_lab.seal.malformed import MalformedError

MORNING = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
GOLDEN = (
    b'{"actor":"Jane Doe","answer":"answered","at":"2026-05-04T09:00:00.000000Z",'
    b'"columns":["predictions.decision","predictions.subject_id"],"format":"audit_lab.journal/1","kind":"find",'
    b'"log":"bank/loans","number":1,"previous":"' + b"0" * 64 + b'",'
    b'"purpose":"complaint 2026/17","question":"find decision = \'deny\'","rows":3,"snapshot":""}'
)


class Clock:
    def __init__(self):
        self.now = MORNING - timedelta(minutes=1)

    def __call__(self):
        self.now += timedelta(minutes=1)
        return self.now


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journals" / "loans.jsonl"


@pytest.fixture
def opened(path):
    """Return a function that opens the journal, as one process does."""
    clock = Clock()

    def call(actor="Jane Doe", purpose="complaint 2026/17"):
        return Journal(path, actor=actor, purpose=purpose, log="bank/loans", clock=clock)

    return call


@pytest.fixture
def three(opened, path):
    """Return a journal of three questions, as bytes."""
    writing = opened()
    writing.append("find", "find decision = 'deny'", rows=3, columns=["predictions.subject_id", "predictions.decision"])
    writing.append("decision", "decision p-001", rows=1)
    writing.append("table", "table predictions")
    return path.read_bytes()


def codes(failed):
    return [found.code for found in failed.value.report.findings]


def test_a_line_has_exactly_these_bytes(three):
    assert three.split(b"\n")[0] == GOLDEN


def test_each_line_names_the_digest_of_the_line_before(three):
    lines = three.removesuffix(b"\n").split(b"\n")
    stated = [json.loads(line)["previous"] for line in lines]
    assert stated == ["0" * 64, *(hashlib.sha256(line).hexdigest() for line in lines[:-1])]


def test_what_was_asked_is_read_back(three, path):
    record = read_journal(path)
    told = [(line.number, line.actor, line.kind, line.question, line.rows, line.columns) for line in record.lines]
    assert told == [
        (1, "Jane Doe", "find", "find decision = 'deny'", 3, ("predictions.decision", "predictions.subject_id")),
        (2, "Jane Doe", "decision", "decision p-001", 1, ()),
        (3, "Jane Doe", "table", "table predictions", None, ()),
    ]
    assert record.report.verdict == "UNANCHORED"
    assert record.frame["at"].to_list() == [MORNING + timedelta(minutes=each) for each in range(3)]
    assert record.frame["rows"].to_list() == [3, 1, None]


def test_only_the_owner_can_read_it(three, path):
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_folder_that_is_there_keeps_its_mode(tmp_path):
    tmp_path.chmod(0o755)
    Journal(tmp_path / "j.jsonl", actor="a", purpose="p", log="l").append("find", "find")
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_journal_goes_on_where_it_ended(three, opened, path):
    opened("Max Roe", "review").append("verify", "verify")
    assert path.read_bytes().startswith(three)
    assert [line.actor for line in read_journal(path).lines] == ["Jane Doe", "Jane Doe", "Jane Doe", "Max Roe"]


def test_two_that_are_open_at_once_take_turns(opened, path):
    first, second = opened("first"), opened("second")
    for writing in (first, second, second, first):
        writing.append("find", "find")
    assert [line.actor for line in read_journal(path).lines] == ["first", "second", "second", "first"]


def test_processes_that_write_at_once_leave_one_chain(path):
    code = (
        "import sys; from pathlib import Path; from audit_lab.log.journal.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]), actor=sys.argv[2], purpose='test', log='l')\n"
        "for each in range(25): journal.append('find', str(each))"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, str(path), name]) for name in ("one", "two", "three")]
    assert [process.wait(timeout=60) for process in started] == [0, 0, 0]
    lines = read_journal(path).lines
    assert [line.number for line in lines] == list(range(1, 76))
    for name in ("one", "two", "three"):
        assert [line.question for line in lines if line.actor == name] == [str(each) for each in range(25)]


@pytest.mark.parametrize(
    ("forge", "found"),
    [
        (lambda lines: [lines[0].replace(b"Jane", b"Joan"), *lines[1:]], ["journal.chain-broken"]),
        (lambda lines: [lines[0], lines[2]], ["journal.chain-broken"]),
        (lambda lines: lines[1:], ["journal.chain-broken"]),
        (lambda lines: [lines[1], lines[0], lines[2]], ["journal.chain-broken"] * 3),
        (lambda lines: [lines[0], lines[0], *lines[1:]], ["journal.chain-broken"]),
        (lambda lines: [lines[0], b"", *lines[1:]], ["journal.malformed", "journal.chain-broken"]),
        (
            lambda lines: [lines[0].replace(b'"rows":3', b'"rows":-3'), *lines[1:]],
            ["journal.malformed", "journal.chain-broken"],
        ),
        (lambda lines: [b" " + lines[0], *lines[1:]], ["journal.malformed", "journal.chain-broken"]),
        (lambda lines: [lines[0].replace(b"T09", b"T9"), *lines[1:]], ["journal.malformed", "journal.chain-broken"]),
    ],
    ids=["edited", "removed", "first removed", "reordered", "repeated", "blank", "negative", "not canonical", "time"],
)
def test_a_forged_journal_is_found_out(three, path, forge, found):
    assert read_journal(path).report.holds
    path.write_bytes(b"\n".join([*forge(three.removesuffix(b"\n").split(b"\n")), b""]))
    with pytest.raises(IntegrityError) as failed:
        read_journal(path)
    assert codes(failed) == found


def test_no_question_is_added_to_a_forged_journal(three, opened, path):
    path.write_bytes(three.replace(b"p-001", b"p-002"))
    with pytest.raises(IntegrityError, match="chain-broken"):
        opened()


def test_a_journal_that_is_cut_while_it_is_open_is_found_out(opened, path):
    writing = opened()
    for each in range(3):
        writing.append("find", f"find {each}")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    with pytest.raises(IntegrityError) as failed:
        writing.append("find", "find more")
    assert codes(failed) == ["journal.cut"]


def test_a_cut_end_shows_only_against_a_head_that_was_noted(three, path):
    noted = read_journal(path).head
    assert read_journal(path, noted).report.verdict == "VERIFIED"
    path.write_bytes(b"".join(three.splitlines(keepends=True)[:2]))
    without = read_journal(path).report
    assert without.verdict == "UNANCHORED"
    assert "keep its head elsewhere" in without.not_checked[0]
    with pytest.raises(IntegrityError) as failed:
        read_journal(path, noted)
    assert codes(failed) == ["journal.cut"]


def test_a_journal_that_was_written_anew_shows_against_a_head_that_was_noted(three, opened, path):
    noted = read_journal(path).head
    path.unlink()
    for each in range(3):
        opened("Mallory").append("find", f"find {each}")
    with pytest.raises(IntegrityError) as failed:
        read_journal(path, noted)
    assert codes(failed) == ["journal.cut"]


@pytest.mark.parametrize("text", ["", "3", "3:abc", ":" + "0" * 64, "-1:" + "0" * 64, "\u0663:" + "0" * 64])
def test_what_is_no_head_is_refused(text):
    with pytest.raises(MalformedError) as refused:
        parse_head(text)
    assert refused.value.code == "journal.head-malformed"


def test_a_line_torn_at_any_byte_is_set_aside_and_stated(three, opened, path):
    last = three.splitlines(keepends=True)[2]
    for kept in range(1, len(last) - 1):
        torn = last[:kept]
        path.write_bytes(three.removesuffix(last) + torn)
        read = read_journal(path)
        assert (len(read.lines), read.report.notes[0].startswith(f"{kept} bytes of a line")) == (2, True)
        opened()
        record = read_journal(path)
        digest = hashlib.sha256(torn).hexdigest()
        aside = f"loans.jsonl.torn-{digest[:16]}"
        said = f"a last line that a crash tore, {kept} bytes, SHA-256 {digest}, is kept in {aside}"
        assert [line.kind for line in record.lines] == ["find", "decision", "torn"]
        assert (record.lines[2].question, record.report.notes) == (said, ())
        assert (path.parent / aside).read_bytes() == torn


def test_a_second_crash_while_setting_aside_loses_nothing(three, opened, path, monkeypatch):
    path.write_bytes(three + b'{"actor":"Ja')
    write = journal.write_private_file

    def fail_on_the_journal(target, content):
        if target == path:
            raise OSError(errno.EIO, "Input/output error")
        write(target, content)

    monkeypatch.setattr(journal, "write_private_file", fail_on_the_journal)
    with pytest.raises(StorageError):
        opened()
    assert path.read_bytes() == three + b'{"actor":"Ja'
    monkeypatch.undo()
    opened().append("find", "find")
    assert [line.kind for line in read_journal(path).lines] == ["find", "decision", "table", "torn", "find"]


def test_a_full_disk_refuses_the_question_and_leaves_no_part_of_a_line(three, opened, path, monkeypatch):
    writing = opened()

    def fill(self, handle, content):
        import os

        os.write(handle, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(disk.LocalDisk, "write", fill)
    with pytest.raises(StorageError, match="No space left on device.* No answer is given without it"):
        writing.append("find", "find")
    assert path.read_bytes() == three
    monkeypatch.undo()
    writing.append("find", "find")
    assert [line.number for line in read_journal(path).lines] == [1, 2, 3, 4]


def test_a_line_is_synced_before_its_answer_can_be_given(opened, monkeypatch):
    done = []
    writing = opened()
    monkeypatch.setattr(journal.os, "fsync", lambda handle: done.append("synced"))
    monkeypatch.setattr(journal, "sync_folder", lambda folder: done.append(folder.name))
    writing.append("find", "find")
    writing.append("find", "find")
    assert done == ["synced", "journals", "synced"]


def test_a_clock_that_goes_back_is_stated_and_stops_nobody(path):
    times = iter([MORNING, MORNING - timedelta(hours=1), MORNING])
    writing = Journal(path, actor="a", purpose="p", log="l", clock=lambda: next(times))
    for _ in range(3):
        writing.append("find", "find")
    report = read_journal(path).report
    assert report.notes == ("line 2 states an earlier time than the line before it",)
    assert report.holds


@pytest.mark.parametrize(
    ("actor", "purpose"), [("", "p"), ("a", "  "), ("a" * 201, "p"), ("a", "p" * 2001), (None, "p")]
)
def test_who_and_why_must_be_said(path, actor, purpose):
    with pytest.raises(MisuseError):
        Journal(path, actor=actor, purpose=purpose, log="l")
    assert not path.exists()


def test_a_question_as_long_as_a_book_is_cut_and_its_digest_kept(opened, path):
    text = "inputs.x > 1 OR " * 10_000
    opened().append("find", text)
    question = read_journal(path).lines[0].question
    assert question == f"{text[:20_000]}... (160,000 characters, SHA-256 {hashlib.sha256(text.encode()).hexdigest()})"


def test_a_missing_journal_is_misuse(tmp_path):
    with pytest.raises(MisuseError, match="there is no journal"):
        read_journal(tmp_path / "none.jsonl")


def test_a_journal_stands_outside_every_log_by_default(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    digest = hashlib.sha256(b"bank/loans").hexdigest()[:16]
    assert journal_file("bank/loans") == tmp_path / "audit_lab" / "journal" / f"{digest}.jsonl"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert journal_file("bank/loans").is_relative_to(Path.home() / ".local" / "state")


text = st.text(st.characters(codec="utf-8"), max_size=20)


@given(text, text, text, st.none() | st.integers(0, 2**53 - 1), st.lists(text, max_size=3))
def test_any_text_is_read_back_as_it_was_written(actor, purpose, question, rows, columns):
    line = JournalLine(
        1,
        "2026-05-04T09:00:00.000000Z",
        actor,
        purpose,
        "",
        "",
        "k",
        question,
        "answered",
        rows,
        tuple(columns),
        "0" * 64,
    )
    chain = follow_chain(line.to_bytes() + b"\n", "j")
    assert (chain.lines, chain.findings, chain.head, chain.torn) == ((line,), (), line.head, b"")


def test_half_of_a_surrogate_pair_is_journalled_as_its_escape(opened, path):
    opened().append("find", "id \udc80")
    assert read_journal(path).lines[0].question == "id \\udc80"


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_torn_and_never_crash(content):
    chain = follow_chain(content, "j")
    assert chain.lines == ()
    assert len(chain.findings) == content.count(b"\n")
    assert chain.torn == content.rpartition(b"\n")[2]
    if not content:
        assert chain.head == START
