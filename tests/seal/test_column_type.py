"""The types of columns have one spelling each, and a value of another type is refused."""

from __future__ import annotations

import pytest

from audit_lab.seal.column_type import ColumnType, check_type, parse_type
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.values import parse_value

F64 = ColumnType("f64")
STR = ColumnType("str")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f64", F64),
        ("datetime[us]", ColumnType("datetime", unit="us")),
        ("datetime[us,Europe/Berlin]", ColumnType("datetime", unit="us", zone="Europe/Berlin")),
        ("datetime[ns,+05:30]", ColumnType("datetime", unit="ns", zone="+05:30")),
        ("duration[ms]", ColumnType("duration", unit="ms")),
        ("decimal[38,2]", ColumnType("decimal", precision=38, scale=2)),
        ("list[list[str]]", ColumnType("list", (ColumnType("list", (STR,)),))),
        ("array[f64,0]", ColumnType("array", (F64,), width=0)),
        ("map[str,f64]", ColumnType("map", (STR, F64))),
        ("struct[]", ColumnType("struct")),
        ("struct[score:f64,label:str]", ColumnType("struct", (F64, STR), ("score", "label"))),
        ('struct["a,b:f64]":str,"":f64]', ColumnType("struct", (STR, F64), ("a,b:f64]", ""))),
        ('struct["\u00e9\\"\\n":str]', ColumnType("struct", (STR,), ('\u00e9"\n',))),
    ],
)
def test_known_spellings(text, expected):
    assert parse_type(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "f65",
        "F64",
        " f64",
        "f64 ",
        "f64\n",
        "float",
        "f64[]",
        "list",
        "list[]",
        "list[f64",
        "list[f64]]",
        "list[f64,f64]",
        "array[f64]",
        "array[f64,03]",
        "array[f64,-1]",
        "array[f64,9999999999]",
        "map[str]",
        "struct[a]",
        "struct[a:f64,]",
        "struct[a:f64,a:str]",
        'struct["a":f64]',
        'struct["\\u00e9":f64]',
        'struct["\\ud800":f64]',
        'struct["\\x":f64]',
        "struct[a b:f64]",
        "datetime",
        "datetime[s]",
        "datetime[us,]",
        "datetime[us,a b]",
        "datetime[us,None]x",
        "duration[us,UTC]",
        "decimal[39,2]",
        "decimal[0,0]",
        "decimal[38]",
        "categorical",
        "list[" * 100_000,
    ],
)
def test_what_is_no_type_is_refused(text):
    with pytest.raises(MalformedError) as caught:
        parse_type(text)
    assert caught.value.code in {"column-type.malformed", "column-type.too-deep"}


def test_nesting_is_bounded():
    assert parse_type("list[" * 64 + "f64" + "]" * 64).kind == "list"
    with pytest.raises(MalformedError) as caught:
        parse_type("list[" * 65 + "f64" + "]" * 65)
    assert caught.value.code == "column-type.too-deep"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"n;", "f64"),
        (b"n;", "null"),
        (b"b1;", "bool"),
        (b"i-128;", "i8"),
        (b"i255;", "u8"),
        (b"i170141183460469231731687303715884105727;", "i128"),
        (b"d0;", "f64"),
        (b"e0;", "f32"),
        (b"h0;", "f16"),
        (b"s1:a", "str"),
        (b"x61;", "bin"),
        (b"y1;", "date"),
        (b"o1;", "time"),
        (b"t1;", "datetime[us,UTC]"),
        (b"t-1000;", "datetime[ms]"),
        (b"u1;", "datetime[ns]"),
        (b"p1;", "duration[us]"),
        (b"q1;", "duration[ns]"),
        (b"c-0.05;", "decimal[2,2]"),
        (b"c7;", "decimal[1,0]"),
        (b"l2:n;i1;", "list[i64]"),
        (b"l2:n;i1;", "array[i64,2]"),
        (b"l1:r2:s1:ad0;", "map[str,f64]"),
        (b"r2:i1;n;", "struct[a:i64,b:str]"),
        (b"r0:", "struct[]"),
        (b"l0:", "array[i64,0]"),
    ],
)
def test_a_value_of_its_type(content, text):
    assert check_type(parse_value(content), parse_type(text), "x") is None


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"i1;", "f64"),
        (b"d0;", "i64"),
        (b"s1:1", "i64"),
        (b"i1;", "str"),
        (b"s1:a", "bin"),
        (b"i128;", "i8"),
        (b"i-1;", "u64"),
        (b"e0;", "f64"),
        (b"i0;", "null"),
        (b"s0:", "null"),
        (b"b1;", "u8"),
        (b"u1;", "datetime[us]"),
        (b"t1;", "datetime[ns]"),
        (b"t1;", "datetime[ms]"),
        (b"t1;", "duration[us]"),
        (b"p1;", "i64"),
        (b"c0.5;", "decimal[10,2]"),
        (b"c123;", "decimal[2,0]"),
        (b"s3:0.5", "decimal[10,1]"),
        (b"l1:s1:a", "list[i64]"),
        (b"l1:i1;", "array[i64,2]"),
        (b"r1:i1;", "list[i64]"),
        (b"l1:i1;", "struct[a:i64]"),
        (b"r1:i1;", "struct[a:i64,b:i64]"),
        (b"l1:n;", "map[str,f64]"),
        (b"l1:r1:s1:a", "map[str,f64]"),
        (b"r0:", "f64"),
        (b"l0:", "str"),
    ],
)
def test_a_value_of_another_type_is_refused(content, text):
    with pytest.raises(MalformedError) as caught:
        check_type(parse_value(content), parse_type(text), "x")
    assert caught.value.code == "column-type.differs"
    assert "'x'" in str(caught.value)
