"""Every question that is asked of a log by somebody is in the journal, before its answer is handed out."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import AmbiguousIdError, IntegrityError, MisuseError, NotFoundError, StorageError
from audit_lab.log.files.disk import LocalDisk
from audit_lab.log.journal.record import read_journal

#: Each question, and what the journal says of it: kind, words, rows, and some of its personal columns.
QUESTIONS = {
    "describe": (lambda log: log.describe(), "describe", None, set()),
    "find": (
        lambda log: log.find("inputs.income < 4000 AND decision = 'deny'", since="2024-03-04", limit=2),
        "find inputs.income < 4000 AND decision = 'deny'; since 2024-03-04; limit 2",
        2,
        {"predictions.decision", "predictions.subject_id", "inputs.income", "inputs.city"},
    ),
    "newest": (lambda log: log.newest(3), "newest 3", 3, {"predictions.outputs"}),
    "by_request": (lambda log: log.by_request("r-1"), "by request_id r-1", 2, {"predictions.subject_id"}),
    "by_subject": (lambda log: log.by_subject("nobody"), "by subject_id nobody", 0, {"predictions.subject_id"}),
    "letter": (
        lambda log: log.letter(decision="DENY", around="2024-03-04 10:00", zone="UTC", limit=1),
        "letter; around 2024-03-04 10:00; zone UTC; within 2h; decision DENY; limit 1",
        1,
        {"predictions.decision", "overrides.decision_after"},
    ),
    "decision": (
        lambda log: log.decision("p-001"),
        "decision p-001",
        1,
        {"predictions.outputs", "inputs.income", "outcomes.label"},
    ),
    "coverage": (lambda log: log.coverage(), "coverage", 40, {"predictions.outputs"}),
    "drift": (
        lambda log: log.drift(["income", "decision"], every="1d", reference=("2024-03-04", "2024-03-05")),
        "drift; every 1d; columns income, decision; reference 2024-03-04, 2024-03-05",
        40,
        {"inputs.income", "predictions.decision"},
    ),
    "performance": (
        lambda log: log.performance(every="1d", as_of="2024-03-06"),
        "performance; every 1d; as_of 2024-03-06",
        78,  # each prediction before then twice: as known then, and now
        {"predictions.outputs", "outcomes.label"},
    ),
    "fairness": (
        lambda log: log.fairness(["city", "years"], favourable="approve", bands={"years": [10]}),
        "fairness by city; years; favourable approve; of final decision; bands {'years': [10]}; minimum 10",
        40,
        {"predictions.decision", "inputs.city", "inputs.years", "outcomes.label"},
    ),
    "verify": (lambda log: log.verify(rows=False), "verify; rows not recomputed", None, set()),
    "prove": (
        lambda log: log.prove("p-001", ["decision", "city"], vault=log.path.parent / "vault"),
        "prove p-001; fields decision, city",
        2,
        {"predictions.decision", "inputs.city"},
    ),
    "snapshots": (lambda log: log.snapshots(), "snapshots", 3, set()),
    "predictions": (
        lambda log: log.predictions,
        "table predictions; rows unknown until collected",
        None,
        {"predictions.subject_id", "predictions.outputs"},
    ),
    "inputs": (
        lambda log: log.inputs(),
        "table inputs/loans; rows unknown until collected",
        None,
        {"inputs.income", "inputs.city", "inputs.years"},
    ),
    "model_versions": (
        lambda log: log.model_versions,
        "table model_versions; rows unknown until collected",
        None,
        set(),
    ),
}


def lines_of(log):
    return list(read_journal(log.journal.path).lines)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_in_the_journal(asked, name):
    ask, words, rows, columns = QUESTIONS[name]
    ask(asked)
    opened, line = lines_of(asked)
    assert opened.kind == "open"
    assert (line.question, line.rows, line.answer) == (words, rows, "answered")
    assert (line.actor, line.purpose, line.log) == ("Jane Doe", "complaint 2026/17", "demonstration-loans")
    assert line.snapshot == hashlib.sha256(asked.checkpoint.encode()).hexdigest()
    assert columns <= set(line.columns)
    if not columns:
        assert line.columns == ()


def test_columns_that_speak_of_nobody_are_not_listed(asked):
    asked.find(limit=1)
    listed = lines_of(asked)[1].columns
    assert "predictions.decision" in listed
    assert {each for each in listed if each.partition(".")[2] in {"prediction_id", "model_name", "place"}} == set()


def test_what_is_done_with_a_decision_is_in_the_journal_too(asked):
    decision = asked.decision("p-000")
    decision.replay()
    decision.explain("shap", seed=3)
    told = [(line.question.replace(decision.place, "PLACE"), line.rows) for line in lines_of(asked)[1:]]
    assert told == [("decision p-000", 1), ("replay PLACE", 1), ("explain PLACE; method shap; seed 3", 40)]


def test_a_window_that_is_replayed_is_one_question(asked):
    asked.replay(since="2024-03-04", until="2024-03-04T12:00")
    told = [(line.question, line.rows) for line in lines_of(asked)[1:]]
    assert told == [("replay; since 2024-03-04; until 2024-03-04T12:00", 3)]


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (lambda log: log.decision("p-999"), NotFoundError),
        (lambda log: log.find("nonsense ="), MisuseError),
        (lambda log: log.inputs("other"), NotFoundError),
        (lambda log: log.verify(require_anchor=True, remembered=False), IntegrityError),
    ],
)
def test_a_question_without_an_answer_is_in_the_journal(asked, ask, error):
    before = len(lines_of(asked))
    with pytest.raises(error):
        ask(asked)
    told = [line.answer for line in lines_of(asked)[before:]]
    assert told in ([f"failed: {error.__name__}"], [])
    assert bool(told) is (error is not NotFoundError or "decision" in lines_of(asked)[-1].question)


def test_the_export_of_a_case_is_in_the_journal(asked, tmp_path):
    from audit_lab.seal.keys import SigningKey

    case = al.Case.create(
        "INC-1", asked, question="Why?", actor="Jane Doe", purpose="complaint", folder=tmp_path / "cases"
    )
    case.keep(asked.newest(2), "The newest")
    case.export(tmp_path / "out", key=SigningKey.generate("jane"))
    told = [line.question for line in lines_of(asked)[1:]]
    assert told == ["newest 2", f"export INC-1; out {tmp_path / 'out'}"]


def test_a_customer_number_is_not_in_the_journal_and_its_pseudonym_is(asked, key):
    found = asked.letter("C-3", key=key)
    assert [each.prediction_id for each in found.candidates][:1] == ["p-033"]
    question = lines_of(asked)[1].question
    assert "C-3" not in question
    assert f"subject {al.pseudonym('C-3', key)}" in question


def test_no_answer_is_given_that_cannot_be_journalled(asked, monkeypatch):
    def full(self, handle, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LocalDisk, "write", full)
    with pytest.raises(StorageError, match="No answer is given without it"):
        asked.find(limit=1)


def test_no_question_is_answered_when_the_last_line_was_changed_meanwhile(asked):
    asked.find(limit=1)
    asked.journal.path.write_bytes(asked.journal.path.read_bytes().replace(b"limit 1", b"limit 2"))
    with pytest.raises(IntegrityError, match=r"journal\.cut"):
        asked.find(limit=1)


def test_a_log_is_not_opened_beside_a_broken_journal(asked, sealed):
    asked.find(limit=1)
    content = asked.journal.path.read_bytes()
    asked.journal.path.write_bytes(content.replace(b"Jane Doe", b"Joan Doe", 1))
    with pytest.raises(IntegrityError, match=r"journal\.chain-broken"):
        al.open(sealed, actor="a", purpose="p", journal=asked.journal.path)


def test_without_an_actor_nothing_is_written_and_the_log_says_so(sealed, tmp_path):
    log = al.open(sealed)
    log.find(limit=1)
    assert log.journal is None
    assert repr(log).endswith("; no journal is kept")
    assert not (tmp_path.with_name(f"{tmp_path.name}.state") / "audit_lab" / "journal").exists()


def test_the_log_says_where_its_journal_is(asked, tmp_path):
    assert repr(asked).endswith(f"; every question goes to the journal {tmp_path / 'asked.jsonl'}")


def test_the_usual_journal_is_one_for_each_log(sealed, make_log, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    first, again, other = (al.open(folder, actor="a", purpose="p") for folder in (sealed, sealed, make_log("another")))
    assert first.journal.path == again.journal.path
    assert first.journal.path.parent == other.journal.path.parent == tmp_path / "state" / "audit_lab" / "journal"
    assert first.journal.path != other.journal.path


@pytest.mark.parametrize(
    "given",
    [{"actor": "a"}, {"purpose": "p"}, {"journal": "j.jsonl"}, {"actor": " ", "purpose": "p"}],
    ids=" and ".join,
)
def test_who_and_why_belong_together(sealed, given):
    with pytest.raises(MisuseError):
        al.open(sealed, **given)


@pytest.mark.parametrize("inside", ["j.jsonl", "predictions/j.jsonl", "../sealed/j.jsonl"])
def test_a_journal_never_lies_inside_the_log(sealed, inside):
    with pytest.raises(MisuseError, match="lies inside the log"):
        al.open(sealed, actor="a", purpose="p", journal=sealed / inside)


def test_a_link_into_the_log_is_inside_the_log(sealed, tmp_path):
    (tmp_path / "elsewhere").symlink_to(sealed)
    with pytest.raises(MisuseError, match="lies inside the log"):
        al.open(sealed, actor="a", purpose="p", journal=tmp_path / "elsewhere" / "j.jsonl")


def state_of(folder):
    """Return the digest, size, times and mode of everything in a folder, the folders themselves too."""
    found = {}
    for path in sorted([folder, *folder.rglob("*")]):
        about = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path)] = (content, about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_mode)
    return found


def ask_everything(log):
    for ask, *_ in QUESTIONS.values():
        ask(log)
    log.decision("p-000").replay()
    log.replay(since="2024-03-04", until="2024-03-04T12:00")
    log.by_subject("nobody")
    with pytest.raises((NotFoundError, AmbiguousIdError)):
        log.decision("nobody")


def test_no_question_changes_the_log_in_any_way(asked, sealed):
    before = state_of(sealed)
    ask_everything(asked)
    assert state_of(sealed) == before


READ_ONLY = """
import sys
import audit_lab as al
log, journal = sys.argv[1:]
try:
    open(log + "/new", "w")
except OSError:
    print("read-only")
log = al.open(log, actor="a", purpose="p", journal=journal)
print(log.find("inputs.income > 0").height, log.decision("p-001").prediction_id, log.letter(decision="deny").matching)
print(log.by_request("r-1").height, log.coverage().predictions, log.snapshots().height, log.verify().verdict)
"""
#: In a mount name space of its own, so that nothing is left mounted.
MOUNTED = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'


def test_a_log_on_a_read_only_medium_answers_every_question(sealed, tmp_path):
    alone = ["unshare", "--map-root-user", "--mount", "sh", "-c", MOUNTED, str(sealed)]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a folder read-only")
    asking = [sys.executable, "-c", READ_ONLY, str(sealed), str(tmp_path / "j.jsonl")]
    done = subprocess.run([*alone, *asking], capture_output=True, text=True, check=False, timeout=120)
    assert done.stderr == ""
    denied = al.open(sealed).find("decision = 'deny'").height
    assert done.stdout.split() == ["read-only", "40", "p-001", str(denied), "2", "40", "3", "UNANCHORED"]
    assert len(read_journal(tmp_path / "j.jsonl").lines) == 8


def test_the_journal_of_a_log_read_through_a_mapping(tmp_path):
    from audit_lab.log.foreign.mapping import Mapping

    folder = tmp_path / "foreign"
    folder.mkdir()
    pl.DataFrame({"id": ["a"], "when": ["2024-01-01T00:00:00"]}).write_parquet(folder / "x.parquet")
    mapping = Mapping("bank", {"prediction_id": "id", "occurred_at": "when"})
    log = al.open(folder, mapping, actor="a", purpose="p", journal=tmp_path / "j.jsonl")
    log.find()
    assert [(line.kind, line.rows, line.snapshot) for line in lines_of(log)] == [("open", None, ""), ("find", 1, "")]
    assert Path(log.journal.path).parent == Path(os.fspath(tmp_path))
