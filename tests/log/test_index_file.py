"""The locator index as bytes: golden, strict, and equal to looking at every row."""

from __future__ import annotations

import hashlib
import struct

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.log.index.index_file import (
    IndexFile,
    index_bytes,
    index_digest,
    index_files,
    index_path,
    indexed_columns,
    key_of,
)

FILE = "ab" * 32
IDS = pl.Series("prediction_id", ["a", None, "b", "a"])
#: First eight bytes of SHA-256, by `printf a | sha256sum`.
KEY_A, KEY_B = 0xCA978112CA1BBDCA, 0x3E23E8160039594A


def test_key_is_the_beginning_of_the_sha256_of_the_text():
    assert key_of("a") == KEY_A
    assert key_of("b") == KEY_B
    assert key_of("é") != key_of("e\u0301")


def test_golden_bytes():
    header = b"audit_lab.index\0" + struct.pack("<IIQQ", 1, 0, 4, 3) + bytes.fromhex(FILE)
    assert index_bytes(IDS, FILE) == header + struct.pack("<QQQ", KEY_B, KEY_A, KEY_A) + struct.pack("<III", 2, 0, 3)


def test_rows_of_a_key_in_order_and_none_for_another():
    index = IndexFile.parse(index_bytes(IDS, FILE))
    assert (index.file_sha256, index.file_rows) == (FILE, 4)
    assert list(index.find(KEY_A)) == [0, 3]
    assert list(index.find(KEY_B)) == [2]
    assert list(index.find(KEY_A + 1)) == []
    assert list(index.find(0)) == []
    assert list(index.find(2**64 - 1)) == []


def test_column_without_ids():
    index = IndexFile.parse(index_bytes(pl.Series("subject_id", [None, None], dtype=pl.String), FILE))
    assert index.file_rows == 2
    assert list(index.find(KEY_A)) == []


@given(st.lists(st.none() | st.sampled_from(["", "a", "A", "é", "e\u0301", "\U0001f9ea", " a"]) | st.text(max_size=4)))
def test_every_id_is_found_where_it_stands(ids):
    ids = [value if value is None else value.encode("utf-8", "replace").decode() for value in ids]
    index = IndexFile.parse(index_bytes(pl.Series("prediction_id", ids, dtype=pl.String), FILE))
    for value in [*ids, "absent"]:
        if value is not None:
            assert list(index.find(key_of(value))) == [row for row, other in enumerate(ids) if other == value]


@given(st.lists(st.integers(0, 2**64 - 1), max_size=300), st.integers(0, 2**64 - 1), st.integers(1, 40))
def test_any_sorted_keys_are_searched_right(keys, asked, reach):
    keys = sorted(keys)
    rows = memoryview(struct.pack(f"<{len(keys)}I", *range(len(keys)))).cast("I")
    index = IndexFile(FILE, len(keys), memoryview(struct.pack(f"<{len(keys)}Q", *keys)).cast("Q"), rows, reach)
    for key in [*keys, asked]:
        assert list(index.find(key)) == [row for row, other in enumerate(keys) if other == key]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda content: b"", "too short"),
        (lambda content: content[:71], "too short"),
        (lambda content: content[:-1], "size"),
        (lambda content: content + b"\0", "size"),
        (lambda content: b"B" + content[1:], "no index of version 1"),
        (lambda content: content[:16] + b"\2" + content[17:], "no index of version 1"),
        (lambda content: content[:20] + b"\1" + content[21:], "no index of version 1"),
        (lambda content: content[:32] + struct.pack("<Q", 2**63) + content[40:], "size"),
        (lambda content: content[:24] + struct.pack("<QQ", 2**40, 3) + content[40:], "size"),
        (lambda content: content[:24] + struct.pack("<QQ", 2, 3) + content[40:], "size"),
    ],
)
def test_what_is_no_index_is_refused(damage, reason):
    with pytest.raises(ValueError, match=reason):
        IndexFile.parse(damage(index_bytes(IDS, FILE)))


def test_keys_out_of_order_end_in_an_answer():
    content = bytearray(index_bytes(pl.Series("prediction_id", [str(row) for row in range(200)]), FILE))
    content[72 : 72 + 1600] = content[72 : 72 + 1600][::-1]
    index = IndexFile.parse(bytes(content))
    for row in range(200):
        assert len(index.find(key_of(str(row)))) <= 200


def test_which_columns_have_an_index():
    assert indexed_columns("predictions") == ("prediction_id", "request_id", "subject_id")
    for table in ("inputs/loans", "overrides", "outcomes", "explanations"):
        assert indexed_columns(table) == ("prediction_id",)
    assert indexed_columns("events") == ()
    assert indexed_columns("unknown") == ()


def test_indexes_of_a_file_and_their_digest():
    frame = pl.DataFrame({"prediction_id": ["a"], "subject_id": ["s"], "decision": ["deny"]})
    indexes = index_files("predictions", frame, FILE)
    assert sorted(indexes) == ["prediction_id", "subject_id"]
    assert indexes["subject_id"] == index_bytes(frame["subject_id"], FILE)
    lines = "".join(
        f"{hashlib.sha256(indexes[name]).hexdigest()}  {name}\n" for name in ("prediction_id", "subject_id")
    )
    assert index_digest(indexes) == hashlib.sha256(lines.encode()).hexdigest()
    assert index_digest(index_files("events", frame, FILE)) is None


def test_where_an_index_stands():
    assert index_path("inputs/loans", "part-00000", "prediction_id") == (
        "index/inputs/loans/part-00000.prediction_id.index"
    )
