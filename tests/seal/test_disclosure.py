"""Fields shown one by one: known bytes, and what a committed row refuses (attacks 12 and 33)."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.errors import MisuseError
from audit_lab.seal.disclosure import (
    check_disclosures,
    committed_row,
    disclosure_bytes,
    field_digest,
    field_salt,
    parse_committed_row,
    parse_disclosure,
)
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.values import Value, value_bytes

KEY = bytes(range(32))
# Computed with sha256sum from the text of the specification.
SALT = "c009f83da15854a3d9cab45adce053b2"
DIGEST = "06cd803a1bfea495c7c241a35f10795dcbb91d0535b14c532dfc5eabc5c231c7"
NAMES = ("prediction_id", "score", "note")
VALUES = (Value("s", "p-1"), Value("d", 0x3FE0000000000000), Value("n", None))
SHOWN = [
    disclosure_bytes(field_salt(KEY, name), name, value_bytes(value)) for name, value in zip(NAMES, VALUES, strict=True)
]
ROW = committed_row([field_digest(content) for content in SHOWN])


def _refusal(row, names, disclosures):
    with pytest.raises(MalformedError) as caught:
        check_disclosures(row, names, disclosures)
    return caught.value.code


def test_known_bytes():
    assert field_salt(KEY, "score") == SALT
    assert SHOWN[1] == f"r3:s32:{SALT}s5:scored4602678819172646912;".encode()
    assert field_digest(SHOWN[1]) == DIGEST
    assert f"k3:{field_digest(SHOWN[0])}{DIGEST}{field_digest(SHOWN[2])}".encode() == ROW


def test_the_salt_is_sixteen_bytes_of_a_hash_of_key_label_and_name():
    text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1faudit_lab/field-salt/1:\u00e9"
    assert field_salt(KEY, "\u00e9") == hashlib.sha256(text.encode()).digest()[:16].hex()


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33), bytes(32)])
def test_what_is_no_row_key_gives_no_salt(key):
    with pytest.raises(MisuseError):
        field_salt(key, "score")


def test_any_fields_can_be_shown_and_the_others_withheld():
    assert list(check_disclosures(ROW, NAMES, SHOWN)) == list(NAMES)
    assert check_disclosures(ROW, NAMES, []) == {}
    found = check_disclosures(ROW, NAMES, [SHOWN[2], SHOWN[0]])
    assert [(name, each.value) for name, each in found.items()] == [("prediction_id", VALUES[0]), ("note", VALUES[2])]
    assert found["note"].content == SHOWN[2]


def test_a_guess_at_a_withheld_field_does_not_match():
    guess = disclosure_bytes(field_salt(KEY, "score"), "score", b"d0;")
    assert _refusal(ROW, NAMES, [guess]) == "disclosure.unmatched"


def test_a_disclosure_of_another_row_does_not_match():
    moved = disclosure_bytes(field_salt(bytes(31) + b"\1", "score"), "score", value_bytes(VALUES[1]))
    assert _refusal(ROW, NAMES, [moved]) == "disclosure.unmatched"


def test_a_field_renamed_in_its_disclosure_does_not_match():
    renamed = disclosure_bytes(field_salt(KEY, "score"), "threshold", value_bytes(VALUES[1]))
    assert _refusal(ROW, ("prediction_id", "threshold", "note"), [renamed]) == "disclosure.unmatched"


def test_a_schema_that_names_the_columns_otherwise_is_refused():
    assert _refusal(ROW, ("score", "prediction_id", "note"), [SHOWN[1]]) == "disclosure.field-differs"


def test_a_salt_that_stands_in_two_disclosures_is_refused():
    salt = field_salt(KEY, "score")
    shown = [disclosure_bytes(salt, name, b"i1;") for name in ("a", "b")]
    row = committed_row([field_digest(content) for content in shown])
    assert _refusal(row, ("a", "b"), shown) == "disclosure.salt-reused"
    assert list(check_disclosures(row, ("a", "b"), shown[:1])) == ["a"]


def test_a_field_disclosed_twice_is_refused():
    assert _refusal(ROW, NAMES, [SHOWN[1], SHOWN[1]]) == "disclosure.duplicate-digest"


def test_two_values_for_one_name_are_refused():
    other = disclosure_bytes("0" * 32, "score", b"d0;")
    assert _refusal(ROW, NAMES, [SHOWN[1], other]) == "disclosure.duplicate-name"


def test_a_schema_that_repeats_a_name_is_refused():
    assert _refusal(ROW, ("score", "score", "note"), []) == "disclosure.duplicate-name"


@pytest.mark.parametrize("names", [NAMES[:2], (*NAMES, "more"), ()])
def test_a_schema_of_another_width_is_refused(names):
    assert _refusal(ROW, names, []) == "disclosure.columns-differ"


def test_a_row_that_repeats_a_digest_is_refused():
    digest = field_digest(SHOWN[0])
    assert _refusal(committed_row([digest, digest]), ("a", "b"), []) == "disclosure.duplicate-digest"


@pytest.mark.parametrize(
    "row",
    [
        b"",
        b"k1:",
        b"k0:" + b"0" * 64,
        b"k01:" + b"0" * 64,
        b"k1:" + b"0" * 63,
        b"k1:" + b"A" * 64,
        b"k1:" + b"0" * 64 + b"\n",
        b"k9999999999:" + b"0" * 64,
        b"r1:n;",
    ],
)
def test_what_is_no_committed_row_is_refused(row):
    with pytest.raises(MalformedError) as caught:
        parse_committed_row(row)
    assert caught.value.code == "disclosure.row-malformed"


def test_a_row_without_columns():
    assert parse_committed_row(committed_row([])) == ()


SALTED = b"s32:" + b"0" * 32


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"r3:" + SALTED + b"s1:an;n;", "value.trailing"),
        (b"r2:" + SALTED + b"s1:a", "disclosure.malformed"),
        (b"r4:" + SALTED + b"s1:an;n;", "disclosure.malformed"),
        (b"l3:" + SALTED + b"s1:an;", "disclosure.malformed"),
        (b"r3:s31:" + b"0" * 31 + b"s1:an;", "disclosure.malformed"),
        (b"r3:s32:" + b"A" * 32 + b"s1:an;", "disclosure.malformed"),
        (b"r3:x" + b"0" * 32 + b";s1:an;", "disclosure.malformed"),
        (b"r3:" + SALTED + b"i1;n;", "disclosure.malformed"),
        (b"n;", "disclosure.malformed"),
        (b"", "value.truncated"),
    ],
)
def test_what_is_no_disclosure_is_refused(content, code):
    with pytest.raises(MalformedError) as caught:
        parse_disclosure(content)
    assert caught.value.code == code


NAME_LISTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), unique=True, max_size=6)


@given(st.binary(min_size=32, max_size=32).filter(any), NAME_LISTS, st.data())
def test_whatever_is_shown_of_a_row_is_checked_to_be_of_it(key, names, data):
    shown = [disclosure_bytes(field_salt(key, name), name, b"i%d;" % place) for place, name in enumerate(names)]
    row = committed_row([field_digest(content) for content in shown])
    chosen = [content for content in shown if data.draw(st.booleans())]
    found = check_disclosures(row, names, chosen)
    assert [each.content for each in found.values()] == chosen
