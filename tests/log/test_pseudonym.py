"""Pseudonyms: the same as any HMAC-SHA256 gives, under a key that is never shown."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.errors import MisuseError
from audit_lab.log.keys.pseudonym import PseudonymKey, pseudonym

SECRET = bytes(range(32))
FILE = """format = "audit_lab.pseudonym-key"
version = 1
algorithm = "HMAC-SHA256"
name = "bank-2026"
normalise = ["trim", "upper"]
key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
"""


@pytest.fixture
def key_file(tmp_path):
    path = PseudonymKey("bank-2026", ("trim", "upper"), SECRET).write(tmp_path / "keys")
    assert path.read_text() == FILE
    return path


def test_a_pseudonym_is_what_openssl_computes():
    # printf 'C-1047' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102...1f
    command = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{SECRET.hex()}"]
    said = subprocess.run(command, input=b"C-1047", capture_output=True, check=True).stdout
    assert PseudonymKey("k", (), SECRET).pseudonym("C-1047") == said.split()[-1].decode()


def test_a_known_answer():
    assert (
        PseudonymKey("k", (), SECRET).pseudonym("C-1047")
        == "0051afa3de8fba454e2026ad8c42b94b50b21b85483971032267a49f5696a296"
    )


@pytest.mark.parametrize(
    ("rules", "given", "same"),
    [
        ((), " C-1 ", " C-1 "),
        (("trim",), " c-1\n", "c-1"),
        (("upper",), "c-1", "C-1"),
        (("digits",), "C-1 047", "1047"),
        (("nfc",), "e\u0301", "\u00e9"),
        (("trim", "upper"), " c-1 ", "C-1"),
    ],
)
def test_what_is_done_to_a_number_first_is_the_rule_of_the_key(rules, given, same):
    assert PseudonymKey("k", rules, SECRET).pseudonym(given) == PseudonymKey("k", (), SECRET).pseudonym(same)


def test_nothing_is_done_to_a_number_that_no_rule_names():
    numbers = ["1047", " 1047", "01047", "1047.0", "\uff11047", "c", "C", "\u00e9", "e\u0301"]
    key = PseudonymKey("k", (), SECRET)
    assert len({key.pseudonym(number) for number in numbers}) == len(numbers)


def test_a_key_is_read_as_it_was_written(key_file):
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert key_file.name == "bank-2026.pseudonym.toml"
    assert PseudonymKey.read(key_file) == PseudonymKey("bank-2026", ("trim", "upper"), SECRET)


def test_two_keys_give_two_pseudonyms():
    first, second = PseudonymKey.generate("a"), PseudonymKey.generate("a")
    assert first.pseudonym("1") != second.pseudonym("1")


def test_a_key_file_by_path_or_from_the_environment(key_file, monkeypatch):
    expected = PseudonymKey.read(key_file).pseudonym("c-1")
    monkeypatch.delenv("AUDIT_LAB_PSEUDONYM_KEY", raising=False)
    assert pseudonym("c-1", key_file) == pseudonym("c-1", str(key_file)) == expected
    with pytest.raises(MisuseError, match="There is no key"):
        pseudonym("c-1")
    monkeypatch.setenv("AUDIT_LAB_PSEUDONYM_KEY", str(key_file))
    assert pseudonym("c-1") == expected


def test_a_key_is_never_overwritten(key_file):
    with pytest.raises(MisuseError, match="never overwritten"):
        PseudonymKey("bank-2026", (), SECRET).write(key_file.parent)
    assert key_file.read_text() == FILE


def test_a_key_that_others_can_read_is_refused(key_file):
    key_file.chmod(0o640)
    with pytest.raises(MisuseError, match=r"can be read by others.*chmod 600"):
        PseudonymKey.read(key_file)


def test_a_key_given_instead_of_its_file_is_not_repeated():
    with pytest.raises(MisuseError) as refused:
        pseudonym("c-1", SECRET.hex())
    assert SECRET.hex() not in str(refused.value)


def test_no_text_shows_the_key(key_file):
    assert SECRET.hex() not in repr(PseudonymKey.read(key_file))
    assert str(SECRET) not in repr(PseudonymKey.read(key_file))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 1", "version = 2"),
        ("HMAC-SHA256", "SHA256"),
        ("audit_lab.pseudonym-key", "audit_lab.trust"),
        ("000102", "0001"),
        ("000102", "zz0102"),
        ('name = "bank-2026"\n', ""),
        ("normalise", "normalize"),
        ('"trim"', '"guess"'),
        ('["trim", "upper"]', '"trim"'),
        ('["trim", "upper"]', "7"),
        ("key =", "key"),
        ("version = 1", "version = 1\nextra = 1"),
    ],
)
def test_a_file_of_another_form_is_refused_and_not_quoted(key_file, old, new):
    key_file.write_text(FILE.replace(old, new))
    key_file.chmod(0o600)
    with pytest.raises(MisuseError) as refused:
        PseudonymKey.read(key_file)
    assert SECRET.hex()[6:] not in str(refused.value)


@pytest.mark.parametrize("number", [1047, None, b"1", "", "1" * 1001, "\udc80"])
def test_what_cannot_be_a_number_is_refused(number):
    with pytest.raises(MisuseError):
        PseudonymKey("k", (), SECRET).pseudonym(number)


def test_a_number_of_which_a_rule_leaves_nothing_is_refused():
    with pytest.raises(MisuseError, match="empty"):
        PseudonymKey("k", ("digits",), SECRET).pseudonym("none")


numbers = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


@given(numbers, numbers)
def test_two_numbers_never_share_a_pseudonym(first, second):
    key = PseudonymKey("k", (), SECRET)
    assert (key.pseudonym(first) == key.pseudonym(second)) == (first == second)
