from __future__ import annotations

import os
import shutil
import stat
import subprocess

import pytest

from audit_lab.errors import MisuseError
from audit_lab.seal.key_file import read_key, read_passphrase, write_key
from audit_lab.seal.keys import PublicKey, SigningKey


@pytest.fixture
def written(tmp_path):
    key = SigningKey.generate("jane@bank")
    return key, write_key(tmp_path / "keys", key, b"correct horse")


def test_reads_back_with_its_name(written):
    key, path = written
    again = read_key(path, b"correct horse")
    assert again.public == key.public


def test_only_the_owner_may_read_it(written):
    _, path = written
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_public_line_stands_beside_it(written):
    key, path = written
    assert PublicKey.parse(path.with_suffix(".pub").read_text().strip()) == key.public


def test_a_file_that_others_can_read_is_refused(written):
    _, path = written
    path.chmod(0o644)
    with pytest.raises(MisuseError, match="chmod 600"):
        read_key(path, b"correct horse")


def test_another_passphrase_does_not_open_it(written):
    _, path = written
    with pytest.raises(MisuseError, match="does not open"):
        read_key(path, b"wrong")


def test_the_secret_is_not_in_the_file(written):
    key, path = written
    assert key.private.private_bytes_raw() not in path.read_bytes()
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in path.read_bytes()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_openssl_opens_it_and_sees_scrypt(written):
    key, path = written
    opened = subprocess.run(
        ["openssl", "pkey", "-in", path, "-passin", "pass:correct horse", "-outform", "DER"],
        check=True,
        capture_output=True,
    )
    assert opened.stdout.endswith(key.private.private_bytes_raw())
    shown = subprocess.run(["openssl", "asn1parse", "-in", path], check=True, capture_output=True, text=True)
    assert ":scrypt" in shown.stdout
    assert ":aes-256-cbc" in shown.stdout


def test_a_key_is_never_overwritten(written):
    key, path = written
    with pytest.raises(MisuseError, match="never overwritten"):
        write_key(path.parent, key, b"another one")


def test_an_empty_passphrase_is_refused(tmp_path):
    with pytest.raises(MisuseError, match="empty"):
        write_key(tmp_path, SigningKey.generate("jane"), b"")
    assert list(tmp_path.iterdir()) == []


def test_a_passphrase_that_is_quickly_guessed_is_refused(tmp_path):
    for short in (b"a", b"1234567"):
        with pytest.raises(MisuseError, match="fewer than 8"):
            write_key(tmp_path, SigningKey.generate("jane"), short)
    assert list(tmp_path.iterdir()) == []
    assert write_key(tmp_path, SigningKey.generate("jane"), b"12345678").exists()


def test_a_passphrase_given_as_an_argument_is_not_repeated():
    for given in ("hunter2", "hunter2:hunter2", "env:"):
        with pytest.raises(MisuseError, match="no source of a passphrase") as caught:
            read_passphrase(given)
        assert "hunter2" not in str(caught.value)


def test_a_file_that_is_no_key_is_refused(tmp_path):
    path = tmp_path / "x.pem"
    path.write_bytes(b"hello\n")
    path.chmod(0o600)
    with pytest.raises(MisuseError, match="no key of audit_lab"):
        read_key(path, b"x")
    with pytest.raises(MisuseError, match="cannot be read"):
        read_key(tmp_path / "none.pem", b"x")


def test_passphrase_from_the_environment(monkeypatch):
    monkeypatch.setenv("SECRET_HERE", "open sesame")
    assert read_passphrase("env:SECRET_HERE") == b"open sesame"


def test_passphrase_from_a_file_descriptor():
    read_end, write_end = os.pipe()
    os.write(write_end, b"open sesame\n")
    os.close(write_end)
    assert read_passphrase(f"fd:{read_end}") == b"open sesame"
    os.close(read_end)


def test_passphrase_from_the_prompt(monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda _: "open sesame")
    assert read_passphrase("prompt") == b"open sesame"


@pytest.mark.parametrize("source", ["open sesame", "env:", "env:NOT_SET_ANYWHERE", "fd:x", "fd:987", ""])
def test_a_passphrase_is_never_itself_an_argument(source):
    with pytest.raises(MisuseError) as caught:
        read_passphrase(source)
    assert caught.value.exit_code == 2


def test_no_terminal_to_ask_at_says_where_else_a_passphrase_can_come_from(monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    with pytest.raises(MisuseError, match="no terminal.*env:NAME"):
        read_passphrase("prompt")
