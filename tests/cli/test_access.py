"""Pseudonyms, letters and journals from the command line: whom a log is about, and who looked."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import polars as pl


def test_a_pseudonym_key_finds_a_customer(run, make_log, tmp_path):
    made = run(
        "keys", "new", "bank", "--out", tmp_path / "keys", "--kind", "pseudonym", "--normalise", "trim", "--json"
    ).json
    said = subprocess.run(
        ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{secret_of(made['key'])}"],
        input=b"C-7",
        capture_output=True,
        check=True,
    ).stdout
    subject = said.split()[-1].decode()
    subjects = pl.Series("subject_id", [subject if row == 7 else "somebody" for row in range(40)])
    log = make_log(predictions=lambda frame: frame.with_columns(subjects))
    answer = run("letter", "--log", log, "--customer", " C-7 ", "--key", made["key"], "--json")
    assert [each["prediction_id"] for each in answer.json["candidates"]] == ["p-007"]
    assert run("letter", "--log", log, "--customer", "C-8", "--key", made["key"]).code == 1
    assert run("letter", "--log", log, "--customer", "C-7").code == 2


def secret_of(path):
    return tomllib.loads(Path(path).read_text())["key"]


def test_a_letter_is_answered_with_reasons(run, loans):
    answer = run(
        *("letter", "--log", loans, "--around", "2024-03-04 12:40", "--zone", "Europe/Berlin"),
        *("--within", "1h", "--subject", "s-3", "--decision", "GIFT"),
    )
    assert answer.code == 0
    shown = " ".join(answer.out.split())
    assert "2 of 3" in shown
    assert "p-003" in shown
    assert "Only the decisions on this customer were searched." in shown
    assert run("letter", "--log", loans).code == 2


def test_a_journal_is_kept_shown_and_checked(run, loans, tmp_path):
    journal = tmp_path / "j.jsonl"
    who = ("--actor", "Jane Doe", "--purpose", "comloanst 17", "--journal", journal)
    run("find", "decision = 'deny'", "--log", loans, *who)
    run("show", "p-001", "--log", loans, *who)
    run("verify", loans, *who)
    shown = run("journal", journal, "--json").json
    assert [line["kind"] for line in shown["lines"]] == ["open", "find", "open", "decision", "open", "verify"]
    answer = run("journal", journal, "--last", 1)
    assert "comloanst 17" in answer.out
    assert shown["head"] in answer.out
    assert run("journal", journal, "--head", shown["head"], "--json").json["report"]["verdict"] == "VERIFIED"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:2], *lines[3:]]))
    broken = run("journal", journal, "--json")
    assert (broken.code, findings_of(broken)) == (1, ["journal.chain-broken"])
    assert run("journal", journal).code == 1


def findings_of(answer):
    return [found["code"] for found in answer.json["report"]["findings"]]


def test_the_journal_of_a_log_is_found_by_its_log(run, loans, monkeypatch):
    monkeypatch.setenv("AUDIT_LAB_ACTOR", "Jane Doe")
    monkeypatch.setenv("AUDIT_LAB_PURPOSE", "review")
    run("show", "--log", loans)
    assert [line["purpose"] for line in run("journal", "--log", loans, "--json").json["lines"]] == ["review"] * 2
    assert run("journal").code == 2


def test_a_kind_of_key_and_its_options_belong_together(run, tmp_path):
    out = ("--out", tmp_path / "keys")
    assert run("keys", "new", "a", *out, "--kind", "judge").code == 2
    assert run("keys", "new", "a", *out, "--normalise", "trim").code == 2
    assert run("keys", "new", "a", *out, "--kind", "pseudonym", "--normalise", "guess").code == 2
    assert run("keys", "new", "a", *out, "--kind", "pseudonym", "--passphrase", "env:X").code == 2
    assert not (tmp_path / "keys").exists()
