"""Cosignatures: one that a public witness made, and every form that is not one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit_lab.errors import MisuseError
from audit_lab.seal.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from audit_lab.seal.cosignature import check_cosignature, cosignature_line, cosigned_note
from audit_lab.seal.keys import PublicKey, SigningKey
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.note import Note, NoteSignature, parse_note

# A checkpoint of Google's staging log, cosigned by the witness that Geomys runs (its key is in the public lists).
GEOMYS = PublicKey.parse("witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G")
PUBLIC_NOTE = """coachandhorses2026h1.staging.certificate.transparency.goog
185550722
YXAM0VmnrfvLaBCOOYSJhCaE5F10oGBOo+hkbDa1kng=

— coachandhorses2026h1.staging.certificate.transparency.goog MpXgsHy8ZwxXnO+WjtVrPxAzL49Rs1gWTkNVNeEa//5peAzaocRCB3qt3EaibjzY5GILLtGgBP7dBhgcSHy+JQh0OAc=
— witness.navigli.sunlight.geomys.org o+AP4gAAAABqb7DzNrGFRJnQ9vrJ8xpnwZytnr/ZYczDIsvwvouiSjwOjn7a72ccxBk+lKnZ7dKqkYKER1s/KxLTaVwQD7lJZTC/CQ==
""".encode()  # noqa: E501

LOG = SigningKey("a.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WITNESS = SigningKey("w.example/w", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
NOTE = parse_checkpoint(sign_checkpoint(Checkpoint("a.example/log", 7, bytes(range(32))), LOG)).note
AT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
LINE = cosignature_line(NOTE.body, WITNESS, AT)


def refusal(note, key=WITNESS.cosigner):
    with pytest.raises(MalformedError) as caught:
        check_cosignature(note, key)
    return caught.value.code


def with_line(*, name=LINE.name, key_hash=LINE.key_hash, value=LINE.value, body=NOTE.body):
    return Note(body, (*NOTE.signatures, NoteSignature(name, key_hash, value)))


def test_checks_the_cosignature_of_a_public_witness():
    note = parse_note(PUBLIC_NOTE, "x.note")
    assert check_cosignature(note, GEOMYS) == datetime(2026, 8, 2, 21, 4, 51, tzinfo=UTC)
    assert refusal(Note(note.body.replace(b"722", b"723"), note.signatures), GEOMYS) == "cosignature.invalid"


def test_a_witness_signs_the_time_and_the_text():
    message = b"cosignature/v1\ntime 1772366400\na.example/log\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    assert LINE.value == (1772366400).to_bytes(8, "big") + WITNESS.sign(message)
    assert LINE.key_hash != WITNESS.public.key_hash
    assert check_cosignature(with_line(), WITNESS.cosigner) == AT


def test_the_line_of_a_witness_stands_beside_that_of_the_log():
    note = cosigned_note(NOTE, LINE)
    assert [line.name for line in note.signatures] == ["a.example/log", "w.example/w"]
    note.check_signature(LOG.public, "x.note")
    assert parse_note(note.to_bytes(), "x.note") == note


def test_a_newer_cosignature_takes_the_place_of_the_older():
    later = cosignature_line(NOTE.body, WITNESS, AT + timedelta(hours=1))
    note = cosigned_note(cosigned_note(NOTE, LINE), later)
    assert len(note.signatures) == 2
    assert check_cosignature(note, WITNESS.cosigner) == AT + timedelta(hours=1)


@pytest.mark.parametrize(
    ("note", "code"),
    [
        (NOTE, "cosignature.missing"),
        (with_line(name="v.example/w"), "cosignature.missing"),
        (with_line(key_hash=WITNESS.public.key_hash), "cosignature.missing"),
        (with_line(value=LINE.value[:-1]), "cosignature.malformed"),
        (with_line(value=LINE.value + b"\x00"), "cosignature.malformed"),
        (with_line(value=LINE.value[8:]), "cosignature.malformed"),
        (with_line(value=b"\xff" * 8 + LINE.value[8:]), "cosignature.malformed"),
        (with_line(value=(1772366401).to_bytes(8, "big") + LINE.value[8:]), "cosignature.invalid"),
        (with_line(value=LINE.value[:8] + WITNESS.sign(NOTE.body)), "cosignature.invalid"),
        (with_line(value=LINE.value[:8] + LOG.sign(b"x")), "cosignature.invalid"),
        (with_line(body=NOTE.body.replace(b"\n7\n", b"\n8\n")), "cosignature.invalid"),
    ],
)
def test_what_the_witness_did_not_cosign_is_refused(note, code):
    assert check_cosignature(with_line(), WITNESS.cosigner) == AT
    assert refusal(note) == code


def test_a_log_key_is_no_witness():
    with pytest.raises(MisuseError):
        check_cosignature(with_line(), WITNESS.public)


def test_a_cosignature_is_no_signature_of_the_note():
    note = with_line(key_hash=WITNESS.public.key_hash, value=LINE.value[8:])
    with pytest.raises(MalformedError) as caught:
        note.check_signature(WITNESS.public, "x.note")
    assert caught.value.code == "note.signature-invalid"


def test_a_time_in_another_zone_is_the_same_time():
    there = AT.astimezone(timezone(timedelta(hours=-7)))
    assert cosignature_line(NOTE.body, WITNESS, there) == LINE


@pytest.mark.parametrize("at", [datetime(1969, 12, 31, tzinfo=UTC), AT.replace(tzinfo=None)])
def test_a_time_that_cannot_be_stated_is_refused(at):
    with pytest.raises(MisuseError):
        cosignature_line(NOTE.body, WITNESS, at)
