from __future__ import annotations

import json

import pytest

from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.statement import Statement

DIGEST = "0" * 64


def _statement(**changes):
    value = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "a", "digest": {"sha256": DIGEST}}],
        "predicateType": "urn:x",
        "predicate": {},
    }
    return json.dumps({**value, **changes}).encode()


def test_a_statement_reads_back_with_sorted_subjects():
    statement = Statement({"b": DIGEST, "a": DIGEST}, "urn:x", {"n": 1})
    assert Statement.parse(statement.to_json(), "s") == statement
    assert [subject["name"] for subject in json.loads(statement.to_json())["subject"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (_statement(subject=[]), "statement.no-subjects"),
        (_statement(_type="https://in-toto.io/Statement/v0.1"), "statement.wrong-type"),
        (_statement(subject=[{"name": "a", "digest": {"sha256": DIGEST}}] * 2), "statement.duplicate-subject"),
        (_statement(subject=[{"name": "a", "digest": {"sha256": "0"}}]), "statement.malformed"),
        (_statement(subject=[{"name": 1, "digest": {"sha256": DIGEST}}]), "statement.malformed"),
        (_statement(subject=[{"name": "a", "digest": {"md5": DIGEST}}]), "json.member-missing"),
        (_statement(subject="a"), "statement.malformed"),
        (_statement(predicate=[]), "statement.malformed"),
        (_statement(more=1), "json.member-unknown"),
    ],
)
def test_refuses(content, code):
    with pytest.raises(MalformedError) as caught:
        Statement.parse(content, "s")
    assert caught.value.code == code
