"""Documents with the proofs of many rows are read strictly: whatever is accepted prints back identically."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.errors import MisuseError
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.row_proofs import Growth, LogProof, ProvenPart, SegmentProof, ShownRow

HASH = bytes(range(32))
ROW = ShownRow(3, b"k1:" + b"0" * 64, (b"r3:...",), (HASH,))
SEGMENT = SegmentProof(b"{}", 2, (HASH,), ("subject_id",), (ROW,))
PART = ProvenPart("0001-predictions", "predictions", "s", 1)
LOG = LogProof("loans", b"{}", (HASH,), (), Growth(b"note", (HASH,)), (PART,))

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
hashes = st.lists(st.binary(min_size=32, max_size=32), max_size=4).map(tuple)
rows = st.builds(ShownRow, st.integers(0, 2**53 - 1), texts.map(str.encode), st.just(()), hashes)
segments = st.builds(
    SegmentProof,
    texts.map(str.encode),
    st.integers(0, 2**53 - 1),
    hashes,
    st.lists(texts, max_size=3).map(tuple),
    st.lists(rows, min_size=1, max_size=4, unique_by=lambda row: row.row).map(
        lambda found: tuple(sorted(found, key=lambda row: row.row))
    ),
)


@given(segments)
def test_a_segments_proof_is_read_as_it_was_written(proof):
    assert SegmentProof.parse(proof.to_bytes(), "proof") == proof


@pytest.mark.parametrize("proof", [LOG, LogProof("loans", b"{}", (), (), None, ())])
def test_a_logs_proof_is_read_as_it_was_written(proof):
    assert LogProof.parse(proof.to_bytes(), "proof") == proof


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"format": "audit_lab.segment-proof/2"}, "record-proof.newer-version"),
        ({"format": "audit_lab.log-proof/1"}, "record-proof.malformed"),
        ({"rows": []}, "record-proof.malformed"),
        ({"entry_index": -1}, "record-proof.malformed"),
        ({"entry_index": True}, "record-proof.malformed"),
        ({"entry_path": ["00"]}, "record-proof.malformed"),
        ({"entry_path": ["0" * 64] * 65}, "record-proof.malformed"),
        ({"withheld": [1]}, "record-proof.malformed"),
        ({"more": 1}, "json.unknown-member"),
    ],
)
def test_a_segments_proof_of_another_form_is_refused(change, code):
    value = {**json.loads(SEGMENT.to_bytes()), **change}
    with pytest.raises(MalformedError) as refused:
        SegmentProof.parse(json.dumps(value, sort_keys=True, separators=(",", ":")).encode(), "proof")
    assert refused.value.code.split(".")[0] == code.split(".")[0]
    if code.startswith("record-proof"):
        assert refused.value.code == code


@pytest.mark.parametrize("name", ["../0001-x", "0001-X", "1-x", "0001-", "0001-x/y"])
def test_a_part_is_named_so_that_no_name_leads_elsewhere(name):
    with pytest.raises(MisuseError, match="is no name of a part"):
        LogProof("loans", b"{}", (), (), None, (ProvenPart(name, "t", "s", 1),)).to_bytes()


def test_rows_and_parts_stand_in_order_and_once():
    with pytest.raises(MisuseError, match="in the order of their numbers"):
        SegmentProof(b"{}", 2, (), (), (ROW, ROW)).to_bytes()
    with pytest.raises(MisuseError, match="in the order of their names"):
        LogProof("loans", b"{}", (), (), None, (PART, PART)).to_bytes()


def test_other_bytes_of_the_same_document_are_refused():
    with pytest.raises(MalformedError) as refused:
        SegmentProof.parse(SEGMENT.to_bytes() + b"\n", "proof")
    assert refused.value.code == "record-proof.not-canonical"
