from __future__ import annotations

import pytest

from audit_lab.errors import MisuseError
from audit_lab.evidence import demonstration_key, export_case, signing_key, verify_in_full
from audit_lab.seal.key_file import write_key
from audit_lab.seal.keys import SigningKey


def test_the_key_that_the_environment_names(tmp_path, monkeypatch):
    key = SigningKey.generate("jane")
    monkeypatch.setenv("AUDIT_LAB_KEY", str(write_key(tmp_path, key, b"open sesame")))
    monkeypatch.setenv("AUDIT_LAB_PASSPHRASE", "open sesame")
    assert signing_key().public == key.public


def test_a_wrong_passphrase(tmp_path, monkeypatch):
    monkeypatch.setenv("OTHER", "wrong")
    path = write_key(tmp_path, SigningKey.generate("jane"), b"open sesame")
    with pytest.raises(MisuseError, match="does not open"):
        signing_key(path, "env:OTHER")


def test_a_demonstration_key_is_made_once(tmp_path):
    first, second = demonstration_key(tmp_path), demonstration_key(tmp_path)
    assert first.key.public == second.key.public
    assert first.key.name == "demonstration-investigator"


def test_a_demonstration_says_that_it_proves_nothing(case, tmp_path):
    demonstration = demonstration_key(tmp_path / "keys")
    path = export_case(case, tmp_path, key=demonstration.key)
    report = verify_in_full(path, demonstration.trust)
    assert report.holds
    assert any("demonstration key" in note for note in report.notes)
