"""JSON is refused wherever two readers could understand it differently (attack 28)."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import canonical_json, canonical_text, members, parse_json


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'\xef\xbb\xbf{"a":1}', "json.byte-order-mark"),
        (b'{"a":"\xff"}', "json.not-utf8"),
        (b'{"a":1,"a":1}', "json.duplicate-member"),
        (b'{"x":{"a":1,"a":2}}', "json.duplicate-member"),
        (b"[" * 65 + b"]" * 65, "json.too-deep"),
        (b"[" * 100_000, "json.too-deep"),
        (b"[NaN]", "json.not-json"),
        (b"[-Infinity]", "json.not-json"),
        (b"[1e999]", "json.number-too-big"),
        (b"[" + b"9" * 5000 + b"]", "json.number-too-big"),
        (b'["\\ud800"]', "json.lone-surrogate"),
        (b'{"a":1} x', "json.not-json"),
        (b"", "json.not-json"),
    ],
)
def test_refuses(content, code):
    with pytest.raises(MalformedError) as caught:
        parse_json(content, "x.json")
    assert caught.value.code == code
    assert "x.json" in str(caught.value)


def test_brackets_inside_strings_are_no_nesting():
    content = json.dumps(["[" * 100 + '\\"' + "{" * 100]).encode()
    assert parse_json(content, "x.json") == json.loads(content)


@pytest.mark.parametrize("content", [b'"' + b'\\"' * 300_000, b'"' + b"a" * 600_000 + b"\\", b'{"' * 200_000])
def test_text_that_never_ends_is_refused_in_a_moment(content):
    started = time.process_time()
    with pytest.raises(MalformedError):
        parse_json(content, "x.json")
    assert time.process_time() - started < 2


def test_sixty_four_levels_are_allowed():
    assert parse_json(b"[" * 64 + b"]" * 64, "x.json") is not None


def test_canonical_form_is_that_of_the_rfc():
    # RFC 8785, section 3.2.2: the sample object, its numbers and its string escapes.
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"\u002f",
        "literals": [None, True, False],
    }
    assert canonical_json(value) == (
        b'{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        b'"string":"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_canonical_form_refuses_what_it_cannot_write():
    for value in (float("nan"), 2**53):
        with pytest.raises(MalformedError, match="canonical"):
            canonical_json([value])


def test_unknown_and_missing_members_are_named():
    with pytest.raises(MalformedError, match="'extra'"):
        members({"a": 1, "extra": 2}, frozenset({"a"}), "x")
    with pytest.raises(MalformedError, match="lacks the members b"):
        members({"a": 1}, frozenset({"a", "b"}), "x")


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c)))
def test_what_is_written_canonically_is_read_back(value):
    assert parse_json(canonical_json(value), "x") == value


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="ascii")), inner),
    )
)
def test_without_floats_the_standard_library_writes_the_same_bytes(value):
    assert canonical_text(value) == canonical_json(value)


def test_half_of_a_pair_cannot_be_written():
    with pytest.raises(MalformedError, match="surrogate"):
        canonical_text(["\ud800"])
