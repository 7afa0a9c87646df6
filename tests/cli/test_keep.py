"""What whoever keeps a sealed log does from the command line, and what its readers then find."""

from __future__ import annotations

import json
import subprocess

import polars as pl
import pytest

ORIGIN = "demonstration-loans"


@pytest.fixture
def plain(make_log):
    """Return the folder of an unsealed log whose predictions are about ten subjects."""
    subjects = pl.Series("subject_id", [f"s-{row % 10}" for row in range(40)])
    return make_log(predictions=lambda frame: frame.with_columns(subjects))


@pytest.fixture
def sealed(run, plain, tmp_path):
    answer = run("seal", plain, "--actor", "keeper", "--origin", ORIGIN, "--trust", tmp_path / "log.toml", "--json")
    assert (answer.code, answer.err) == (0, "")
    return plain


@pytest.fixture
def vault(sealed, tmp_path):
    return tmp_path.with_name(f"{tmp_path.name}.state") / "audit_lab" / "vaults" / ORIGIN


def findings(answer):
    return [found["code"] for found in answer.json["findings"]]


def test_a_log_is_sealed_and_verified(run, plain, tmp_path):
    answer = run("seal", plain, "--actor", "keeper", "--origin", ORIGIN, "--trust", tmp_path / "log.toml")
    assert answer.code == 0
    assert "is sealed from" in answer.out
    assert "Nothing is known about changes before." in " ".join(answer.out.split())
    report = run("verify", plain, "--trust", tmp_path / "log.toml", "--json").json
    assert report["verdict"] == "UNANCHORED"
    assert any("sealed on arrival" in note for note in report["notes"])


def test_a_second_verification_starts_from_the_first(run, sealed, tmp_path):
    assert run("verify", sealed, "--trust", tmp_path / "log.toml", "--json").json["verdict"] == "UNANCHORED"
    assert run("verify", sealed, "--trust", tmp_path / "log.toml", "--json").json["verdict"] == "VERIFIED"
    again = run("verify", sealed, "--trust", tmp_path / "log.toml", "--do-not-remember", "--json")
    assert again.json["verdict"] == "UNANCHORED"


def test_a_required_anchor_that_is_missing_fails(run, sealed, tmp_path):
    answer = run("verify", sealed, "--trust", tmp_path / "log.toml", "--require-anchor", "--do-not-remember", "--json")
    assert (answer.code, findings(answer)) == (1, ["log.no-anchor"])


def test_rows_of_personal_tables_are_checked_with_the_vault_only(run, sealed, vault, tmp_path):
    without = run("verify", sealed, "--json").json
    given = run("verify", sealed, "--vault", vault, "--json").json
    none = run("verify", sealed, "--no-rows", "--json").json
    assert any("vault" in each for each in without["not_checked"])
    assert not any("vault" in each for each in given["not_checked"])
    assert any("as was asked for" in each for each in none["not_checked"])


def test_a_changed_row_is_named(run, sealed, vault):
    (path,) = (sealed / "predictions").glob("*.parquet")
    changed = pl.read_parquet(path).with_columns(
        decision=pl.when(pl.col("prediction_id") == "p-003").then(pl.lit("gift")).otherwise("decision")
    )
    changed.write_parquet(path)
    answer = run("verify", sealed, "--vault", vault)
    assert answer.code == 1
    assert "p-003" in answer.out


def test_options_for_logs_are_misuse_for_a_bundle(run, tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK")
    answer = run("verify", tmp_path / "x.zip", "--no-rows")
    assert answer.code == 2
    assert "rows are for the check of a log" in answer.err


def test_snapshots_lists_what_can_be_opened(run, sealed):
    run("hold", sealed, "case-7", "--actor", "keeper", "--reason", "lawsuit", "--subject", "s-1")
    first, second = run("snapshots", "--log", sealed, "--json").json
    assert second["what"] == "hold case-7"
    assert "predictions +40" in first["what"]
    sizes = run("snapshots", "--log", sealed, "--as-of", first["size"], "--json").json
    assert [each["size"] for each in sizes] == [first["size"]]
    assert run("show", "--log", sealed, "--as-of", first["size"], "--json").json["tables"]["predictions"] == 40
    answer = run("show", "--log", sealed, "--as-of", "1999-01-01")
    assert answer.code == 2


def test_a_log_that_is_not_sealed_has_no_snapshots(run, plain):
    answer = run("snapshots", "--log", plain)
    assert answer.code == 2
    assert f"audit-lab seal {plain}" in answer.err


def test_an_erasure_waits_for_a_hold_and_leaves_a_log_that_verifies(run, sealed, vault):
    who = ("--actor", "keeper", "--reason", "request 12")
    assert run("hold", sealed, "case-7", *who, "--subject", "s-1").out == "The hold case-7 is in force.\n"
    refused = run("erase", sealed, *who, "--subject", "s-1")
    assert refused.code == 2
    assert "A legal hold forbids the erasure: case-7." in refused.err
    assert run("release", sealed, "case-7", *who, "--json").json == {"hold": "case-7", "in_force": False}
    erased = run("erase", sealed, *who, "--subject", "s-1", "--json")
    assert erased.json["erased"] == {"inputs/loans": 4, "outcomes": 1, "predictions": 4}
    assert run("find", "subject_id = 's-1'", "--log", sealed).code == 1
    assert run("verify", sealed, "--vault", vault, "--json").json["verdict"] == "UNANCHORED"
    again = run("erase", sealed, *who, "--subject", "s-1")
    assert again.code == 1
    assert "nothing to erase" in again.err


def test_only_the_named_fields_are_erased(run, sealed):
    who = ("--actor", "keeper", "--reason", "request 12", "--prediction", "p-003")
    run("erase", sealed, *who, "--field", "predictions.decision", "--field", "inputs/loans.city")
    shown = run("show", "p-003", "--log", sealed, "--json").json
    assert shown["decision"] is None
    assert {each["feature"]: each["value"] is None for each in shown["inputs"]} == {
        "income": False,
        "city": True,
        "years": False,
    }
    assert run("erase", sealed, *who, "--field", "decision").code == 2


def test_compaction_merges_what_was_appended_in_pieces(run, sealed, vault):
    import audit_lab as al

    row = al.open(sealed).predictions.head(1).collect()
    with al.open_writer(sealed) as writer:
        for number in range(3):
            writer.append({"predictions": row.with_columns(prediction_id=pl.lit(f"new-{number}"))})
    place = run("show", "new-1", "--log", sealed, "--json").json["place"]
    answer = run("compact", sealed, "--json")
    (merged,) = answer.json["merged"]
    assert (merged["table"], len(merged["replaces"])) == ("predictions", 4)
    assert run("show", "new-1", "--log", sealed, "--json").json["place"] == place
    old = sealed / merged["replaces"][0]
    assert old.exists()
    assert run("compact", sealed, "--dispose-after", 0).code == 2
    disposed = run("compact", sealed, "--dispose-after", 0, "--actor", "keeper", "--json")
    assert merged["replaces"][0] in disposed.json["removed"]
    assert not old.exists()
    assert run("verify", sealed, "--vault", vault).code == 0


def test_a_vault_that_is_not_there_is_misuse(run, sealed, tmp_path):
    answer = run("compact", sealed, "--vault", tmp_path / "none")
    assert answer.code == 2
    assert "There is no vault" in answer.err


@pytest.fixture
def witness(run, tmp_path, monkeypatch):
    """Return the key of a witness, and the trust files that accept it and the log."""
    monkeypatch.setenv("WITNESS_PASSPHRASE", "seen")
    asking = ("--kind", "witness", "--passphrase", "env:WITNESS_PASSPHRASE")
    assert run("keys", "tower", "--out", tmp_path / "tower", *asking).code == 0
    key = tmp_path / "tower" / "tower.pem"
    return ("--key", key, "--passphrase", "env:WITNESS_PASSPHRASE", "--trust", tmp_path / "log.toml")


def test_a_witness_cosigns_what_grew(run, sealed, witness, tmp_path):
    both = ("--trust", tmp_path / "log.toml", "--trust", tmp_path / "tower" / "tower.trust.toml", "--do-not-remember")
    seen = run("witness", sealed, *witness, "--out", tmp_path / "seen", "--json").json
    assert (seen["origin"], seen["size_before"]) == (ORIGIN, 0)
    assert run("verify", sealed, *both, "--json").json["verdict"] == "UNANCHORED"
    verified = run("verify", sealed, *both, "--witness", tmp_path / "seen", "--require-anchor", "--json").json
    assert verified["verdict"] == "VERIFIED"
    assert any("cosigned by tower" in anchor for anchor in verified["anchors"])
    assert run("anchor", sealed, "--cosigned", tmp_path / "seen", "--json").json == {"size": seen["size"]}
    assert run("verify", sealed, *both, "--require-anchor", "--json").json["verdict"] == "VERIFIED"
    run("hold", sealed, "h", "--actor", "k", "--reason", "r", "--subject", "s")
    again = run("witness", sealed, *witness, "--out", tmp_path / "seen", "--json").json
    assert (again["size_before"], again["size"]) == (seen["size"], seen["size"] + 1)


def test_a_witness_refuses_a_log_that_was_cut(run, sealed, witness, tmp_path):
    import shutil

    shutil.copytree(sealed, tmp_path / "before")
    run("hold", sealed, "h", "--actor", "k", "--reason", "r", "--subject", "s")
    assert run("witness", sealed, *witness, "--out", tmp_path / "seen").code == 0
    assert run("witness", tmp_path / "before", *witness, "--out", tmp_path / "again", "--json").code == 1
    answer = run("witness", tmp_path / "before", *witness, "--out", tmp_path / "again", "--json")
    assert findings(answer) == ["witness.rolled-back"]
    assert not (tmp_path / "again").exists()


def test_a_witness_refuses_another_history(run, sealed, witness, make_log, tmp_path):
    assert run("witness", sealed, *witness, "--out", tmp_path / "seen").code == 0
    other = make_log("other")
    run("seal", other, "--actor", "k", "--origin", ORIGIN, "--vault", tmp_path / "v2", "--trust", tmp_path / "2.toml")
    answer = run("witness", other, *witness, "--out", tmp_path / "again")
    assert answer.code == 2
    assert "does not know the first key" in answer.err


def test_a_witness_refuses_a_log_that_does_not_hold(run, sealed, witness, tmp_path):
    (bundle,) = (sealed / "tile" / "entries").rglob("*.p/*")
    bundle.write_bytes(bundle.read_bytes().replace(b"keeper", b"kipper"))
    answer = run("witness", sealed, *witness, "--out", tmp_path / "seen", "--json")
    assert answer.code == 1
    assert answer.json["verdict"] == "REFUSED"
    assert not (tmp_path / "seen").exists()


def test_a_checkpoint_of_another_log_is_no_anchor(run, sealed, witness, make_log, tmp_path):
    run("witness", sealed, *witness, "--out", tmp_path / "seen")
    other = make_log("other")
    run("seal", other, "--actor", "k", "--origin", "demonstration-other")
    answer = run("anchor", other, "--cosigned", tmp_path / "seen")
    assert answer.code == 2
    assert "is none of the log" in answer.err


def test_a_time_stamp_is_asked_for_and_kept(run, sealed, make_authority, tmp_path):
    authority = make_authority("clock")
    assert run("anchor", sealed, "--request", tmp_path / "q.tsq").code == 0
    (tmp_path / "a.tsr").write_bytes(authority.answer((tmp_path / "q.tsq").read_bytes()))
    pem = authority.folder / "clock.pem"
    refused = run("anchor", sealed, "--answer", tmp_path / "a.tsr")
    assert refused.code == 2
    kept = run("anchor", sealed, "--answer", tmp_path / "a.tsr", "--timestamp-authority", pem, "--json").json
    assert kept["authority"] == "clock"
    verified = run(
        *("verify", sealed, "--trust", tmp_path / "log.toml", "--timestamp-authority", pem),
        *("--do-not-remember", "--json"),
    )
    assert verified.json["verdict"] == "VERIFIED"


def test_an_anchor_does_one_thing_at_a_time(run, sealed, tmp_path):
    assert run("anchor", sealed).code == 2
    assert run("anchor", sealed, "--request", tmp_path / "q", "--answer", tmp_path / "a").code == 2


def test_a_pseudonym_key_finds_a_customer(run, make_log, tmp_path):
    made = run("keys", "bank", "--out", tmp_path / "keys", "--kind", "pseudonym", "--normalise", "trim", "--json").json
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
    import tomllib

    with open(path, "rb") as file:
        return tomllib.load(file)["key"]


def test_a_letter_is_answered_with_reasons(run, plain):
    answer = run(
        *("letter", "--log", plain, "--around", "2024-03-04 12:40", "--zone", "Europe/Berlin"),
        *("--within", "1h", "--subject", "s-3", "--decision", "GIFT"),
    )
    assert answer.code == 0
    shown = " ".join(answer.out.split())
    assert "2 of 3" in shown
    assert "p-003" in shown
    assert "Only the decisions on this customer were searched." in shown
    assert run("letter", "--log", plain).code == 2


def test_a_journal_is_kept_shown_and_checked(run, plain, tmp_path):
    journal = tmp_path / "j.jsonl"
    who = ("--actor", "Jane Doe", "--purpose", "complaint 17", "--journal", journal)
    run("find", "decision = 'deny'", "--log", plain, *who)
    run("show", "p-001", "--log", plain, *who)
    run("verify", plain, *who)
    shown = run("journal", journal, "--json").json
    assert [line["kind"] for line in shown["lines"]] == ["open", "find", "open", "decision", "open", "verify"]
    answer = run("journal", journal, "--last", 1)
    assert "complaint 17" in answer.out
    assert shown["head"] in answer.out
    assert run("journal", journal, "--head", shown["head"], "--json").json["report"]["verdict"] == "VERIFIED"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:2], *lines[3:]]))
    broken = run("journal", journal, "--json")
    assert (broken.code, findings_of(broken)) == (1, ["journal.chain-broken"])
    assert run("journal", journal).code == 1


def findings_of(answer):
    return [found["code"] for found in answer.json["report"]["findings"]]


def test_the_journal_of_a_log_is_found_by_its_log(run, plain, monkeypatch):
    monkeypatch.setenv("AUDIT_LAB_ACTOR", "Jane Doe")
    monkeypatch.setenv("AUDIT_LAB_PURPOSE", "review")
    run("show", "--log", plain)
    assert [line["purpose"] for line in run("journal", "--log", plain, "--json").json["lines"]] == ["review"] * 2
    assert run("journal").code == 2


def test_the_document_of_a_seal_is_json(run, plain, tmp_path):
    answer = run("seal", plain, "--actor", "keeper", "--origin", ORIGIN, "--json")
    assert json.loads(answer.out)["key"].startswith(f"{ORIGIN}+")
