from __future__ import annotations

import base64
import json
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit_lab.seal.envelope import Envelope, pre_authentication_encoding, sign_envelope
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.malformed import MalformedError

KEY = SigningKey("jane", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
KIND = "application/vnd.in-toto+json"


def test_pre_authentication_encoding_of_the_specification():
    # secure-systems-lab/dsse, protocol.md, "Test Vectors".
    encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_an_envelope_reads_back():
    content = sign_envelope(b"{}", KIND, [KEY])
    envelope = Envelope.parse(content, "e")
    assert (envelope.payload_type, envelope.payload) == (KIND, b"{}")
    assert envelope.signatures[0].key_id == KEY.public.key_id
    assert KEY.public.accepts(envelope.signatures[0].value, envelope.signed_bytes)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_openssl_accepts_the_signature_and_not_another_payload(tmp_path):
    envelope = Envelope.parse(sign_envelope(b'{"a":1}', KIND, [KEY]), "e")
    public = KEY.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (tmp_path / "key.pem").write_bytes(public)
    (tmp_path / "signature").write_bytes(envelope.signatures[0].value)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin"]
    command += ["-in", "message", "-sigfile", "signature"]
    (tmp_path / "message").write_bytes(envelope.signed_bytes)
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "message").write_bytes(envelope.signed_bytes[:-1] + b"]")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 1


def _changed(**changes):
    value = json.loads(sign_envelope(b"{}", KIND, [KEY]))
    value.update(changes)
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


SIGNATURE = json.loads(sign_envelope(b"{}", KIND, [KEY]))["signatures"][0]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (_changed(signatures=[]), "envelope.no-signature"),
        (_changed(signatures=[SIGNATURE, SIGNATURE]), "envelope.duplicate-signature"),
        (_changed(payload2="e30="), "json.member-unknown"),
        (_changed(signatures=[{**SIGNATURE, "cert": ""}]), "json.member-unknown"),
        (_changed(payload="e31="), "envelope.not-base64"),
        (_changed(payload="e3 0="), "envelope.not-base64"),
        (_changed(payload=None), "envelope.not-base64"),
        (_changed(payloadType=7), "envelope.malformed"),
        (_changed(signatures={}), "envelope.malformed"),
        (sign_envelope(b"{}", KIND, [KEY]) + b"\n", "envelope.not-canonical"),
        (json.dumps(json.loads(sign_envelope(b"{}", KIND, [KEY]))).encode(), "envelope.not-canonical"),
        (b'{"payload":"e30=","payload":"e30=","payloadType":"x","signatures":[]}', "json.duplicate-member"),
    ],
)
def test_refuses(content, code):
    with pytest.raises(MalformedError) as caught:
        Envelope.parse(content, "attestation")
    assert caught.value.code == code


def test_a_signature_is_bound_to_the_payload_type():
    envelope = Envelope.parse(sign_envelope(b"{}", KIND, [KEY]), "e")
    other = pre_authentication_encoding("text/plain", b"{}")
    assert not KEY.public.accepts(envelope.signatures[0].value, other)


def test_equal_inputs_give_equal_bytes():
    assert sign_envelope(b"{}", KIND, [KEY]) == sign_envelope(b"{}", KIND, [KEY])
    assert base64.b64decode(SIGNATURE["sig"]) == KEY.sign(pre_authentication_encoding(KIND, b"{}"))
