"""A key is named in one way, wherever it is; its secret is in no message."""

from __future__ import annotations

import traceback

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit_lab.errors import MisuseError
from audit_lab.seal.key_file import key_file_bytes, write_key
from audit_lab.seal.key_source import open_key
from audit_lab.seal.keys import SigningKey

KEY = SigningKey("jane@bank", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
PEM, PKCS8, OPEN = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
#: Not the passphrase itself, which a traceback would show by showing this file.
PASSPHRASE = "open sesame"[::-1].encode()
IN_THE_CLEAR = "audit_lab signing key: jane@bank\n" + KEY.private.private_bytes(PEM, PKCS8, OPEN).decode()


def test_a_file(tmp_path):
    opened = open_key(write_key(tmp_path, KEY, b"open sesame"), b"open sesame")
    assert (opened.name, opened.public) == ("jane@bank", KEY.public)


def test_an_encrypted_key_in_the_environment(monkeypatch):
    monkeypatch.setenv("JANES_KEY", key_file_bytes(KEY, b"open sesame").decode())
    monkeypatch.setenv("JANES_PASSPHRASE", "open sesame")
    opened = open_key("env:JANES_KEY", "env:JANES_PASSPHRASE")
    assert (opened.name, opened.public) == ("jane@bank", KEY.public)


def test_a_key_in_the_clear_needs_no_passphrase(monkeypatch):
    monkeypatch.setenv("JANES_KEY", IN_THE_CLEAR.replace("\n", "\r\n"))
    monkeypatch.delenv("AUDIT_LAB_PASSPHRASE", raising=False)
    assert open_key("env:JANES_KEY").public == KEY.public


def test_no_key_in_the_environment(monkeypatch):
    monkeypatch.delenv("JANES_KEY", raising=False)
    with pytest.raises(MisuseError, match="There is no key in the environment variable 'JANES_KEY'"):
        open_key("env:JANES_KEY")
    monkeypatch.setenv("JANES_KEY", "/home/jane/jane.pem")
    with pytest.raises(MisuseError, match="its first line is 'audit_lab signing key: '"):
        open_key("env:JANES_KEY")


def test_a_key_of_another_kind(monkeypatch):
    other = generate_private_key(SECP256R1()).private_bytes(PEM, PKCS8, OPEN).decode()
    monkeypatch.setenv("JANES_KEY", f"audit_lab signing key: jane\n{other}")
    with pytest.raises(MisuseError, match="not Ed25519"):
        open_key("env:JANES_KEY")


@pytest.mark.parametrize(
    "content",
    [
        IN_THE_CLEAR.split("\n", 1)[1],
        IN_THE_CLEAR.replace("-----END PRIVATE KEY-----", ""),
        IN_THE_CLEAR.replace("jane@bank", "jane bank"),
        IN_THE_CLEAR.replace("M", "!", 1),
        IN_THE_CLEAR.replace("BEGIN PRIVATE", "BEGIN ENCRYPTED PRIVATE").replace(
            "END PRIVATE", "END ENCRYPTED PRIVATE"
        ),
    ],
)
def test_a_secret_is_in_no_message(monkeypatch, content):
    secret = IN_THE_CLEAR.splitlines()[2]
    assert len(secret) == 64
    monkeypatch.setenv("JANES_KEY", content)
    with pytest.raises(MisuseError) as raised:
        open_key("env:JANES_KEY", PASSPHRASE)
    said = "".join(traceback.format_exception(raised.value))
    assert secret[20:] not in said
    assert PASSPHRASE.decode() not in said


def test_a_wrong_passphrase_is_in_no_message(monkeypatch):
    monkeypatch.setenv("JANES_KEY", key_file_bytes(KEY, b"another").decode())
    with pytest.raises(MisuseError, match="with this passphrase") as raised:
        open_key("env:JANES_KEY", PASSPHRASE)
    assert PASSPHRASE.decode() not in "".join(traceback.format_exception(raised.value))


def test_neither_repr_nor_text_shows_the_secret():
    assert f"{KEY!r} {KEY}" == " ".join(["SigningKey('jane@bank', key id 01fd667e75a9bed2)"] * 2)
