"""Signing a bundle off at the command line, and the keys that it takes: made, rotated, accepted, revoked."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from audit_lab.evidence import Case, signing_key
from audit_lab.seal.digests import sha256_file


@pytest.fixture
def people(run, tmp_path, monkeypatch):
    """Return key and trust files of the investigator jane and the approver rex."""
    monkeypatch.setenv("AUDIT_LAB_PASSPHRASE", "correct horse")
    jane = run("keys", "new", "jane", "--out", tmp_path / "jane", "--json").json
    rex = run("keys", "new", "rex", "--kind", "sign-off", "--out", tmp_path / "rex", "--json").json
    return SimpleNamespace(jane=jane, rex=rex, trust=("--trust", jane["trust"], "--trust", rex["trust"]))


@pytest.fixture
def case(tmp_path):
    log = SimpleNamespace(origin="flights.example", path=Path("x"), manifest_sha256="ab" * 32, checkpoint=None)
    about = {"question": "Why?", "actor": "Jane Doe", "purpose": "c", "folder": tmp_path / "cases"}
    made = Case.create("INC-1", log, **about, sign_offs=["approved"])
    made.finding("It merged.", [made.keep(pl.DataFrame({"rows": [1]}), "Rows")], "high")
    made.conclude("It merged.")
    return made


@pytest.fixture
def bundle(case, people, tmp_path):
    return case.export(tmp_path / "out", key=signing_key(people.jane["key"]))


def test_a_bundle_is_approved_and_the_approval_is_required(run, bundle, case, people):
    asked = ("verify", bundle, *people.trust, "--require-sign-off", "case", "--json")
    lacking = run(*asked)
    assert (lacking.code, [found["code"] for found in lacking.json["findings"]]) == (1, ["sign-off.missing"])
    said = ("--name", "Rex Holm", "--meaning", "approved", "--reason", "Dates checked", "--key", people.rex["key"])
    signed = run("sign", bundle, *said, "--case", case.folder, *people.trust)
    assert signed.code == 0, signed.err
    assert "approved by Rex Holm, approver, at " in signed.out.replace("\n", " ")
    report = run(*asked)
    assert report.code == 0
    assert report.json["signers"][1].startswith("approved by Rex Holm, approver, at ")
    assert (case.custody[-1].actor, case.custody[-1].action) == ("Rex Holm", "signed off: approved")
    again = run("sign", bundle, *said, *people.trust)
    assert again.code == 2
    assert "signed already" in again.err


def test_json_says_what_was_signed(run, bundle, people):
    said = ("--name", "Rex Holm", "--meaning", "rejected", "--key", people.rex["key"], *people.trust)
    assert "A rejection needs a reason" in run("sign", bundle, *said).err
    stated = run("sign", bundle, *said, "--reason", "Wrong week", "--json").json
    assert (stated["meaning"], stated["role"], stated["reason"]) == ("rejected", "reviewer", "Wrong week")


def test_the_investigator_cannot_approve(run, bundle, people):
    trust = Path(people.jane["trust"])
    trust.write_text(trust.read_text() + trust.read_text().split("\n\n", 1)[1].replace("investigator", "sign-off"))
    said = ("--name", "Somebody", "--meaning", "approved", "--key", people.jane["key"], *people.trust)
    refused = run("sign", bundle, *said)
    assert refused.code == 1
    assert "sign-off.same-person" in refused.err


def test_required_sign_offs_are_for_bundles(run, bundle, people, flights):
    assert run("verify", bundle, *people.trust, "--require-sign-off", "liked").code == 2
    assert (
        run("verify", bundle, *people.trust, "--require-sign-off", "case", "--require-sign-off", "approved").code == 2
    )
    assert "evidence bundles" in run("verify", flights, "--require-sign-off", "approved").err
    read_by_somebody = ("--actor", "jane", "--purpose", "check")
    assert "is for bundles" in run("verify", flights, "--require-sign-off", "approved", *read_by_somebody).err


def test_keys_are_shown_without_a_passphrase(run, people, monkeypatch):
    monkeypatch.delenv("AUDIT_LAB_PASSPHRASE")
    public = str(Path(people.rex["key"]).with_suffix(".pub"))
    shown = run("keys", "show", people.rex["key"], public, people.rex["trust"], "--json").json["keys"]
    assert [(each["name"], each["kind"], each["role"]) for each in shown] == [
        ("rex", "private", None),
        ("rex", "public", None),
        ("rex", "accepted", "sign-off"),
    ]
    assert {each["key_id"] for each in shown} == {people.rex["key_id"]}
    assert "sign-off" in run("keys", "show", people.rex["trust"]).out


def test_a_new_key_is_accepted_by_the_statement_of_both(run, bundle, people, tmp_path):
    trust = Path(people.rex["trust"])
    trust.write_text("# who approves at the bank\n" + trust.read_text())
    made = run("keys", "rotate", people.rex["key"], "--name", "rex-2027", "--out", tmp_path / "new", "--json").json
    said = ("--name", "Rex Holm", "--meaning", "approved", "--key", made["key"], *people.trust)
    assert run("sign", bundle, *said).code == 0
    refused = run("verify", bundle, *people.trust, "--json").json
    assert [found["code"] for found in refused["findings"]] == ["sign-off.key-not-trusted"]
    accepted = run("keys", "accept", trust, made["rotation"])
    assert accepted.code == 0, accepted.err
    assert trust.read_text().startswith("# who approves at the bank\n")
    assert run("verify", bundle, *people.trust, "--require-sign-off", "case").code == 0
    assert run("keys", "accept", trust, made["rotation"]).code == 2
    assert run("keys", "accept", people.jane["trust"], made["rotation"]).code == 2


def test_a_forged_rotation_is_refused(run, people, tmp_path):
    made = run("keys", "rotate", people.rex["key"], "--name", "rex-2027", "--out", tmp_path / "new", "--json").json
    rotation = Path(made["rotation"])
    envelope = json.loads(rotation.read_text())
    envelope["signatures"] = envelope["signatures"][1:]
    rotation.write_text(json.dumps(envelope, sort_keys=True, separators=(",", ":")))
    before = Path(people.rex["trust"]).read_text()
    refused = run("keys", "accept", people.rex["trust"], rotation)
    assert refused.code != 0
    assert "not signed by both keys" in refused.err
    assert Path(people.rex["trust"]).read_text() == before


def test_a_revoked_key_is_refused(run, bundle, people):
    said = ("--name", "Rex Holm", "--meaning", "approved", "--key", people.rex["key"], *people.trust)
    assert run("sign", bundle, *said).code == 0
    revoked = run("keys", "revoke", people.rex["trust"], "rex", "--from", "2026-05-01")
    assert "revoked from 2026-05-01 00:00:00 UTC" in revoked.out
    report = run("verify", bundle, *people.trust, "--json").json
    assert [found["code"] for found in report["findings"]] == ["sign-off.key-revoked"]
    shown = run("keys", "show", people.rex["trust"], "--json").json["keys"]
    assert [each["revoked_from"] for each in shown] == ["2026-05-01T00:00:00Z"]
    assert run("keys", "revoke", people.rex["trust"], "rex").code == 2
    assert "no key called" in run("keys", "revoke", people.rex["trust"], "max").err


def test_a_key_is_bound_to_a_person_and_roles(run, bundle, people, tmp_path):
    held = ("--person", "Rex Holm", "--role", "approver", "--valid-until", "2125-01-01")
    made = run("keys", "new", "rex-too", "--kind", "sign-off", *held, "--out", tmp_path / "too", "--json").json
    shown = run("keys", "show", made["trust"], "--json").json["keys"][0]
    assert (shown["person"], shown["signs_as"], shown["valid_until"]) == (
        "Rex Holm",
        "approver",
        "2125-01-01T00:00:00Z",
    )
    trust = ("--trust", people.jane["trust"], "--trust", made["trust"])
    said = ("--meaning", "approved", "--key", made["key"], *trust)
    refused = run("sign", bundle, "--name", "Ida Berg", *said)
    assert (refused.code, "sign-off.other-person" in refused.err) == (1, True)
    refused = run("sign", bundle, "--name", "Rex Holm", "--meaning", "reviewed", "--key", made["key"], *trust)
    assert (refused.code, "sign-off.role-not-accepted" in refused.err) == (1, True)
    assert run("sign", bundle, "--name", "Rex Holm", "--role", "investigator", *said).code == 2
    assert run("sign", bundle, "--name", "Rex Holm", *said).code == 0
    report = run("verify", bundle, *trust, "--require-sign-off", "case", "--json").json
    assert any("which is that of Rex Holm by the trust file" in line for line in report["signers"])
    assert "who holds the keys that signed: the trust file names no person for jane" in report["not_checked"]


@pytest.mark.parametrize(
    "asked",
    [
        ("--kind", "witness", "--person", "Rex"),
        ("--role", "approver"),
        ("--kind", "sign-off", "--role", "judge"),
        ("--person", " "),
    ],
)
def test_what_no_trust_file_can_say_of_a_key_is_refused_before_one_is_made(run, tmp_path, asked):
    assert run("keys", "new", "rex", *asked, "--out", tmp_path / "none").code == 2
    assert not (tmp_path / "none").exists()


def test_the_verifier_is_written_as_one_file(run, tmp_path):
    written = run("verifier", "--out", tmp_path / "v.pyz", "--json").json
    assert written == {"verifier": str(tmp_path / "v.pyz"), "sha256": sha256_file(tmp_path / "v.pyz")}
    assert "SHA-256" in run("verifier", "--out", tmp_path / "v.pyz").out
