"""Attacks 8 and 9: values that look alike. Types are confused, floats and texts swapped for their doubles."""

from __future__ import annotations

import struct

import numpy as np
import polars as pl
import pytest

TABLE = "inputs/alike"
CHANGED = {"log.segment-changed", "log.rows-root-differs", "log.row-changed"}
OTHER_TYPE = {"log.segment-changed", "log.schema-differs"}
NAN = struct.unpack("<d", struct.pack("<Q", 0x7FF8000000000001))[0]


@pytest.fixture(scope="session")
def alike_once(sealed_log_once, tmp_path_factory):
    log = sealed_log_once.copy(tmp_path_factory.mktemp("alike"))
    rows = pl.DataFrame(
        {
            "prediction_id": ["a", "b"],
            "whole": [1, 2],
            "digits": ["1", "2"],
            "empty": pl.Series([None, "x"], dtype=pl.String),
            "left": ["ab", "x"],
            "right": ["c", "y"],
            "zero": [0.0, 1.0],
            "nan": [float("nan"), 1.0],
            "single": pl.Series([0.1, 0.2], dtype=pl.Float32),
            "accent": ["\u00e9", "x"],
            "space": ["word", "x"],
            "big": [2**53 + 1, 1],
            "listed": [["a", "b"], []],
        }
    )
    with log.writer() as writer:
        writer.append({TABLE: rows})
    return log


@pytest.fixture
def alike(alike_once, tmp_path):
    return alike_once.copy(tmp_path)


def attack(log, change):
    (path,) = log.files(TABLE)
    before = log.read(path)
    after = change(before)
    after.write_parquet(log.folder / path)
    return log.found()


def cell(column, value):
    """Put a value into the first row of a column, bit by bit."""

    def change(frame):
        rest = frame[column].to_list()[1:]
        return frame.with_columns(pl.Series(column, [value, *rest], dtype=frame.schema[column]))

    return change


def test_clean_log_holds(alike):
    assert alike.found() == set()
    assert attack(alike, lambda frame: frame) == {"log.segment-changed"}


@pytest.mark.parametrize(
    ("column", "dtype"),
    [("whole", pl.Float64), ("whole", pl.String), ("whole", pl.Int32), ("single", pl.Float64), ("zero", pl.Float32)],
)
def test_same_number_of_another_type_is_another_schema(alike, column, dtype):
    assert attack(alike, lambda frame: frame.with_columns(pl.col(column).cast(dtype))) == OTHER_TYPE
    (meaning,) = alike.meaning("log.schema-differs")
    assert f"{column} is " in meaning


def test_digits_as_a_number_are_another_schema(alike):
    assert attack(alike, lambda frame: frame.with_columns(pl.col("digits").cast(pl.Int64))) == OTHER_TYPE


def test_renamed_added_and_dropped_columns_are_another_schema(alike):
    for change, said in (
        (lambda frame: frame.rename({"left": "lift"}), "lacks left; has lift besides"),
        (lambda frame: frame.with_columns(extra=pl.lit(1)), "has extra besides"),
        (lambda frame: frame.drop("right"), "lacks right"),
    ):
        (path,) = alike.files(TABLE)
        whole = (alike.folder / path).read_bytes()
        assert attack(alike, change) == OTHER_TYPE
        (meaning,) = alike.meaning("log.schema-differs")
        assert meaning.endswith(said)
        (alike.folder / path).write_bytes(whole)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(cell("empty", ""), id="empty text for null"),
        pytest.param(cell("digits", "01"), id="leading zero"),
        pytest.param(cell("accent", "e\u0301"), id="decomposed accent"),
        pytest.param(cell("space", "word "), id="trailing space"),
        pytest.param(cell("big", 2**53), id="next integer"),
        pytest.param(cell("zero", -0.0), id="negative zero"),
        pytest.param(cell("zero", 5e-324), id="smallest float"),
        pytest.param(cell("single", float(np.nextafter(np.float32(0.1), np.float32(1)))), id="next single float"),
        pytest.param(cell("listed", ["ab"]), id="joined list"),
        pytest.param(cell("listed", ["a", "b", None]), id="null at the end of a list"),
        pytest.param(cell("listed", None), id="null for a list"),
    ],
)
def test_value_that_looks_alike_is_another_row(alike, change):
    assert attack(alike, change) == CHANGED


def test_border_between_two_fields_cannot_be_shifted(alike):
    shifted = {"left": pl.Series(["a", "x"]), "right": pl.Series(["bc", "y"])}
    assert attack(alike, lambda frame: frame.with_columns(**shifted)) == CHANGED


def test_contents_of_two_fields_exchanged_is_another_row(alike):
    assert attack(alike, lambda frame: frame.with_columns(left="right", right="left")) == CHANGED


def test_other_payload_of_a_nan_is_another_row(alike):
    (path,) = alike.files(TABLE)
    (alike.folder / path).write_bytes(with_nan(alike.read(path), NAN))
    assert np.array([NAN]).view("u8")[0] == 0x7FF8000000000001
    assert alike.found() == CHANGED


def with_nan(frame, value):
    from io import BytesIO

    column = np.array([value, 1.0])
    buffer = BytesIO()
    frame.with_columns(pl.Series("nan", column)).write_parquet(buffer)
    return buffer.getvalue()
