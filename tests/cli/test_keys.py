"""One way to name a key, whichever command it is for: a file, ``env:NAME``, ``agent:COMMENT``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from audit_lab.seal.key_file import key_file_bytes
from audit_lab.seal.key_rotation import parse_rotation
from audit_lab.seal.key_source import open_key
from audit_lab.seal.keys import SigningKey
from tests.agents import add, running_agent

STORY = """
import datetime, os
import polars as pl
import audit_lab as al
from types import SimpleNamespace
from pathlib import Path
log = SimpleNamespace(origin="flights.example", path=Path("flights"), manifest_sha256="ab" * 32, checkpoint=None)
case = al.Case.create("INC-1", log, question="Why?", actor="jane", purpose="complaint")
keys = [name for name in os.environ if "PRIVATE KEY" in os.environ[name]]
rows = case.keep(pl.DataFrame({"keys": [len(keys)]}), "Private keys that the notebook can see")
case.conclude("Because.")
"""


@pytest.fixture
def agent(tmp_path, monkeypatch):
    with running_agent(tmp_path, monkeypatch) as place:
        yield place


def test_a_bundle_is_exported_with_a_key_of_the_environment_and_signed_off_with_one_of_the_agent(
    run, agent, tmp_path, monkeypatch, write_notebook
):
    add(tmp_path, "rita@bank")
    monkeypatch.setenv("JANES_KEY", key_file_bytes(SigningKey.generate("jane@bank"), b"open sesame").decode())
    monkeypatch.setenv("JANES_PASSPHRASE", "open sesame")
    by_jane = ("env:JANES_KEY", "--passphrase", "env:JANES_PASSPHRASE")
    jane, rita, bundle = tmp_path / "jane.toml", tmp_path / "rita.toml", tmp_path / "INC-1.zip"
    assert run("keys", "trust", *by_jane, "--out", jane).code == 0
    assert run("keys", "trust", "agent:rita@bank", "--kind", "sign-off", "--out", rita, "--json").code == 0
    made = run("export", write_notebook(STORY), "--out", tmp_path, "--key", *by_jane, "--json")
    assert (made.code, made.json["signed_by"]) == (0, "jane@bank")
    said = ("--name", "Rita Roe", "--meaning", "reviewed", "--trust", jane)
    assert run("sign", bundle, *said, "--key", "agent:rita@bank").code == 0
    report = run("verify", bundle, "--trust", jane, "--trust", rita, "--require-sign-off", "reviewed", "--json").json
    assert report["verdict"] == "UNANCHORED"
    assert [signer.split(" ")[0] for signer in report["signers"]] == ["jane@bank", "reviewed"]
    content = bundle.read_bytes()
    assert os.environ["JANES_KEY"].splitlines()[2].encode() not in content
    assert b"open sesame" not in content
    assert b"keys\n0\n" in content


def test_what_the_agent_holds_is_shown(run, agent, tmp_path):
    assert run("keys", "show", "agent:", "--json").json == {"keys": []}
    add(tmp_path, "jane@bank")
    add(tmp_path, "John, laptop")
    jane, john = run("keys", "show", "agent:", "--json").json["keys"]
    assert (jane["name"], jane["kind"], len(jane["key_id"])) == ("jane@bank", "in the agent", 64)
    assert (john["name"], john["key_id"]) == ("John, laptop", None)
    assert run("keys", "show", jane["file"], "--json").json["keys"] == [jane]
    assert "jane@bank" in run("keys", "show", "agent:").out
    missing = run("keys", "show", "agent:rita")
    assert (missing.code, "it has 'jane@bank', 'John, laptop'" in missing.err) == (2, True)


def test_a_key_in_the_agent_is_rotated_to_a_file(run, agent, tmp_path, monkeypatch):
    add(tmp_path, "jane@bank")
    monkeypatch.setenv("SECRET", "open sesame")
    trust, out = tmp_path / "jane.toml", tmp_path / "new"
    assert run("keys", "trust", "agent:jane@bank", "--out", trust).code == 0
    asked = ("--name", "jane-2027", "--out", out, "--passphrase", "env:SECRET")
    assert run("keys", "rotate", "agent:jane@bank", *asked).code == 0
    assert run("keys", "accept", trust, out / "jane-2027.rotation.json").code == 0
    assert [key["name"] for key in run("keys", "show", trust, "--json").json["keys"]] == ["jane@bank", "jane-2027"]


def test_a_key_with_a_short_passphrase_is_rotated_to_one_with_a_long_one(run, tmp_path, monkeypatch):
    old = tmp_path / "jane.pem"
    old.write_bytes(key_file_bytes(SigningKey.generate("jane@bank"), b"short"))
    old.chmod(0o600)
    monkeypatch.setenv("OLD", "short")
    monkeypatch.setenv("NEW", "open sesame")
    out = tmp_path / "new"
    asked = ("keys", "rotate", old, "--name", "jane-2027", "--out", out, "--passphrase", "env:OLD")
    refused = run(*asked)
    assert (refused.code, "--new-passphrase" in refused.err, out.exists()) == (2, True, False)
    assert run(*asked, "--new-passphrase", "env:OLD").code == 2
    made = run(*asked, "--new-passphrase", "env:NEW", "--json").json
    assert open_key(made["key"], "env:NEW").name == "jane-2027"
    assert run("keys", "trust", made["key"], "--passphrase", "env:OLD", "--out", tmp_path / "t.toml").code == 2
    assert parse_rotation(Path(made["rotation"]).read_bytes(), "rotation").old.name == "jane@bank"


def test_a_trust_file_is_never_replaced(run, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "open sesame")
    run("keys", "new", "jane", "--out", tmp_path, "--passphrase", "env:SECRET")
    asked = ("keys", "trust", tmp_path / "jane.pem", "--passphrase", "env:SECRET", "--out")
    assert run(*asked, tmp_path / "jane.trust.toml").code == 2
    assert run(*asked, tmp_path / "again.toml").code == 0
    assert (tmp_path / "again.toml").read_bytes() == (tmp_path / "jane.trust.toml").read_bytes()
    assert run(*asked, tmp_path / "other.toml", "--kind", "judge").code == 2


def test_a_log_begins_with_a_key_that_bears_its_name_and_was_handed_out_before(
    run, agent, loans, tmp_path, monkeypatch
):
    monkeypatch.setenv("SECRET", "open sesame")
    secret = ("--passphrase", "env:SECRET")
    for name in ("loans.example", "jane"):
        assert run("keys", "new", name, "--out", tmp_path, *secret).code == 0
    add(tmp_path, "loans.example")
    sealing = ("seal", loans, "--actor", "keeper", "--origin", "loans.example", *secret, "--vault", tmp_path / "vault")
    other = run(*sealing, "--key", tmp_path / "jane.pem")
    assert (other.code, "audit-lab keys new loans.example" in " ".join(other.err.split())) == (2, True)
    held = run(*sealing, "--key", "agent:loans.example")
    assert (held.code, "an agent holds it" in " ".join(held.err.split())) == (2, True)
    assert not (tmp_path / "vault" / "log.key").exists()
    key = tmp_path / "loans.example.pem"
    assert run(*sealing, "--key", key, "--trust", tmp_path / "log.toml").code == 0
    pinned, made = run("keys", "show", tmp_path / "log.toml", key, "--json").json["keys"]
    assert pinned["key_id"] == made["key_id"]
    assert run("verify", loans, "--trust", tmp_path / "log.toml", "--no-rows", "--json").json["verdict"] == "UNANCHORED"
