"""A bundle in the hands of tools that are not ours: sha256sum, bagit, openssl, and a DSSE verifier."""

from __future__ import annotations

import base64
import json
import logging
import subprocess
import zipfile
from datetime import UTC, datetime

import bagit
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from audit_lab.evidence import sign_off
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.trust import Trust, TrustedKey

REX = SigningKey("rex@bank", Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34))))


@pytest.fixture
def unpacked(case, key, trust, signed_at, tmp_path):
    """Return the folder of a bundle that somebody approved."""
    bundle = case.export(tmp_path / "out", key=key, signed_at=signed_at)
    pinned = Trust((*trust.keys, TrustedKey(REX.public, "sign-off", "*")), "t")
    said = {"printed_name": "Rex Holm", "meaning": "approved", "signed_at": datetime(2026, 2, 2, tzinfo=UTC)}
    sign_off(bundle, key=REX, trust=pinned, **said)
    with zipfile.ZipFile(bundle) as file:
        file.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


def envelopes(folder, key):
    """Return each envelope of a bundle and the public key that must accept it."""
    (approval,) = (folder / "signatures").iterdir()
    return [(folder / "attestation.dsse.json", key.public), (approval, REX.public)]


def sslib_key(public):
    return SSlibKey(public.key_id, "ed25519", "ed25519", {"public": public.raw.hex()})


def sha256sum(folder, manifest):
    """Return the exit code and the output of ``sha256sum --check``."""
    command = ["sha256sum", "--check", "--strict", manifest]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_sha256sum_accepts_both_manifests(unpacked):
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        assert sha256sum(unpacked, manifest)[0] == 0
    (unpacked / "data" / "README.html").write_text("another answer")
    code, said = sha256sum(unpacked, "manifest-sha256.txt")
    assert (code, "data/README.html: FAILED" in said) == (1, True)


def test_bagit_accepts_the_bag(unpacked, caplog):
    caplog.set_level(logging.CRITICAL, "bagit")
    assert bagit.Bag(str(unpacked)).validate(processes=1)
    (unpacked / "data" / "custody.jsonl").write_bytes(b"{}")
    with pytest.raises(bagit.BagError):
        bagit.Bag(str(unpacked)).validate(processes=1)


def test_openssl_accepts_every_signature(unpacked, key, tmp_path):
    for path, public in envelopes(unpacked, key):
        envelope = json.loads(path.read_bytes())
        payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"].encode()
        (tmp_path / "message").write_bytes(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
        (tmp_path / "signature").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
        owner = {key.public.key_id: key, REX.public.key_id: REX}[public.key_id]
        pem = owner.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (tmp_path / "key.pem").write_bytes(pem)
        command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "key.pem"]
        command += ["-in", "message", "-sigfile", "signature"]
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
        (tmp_path / "message").write_bytes(b"DSSEv1 0  0 ")
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 1


def test_securesystemslib_accepts_every_envelope(unpacked, key):
    for path, public in envelopes(unpacked, key):
        envelope = Envelope.from_dict(json.loads(path.read_bytes()))
        accepted = envelope.verify([sslib_key(public)], 1)
        assert list(accepted) == [public.key_id]
        with pytest.raises(VerificationError):
            envelope.verify([sslib_key(SigningKey.generate("stranger").public)], 1)
