"""What a sign-off may say, and that what was signed is read back as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit_lab.errors import MisuseError
from audit_lab.seal.envelope import Envelope
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.sign_off import SignOff, folded_name, sign_off_envelope
from audit_lab.seal.statement import Statement

KEY = SigningKey("rex@bank", Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34))))
SAID = SignOff("ab" * 32, "INC-1", "Rex Holm", "reviewer", "reviewed", "", "2026-01-03T00:00:00.000000Z", "rex@bank")
FILE = "attestation.dsse.json"


def statement(stated=SAID, subject=FILE):
    return Statement.parse(Envelope.parse(sign_off_envelope(stated, subject, KEY), "s").payload, "s")


def test_what_was_signed_is_read_back():
    assert SignOff.parse(statement(), FILE, "s") == SAID


def test_a_sentence_says_who_when_and_why():
    assert SAID.sentence() == "reviewed by Rex Holm, reviewer, at 2026-01-03T00:00:00.000000Z"
    refused = replace(SAID, meaning="rejected", reason="Exhibit 2\nis another window")
    assert refused.sentence() == (
        "rejected by Rex Holm, reviewer, at 2026-01-03T00:00:00.000000Z: Exhibit 2 is another window"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"printed_name": " "}, "is no printed name"),
        ({"printed_name": "Rex\nHolm"}, "is no printed name"),
        ({"printed_name": "x" * 201}, "is no printed name"),
        ({"role": "king"}, "In the role 'king' nothing is reviewed"),
        ({"meaning": "liked"}, "'liked' is no meaning"),
        ({"meaning": "rejected"}, "A rejection needs a reason"),
        ({"reason": "x" * 2001}, "The reason is too long"),
    ],
)
def test_what_says_nothing_is_refused(change, message):
    with pytest.raises(MisuseError, match=message):
        replace(SAID, **change)


def test_a_sign_off_of_another_file_is_refused():
    with pytest.raises(MalformedError, match="not a sign-off of") as caught:
        SignOff.parse(statement(subject="data/README.html"), FILE, "s")
    assert caught.value.code == "sign-off.malformed"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"version": 2}, "sign-off.malformed"),
        ({"meaning": "liked"}, "sign-off.malformed"),
        ({"printed_name": 7}, "sign-off.malformed"),
        ({"signed_at": "yesterday"}, "sign-off.malformed"),
        ({"more": "x"}, "json.member-unknown"),
    ],
)
def test_a_predicate_that_is_none_is_refused(change, code):
    said = statement()
    with pytest.raises(MalformedError) as caught:
        SignOff.parse(replace(said, predicate={**said.predicate, **change}), FILE, "s")
    assert caught.value.code == code


def test_names_are_compared_without_letter_case_width_and_spaces():
    assert folded_name(" REX  Hólm ") == folded_name("rex Ho\u0301lm")
    assert folded_name("Rex Holm") != folded_name("Rex Holmes")
