"""One schema for segments that were written over years: widened where nothing is lost, refused by name elsewhere."""

from __future__ import annotations

import polars as pl
import pytest

from audit_lab.errors import LogError
from audit_lab.log.schema import TIME
from audit_lab.log.unification import unified_schema, widened

TABLE = "inputs/loans"
KEYS = {"prediction_id": pl.String(), "recorded_at": TIME}


def unified(*schemas):
    named = [(f"segment {number}", pl.Schema({**KEYS, **schema})) for number, schema in enumerate(schemas)]
    return dict(unified_schema(TABLE, named))


@pytest.mark.parametrize(
    ("one", "other", "wider"),
    [
        (pl.Int8(), pl.Int64(), pl.Int64()),
        (pl.UInt8(), pl.UInt32(), pl.UInt32()),
        (pl.Int8(), pl.UInt8(), pl.Int16()),
        (pl.Int16(), pl.UInt32(), pl.Int64()),
        (pl.Float32(), pl.Float64(), pl.Float64()),
        (pl.Int16(), pl.Float32(), pl.Float32()),
        (pl.Int32(), pl.Float32(), pl.Float64()),
        (pl.UInt32(), pl.Float64(), pl.Float64()),
        (pl.Null(), pl.Boolean(), pl.Boolean()),
        (pl.Categorical(), pl.String(), pl.String()),
        (pl.Enum(["a"]), pl.Enum(["b"]), pl.String()),
        (pl.Datetime("ms", "UTC"), pl.Datetime("us", "UTC"), pl.Datetime("us", "UTC")),
        (pl.Datetime("us", "Europe/Zurich"), pl.Datetime("us", "Asia/Tokyo"), pl.Datetime("us", "UTC")),
        (pl.Duration("ms"), pl.Duration("us"), pl.Duration("us")),
        (pl.Decimal(10, 2), pl.Decimal(8, 4), pl.Decimal(12, 4)),
        (pl.List(pl.Int8()), pl.List(pl.Int32()), pl.List(pl.Int32())),
        (pl.Array(pl.Int8(), 2), pl.Array(pl.Int16(), 2), pl.Array(pl.Int16(), 2)),
        (pl.Array(pl.Int8(), 2), pl.Array(pl.Int8(), 3), pl.List(pl.Int8())),
        (
            pl.Struct({"a": pl.Int8(), "b": pl.String()}),
            pl.Struct({"c": pl.Float64(), "a": pl.Int16()}),
            pl.Struct({"a": pl.Int16(), "b": pl.String(), "c": pl.Float64()}),
        ),
    ],
    ids=str,
)
def test_types_are_widened_where_nothing_is_lost(one, other, wider):
    assert widened(one, other) == wider
    back = widened(other, one)
    if not isinstance(wider, pl.Struct):
        assert back == wider


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pl.Int64(), pl.Float64()),
        (pl.UInt64(), pl.Float64()),
        (pl.UInt64(), pl.Int8()),
        (pl.Int64(), pl.String()),
        (pl.Boolean(), pl.Int8()),
        (pl.Date(), pl.Datetime("us", "UTC")),
        (pl.Datetime("us"), pl.Datetime("us", "UTC")),
        (pl.Datetime("ns", "UTC"), pl.Datetime("us", "UTC")),
        (pl.Duration("ns"), pl.Duration("ms")),
        (pl.Binary(), pl.String()),
        (pl.Decimal(38, 0), pl.Decimal(38, 10)),
        (pl.List(pl.Int8()), pl.Int8()),
        (pl.List(pl.Int64()), pl.List(pl.Float64())),
        (pl.Struct({"a": pl.Int8()}), pl.Struct({"a": pl.String()})),
    ],
    ids=str,
)
def test_types_that_do_not_fit_have_no_wider_one(one, other):
    assert widened(one, other) is None
    assert widened(other, one) is None


def test_new_and_missing_columns_are_brought_together():
    assert unified({"income": pl.Float32()}, {"age": pl.Int8()}, {"age": pl.Int16(), "income": pl.Float64()}) == {
        **KEYS,
        "income": pl.Float64(),
        "age": pl.Int16(),
    }


def test_an_incompatible_change_is_refused_by_name():
    with pytest.raises(LogError, match="column income of segment 2 is String, but segment 0 says Float64"):
        unified({"income": pl.Float64()}, {"income": pl.Float32()}, {"income": pl.String()})


def test_a_canonical_column_keeps_its_canonical_type():
    schema = pl.Schema({"prediction_id": pl.Categorical(), "latency_ms": pl.Int32()})
    found = unified_schema("predictions", [("segment 0", schema)])
    assert (found["prediction_id"], found["latency_ms"]) == (pl.String(), pl.Float64())
    assert list(found)[:2] == ["prediction_id", "occurred_at"]
    for wrong in ({"latency_ms": pl.Int64()}, {"latency_ms": pl.String()}, {"occurred_at": pl.Datetime("ns", "UTC")}):
        with pytest.raises(LogError, match="of segment 1 is .* but the schema says"):
            unified_schema("predictions", [("segment 0", schema), ("segment 1", pl.Schema(wrong))])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pl.Series([-128, 127], dtype=pl.Int8), pl.UInt8),
        (pl.Series([-(2**31), 2**31 - 1], dtype=pl.Int32), pl.Float32),
        (pl.Series([2**32 - 1, 0], dtype=pl.UInt32), pl.Int16),
        (pl.Series([-(2**15), 2**15 - 1], dtype=pl.Int16), pl.Float16),
    ],
    ids=["Int8", "Int32", "UInt32", "Int16"],
)
def test_the_extremes_of_a_type_survive_its_widening(one, other):
    wider = widened(one.dtype, other())
    assert one.cast(wider).cast(one.dtype).to_list() == one.to_list()
