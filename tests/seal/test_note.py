"""Signed notes: one that another project wrote, and every malformed form refused by its own reason (attack 6)."""

from __future__ import annotations

import base64
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.errors import MisuseError
from audit_lab.seal.keys import PublicKey, SigningKey
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.note import NoteSignature, format_note, parse_note, sign_note

# The example of golang.org/x/mod/sumdb/note.
PETER = PublicKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
PETERS_NOTE = """If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
""".encode()

KEY = SigningKey("a.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = SigningKey("a.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
WITNESS = SigningKey("w.example/w", Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34))))
BODY = b"first line\n\nlast line\n"
NOTE = sign_note(BODY, [KEY])
LINE = NOTE.splitlines(keepends=True)[-1]


def refusal(content, **options):
    with pytest.raises(MalformedError) as caught:
        parse_note(content, "x.note", **options)
    assert "x.note" in str(caught.value)
    return caught.value.code


def test_reads_and_checks_a_note_of_another_project():
    note = parse_note(PETERS_NOTE, "x.note")
    assert note.body == PETERS_NOTE[: PETERS_NOTE.index("\n—".encode())]
    note.check_signature(PETER, "x.note")
    assert note.to_bytes() == PETERS_NOTE


def test_a_note_is_text_an_empty_line_and_signatures():
    value = base64.b64encode(KEY.public.key_hash + KEY.sign(BODY)).decode()
    assert BODY + f"\n— a.example/log {value}\n".encode() == NOTE


def test_several_keys_sign_one_note():
    note = parse_note(sign_note(BODY, [KEY, OTHER, WITNESS]), "x.note")
    assert [line.name for line in note.signatures] == ["a.example/log", "a.example/log", "w.example/w"]
    for key in (KEY, OTHER, WITNESS):
        note.check_signature(key.public, "x.note")


@given(
    st.text(st.characters(exclude_characters="\r", exclude_categories=["Cc", "Cs"]) | st.just("\n")).map(
        lambda text: f"x{text}\n"
    )
)
def test_every_note_is_read_back(text):
    body = text.encode()
    note = parse_note(sign_note(body, [KEY]), "x.note")
    assert note.body == body
    note.check_signature(KEY.public, "x.note")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (NOTE.replace(b"\n", b"\r\n"), "note.carriage-return"),
        (NOTE.replace(b"first line\n", b"first line\r\n"), "note.carriage-return"),
        (NOTE.removesuffix(b"\n"), "note.no-final-newline"),
        (NOTE + b"\n", "note.signature-line"),
        (BODY, "note.signature-line"),
        (BODY.replace(b"\n\n", b"\n"), "note.no-signature"),
        (BODY + b"\n", "note.signature-line"),
        (b"", "note.no-final-newline"),
        (b"\n", "note.no-signature"),
        (b"\n" + LINE, "note.no-signature"),
        (b"\n\n" + LINE, "note.no-signature"),
        (NOTE.replace(b"first", b"fi\xff"), "note.not-utf8"),
        (NOTE.replace(b"first", b"fi\x00"), "note.control-character"),
        (NOTE.replace(b"first", b"fi\t"), "note.control-character"),
        (NOTE.replace(b"first", b"fi\x1b[2J"), "note.control-character"),
        (NOTE + LINE, "note.duplicate-signature"),
        (NOTE + f"{NoteSignature(KEY.name, KEY.public.key_hash, b'other')}\n".encode(),
         "note.duplicate-signature"),
        (NOTE + b"an extra line\n", "note.signature-line"),
        (NOTE.replace("—".encode(), b"-"), "note.signature-line"),
        (NOTE.replace("— ".encode(), "—  ".encode()), "note.signature-line"),
        (NOTE.replace(b"a.example/log ", b"a.example/log\xc2\xa0"), "note.signature-line"),
        (NOTE.replace(b"a.example/log", b"a+example/log"), "note.signature-line"),
        (NOTE[:-3] + b"!!\n", "note.not-base64"),
        (NOTE[:-2] + b"\n", "note.not-base64"),
        (NOTE[:-1] + b" \n", "note.not-base64"),
        (NOTE[:-1] + b"AAAA\n", "note.not-base64"),
        (BODY + "\n— a.example/log AB==\n".encode(), "note.not-base64"),
        (BODY + "\n— a.example/log AAAAAA==\n".encode(), "note.signature-line"),
        (b"x" * 1_000_001, "note.too-large"),
    ],
)  # fmt: skip
def test_a_malformed_note_is_refused(content, code):
    assert refusal(content) == code


def test_stray_bits_in_base64_are_refused():
    # 4 + 64 bytes end in one padded group: its last digit may carry bits that nobody reads.
    digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = NOTE[-3]
    stray = digits[digits.index(last) + 1]
    assert NOTE.endswith(b"=\n")
    assert refusal(NOTE[:-3] + bytes([stray]) + b"=\n") == "note.not-base64"


def test_more_signatures_than_allowed_are_refused():
    note = sign_note(BODY, [KEY, WITNESS])
    assert len(parse_note(note, "x.note", most_signatures=2).signatures) == 2
    assert refusal(note, most_signatures=1) == "note.extra-signature"
    lines = [NoteSignature(f"w{number}", b"hash", b"value") for number in range(65)]
    assert len(parse_note(format_note(BODY, lines[:64]), "x.note").signatures) == 64
    assert refusal(format_note(BODY, lines)) == "note.extra-signature"


def checked(content, key):
    with pytest.raises(MalformedError) as caught:
        parse_note(content, "x.note").check_signature(key, "x.note")
    return caught.value.code


def test_a_signature_is_of_one_key_over_one_text():
    parse_note(NOTE, "x.note").check_signature(KEY.public, "x.note")
    assert checked(NOTE, WITNESS.public) == "note.not-signed"
    assert checked(NOTE, OTHER.public) == "note.wrong-key-id"
    assert checked(NOTE.replace(b"first", b"First"), KEY.public) == "note.signature-invalid"
    forged = NoteSignature(KEY.name, KEY.public.key_hash, OTHER.sign(BODY))
    assert checked(format_note(BODY, [forged]), KEY.public) == "note.signature-invalid"
    short = NoteSignature(KEY.name, KEY.public.key_hash, KEY.sign(BODY)[:-1])
    assert checked(format_note(BODY, [short]), KEY.public) == "note.signature-invalid"
    relabelled = NoteSignature(KEY.name, OTHER.public.key_hash, KEY.sign(BODY))
    assert checked(format_note(BODY, [relabelled]), KEY.public) == "note.wrong-key-id"


def test_openssl_accepts_the_signature_and_no_other(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    signature, body, key = tmp_path / "signature", tmp_path / "body", tmp_path / "key.der"
    signature.write_bytes(parse_note(NOTE, "x.note").signatures[0].value)
    key.write_bytes(bytes.fromhex("302a300506032b6570032100") + KEY.public.raw)
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", key]
    for content, code in ((BODY, 0), (BODY + b"x", 1)):
        body.write_bytes(content)
        done = subprocess.run([*command, "-in", body, "-sigfile", signature], check=False, capture_output=True)
        assert done.returncode == code


def test_lines_of_other_keys_are_not_looked_at():
    junk = NoteSignature("w.example/w", b"\x01\x02\x03\x04", b"no signature at all")
    content = format_note(BODY, [junk, parse_note(NOTE, "x.note").signatures[0]])
    parse_note(content, "x.note").check_signature(KEY.public, "x.note")


@pytest.mark.parametrize("body", [b"", b"no newline", b"a\rb\n", b"tab\t\n", b"\xff\n"])
def test_what_cannot_stand_in_a_note_is_not_signed(body):
    with pytest.raises(MisuseError):
        sign_note(body, [KEY])


def test_a_note_without_signers_is_not_made():
    with pytest.raises(MisuseError):
        sign_note(BODY, [])
