"""The offline witness: cosigns growth, refuses every other story of the log."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.seal.checkpoint import Checkpoint, sign_checkpoint
from audit_lab.seal.cosignature import check_cosignature
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import EMPTY_ROOT, MemoryTree, consistency_path, leaf_hash
from audit_lab.seal.witness import WitnessRequest, witness_checkpoint

LOG = SigningKey("a.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
NEXT_LOG = SigningKey("a.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34))))
STRANGER = SigningKey("b.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WITNESS = SigningKey("w.example/w", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
AT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
TREE = MemoryTree(leaf_hash(bytes([number])) for number in range(100))
FORK = MemoryTree(leaf_hash(bytes([number, 1])) for number in range(100))


def checkpoint(size, tree=TREE, origin="a.example/log"):
    return Checkpoint(origin, size, tree.root(size))


def request(old, new, tree=TREE, key=LOG):
    path = tuple(consistency_path(tree, old, new)) if old <= new else ()
    return WitnessRequest(old, path, sign_checkpoint(checkpoint(new, tree, key.name), key))


def witness(asked, remembered, keys=(LOG.public,)):
    return witness_checkpoint(asked, remembered, keys, WITNESS, AT)


def refusal(asked, remembered, keys=(LOG.public,)):
    with pytest.raises(MalformedError) as caught:
        witness(asked, remembered, keys)
    return caught.value.code


def test_the_first_checkpoint_is_cosigned_as_it_is():
    done = witness(request(0, 40), None)
    assert done.checkpoint == checkpoint(40)
    assert check_cosignature(done.note, WITNESS.cosigner) == AT
    done.note.check_signature(LOG.public, "x.note")


def test_growth_from_what_is_remembered_is_cosigned():
    done = witness(request(40, 100), checkpoint(40))
    assert done.checkpoint == checkpoint(100)
    assert check_cosignature(done.note, WITNESS.cosigner) == AT


def test_the_same_checkpoint_is_cosigned_again():
    assert witness(request(40, 40), checkpoint(40)).checkpoint == checkpoint(40)


def test_an_empty_log_is_cosigned():
    assert witness(request(0, 0), None).checkpoint == Checkpoint("a.example/log", 0, EMPTY_ROOT)
    assert witness(request(0, 5), checkpoint(0)).checkpoint == checkpoint(5)


@pytest.mark.parametrize(
    ("asked", "remembered", "code"),
    [
        (request(40, 30), checkpoint(40), "witness.rolled-back"),
        (request(0, 30), checkpoint(40), "witness.size-conflict"),
        (request(30, 100), checkpoint(40), "witness.size-conflict"),
        (request(50, 100), checkpoint(40), "witness.size-conflict"),
        (request(40, 100), None, "witness.size-conflict"),
        (request(40, 40, FORK), checkpoint(40), "witness.forked"),
        (request(40, 100, FORK), checkpoint(40), "proof.inconsistent"),
        (WitnessRequest(40, (), request(40, 100).note), checkpoint(40), "proof.too-short"),
        (WitnessRequest(0, (EMPTY_ROOT,), request(0, 40).note), None, "proof.too-long"),
        (WitnessRequest(40, request(40, 99).path, request(40, 100).note), checkpoint(40), "proof.inconsistent"),
        (request(0, 40, key=STRANGER), None, "witness.unknown-log"),
        (request(0, 40, key=NEXT_LOG), None, "note.wrong-key-id"),
        (request(40, 100), checkpoint(40, origin="b.example/log"), "witness.unknown-log"),
        (WitnessRequest(0, (), request(0, 40).note.replace(b"\n40\n", b"\n41\n")), None, "note.signature-invalid"),
        (WitnessRequest(0, (), b"no note"), None, "note.no-final-newline"),
    ],
)
def test_every_other_story_is_refused(asked, remembered, code):
    assert refusal(asked, remembered) == code


def test_a_witness_accepts_the_keys_it_was_told_of_and_no_cosigner():
    asked = request(0, 40, key=NEXT_LOG)
    assert witness(asked, None, (LOG.public, NEXT_LOG.public)).checkpoint == checkpoint(40)
    assert refusal(asked, None, ()) == "witness.unknown-log"
    assert refusal(asked, None, (NEXT_LOG.cosigner,)) == "witness.unknown-log"


def test_a_request_has_the_form_of_the_specification():
    asked = request(40, 100)
    proof = "".join(f"{base64.b64encode(value).decode()}\n" for value in asked.path)
    assert asked.to_bytes() == f"old 40\n{proof}\n".encode() + asked.note
    assert request(0, 1).to_bytes().startswith(b"old 0\n\na.example/log\n1\n")


@settings(deadline=None)
@given(st.integers(0, 100), st.integers(0, 100))
def test_every_request_is_read_back(old, new):
    asked = request(min(old, new), max(old, new))
    assert WitnessRequest.parse(asked.to_bytes(), "x") == asked


GOOD = request(40, 100).to_bytes()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"old 40\n",
        GOOD.replace(b"old 40", b"old 040"),
        GOOD.replace(b"old 40", b"old -1"),
        GOOD.replace(b"old 40", b"old  40"),
        GOOD.replace(b"old 40", b"new 40"),
        GOOD.replace(b"old 40\n", b"old 40\r\n"),
        GOOD.replace(b"old 40\n", b"old 40\nAAAA\n"),
        GOOD.replace(b"old 40\n", b"old 40\nno base64\n"),
        GOOD.replace(b"old 40\n", b"old 40\n" + base64.b64encode(bytes(33)) + b"\n"),
        b"old 40\n" + (base64.b64encode(bytes(32)) + b"\n") * 64 + b"\n" + request(0, 1).note,
        b"old 0\n\n" + b"x" * 1_000_001,
    ],
)
def test_a_malformed_request_is_refused(content):
    assert WitnessRequest.parse(GOOD, "x").old_size == 40
    with pytest.raises(MalformedError) as caught:
        WitnessRequest.parse(content, "x.request")
    assert caught.value.code == "witness.malformed"
    assert "x.request" in str(caught.value)
