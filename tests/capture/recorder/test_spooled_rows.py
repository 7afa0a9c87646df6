"""What the rows of a spool file become, however many of them are alike."""

from __future__ import annotations

import gc
import json
import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.capture.collecting import without_collecting
from audit_lab.capture.recorder.record_form import id_text
from audit_lab.capture.recorder.spool_file import Header
from audit_lab.capture.recorder.spooled_rows import SpooledRows

ID = bytes(range(16))


def rows(*records, features=("a", "b"), **constants):
    made = SpooledRows(Header("w", "loans", "7", features, {}, constants, 0))
    made.add(1, [list(record) for record in records])
    return made


def record(stored=ID, inputs=(1.5, "x"), extras=None):
    return stored, 0, inputs if isinstance(inputs, dict) else list(inputs), 0.5, None, None, "deny", None, extras


@settings(deadline=None)
@given(st.lists(st.binary(min_size=15, max_size=17) | st.binary(min_size=16, max_size=16) | st.text(), min_size=1))
def test_ids_are_what_each_is_by_itself(stored):
    found = rows(*(record(each) for each in stored)).tables(pl.Schema())["predictions"]["prediction_id"]
    assert found.to_list() == [id_text(each) for each in stored]


def test_sixteen_bytes_are_a_uuid():
    (found,) = rows(record()).tables(pl.Schema())["predictions"]["prediction_id"]
    assert found == "00010203-0405-0607-0809-0a0b0c0d0e0f"


def test_a_constant_stands_in_every_record_but_in_those_that_say_otherwise():
    same = rows(record(), record(), environment="live", risk_tier=None).tables(pl.Schema())["predictions"]
    assert same.select("environment", "risk_tier", "endpoint").rows() == [("live", None, None)] * 2
    assert same.schema["risk_tier"] == pl.String
    assert same.schema["sampling_rate"] == pl.Float64
    one = rows(record(), record(extras={"environment": "test", "node": "n"}), environment="live")
    found = one.tables(pl.Schema())["predictions"]
    assert found.select("environment", "node").rows() == [("live", None), ("test", "n")]


def test_a_constant_that_fits_no_column_is_told_of_every_record():
    made = rows(record(), record(), sampling_rate="often")
    tables = made.tables(pl.Schema())
    assert tables["predictions"]["sampling_rate"].to_list() == [None, None]
    assert {row: list(why) for row, why in made.misfits.items()} == {0: ["sampling_rate"], 1: ["sampling_rate"]}
    assert tables["events"].height == 2


def test_inputs_of_another_number_or_by_name_stand_beside_arrays():
    made = rows(record(), record(inputs=[2.5]), record(inputs={"b": "y", "c": 7}))
    found = made.tables(pl.Schema())["inputs/loans"]
    assert found.drop("prediction_id").rows() == [(1.5, "x", None), (2.5, None, None), (None, "y", 7)]


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (2**60 + 7, pl.Float64()),
        (0.1234567, pl.Float32()),
        (77_777, pl.Int8()),
        (2**64 - 7, pl.Int64()),
        ("secret-7", pl.Date()),
        ("secret-7", pl.Enum(["a"])),
        (["secret-7"], pl.List(pl.Float64())),
        ({"secret-7": "secret-7"}, pl.Struct({"a": pl.Float64()})),
        ([1, "secret-7"], None),
    ],
)
def test_what_is_told_of_a_value_that_does_not_fit_says_nothing_of_it(value, dtype):
    made = rows(record(inputs=[value, "x"]))
    (told,) = made.tables(pl.Schema({"a": dtype} if dtype else {}))["events"].to_dicts()
    assert told["kind"] == "recorder.quarantined"
    for secret in ("secret", str(value)):
        assert secret not in told["summary"] + told["payload"]
    assert (json.loads(made.quarantine()[0])["record"]["inputs"]["a"]) == value


@pytest.mark.parametrize(
    ("value", "dtype", "fits"),
    [
        ({"x": 1, "y": 2}, pl.Struct({"x": pl.Int64()}), False),
        ({"x": 1}, pl.Struct({"x": pl.Int64(), "y": pl.Int64()}), True),
        ({"x": {"y": [{"z": 1}]}}, pl.Struct({"x": pl.Struct({"y": pl.List(pl.Struct({"z": pl.Int64()}))})}), True),
        ({"x": {"y": [{"q": 1}]}}, pl.Struct({"x": pl.Struct({"y": pl.List(pl.Struct({"z": pl.Int64()}))})}), False),
        ([1, 2], pl.List(pl.Float64()), True),
        ([1, 2**53 + 1], pl.List(pl.Float64()), False),
        ([True], pl.List(pl.Int64()), False),
        ([1.5], pl.List(pl.Int64()), False),
        ([1], pl.List(pl.String()), False),
        ([math.nan, None, -0.0], pl.List(pl.Float64()), True),
        ([0.1], pl.List(pl.Float32()), False),
        ([1.0, 2.0, 3.0], pl.Array(pl.Float64(), 2), False),
    ],
)
def test_a_nested_value_is_held_whole_or_not_at_all(value, dtype, fits):
    made = rows(record(inputs=[value, "x"]), record(inputs=[None, "y"]))
    found = made.tables(pl.Schema({"a": dtype}))["inputs/loans"]
    assert found["b"].to_list() == (["x", "y"] if fits else ["y"])
    assert found.schema["a"] == dtype
    assert list(made.misfits) == ([] if fits else [0])


def test_a_first_value_that_is_of_no_type_does_not_settle_the_column():
    made = rows(record(inputs=[[1, "a"], "x"]), record(inputs=[[1.5], "y"]), record(inputs=[{1: 2}, "z"]))
    found = made.tables(pl.Schema())["inputs/loans"]
    assert found.drop("prediction_id").rows() == [([1.5], "y")]
    assert found.schema["a"] == pl.List(pl.Float64())
    assert sorted(made.misfits) == [0, 2]
    alone = rows(record(inputs=[[1, "a"], "x"]), record(inputs=[None, "y"]))
    assert alone.tables(pl.Schema())["inputs/loans"].drop("prediction_id").to_dict(as_series=False) == {"b": ["y"]}
    assert alone.misfits == {0: {"a": "a list is of no type that a column can have"}}


@pytest.mark.parametrize("is_on", [True, False])
def test_the_collector_of_cycles_is_afterwards_what_it_was(is_on):
    def broken():
        with without_collecting():
            assert not gc.isenabled()
            raise ValueError("here")

    was_on = gc.isenabled()
    try:
        (gc.enable if is_on else gc.disable)()
        with pytest.raises(ValueError, match="here"):
            broken()
        assert gc.isenabled() == is_on
    finally:
        (gc.enable if was_on else gc.disable)()
