"""The record proof as a document: written canonically, read strictly."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from audit_lab.errors import MisuseError
from audit_lab.seal.key_chain import KeyLink
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.proof_document import LIMITS, ProvenRecord, RecordProof
from audit_lab.seal.strict_json import canonical_json

A, B = bytes(range(32)), bytes(range(32, 64))
RECORD = ProvenRecord(
    table="predictions",
    segment="s1",
    row=7,
    commitment="plain",
    schema=(("prediction_id", "str"), ("score", "f64")),
    row_bytes=b"r2:s1:pd4604418534313441775;",
    disclosures=(),
    path=(A,),
    statement=b'{"kind":"segment"}',
    entry_index=1,
    entry_path=(B, A),
)
LINK = KeyLink(b"{}", 3, b"a note\n", (A,), (B,))
PROOF = RecordProof("a.example/log", "p", b"a\n1\nb\n", b"{}", (A,), (LINK,), (RECORD,))
CONTENT = PROOF.to_bytes()
VALUE = json.loads(CONTENT)


def encoded(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def refusal(content):
    with pytest.raises(MalformedError) as caught:
        RecordProof.parse(content, "x.proof")
    assert "x.proof" in str(caught.value)
    return caught.value.code


def test_a_document_is_read_back():
    assert RecordProof.parse(CONTENT, "x.proof") == PROOF
    assert canonical_json(VALUE) == CONTENT


def test_a_document_has_its_golden_form():
    a, b = A.hex(), B.hex()
    limits = json.dumps(list(LIMITS), separators=(",", ":"))
    assert CONTENT.decode() == (
        '{"checkpoint":"a\\n1\\nb\\n","format":"audit_lab.record-proof/1","genesis":"{}",'
        f'"genesis_path":["{a}"],'
        f'"key_chain":[{{"checkpoint":"a note\\n","entry":"{{}}","growth":["{b}"],"index":3,"path":["{a}"]}}],'
        f'"limits":{limits},"origin":"a.example/log","prediction_id":"p",'
        '"records":[{"commitment":"plain","disclosures":[],"entry_index":1,'
        f'"entry_path":["{b}","{a}"],"path":["{a}"],"row":7,"row_bytes":"r2:s1:pd4604418534313441775;",'
        '"schema":[["prediction_id","str"],["score","f64"]],"segment":"s1","statement":"{\\"kind\\":\\"segment\\"}",'
        '"table":"predictions"}]}'
    )


def changed_record(**members):
    return encoded({**VALUE, "records": [{**VALUE["records"][0], **members}]})


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"[]", "json.not-an-object"),
        (b"{}", "record-proof.malformed"),
        (CONTENT.replace(b"proof/1", b"proof/2"), "record-proof.newer-version"),
        (CONTENT.replace(b"audit_lab.record-proof/1", b"other"), "record-proof.malformed"),
        (CONTENT + b"\n", "record-proof.not-canonical"),
        (CONTENT.replace(b'"row":7', b'"row": 7'), "record-proof.not-canonical"),
        (CONTENT.replace(b'"row":7', b'"row":7.0'), "record-proof.malformed"),
        (CONTENT.replace(b'"row":7', b'"row":7,"row":7'), "json.duplicate-member"),
        (encoded({**VALUE, "more": 1}), "json.member-unknown"),
        (encoded({name: value for name, value in VALUE.items() if name != "genesis"}), "json.member-missing"),
        (encoded({**VALUE, "limits": []}), "record-proof.malformed"),
        (encoded({**VALUE, "limits": [*LIMITS, "All is well."]}), "record-proof.malformed"),
        (encoded({**VALUE, "records": []}), "record-proof.malformed"),
        (encoded({**VALUE, "records": {}}), "record-proof.malformed"),
        (encoded({**VALUE, "key_chain": None}), "record-proof.malformed"),
        (encoded({**VALUE, "key_chain": [1]}), "json.not-an-object"),
        (encoded({**VALUE, "origin": 1}), "record-proof.malformed"),
        (encoded({**VALUE, "checkpoint": None}), "record-proof.malformed"),
        (encoded({**VALUE, "genesis_path": ["00"]}), "record-proof.malformed"),
        (encoded({**VALUE, "genesis_path": [A.hex().upper()]}), "record-proof.malformed"),
        (encoded({**VALUE, "genesis_path": [A.hex()] * 65}), "record-proof.malformed"),
        (encoded({**VALUE, "genesis_path": A.hex()}), "record-proof.malformed"),
        (changed_record(row=-1), "record-proof.malformed"),
        (changed_record(row="7"), "record-proof.malformed"),
        (changed_record(row=True), "record-proof.malformed"),
        (changed_record(row=2**53), "record-proof.malformed"),
        (changed_record(schema=None), "record-proof.malformed"),
        (changed_record(schema=[["a"]]), "record-proof.malformed"),
        (changed_record(schema=[["a", 1]]), "record-proof.malformed"),
        (changed_record(schema=["ab"]), "record-proof.malformed"),
        (changed_record(disclosures=[1]), "record-proof.malformed"),
        (changed_record(disclosures="x"), "record-proof.malformed"),
        (changed_record(more=1), "json.member-unknown"),
        (b" " * (2**24 + 1), "record-proof.too-large"),
    ],
)
def test_what_would_not_print_back_identically_is_refused(content, code):
    assert refusal(content) == code


@pytest.mark.parametrize(
    "changes",
    [
        {"records": ()},
        {"records": (replace(RECORD, row=-1),)},
        {"records": (replace(RECORD, row_bytes=b"\xff"),)},
        {"records": (replace(RECORD, path=(b"short",)),)},
        {"records": [RECORD]},
        {"prediction_id": "\ud800"},
    ],
)
def test_a_document_that_would_be_refused_is_not_written(changes):
    with pytest.raises(MisuseError):
        replace(PROOF, **changes).to_bytes()
