"""Attributions as canonical JSON: what is written is read back, and nothing else is."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import attributions
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.explain import Attribution, Contribution
from audit_lab.seal.malformed import MalformedError

EXAMPLE = replace(
    attributions.EXAMPLE,
    contributions=(
        Contribution("carrier", "US", 0.25),
        Contribution("distance", 412.0, -0.05),
        Contribution("weekend", value=False, contribution=1e-17),
        Contribution("idle", None, 0.0),
    ),
    base_value=0.5,
    prediction_value=0.7,
    environment={"python": "3.11.7"},
    notes=("The registry said otherwise.",),
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=("Cs",)))
VALUES = st.none() | st.booleans() | TEXT | st.floats(allow_nan=False) | st.integers(-(2**63), 2**64)


def changed(**members: Any) -> bytes:
    document = {**json.loads(EXAMPLE.to_json()), **members}
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_what_is_written_is_read_back() -> None:
    assert Attribution.from_json(EXAMPLE.to_json()) == EXAMPLE


@given(
    values=st.lists(st.tuples(VALUES, FINITE), min_size=1, max_size=4),
    base=FINITE,
    seed=st.integers(0, 2**64),
    note=TEXT,
)
def test_whatever_was_recorded_is_read_back(values: list[tuple[Any, float]], base: float, seed: int, note: str) -> None:
    contributions = tuple(Contribution(f"f{place}", *pair) for place, pair in enumerate(values))
    attribution = replace(EXAMPLE, contributions=contributions, base_value=base, seed=seed, notes=(note,))

    found = Attribution.from_json(attribution.to_json())

    assert found == attribution
    assert found.digest == attribution.digest
    assert found.to_frame().equals(attribution.to_frame())


def test_the_digest_is_that_of_the_bytes_without_what_lies_around() -> None:
    document = json.loads(EXAMPLE.to_json())
    for name in ("isolation", "environment", "notes"):
        del document[name]
    content = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()

    assert hashlib.sha256(content).hexdigest() == EXAMPLE.digest


def test_numbers_that_json_cannot_hold_stand_as_text() -> None:
    values = (Contribution("big", 2**53, 1e300), Contribution("open", float("inf"), 0.5))

    document = json.loads(replace(EXAMPLE, contributions=values).to_json())

    assert document["contributions"] == [
        {"feature": "big", "value": {"integer": "9007199254740992"}, "contribution": {"number": "1e+300"}},
        {"feature": "open", "value": {"number": "inf"}, "contribution": 0.5},
    ]


def test_half_of_a_surrogate_pair_is_not_written() -> None:
    with pytest.raises(MalformedError) as raised:
        replace(EXAMPLE, label="\ud800").to_json()
    assert raised.value.code == "json.not-canonical"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "json.not-json"),
        (b"[]", "attribution.format-unknown"),
        (b'{"format":"audit_lab.attribution","version":1}', "json.member-missing"),
        (changed(version=2), "attribution.format-unknown"),
        (changed(more=1), "json.member-unknown"),
        (EXAMPLE.to_json() + b"\n", "attribution.not-canonical"),
        (EXAMPLE.to_json().replace(b'"seed":0', b'"seed":0.0'), "attribution.malformed"),
        (EXAMPLE.to_json().replace(b'"base_value":0.5', b'"base_value":5e-1'), "attribution.not-canonical"),
        (EXAMPLE.to_json().replace(b'"base_value":0.5', b'"base_value":NaN'), "json.not-json"),
        (changed(base_value="0.5"), "attribution.malformed"),
        (changed(base_value=True), "attribution.malformed"),
        (changed(base_value={"number": "inf"}), "attribution.malformed"),
        (changed(base_value={"number": "0.5"}), "attribution.not-canonical"),
        (changed(base_value={"number": "1" * 400}), "attribution.malformed"),
        (changed(seed={"integer": "9" * 62}), "attribution.malformed"),
        (changed(contributions=[]), "attribution.malformed"),
        (changed(contributions=[{"feature": "a", "value": 1, "contribution": 0}] * 2), "attribution.malformed"),
        (changed(contributions=[{"feature": "a", "value": [1], "contribution": 0}]), "attribution.malformed"),
        (changed(contributions=[{"feature": "a", "value": 1}]), "json.member-missing"),
        (changed(contributions={"a": 1}), "attribution.malformed"),
        (changed(checks=[{"name": "a", "passed": 1, "detail": "b"}]), "attribution.malformed"),
        (changed(background={"description": "", "rows": [1], "sha256": "ab" * 32}), "attribution.malformed"),
        (changed(background={"description": "", "rows": [], "sha256": "AB" * 32}), "attribution.malformed"),
        (changed(artifact_sha256="cd"), "attribution.malformed"),
        (changed(isolation=["none"]), "attribution.malformed"),
        (changed(environment={"python": 3}), "attribution.malformed"),
        (changed(notes="none"), "attribution.malformed"),
        (changed(label=None), "attribution.malformed"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "json.too-deep"),
        (b" " * (16 * 1024 * 1024 + 1), "attribution.too-big"),
    ],
)
def test_what_was_not_written_so_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(MalformedError) as raised:
        Attribution.from_json(content)
    assert raised.value.code == code


@given(place=st.integers(0, 5000), byte=st.integers(0, 255))
def test_a_changed_byte_is_refused_or_names_another_explanation(place: int, byte: int) -> None:
    content = bytearray(EXAMPLE.to_json())
    place %= len(content)
    if content[place] == byte:
        return
    content[place] = byte
    try:
        found = Attribution.from_json(bytes(content))
    except MalformedError:
        return
    assert found != EXAMPLE
