"""The column-wise canonical bytes are those of the definition, for every type and at every corner."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_lab.errors import LogError
from audit_lab.log.commitment import leaves
from audit_lab.log.commitment.column_types import MOST_NESTING, schema_of_document
from audit_lab.log.commitment.leaves import (
    field_digests,
    leaves_of_digests,
    row_leaves,
    row_text,
    schema_document,
    schema_sha256,
    value_texts,
)
from audit_lab.log.commitment.levels import rows_root
from audit_lab.seal.column_type import check_type, parse_type
from audit_lab.seal.disclosure import check_disclosures, committed_row, disclosure_bytes, field_digest, field_salt
from audit_lab.seal.merkle import leaf_hash
from audit_lab.seal.values import Value, parse_row, value_bytes

NULL = Value("n", None)
NAN = 0x7FF8000000000000
PAYLOADS = [NAN, NAN | 1, 0x7FF0000000000001, 0xFFF8000000000000, 0x8000000000000000, 0, 0x7FF0000000000000]


def _floats(*bits):
    return pl.Series("x", bits, dtype=pl.UInt64).reinterpret(dtype=pl.Float64)


def _texts(series):
    return [text.removeprefix("r1:") for text in row_text(series.to_frame()).to_list()]


def _hashes(content):
    return [content[at : at + 32] for at in range(0, len(content), 32)]


# Known bytes of every type.


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([None, None], pl.Null, ["n;", "n;"]),
        ([True, False, None], pl.Boolean, ["b1;", "b0;", "n;"]),
        ([-128, 127, None], pl.Int8, ["i-128;", "i127;", "n;"]),
        ([-32768], pl.Int16, ["i-32768;"]),
        ([-(2**31)], pl.Int32, ["i-2147483648;"]),
        ([2**53 + 1, -(2**63)], pl.Int64, ["i9007199254740993;", "i-9223372036854775808;"]),
        ([-(2**127), 2**127 - 1], pl.Int128, [f"i{-(2**127)};", f"i{2**127 - 1};"]),
        ([255], pl.UInt8, ["i255;"]),
        ([65535], pl.UInt16, ["i65535;"]),
        ([2**32 - 1], pl.UInt32, ["i4294967295;"]),
        ([2**64 - 1, 0, None], pl.UInt64, ["i18446744073709551615;", "i0;", "n;"]),
        ([2**128 - 1], pl.UInt128, [f"i{2**128 - 1};"]),
        ([1.5, None], pl.Float16, ["h15872;", "n;"]),
        ([1.5, -0.0, None], pl.Float32, ["e1069547520;", "e2147483648;", "n;"]),
        (
            [1.5, -0.0, 0.0, float("inf"), float("-inf"), None],
            pl.Float64,
            [
                "d4609434218613702656;",
                "d9223372036854775808;",
                "d0;",
                "d9218868437227405312;",
                "d18442240474082181120;",
                "n;",
            ],
        ),
        (
            ["", "a", "a ", None, "\0:;n;", "\u00e9", "e\u0301", "\U0001f4a1", "s1:a"],
            pl.String,
            ["s0:", "s1:a", "s2:a ", "n;", "s5:\0:;n;", "s2:\u00e9", "s3:e\u0301", "s4:\U0001f4a1", "s4:s1:a"],
        ),
        (["b", None, "a", ""], pl.Categorical, ["s1:b", "n;", "s1:a", "s0:"]),
        (["b", None, "\u00e9"], pl.Enum(["\u00e9", "b"]), ["s1:b", "n;", "s2:\u00e9"]),
        ([b"", b"\x00\xff;", None], pl.Binary, ["x;", "x00ff3b;", "n;"]),
        ([date(1970, 1, 1), date(1969, 12, 31), None], pl.Date, ["y0;", "y-1;", "n;"]),
        ([clock_time(0), clock_time(23, 59, 59, 999_999), None], pl.Time, ["o0;", "o86399999999000;", "n;"]),
        ([1_000_000, None], pl.Datetime("us"), ["t1000000;", "n;"]),
        ([datetime(2024, 3, 4, tzinfo=UTC), None], pl.Datetime("us", "Asia/Tokyo"), ["t1709510400000000;", "n;"]),
        ([-1, 0, 1, 2**63 - 1, None], pl.Datetime("ms"), ["t-1000;", "t0;", "t1000;", f"t{2**63 - 1}000;", "n;"]),
        ([-1, 0, None], pl.Datetime("ns", "UTC"), ["u-1;", "u0;", "n;"]),
        ([timedelta(microseconds=-1), None], pl.Duration("us"), ["p-1;", "n;"]),
        ([-(2**63), 0], pl.Duration("ms"), [f"p{-(2**63)}000;", "p0;"]),
        ([5, None], pl.Duration("ns"), ["q5;", "n;"]),
        (
            [Decimal("1.5"), Decimal("-0.05"), Decimal(0), None],
            pl.Decimal(38, 2),
            ["c1.50;", "c-0.05;", "c0.00;", "n;"],
        ),
        ([Decimal(7)], pl.Decimal(10, 0), ["c7;"]),
        ([Decimal("0." + "9" * 38), Decimal("-0." + "0" * 37 + "1")], pl.Decimal(38, 38), None),
        ([[1, None], None, [], [2]], pl.List(pl.Int64), ["l2:i1;n;", "n;", "l0:", "l1:i2;"]),
        ([[[None], None, []], [[1, 2]]], pl.List(pl.List(pl.Int8)), ["l3:l1:n;n;l0:", "l1:l2:i1;i2;"]),
        ([["a", ""], None, [None, "l0:"]], pl.Array(pl.String, 2), ["l2:s1:as0:", "n;", "l2:n;s3:l0:"]),
        ([[], None], pl.Array(pl.Int8, 0), ["l0:", "n;"]),
        ([[[1, 2], None], None], pl.Array(pl.List(pl.Int8), 2), ["l2:l2:i1;i2;n;", "n;"]),
        ([[[1, 2], [3, None]]], pl.Array(pl.Int8, (2, 2)), ["l2:l2:i1;i2;l2:i3;n;"]),
        (
            [{"a": 1, "b": "x"}, None, {"a": None, "b": None}],
            pl.Struct({"a": pl.Int64, "b": pl.String}),
            ["r2:i1;s1:x", "n;", "r2:n;n;"],
        ),
        ([{}, None], pl.Struct([]), ["r0:", "n;"]),
        (
            [{"*": {"^.*$": [None, True]}}, {"*": None}, None],
            pl.Struct({"*": pl.Struct({"^.*$": pl.List(pl.Boolean)})}),
            ["r1:r1:l2:n;b1;", "r1:n;", "n;"],
        ),
        (
            [[{"a": [1.5]}, None, {"a": None}], None, []],
            pl.List(pl.Struct({"a": pl.List(pl.Float32)})),
            ["l3:r1:l1:e1069547520;n;r1:n;", "n;", "l0:"],
        ),
        (
            [[date(1970, 1, 2), None]],
            pl.List(pl.Date),
            ["l2:y1;n;"],
        ),
        ([["a", None]], pl.List(pl.Categorical), ["l2:s1:an;"]),
        ([[Decimal("0.5")]], pl.List(pl.Decimal(5, 1)), ["l1:c0.5;"]),
        ([[b"\x01", None], []], pl.List(pl.Binary), ["l2:x01;n;", "l0:"]),
        ([[None, None]], pl.List(pl.Null), ["l2:n;n;"]),
        ([{"a": 1, "b": None}, {}, None], pl.Map(pl.String, pl.Int64), ["l2:r2:s1:ai1;r2:s1:bn;", "l0:", "n;"]),
    ],
)
def test_known_bytes(values, dtype, expected):
    series = pl.Series("x", values, dtype=dtype)
    if expected is None:
        expected = [f"c{value:f};" for value in values]
    assert _texts(series) == expected
    assert _texts(series.clear()) == []


def test_a_row_is_its_columns_in_order():
    frame = pl.DataFrame({"b": [1, None], "a": ["x", "y"]})
    assert row_text(frame).to_list() == ["r2:i1;s1:x", "r2:n;s1:y"]
    assert row_text(frame.select("a", "b")).to_list() == ["r2:s1:xi1;", "r2:s1:yn;"]


def test_a_leaf_is_the_hash_of_a_zero_byte_and_the_row():
    frame = pl.DataFrame({"b": [1, None], "a": ["x", "y"]})
    expected = [hashlib.sha256(b"\0r2:i1;s1:x").digest(), hashlib.sha256(b"\0r2:n;s1:y").digest()]
    assert _hashes(row_leaves(frame)) == expected


NUMBERS = [
    (pl.Float64, "d", pl.UInt64, 2**64),
    (pl.Float32, "e", pl.UInt32, 2**32),
    (pl.Float16, "h", pl.UInt16, 2**16),
    (pl.UInt64, "i", pl.UInt64, 2**64),
    (pl.Int8, "i", pl.Int8, 2**7),
    (pl.Int128, "i", pl.Int128, 2**127),
    (pl.UInt128, "i", pl.UInt128, 2**128),
    (pl.Date, "y", pl.Int32, 2**31),
    (pl.Time, "o", pl.Int64, 86_400 * 10**9),
    (pl.Datetime("us", "UTC"), "t", pl.Int64, 2**63),
    (pl.Datetime("ns"), "u", pl.Int64, 2**63),
    (pl.Duration("us"), "p", pl.Int64, 2**63),
    (pl.Duration("ns"), "q", pl.Int64, 2**63),
]


@pytest.mark.parametrize(("dtype", "tag", "stored", "above"), NUMBERS)
@pytest.mark.parametrize("nulls", ["nowhere", "first", "last", "somewhere", "everywhere"])
def test_numbers_side_by_side_read_as_those_alone(dtype, tag, stored, above, nulls):
    is_null = {
        "nowhere": lambda row, column: False,
        "first": lambda row, column: column == 0,
        "last": lambda row, column: column == 2,
        "somewhere": lambda row, column: (row + column) % 2,
        "everywhere": lambda row, column: True,
    }[nulls]
    numbers = [
        [None if is_null(row, column) else (above - 1) // (row + column + 1) for row in range(4)] for column in range(3)
    ]
    columns = [pl.Series(str(place), some, dtype=stored) for place, some in enumerate(numbers)]
    frame = pl.DataFrame(
        [
            each.reinterpret(dtype=dtype) if dtype in {pl.Float16, pl.Float32, pl.Float64} else each.cast(dtype)
            for each in columns
        ]
    )
    texts = [["n;" if each is None else f"{tag}{each};" for each in some] for some in numbers]
    assert row_text(frame).to_list() == ["r3:" + "".join(row) for row in zip(*texts, strict=True)]
    between = frame.with_columns(pl.lit("n").alias("text"), frame["0"].alias("after"))
    expected = [f"r5:{''.join(row)}s1:n{row[0]}" for row in zip(*texts, strict=True)]
    assert row_text(between).to_list() == expected


# What must not read alike (attacks 8 and 9).


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pl.DataFrame({"x": [1]}), pl.DataFrame({"x": [1.0]})),
        (pl.DataFrame({"x": ["1"]}), pl.DataFrame({"x": [1]})),
        (pl.DataFrame({"x": [None]}, schema={"x": pl.String}), pl.DataFrame({"x": [""]})),
        (pl.DataFrame({"x": ["ab"], "y": ["c"]}), pl.DataFrame({"x": ["a"], "y": ["bc"]})),
        (pl.DataFrame({"x": ["1:a"], "y": [""]}), pl.DataFrame({"x": [""], "y": ["1:a"]})),
        (pl.DataFrame({"x": [[1], [2, 3]]}), pl.DataFrame({"x": [[1, 2], [3]]})),
        (pl.DataFrame({"x": [[1]], "y": [[2, 3]]}), pl.DataFrame({"x": [[1, 2]], "y": [[3]]})),
        (pl.DataFrame({"x": [[None]]}), pl.DataFrame({"x": [[]]}, schema={"x": pl.List(pl.Null)})),
        (pl.DataFrame({"x": [0.0]}), pl.DataFrame({"x": [-0.0]})),
        (_floats(NAN).to_frame(), _floats(NAN | 1).to_frame()),
        (_floats(NAN).to_frame(), _floats(NAN | 2**63).to_frame()),
        (pl.DataFrame({"x": [0.1]}, schema={"x": pl.Float32}), pl.DataFrame({"x": [float(np.float32(0.1))]})),
        (pl.DataFrame({"x": ["\u00e9"]}), pl.DataFrame({"x": ["e\u0301"]})),
        (pl.DataFrame({"x": ["a"]}), pl.DataFrame({"x": ["a "]})),
        (pl.DataFrame({"x": [2**53]}), pl.DataFrame({"x": [2**53 + 1]})),
        (pl.DataFrame({"x": [True]}), pl.DataFrame({"x": [1]})),
        (pl.DataFrame({"x": [b"a"]}), pl.DataFrame({"x": ["a"]})),
        (
            pl.DataFrame({"x": [Decimal("1.5")]}, schema={"x": pl.Decimal(9, 1)}),
            pl.DataFrame({"x": [Decimal("1.5")]}, schema={"x": pl.Decimal(9, 2)}),
        ),
        (
            pl.DataFrame({"x": [None]}, schema={"x": pl.Struct({"a": pl.Int8})}),
            pl.DataFrame({"x": [{"a": None}]}, schema={"x": pl.Struct({"a": pl.Int8})}),
        ),
        (
            pl.DataFrame({"x": [1]}, schema={"x": pl.Datetime("us")}),
            pl.DataFrame({"x": [1]}, schema={"x": pl.Datetime("ns")}),
        ),
    ],
)
def test_rows_that_are_easily_confused_have_different_leaves(one, other):
    assert row_leaves(one) != row_leaves(other)
    keys = b"k" * 32 * one.height
    assert row_leaves(one, keys) != row_leaves(other, keys)


def test_a_row_of_field_digests_is_no_plain_row_of_the_same_text():
    frame = pl.DataFrame({"x": [1]})
    digests = field_digests(frame, b"k" * 32)
    assert leaves_of_digests(digests) != row_leaves(digests)


def test_no_payload_of_a_nan_is_lost_on_the_way_through_parquet(tmp_path):
    frame = pl.DataFrame(
        {
            "flat": _floats(*PAYLOADS),
            "in_list": pl.Series([_floats(bits) for bits in PAYLOADS], dtype=pl.List(pl.Float64)),
            "in_struct": pl.DataFrame({"a": _floats(*PAYLOADS)}).to_struct(),
            "narrow": pl.Series([0x7FC00001 + place for place in range(7)], dtype=pl.UInt32).reinterpret(
                dtype=pl.Float32
            ),
        }
    )
    expected = [f"r4:d{bits};l1:d{bits};r1:d{bits};e{0x7FC00001 + place};" for place, bits in enumerate(PAYLOADS)]
    assert row_text(frame).to_list() == expected
    for compression in ("zstd", "uncompressed"):
        file = tmp_path / "x.parquet"
        frame.write_parquet(file, compression=compression, row_group_size=3)
        assert row_text(pl.read_parquet(file)).to_list() == expected
        assert row_text(pl.scan_parquet(file).filter(pl.col("flat").is_not_null()).collect()).to_list() == expected


def test_every_type_gives_the_same_leaves_after_parquet(tmp_path):
    frame = pl.DataFrame(
        {
            "wide": pl.Series([2**100, None], dtype=pl.Int128),
            "unsigned": pl.Series([2**64 - 1, None], dtype=pl.UInt64),
            "category": pl.Series(["a", None], dtype=pl.Categorical),
            "enum": pl.Series([None, "b"], dtype=pl.Enum(["b", "a"])),
            "binary": [b"\xff", None],
            "at": pl.Series([1, None], dtype=pl.Datetime("ms", "Europe/Berlin")),
            "nanos": pl.Series([1, None], dtype=pl.Datetime("ns")),
            "clock": [clock_time(1), None],
            "lasting": pl.Series([1, None], dtype=pl.Duration("ms")),
            "price": pl.Series([Decimal("1.50"), None], dtype=pl.Decimal(20, 2)),
            "array": pl.Series([[1.0, None], None], dtype=pl.Array(pl.Float32, 2)),
            "nested": [[{"a": [None, "x"]}], None],
            "nothing": [None, None],
        }
    )
    file = tmp_path / "x.parquet"
    frame.write_parquet(file)
    found = pl.read_parquet(file)
    assert row_leaves(found) == row_leaves(frame)
    assert schema_document(found.schema) == schema_document(frame.schema)


# Names and shapes.

ODD_NAMES = [
    "*",
    "^.*$",
    "",
    " ",
    "a.b",
    "\0",
    "\u00e9",
    "e\u0301",
    "\U0001f4a1",
    "row",
    "key",
    "0",
    "1",
    "salt0",
    "literal",
]


def test_columns_may_have_any_name():
    frame = pl.DataFrame({name: [place, None] for place, name in enumerate(ODD_NAMES)})
    keys = bytes(range(64))
    assert row_text(frame)[0] == "r15:" + "".join(f"i{place};" for place in range(15))
    digests = field_digests(frame, keys)
    assert digests.columns == ODD_NAMES
    assert value_texts(frame).columns == ODD_NAMES
    shown = [
        disclosure_bytes(field_salt(keys[:32], name), name, b"i%d;" % place) for place, name in enumerate(ODD_NAMES)
    ]
    assert list(digests.row(0)) == [field_digest(content) for content in shown]
    assert frame.columns == ODD_NAMES


def test_a_frame_without_rows_has_no_leaves():
    frame = pl.DataFrame(schema={"a": pl.Int64, "b": pl.List(pl.Struct({"c": pl.Date}))})
    assert row_leaves(frame) == b""
    assert row_leaves(frame, b"") == b""
    assert field_digests(frame, b"").schema == {"a": pl.String, "b": pl.String}
    assert row_text(frame).to_list() == []


def test_rows_without_columns_still_count():
    frame = pl.DataFrame(height=3)
    assert row_leaves(frame) == leaf_hash(b"r0:") * 3
    assert row_leaves(frame, bytes(96)) == leaf_hash(b"k0:") * 3
    assert row_text(frame).to_list() == ["r0:"] * 3
    assert row_leaves(pl.DataFrame()) == b""


def test_chunks_slices_and_order_of_work_make_no_difference(monkeypatch):
    frame = pl.DataFrame(
        {
            "a": [str(place) for place in range(100)],
            "b": [None if place % 7 == 0 else place / 3 for place in range(100)],
            "c": [[place] * (place % 4) for place in range(100)],
            "d": [{"e": place} for place in range(100)],
        }
    )
    keys = bytes(range(256)) * 12 + bytes(range(128))
    plain, committed = row_leaves(frame), row_leaves(frame, keys)
    chunked = pl.concat([frame[:1], frame[1:40], frame[40:40], frame[40:]], rechunk=False)
    assert chunked.n_chunks() > 1
    assert row_leaves(chunked) == plain
    assert row_leaves(frame[13:57]) == plain[13 * 32 : 57 * 32]
    assert row_leaves(chunked[13:57], keys[13 * 32 : 57 * 32]) == committed[13 * 32 : 57 * 32]
    monkeypatch.setattr(leaves, "_ROWS_AT_ONCE", 7)
    assert row_leaves(frame) == plain
    assert row_leaves(chunked, keys) == committed
    assert row_text(chunked).to_list() == row_text(frame).to_list()


# The vectors of the specification.


def _vectors():
    section = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8").split("### Golden vectors")[1]
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL)[:2]]


def _of_the_vectors():
    return pl.DataFrame(
        {
            "id": ["p-1", "caf\u00e9 \U0001f4a1", ""],
            "at": pl.Series([datetime(2024, 3, 4, 9, tzinfo=UTC)] * 2 + [None], dtype=pl.Datetime("us", "UTC")),
            "count": [2**53 + 1, -1, None],
            "score": _floats(0x8000000000000000, NAN | 1, None),
            "narrow": pl.Series([0.1, float("inf"), None], dtype=pl.Float32),
            "price": pl.Series([Decimal("1.50"), Decimal("-0.05"), None], dtype=pl.Decimal(12, 2)),
            "raw": [b"\x00\xff", b"", None],
            "is_new": [True, False, None],
            "tags": [["a", None], [], None],
            "out": [{"score": 0.5, "label": "x"}, {"score": None, "label": None}, None],
        }
    )


def test_the_plain_golden_vectors():
    plain, _ = _vectors()
    frame = _of_the_vectors()
    assert schema_document(frame.schema) == plain["schema"]
    assert schema_sha256(frame.schema) == plain["schema_sha256"]
    assert row_text(frame).to_list() == plain["rows"]
    assert row_leaves(frame).hex() == "".join(plain["leaves"])
    assert rows_root(row_leaves(frame)).hex() == plain["rows_root"]
    for text, leaf in zip(plain["rows"], plain["leaves"], strict=True):
        assert hashlib.sha256(b"\0" + text.encode()).hexdigest() == leaf
        values = parse_row(text.encode(), len(plain["schema"]))
        assert value_bytes(Value("r", values)) == text.encode()
        for value, (name, column_type) in zip(values, plain["schema"], strict=True):
            check_type(value, parse_type(column_type), name)


def test_the_committed_golden_vector():
    _, committed = _vectors()
    names = ["id", "score", "out"]
    key = bytes.fromhex(committed["row_key"])
    shown = [text.encode() for text in committed["disclosures"]]
    assert [field_salt(key, name) for name in names] == committed["salts"]
    found = check_disclosures(committed["row"].encode(), names, shown)
    assert [each.salt for each in found.values()] == committed["salts"]
    assert leaf_hash(committed["row"].encode()).hex() == committed["leaf"]
    assert row_leaves(_of_the_vectors()[:1].select(names), key).hex() == committed["leaf"]


# Committed rows.


def test_a_committed_row_is_that_of_the_definition():
    frame = pl.DataFrame({"id": ["p-1"], "score": [0.5], "note": pl.Series([None], dtype=pl.String)})
    key = bytes(range(32))
    shown = [
        disclosure_bytes(field_salt(key, name), name, text.encode())
        for name, text in zip(frame.columns, value_texts(frame).row(0), strict=True)
    ]
    row = committed_row([field_digest(content) for content in shown])
    assert value_texts(frame).row(0) == ("s3:p-1", "d4602678819172646912;", "n;")
    assert row_leaves(frame, key) == leaf_hash(row)
    assert leaves_of_digests(field_digests(frame, key)) == leaf_hash(row)
    assert check_disclosures(row, frame.columns, shown[1:2])["score"].value.plain == 0.5


def test_equal_rows_of_different_keys_share_no_digest():
    frame = pl.DataFrame({"a": ["x", "x"], "b": ["x", "x"]})
    digests = field_digests(frame, b"1" * 32 + b"2" * 32)
    assert len({*digests["a"], *digests["b"]}) == 4


@pytest.mark.parametrize("keys", [b"", bytes(63), bytes(65), bytes(96)])
def test_a_key_is_needed_for_each_row(keys):
    with pytest.raises(LogError, match="2 rows"):
        row_leaves(pl.DataFrame({"a": [1, 2]}), keys)


# Types.


@pytest.mark.parametrize(
    ("dtype", "text"),
    [
        (pl.Null(), "null"),
        (pl.Boolean(), "bool"),
        (pl.Int8(), "i8"),
        (pl.UInt128(), "u128"),
        (pl.Float16(), "f16"),
        (pl.Float32(), "f32"),
        (pl.Float64(), "f64"),
        (pl.String(), "str"),
        (pl.Categorical(), "str"),
        (pl.Enum(["a"]), "str"),
        (pl.Binary(), "bin"),
        (pl.Date(), "date"),
        (pl.Time(), "time"),
        (pl.Datetime("us", "UTC"), "datetime[us,UTC]"),
        (pl.Datetime("ms"), "datetime[ms]"),
        (pl.Duration("ns"), "duration[ns]"),
        (pl.Decimal(38, 2), "decimal[38,2]"),
        (pl.List(pl.Int64), "list[i64]"),
        (pl.Array(pl.Float64, (2, 3)), "array[array[f64,3],2]"),
        (pl.Map(pl.String, pl.List(pl.Date)), "map[str,list[date]]"),
        (pl.Struct({"score": pl.Float64, "label": pl.String}), "struct[score:f64,label:str]"),
        (pl.Struct({"a,b:f64]": pl.String, "": pl.Int8}), 'struct["a,b:f64]":str,"":i8]'),
        (pl.Struct([]), "struct[]"),
    ],
)
def test_types_are_spelt_and_read_back(dtype, text):
    assert schema_document({"x": dtype}) == [["x", text]]
    found = schema_of_document([["x", text]])
    assert schema_document(found) == [["x", text]]
    if text != "str":
        assert found == {"x": dtype}


def test_the_digest_of_a_schema():
    # SHA-256 of [["a","i64"],["é","list[str]"]]
    schema = pl.Schema({"a": pl.Int64, "\u00e9": pl.List(pl.String)})
    assert schema_sha256(schema) == hashlib.sha256('[["a","i64"],["\u00e9","list[str]"]]'.encode()).hexdigest()


def _nested(depth):
    dtype = pl.Int8()
    for _ in range(depth):
        dtype = pl.List(dtype)
    return dtype


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame({"fine": [1], "odd one": pl.Series([object()], dtype=pl.Object)}),
        pl.DataFrame(schema={"odd one": _nested(MOST_NESTING + 1)}),
    ],
)
def test_a_type_without_canonical_bytes_is_refused_by_the_columns_name(frame):
    for work in (row_leaves, row_text, value_texts, lambda rows: field_digests(rows, bytes(32) * rows.height)):
        with pytest.raises(LogError, match="'odd one'"):
            work(frame)


def test_a_type_may_nest_as_deep_as_readers_allow():
    values = 1
    for _ in range(MOST_NESTING):
        values = [values]
    frame = pl.DataFrame({"x": [values]}, schema={"x": _nested(MOST_NESTING)})
    text = row_text(frame)[0]
    assert text == "r1:" + "l1:" * MOST_NESTING + "i1;"
    assert parse_row(text.encode(), 1)
    shown = disclosure_bytes(field_salt(b"k" * 32, "x"), "x", text.removeprefix("r1:").encode())
    row = committed_row([field_digest(shown)])
    assert check_disclosures(row, ["x"], [shown])


# Frames of all types against the definition.

WHOLE = {
    "i8": (-(2**7), 2**7 - 1),
    "i64": (-(2**63), 2**63 - 1),
    "i128": (-(2**127), 2**127 - 1),
    "u64": (0, 2**64 - 1),
    "u128": (0, 2**128 - 1),
}
CHARACTERS = st.characters(exclude_categories=["Cs"])
LEAF_TYPES = [
    "null",
    "bool",
    *WHOLE,
    "f16",
    "f32",
    "f64",
    "str",
    "bin",
    "date",
    "time",
    "datetime[ms]",
    "datetime[us,UTC]",
    "datetime[ns,Asia/Tokyo]",
    "duration[ms]",
    "duration[us]",
    "duration[ns]",
    "decimal[38,0]",
    "decimal[12,3]",
]


def _bits(tag, wide):
    return st.integers(0, 2**wide - 1).map(lambda bits: Value(tag, bits))


def _wide(tag, factor=1):
    return st.integers(-(2**63), 2**63 - 1).map(lambda number: Value(tag, number * factor))


def _decimal(number, scale):
    digits = str(abs(number)).zfill(scale + 1)
    text = f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits
    return f"-{text}" if number < 0 else text


def _flat(text):
    if text in WHOLE:
        return st.integers(*WHOLE[text]).map(lambda number: Value("i", number))
    kind, _, argument = text.removesuffix("]").partition("[")
    if kind == "decimal":
        scale = int(argument.split(",")[1])
        digits = 10 ** int(argument.split(",")[0]) - 1
        return st.integers(-digits, digits).map(lambda number: Value("c", _decimal(number, scale)))
    return {
        "null": st.just(NULL),
        "bool": st.booleans().map(lambda truth: Value("b", truth)),
        "f16": _bits("h", 16),
        "f32": _bits("e", 32),
        "f64": st.one_of(_bits("d", 64), st.sampled_from(PAYLOADS).map(lambda bits: Value("d", bits))),
        "str": st.text(CHARACTERS, max_size=4).map(lambda words: Value("s", words)),
        "bin": st.binary(max_size=4).map(lambda content: Value("x", content)),
        "date": st.integers(-(2**31), 2**31 - 1).map(lambda days: Value("y", days)),
        "time": st.integers(0, 86_400 * 10**9 - 1).map(lambda nanos: Value("o", nanos)),
        "datetime": _wide("u") if argument.startswith("ns") else _wide("t", 1000 if argument == "ms" else 1),
        "duration": _wide("q") if argument.startswith("ns") else _wide("p", 1000 if argument == "ms" else 1),
    }[kind]


TYPES = st.recursive(
    st.sampled_from(LEAF_TYPES).map(parse_type),
    lambda inner: st.one_of(
        inner.map(lambda each: parse_type(f"list[{each}]")),
        st.tuples(inner, st.integers(0, 3)).map(lambda pair: parse_type(f"array[{pair[0]},{pair[1]}]")),
        st.lists(inner, max_size=3).map(
            lambda parts: parse_type(f"struct[{','.join(f'f{place}:{each}' for place, each in enumerate(parts))}]")
        ),
    ),
    max_leaves=4,
)


def _values(column_type):
    return st.one_of(st.just(NULL), _present(column_type)) if column_type.kind != "null" else st.just(NULL)


def _present(column_type):
    if column_type.kind == "struct":
        return st.tuples(*map(_values, column_type.inner)).map(lambda fields: Value("r", fields))
    if column_type.kind in {"list", "array"}:
        sizes = {"min_size": column_type.width, "max_size": column_type.width or 3 * (column_type.kind == "list")}
        return st.lists(_values(column_type.inner[0]), **sizes).map(lambda inner: Value("l", tuple(inner)))
    return _flat(str(column_type))


def _series(column_type, values):
    """Build a column from its bits and integers, without a float or a time of Python's in between."""
    content = [value.content for value in values]
    if column_type.kind == "struct":
        return _structs(column_type, content)
    if column_type.kind in {"list", "array"}:
        inner = column_type.inner[0]
        none = pl.Series([None], dtype=pl.List(_dtype(inner)))
        lists = [none if each is None else _series(inner, each).implode().alias("") for each in content]
        return pl.concat([none.clear(), *lists]).cast(_dtype(column_type))
    return _flat_series(column_type, content)


def _dtype(column_type):
    return schema_of_document([["x", str(column_type)]])["x"]


def _structs(column_type, content):
    if not column_type.inner:
        return pl.Series([None if each is None else {} for each in content], dtype=pl.Struct([]))
    fields = [
        _series(inner, [NULL if each is None else each[place] for each in content]).alias(f"f{place}")
        for place, inner in enumerate(column_type.inner)
    ]
    mask = pl.Series("mask", [each is not None for each in content], dtype=pl.Boolean)
    frame = pl.DataFrame([pl.DataFrame(fields).to_struct("x"), mask])
    return frame.select(pl.when("mask").then(pl.col("x"))).to_series()


def _flat_series(column_type, content):
    dtype = _dtype(column_type)
    if column_type.kind in {"f16", "f32", "f64"}:
        bits = {"f16": pl.UInt16, "f32": pl.UInt32, "f64": pl.UInt64}[column_type.kind]
        return pl.Series(content, dtype=bits).reinterpret(dtype=dtype)
    if column_type.kind == "decimal":
        digits = [None if each is None else int(each.replace(".", "")) for each in content]
        return pl.Series(digits, dtype=pl.Int128).reinterpret(dtype=dtype)
    if column_type.kind in {"date", "time", "datetime", "duration"}:
        units = 1000 if column_type.unit == "ms" else 1
        whole = pl.Int32 if column_type.kind == "date" else pl.Int64
        return pl.Series([None if each is None else each // units for each in content], dtype=whole).cast(dtype)
    return pl.Series(content, dtype=dtype)


@st.composite
def _frames(draw):
    types = draw(st.lists(TYPES, min_size=1, max_size=4))
    height = draw(st.integers(0, 5))
    columns = [draw(st.lists(_values(each), min_size=height, max_size=height)) for each in types]
    names = [f"{draw(st.text(CHARACTERS, max_size=3))}{place}" for place in range(len(types))]
    frame = pl.DataFrame(
        [_series(each, values).alias(name) for each, values, name in zip(types, columns, names, strict=True)]
    )
    return types, frame, list(zip(*columns, strict=True)) if height else []


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(_frames(), st.integers(0, 5))
def test_the_columns_give_what_the_definition_gives(generated, cut):
    types, frame, rows = generated
    assert schema_document(frame.schema) == [[name, str(each)] for name, each in zip(frame.columns, types, strict=True)]
    expected = [value_bytes(Value("r", row)) for row in rows]
    assert [text.encode() for text in row_text(frame)] == expected
    assert _hashes(row_leaves(frame)) == [leaf_hash(content) for content in expected]
    chunked = pl.concat([frame[:cut], frame[cut:]], rechunk=False)
    assert _hashes(row_leaves(chunked)) == [leaf_hash(content) for content in expected]
    for content, row in zip(expected, rows, strict=True):
        assert parse_row(content, len(types)) == row
        for value, each in zip(row, types, strict=True):
            check_type(value, each, "x")
    keys = hashlib.shake_256(b"keys").digest(32 * frame.height)
    committed = [
        committed_row(
            [
                field_digest(disclosure_bytes(field_salt(key, name), name, value_bytes(value)))
                for name, value in zip(frame.columns, row, strict=True)
            ]
        )
        for key, row in zip(_hashes(keys), rows, strict=True)
    ]
    assert _hashes(row_leaves(frame, keys)) == [leaf_hash(content) for content in committed]
