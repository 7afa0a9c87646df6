"""Canonical values: known bytes, no two alike, and a decoder that takes nothing else (attacks 8 and 9)."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from audit_lab.seal import values
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.values import Value, parse_row, parse_value, value_bytes

NULL = Value("n", None)
QUIET_NAN = 0x7FF8000000000000

GOLDEN = [
    (NULL, b"n;"),
    (Value("b", content=False), b"b0;"),
    (Value("b", content=True), b"b1;"),
    (Value("i", 0), b"i0;"),
    (Value("i", -1), b"i-1;"),
    (Value("i", 2**53 + 1), b"i9007199254740993;"),
    (Value("i", -(2**127)), b"i-170141183460469231731687303715884105728;"),
    (Value("i", 2**128 - 1), b"i340282366920938463463374607431768211455;"),
    (Value("d", 0), b"d0;"),
    (Value("d", 0x8000000000000000), b"d9223372036854775808;"),
    (Value("d", 0x3FF8000000000000), b"d4609434218613702656;"),
    (Value("d", QUIET_NAN), b"d9221120237041090560;"),
    (Value("d", QUIET_NAN | 1), b"d9221120237041090561;"),
    (Value("d", 0xFFF0000000000000), b"d18442240474082181120;"),
    (Value("e", 0x3FC00000), b"e1069547520;"),
    (Value("h", 0x3E00), b"h15872;"),
    (Value("s", ""), b"s0:"),
    (Value("s", "a:b;\0"), b"s5:a:b;\0"),
    (Value("s", "\u00e9"), b"s2:\xc3\xa9"),
    (Value("s", "e\u0301"), b"s3:e\xcc\x81"),
    (Value("s", "\U0001f4a1"), b"s4:\xf0\x9f\x92\xa1"),
    (Value("x", b""), b"x;"),
    (Value("x", b"\x00\xff;"), b"x00ff3b;"),
    (Value("y", -1), b"y-1;"),
    (Value("o", 86_399_999_999_999), b"o86399999999999;"),
    (Value("t", -(2**63) * 1000), b"t-9223372036854775808000;"),
    (Value("u", 1), b"u1;"),
    (Value("p", 1_000), b"p1000;"),
    (Value("q", 1_000), b"q1000;"),
    (Value("c", "-0.05"), b"c-0.05;"),
    (Value("c", "1.50"), b"c1.50;"),
    (Value("l", ()), b"l0:"),
    (Value("l", (NULL, Value("i", 1))), b"l2:n;i1;"),
    (Value("r", ()), b"r0:"),
    (Value("r", (Value("l", (Value("r", (NULL,)),)), Value("s", "x"))), b"r2:l1:r1:n;s1:x"),
]


@pytest.mark.parametrize(("value", "content"), GOLDEN)
def test_known_bytes(value, content):
    assert value_bytes(value) == content
    assert parse_value(content) == value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Value("i", 1), Value("d", 0x3FF0000000000000)),
        (Value("s", "1"), Value("i", 1)),
        (NULL, Value("s", "")),
        (NULL, Value("s", "n;")),
        (NULL, Value("r", (NULL,))),
        (NULL, Value("l", ())),
        (Value("l", (NULL,)), Value("l", ())),
        (Value("b", content=True), Value("i", 1)),
        (Value("x", b"a"), Value("s", "a")),
        (Value("c", "1.50"), Value("c", "1.5")),
        (Value("t", 1), Value("u", 1)),
        (Value("d", 0), Value("d", 2**63)),
        (Value("d", QUIET_NAN), Value("d", QUIET_NAN | 1)),
        (Value("e", 0x3FC00000), Value("d", 0x3FF8000000000000)),
        (Value("s", "\u00e9"), Value("s", "e\u0301")),
        (Value("s", "a"), Value("s", "a ")),
        (Value("r", (Value("s", "ab"), Value("s", "c"))), Value("r", (Value("s", "a"), Value("s", "bc")))),
        (Value("r", (Value("s", "1:a"), Value("s", ""))), Value("r", (Value("s", ""), Value("s", "1:a")))),
        (Value("r", (Value("i", 12), Value("i", 3))), Value("r", (Value("i", 1), Value("i", 23)))),
        (
            Value("r", (Value("l", (Value("i", 1),)), Value("l", (Value("i", 2), Value("i", 3))))),
            Value("r", (Value("l", (Value("i", 1), Value("i", 2))), Value("l", (Value("i", 3),)))),
        ),
    ],
)
def test_values_that_are_easily_confused_have_different_bytes(one, other):
    assert value_bytes(one) != value_bytes(other)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "value.truncated"),
        (b"n", "value.truncated"),
        (b"n0;", "value.malformed"),
        (b"n;n;", "value.trailing"),
        (b"z;", "value.malformed"),
        (b"\xff", "value.malformed"),
        (b"b;", "value.malformed"),
        (b"b2;", "value.malformed"),
        (b"b10;", "value.malformed"),
        (b"i;", "value.malformed"),
        (b"i1", "value.truncated"),
        (b"i01;", "value.malformed"),
        (b"i-0;", "value.malformed"),
        (b"i+1;", "value.malformed"),
        (b"i 1;", "value.malformed"),
        (b"i1_0;", "value.malformed"),
        (b"i1.0;", "value.malformed"),
        ("i\u0661;".encode(), "value.malformed"),
        (b"i340282366920938463463374607431768211456;", "value.out-of-range"),
        (b"i" + b"9" * 100_000 + b";", "value.malformed"),
        (b"d-1;", "value.out-of-range"),
        (b"d18446744073709551616;", "value.out-of-range"),
        (b"d1.5;", "value.malformed"),
        (b"e4294967296;", "value.out-of-range"),
        (b"h65536;", "value.out-of-range"),
        (b"y2147483648;", "value.out-of-range"),
        (b"u9223372036854775808;", "value.out-of-range"),
        (b"s1:", "value.truncated"),
        (b"s2:a", "value.truncated"),
        (b"s01:a", "value.malformed"),
        (b"s-1:a", "value.malformed"),
        (b"s1:ab", "value.trailing"),
        (b"s1:\xff", "value.not-utf8"),
        (b"s2:\xc0\x80", "value.not-utf8"),
        (b"s3:\xed\xa0\x80", "value.not-utf8"),
        (b"s99999999999:a", "value.malformed"),
        (b"xab", "value.truncated"),
        (b"xa;", "value.malformed"),
        (b"xAB;", "value.malformed"),
        (b"xa b;", "value.malformed"),
        (b"xab cd;", "value.malformed"),
        (b"c;", "value.malformed"),
        (b"c.5;", "value.malformed"),
        (b"c1.;", "value.malformed"),
        (b"c01.0;", "value.malformed"),
        (b"c-0.00;", "value.malformed"),
        (b"c1e3;", "value.malformed"),
        (b"c--1;", "value.malformed"),
        (b"cNaN;", "value.malformed"),
        (b"c" + b"1" * 41 + b";", "value.malformed"),
        (b"l1:", "value.truncated"),
        (b"l2:n;", "value.truncated"),
        (b"l01:n;", "value.malformed"),
        (b"l9999999999:n;", "value.truncated"),
        (b"r1:n;n;", "value.trailing"),
        (b"l1:" * 41 + b"n;", "value.too-deep"),
        (b"l1:" * 500_000, "value.too-deep"),
        (b"l1000000:" + b"n;" * 1_000_000, "value.too-big"),
    ],
)
def test_refuses(content, code):
    with pytest.raises(MalformedError) as caught:
        parse_value(content)
    assert caught.value.code == code


def test_refuses_what_is_longer_than_the_limit(monkeypatch):
    monkeypatch.setattr(values, "MOST_BYTES", 4)
    assert parse_value(b"s1:a") == Value("s", "a")
    with pytest.raises(MalformedError) as caught:
        parse_value(b"s2:ab")
    assert caught.value.code == "value.too-big"


def test_forty_levels_are_allowed():
    assert value_bytes(parse_value(b"l1:" * 40 + b"n;")) == b"l1:" * 40 + b"n;"


@pytest.mark.parametrize(
    "value",
    [
        Value("n", 0),
        Value("b", 1),
        Value("i", content=True),
        Value("i", 1.0),
        Value("i", "1"),
        Value("d", 1.5),
        Value("d", -1),
        Value("e", 2**32),
        Value("s", b"a"),
        Value("s", "\ud800"),
        Value("x", "61"),
        Value("c", "1e3"),
        Value("c", "-0"),
        Value("l", [NULL]),
        Value("z", None),
        Value("", None),
        Value("r", (Value("d", None),)),
    ],
)
def test_content_that_is_not_what_its_tag_says_is_not_written(value):
    with pytest.raises(MalformedError) as caught:
        value_bytes(value)
    assert caught.value.code == "value.not-canonical"


def test_plain_shows_floats_as_numbers():
    assert parse_value(b"d4609434218613702656;").plain == 1.5
    assert parse_value(b"e1069547520;").plain == 1.5
    assert parse_value(b"h15872;").plain == 1.5
    assert math.copysign(1, parse_value(b"d9223372036854775808;").plain) == -1
    assert math.isnan(parse_value(b"d9221120237041090561;").plain)
    assert parse_value(b"i7;").plain == 7


def test_a_row_has_a_value_for_each_column():
    assert parse_row(b"r2:i1;n;", 2) == (Value("i", 1), NULL)


@pytest.mark.parametrize("content", [b"r1:i1;", b"r3:i1;n;n;", b"l2:i1;n;", b"n;"])
def test_a_row_of_other_columns_is_refused(content):
    with pytest.raises(MalformedError) as caught:
        parse_row(content, 2)
    assert caught.value.code == "value.not-a-row"


def _whole(tag, smallest, largest):
    return st.integers(smallest, largest).map(lambda number: Value(tag, number))


FLAT = st.one_of(
    st.just(NULL),
    st.booleans().map(lambda truth: Value("b", truth)),
    _whole("i", -(2**127), 2**128 - 1),
    _whole("d", 0, 2**64 - 1),
    _whole("e", 0, 2**32 - 1),
    _whole("h", 0, 2**16 - 1),
    _whole("y", -(2**31), 2**31 - 1),
    *(_whole(tag, -(2**63), 2**63 - 1) for tag in "otupq"),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(lambda text: Value("s", text)),
    st.binary(max_size=8).map(lambda content: Value("x", content)),
    st.decimals(-1000, 1000, places=2).map(lambda number: Value("c", f"{abs(number)}")),
)
ANY = st.recursive(
    FLAT,
    lambda inner: st.builds(Value, st.sampled_from("lr"), st.lists(inner, max_size=4).map(tuple)),
    max_leaves=12,
)


@given(ANY)
def test_what_is_written_is_read_back(value):
    assert parse_value(value_bytes(value)) == value


@given(st.lists(ANY, max_size=4), st.lists(ANY, max_size=4))
def test_different_rows_have_different_bytes_and_none_begins_another(one, other):
    first, second = (value_bytes(Value("r", tuple(row))) for row in (one, other))
    assert (first == second) == (one == other)
    assert first == second or not first.startswith(second)


@given(ANY, st.data())
def test_an_altered_byte_is_refused_or_is_another_value(value, data):
    content = bytearray(value_bytes(value))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    try:
        found = parse_value(bytes(content))
    except MalformedError:
        return
    assert found != value
    assert value_bytes(found) == bytes(content)


@given(st.text("nbidehsxyotupqclr0123456789:;.-af", max_size=20).map(str.encode))
@example(b"r2:s3:a;bl1:n;")
def test_whatever_is_accepted_prints_back_identically(content):
    try:
        found = parse_value(content)
    except MalformedError:
        return
    assert value_bytes(found) == content


@given(st.floats(width=32))
def test_float32_bits_are_not_widened(number):
    bits = struct.unpack("<I", struct.pack("<f", number))[0]
    assert value_bytes(Value("e", bits)) == f"e{bits};".encode()
