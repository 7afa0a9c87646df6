"""A witness and a time-stamping authority: what holds a log in time, from the command line."""

from __future__ import annotations

import subprocess

import pytest

ORIGIN = "demonstration-loans"


def findings(answer):
    return [found["code"] for found in answer.json["findings"]]


@pytest.fixture
def witness(run, tmp_path, monkeypatch):
    """Return the key of a witness, and the trust files that accept it and the log."""
    monkeypatch.setenv("WITNESS_PASSPHRASE", "seen by me")
    asking = ("--kind", "witness", "--passphrase", "env:WITNESS_PASSPHRASE")
    assert run("keys", "new", "tower", "--out", tmp_path / "tower", *asking).code == 0
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


def test_a_time_stamp_is_asked_for_and_an_answer_to_nothing_is_refused(run, sealed, tmp_path):
    request = tmp_path / "q.tsq"
    assert run("anchor", sealed, "--request", request, "--json").json == {"request": str(request)}
    said = subprocess.run(["openssl", "ts", "-query", "-in", request, "-text"], capture_output=True, check=True).stdout
    assert b"Hash Algorithm: sha256" in said
    (tmp_path / "a.tsr").write_bytes(b"nothing")
    answer = run("anchor", sealed, "--answer", tmp_path / "a.tsr")
    assert answer.code == 2
    assert "is not a time-stamp response" in answer.err


def test_an_anchor_does_one_thing_at_a_time(run, sealed, tmp_path):
    assert run("anchor", sealed).code == 2
    assert run("anchor", sealed, "--request", tmp_path / "q", "--answer", tmp_path / "a").code == 2
