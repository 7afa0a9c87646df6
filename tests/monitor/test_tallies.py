"""Rows by value are those of a plain table of values, whether values are places of a grid or not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.monitor.tallies import tally_of_numbers, tally_of_texts

START = datetime(2024, 1, 1, tzinfo=UTC)
ORDER = ["window", "key"]


def plain(values, codes):
    frame = pl.DataFrame({"window": codes, "key": values})
    return frame.group_by(ORDER).agg(pl.len().cast(pl.Int64).alias("rows")).sort(ORDER)


def windows_of(rows, windows):
    return np.sort(np.random.default_rng(rows).integers(0, windows, rows))


def in_pieces(values):
    """Return the values as a frame read from a file holds them: in pieces of several sizes, some of them empty."""
    random = np.random.default_rng(values.size)
    pieces = np.split(values, np.sort(random.integers(0, values.size + 1, 7)))
    return pl.concat([pl.Series("value", each, dtype=pl.Float64) for each in pieces])


@given(
    st.lists(
        st.one_of(
            st.integers(-200, 200).map(lambda each: each / 100),
            st.floats(allow_nan=False),
            st.sampled_from([np.inf, -np.inf, -0.0, 0.1 + 0.2, 5e-324, 1.7e308]),
        ),
        max_size=60,
    ),
    st.integers(1, 4),
)
@settings(max_examples=200, deadline=None)
def test_numbers_of_all_kinds(values, windows):
    some, codes = np.array(values, dtype=np.float64), windows_of(len(values), windows)
    assert tally_of_numbers(in_pieces(some), codes, windows).sort(ORDER).equals(plain(some, codes))


@pytest.mark.parametrize("decimals", [0, 1, 2, 3, 9])
@pytest.mark.parametrize("windows", [1, 3, 5_000])
def test_numbers_of_some_decimals(decimals, windows):
    values = np.random.default_rng(decimals).normal(-3.0, 20.0, 150_000).round(decimals)
    codes = windows_of(values.size, windows)
    assert tally_of_numbers(in_pieces(values), codes, windows).sort(ORDER).equals(plain(values, codes))


def test_one_value_off_the_grid_late_in_the_column_is_counted_as_it_is():
    values = np.arange(200_000) % 100 / 10.0
    values[-1] = np.nextafter(3.0, 4.0)
    found = tally_of_numbers(in_pieces(values), np.zeros(values.size, dtype=np.int64), 1).sort("key")
    assert found.height == 101
    assert found.filter(key=3.0)["rows"].item() == 2_000
    assert found.filter(key=float(values[-1]))["rows"].item() == 1


@pytest.mark.parametrize("windows", [1, 2, 3_000])
@pytest.mark.parametrize("ordered", [True, False])
def test_texts_with_their_first_and_last_times(windows, ordered):
    random = np.random.default_rng(windows)
    rows = 60_000
    texts = random.choice(["a", "b", None, "long enough to lie outside of a view"], rows).tolist()
    texts[rows // 2] = "only once"
    times = [START + timedelta(seconds=second) for second in range(rows)]
    if not ordered:
        random.shuffle(times)
    codes = windows_of(rows, windows)
    frame = pl.DataFrame({"window": codes, "key": pl.Series(texts, dtype=pl.String), "time": times})
    moment = pl.col("time")
    expected = (
        frame.group_by(ORDER)
        .agg(pl.len().cast(pl.Int64).alias("rows"), moment.min().alias("first"), moment.max().alias("last"))
        .sort(ORDER)
    )
    found = tally_of_texts(frame["key"], frame["time"], codes, windows)
    assert found.select(expected.columns).sort(ORDER).equals(expected)


@pytest.mark.parametrize("windows", [1, 2])
@pytest.mark.parametrize("many", [False, True])  # later on
def test_texts_of_more_rows_than_are_counted_at_once(windows, many):
    random = np.random.default_rng(7)
    rows = 300_000
    texts = random.choice(["a", "b", "long enough to lie outside of a view"], rows)
    texts[-1] = "last of all"
    if many:
        texts[200_000:] = random.integers(0, 90_000, 100_000).astype(str)
    codes = windows_of(rows, windows)
    times = pl.Series([START]).extend_constant(START + timedelta(seconds=1), rows - 1)
    column = pl.Series(texts.tolist())
    found = tally_of_texts(column, times, codes, windows)
    assert found.select("window", "key", "rows").sort(ORDER).equals(plain(column, codes))


@pytest.mark.parametrize(
    ("values", "most", "counted"),
    [
        (np.random.default_rng(1).normal(size=200_000), 32_768, False),  # a value for each row
        (np.random.default_rng(2).normal(size=3_000), 32_768, False),  # as many, of few rows
        (np.random.default_rng(3).normal(size=400), 32_768, True),  # too few to matter
        (np.random.default_rng(4).integers(0, 9_000, 200_000) / 100, 32_768, True),
        (np.random.default_rng(5).integers(0, 9_000, 200_000) / 100, 8_000, False),
        (np.append(np.zeros(100_000), np.random.default_rng(6).normal(size=100_000)), 32_768, False),  # later on
    ],
)
def test_columns_of_very_many_values_are_left_to_others(values, most, counted):
    found = tally_of_numbers(in_pieces(values), np.zeros(values.size, dtype=np.int64), 1, most)
    assert (found is not None) == counted
    assert found is None or found["rows"].sum() == values.size
