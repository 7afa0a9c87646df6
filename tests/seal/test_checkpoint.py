"""Checkpoints: the form that other projects read, and every change refused by its own reason (attack 6)."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.errors import MisuseError
from audit_lab.seal.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, sign_checkpoint
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import EMPTY_ROOT
from audit_lab.seal.note import sign_note

# The example of C2SP tlog-checkpoint.
EXAMPLE = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
""".encode()  # noqa: E501

KEY = SigningKey("a.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = SigningKey("a.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
STRANGER = SigningKey("b.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
ROOT = bytes(range(100, 132))
CHECKPOINT = Checkpoint("a.example/log", 1234, ROOT)
NOTE = sign_checkpoint(CHECKPOINT, KEY)


def refusal(content, key=KEY.public):
    with pytest.raises(MalformedError) as caught:
        open_checkpoint(content, key, "the file checkpoint")
    assert "the file checkpoint" in str(caught.value)
    return caught.value.code


def signed(body, *keys):
    return sign_note(body, keys or [KEY])


def test_reads_the_example_of_the_specification():
    read = parse_checkpoint(EXAMPLE)
    assert read.checkpoint.origin == "example.com/behind-the-sofa"
    assert read.checkpoint.size == 20852163
    assert read.checkpoint.root.hex() == "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62"
    assert read.note.to_bytes() == EXAMPLE


def test_a_checkpoint_is_three_lines_and_a_signature():
    value = base64.b64encode(KEY.public.key_hash + KEY.sign(CHECKPOINT.body)).decode()
    assert NOTE.decode() == (
        f"a.example/log\n1234\nZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM=\n\n— a.example/log {value}\n"
    )
    assert open_checkpoint(NOTE, KEY.public) == CHECKPOINT
    assert str(CHECKPOINT) == "a.example/log at size 1234, root 6465666768696a6b"


@given(st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_every_checkpoint_is_read_back(size, root):
    checkpoint = Checkpoint("a.example/log", size, root)
    assert open_checkpoint(sign_checkpoint(checkpoint, KEY), KEY.public) == checkpoint


def test_the_checkpoint_of_an_empty_log_has_the_empty_root():
    empty = Checkpoint("a.example/log", 0, EMPTY_ROOT)
    assert open_checkpoint(sign_checkpoint(empty, KEY), KEY.public) == empty
    with pytest.raises(MisuseError):
        sign_checkpoint(Checkpoint("a.example/log", 0, ROOT), KEY)


ROOT_LINE = base64.b64encode(ROOT)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        # The text was changed and the signature kept.
        (NOTE.replace(b"1234", b"1235"), "note.signature-invalid"),
        (NOTE.replace(b"1234", b"234"), "note.signature-invalid"),
        (NOTE.replace(b"ZGVm", b"ZGVn"), "note.signature-invalid"),
        # The note was changed.
        (NOTE.replace(b"\n", b"\r\n"), "note.carriage-return"),
        (NOTE.removesuffix(b"\n"), "note.no-final-newline"),
        (NOTE.replace(NOTE[-20:-1], b"?" * 19), "note.not-base64"),
        (signed(CHECKPOINT.body, KEY, OTHER), "note.extra-signature"),
        (signed(CHECKPOINT.body, OTHER), "note.wrong-key-id"),
        (signed(CHECKPOINT.body, STRANGER), "note.not-signed"),
        # It was signed, and is no checkpoint.
        (signed(b"a.example/log\n1234\n"), "checkpoint.malformed"),
        (signed(CHECKPOINT.body + b"an extension\n"), "checkpoint.malformed"),
        (signed(CHECKPOINT.body + b"\n"), "checkpoint.malformed"),
        (signed(b"\n1234\n" + ROOT_LINE + b"\n"), "checkpoint.malformed"),
        (signed(CHECKPOINT.body.replace(b"1234", b"01234")), "checkpoint.malformed"),
        (signed(CHECKPOINT.body.replace(b"1234", b"-1")), "checkpoint.malformed"),
        (signed(CHECKPOINT.body.replace(b"1234", b"+1234")), "checkpoint.malformed"),
        (signed(CHECKPOINT.body.replace(b"1234", b"1_234")), "checkpoint.malformed"),
        (signed(CHECKPOINT.body.replace(b"1234", b" 1234")), "checkpoint.malformed"),
        (signed(CHECKPOINT.body.replace(b"1234", "\u0661".encode())), "checkpoint.malformed"),
        (signed(CHECKPOINT.body.replace(b"1234", b"9223372036854775808")), "checkpoint.malformed"),
        (signed(CHECKPOINT.body.replace(b"1234", b"9" * 5000)), "checkpoint.malformed"),
        (signed(CHECKPOINT.body.replace(b"1234", b"0")), "checkpoint.malformed"),
        (signed(CHECKPOINT.body.replace(ROOT_LINE, ROOT_LINE[:-1])), "checkpoint.malformed"),
        (signed(CHECKPOINT.body.replace(ROOT_LINE, ROOT_LINE + b" ")), "checkpoint.malformed"),
        (signed(CHECKPOINT.body.replace(b"goM=", b"goN=")), "checkpoint.malformed"),
        (signed(CHECKPOINT.body.replace(ROOT_LINE, base64.b64encode(ROOT[:-1]))), "checkpoint.malformed"),
        (signed(CHECKPOINT.body.replace(ROOT_LINE, base64.b64encode(ROOT + b"x"))), "checkpoint.malformed"),
        (signed(CHECKPOINT.body.replace(ROOT_LINE, "é".encode())), "checkpoint.malformed"),
        (signed(CHECKPOINT.body.replace(b"a.example", b"b.example")), "checkpoint.wrong-origin"),
    ],
)  # fmt: skip
def test_a_changed_checkpoint_is_refused(content, code):
    assert open_checkpoint(NOTE, KEY.public) == CHECKPOINT
    assert refusal(content) == code


def test_a_log_with_the_same_key_and_another_name_is_another_log():
    theirs = sign_checkpoint(Checkpoint("b.example/log", 1234, ROOT), STRANGER)
    assert STRANGER.public.raw == KEY.public.raw
    assert open_checkpoint(theirs, STRANGER.public).origin == "b.example/log"
    assert refusal(theirs) == "checkpoint.wrong-origin"


def test_other_signature_lines_stand_beside_the_logs_own():
    content = signed(CHECKPOINT.body, KEY, SigningKey.generate("w.example/w"))
    read = parse_checkpoint(content)
    read.check_signature(KEY.public)
    assert read.checkpoint == CHECKPOINT


@pytest.mark.parametrize(
    ("checkpoint", "key"),
    [
        (CHECKPOINT, STRANGER),
        (Checkpoint("a.example/log", -1, ROOT), KEY),
        (Checkpoint("a.example/log", 2**63, ROOT), KEY),
        (Checkpoint("a.example/log", 1, ROOT[:-1]), KEY),
    ],
)
def test_what_would_not_be_read_back_is_not_signed(checkpoint, key):
    with pytest.raises(MisuseError):
        sign_checkpoint(checkpoint, key)
