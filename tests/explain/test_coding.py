"""Codes for recorded values."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from audit_lab.explain.coding import binned, decode, distinct


def test_distinct_codes_count_sorted_values_with_null_first() -> None:
    coding = distinct(pl.Series("carrier", ["US"]), pl.Series("carrier", ["WN", None, "AA", "US"]))

    assert coding.values.to_list() == [None, "AA", "US", "WN"]
    assert coding.row == 2
    assert coding.background == (3, 0, 1, 2)


def test_decode_gives_back_what_was_recorded() -> None:
    frame = pl.DataFrame({"carrier": ["US", None, "AA"], "hour": [7, 19, None], "weekend": [True, None, False]})
    codings = [distinct(frame[name][:1], frame[name][1:]) for name in frame.columns]

    codes = np.array(
        [[coding.row for coding in codings], *zip(*(coding.background for coding in codings), strict=True)]
    )

    assert decode(codings, codes.astype(np.float64)).equals(frame)


def test_bins_are_quartiles_with_zero_for_missing() -> None:
    background = pl.Series("distance", [None, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0])

    coding = binned(pl.Series("distance", [33.0]), background)

    assert coding.background == (0, 1, 1, 2, 2, 3, 3, 4, 4)
    assert coding.row == 2


def test_a_bin_stands_for_its_median_and_the_decisions_bin_for_its_value() -> None:
    background = pl.Series("distance", [None, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0])

    coding = binned(pl.Series("distance", [33.0]), background)

    assert coding.values.to_list() == [None, 10.0, 33.0, 50.0, 70.0]


def test_a_column_without_a_value_has_the_bin_for_missing_and_one_for_the_decision() -> None:
    coding = binned(pl.Series("distance", [33.0]), pl.Series("distance", [None, None], dtype=pl.Float64))

    assert coding.values.to_list() == [None, 33.0]
    assert coding.row == 1
    assert coding.background == (0, 0)


@pytest.mark.parametrize(
    ("own", "others", "values", "codes"),
    [
        ([7.5], [1.0, 7.5, 3.0], [1.0, 3.0, 7.5], [2, 0, 2, 1]),
        ([2**60 + 1], [2**60, 5], [5, 2**60, 2**60 + 1], [2, 1, 0]),
        ([0.0], [-0.0, 2.0], [0.0, 2.0], [0, 0, 1]),
        ([True], [False, True], [False, True], [1, 0, 1]),
    ],
)
def test_numbers_are_coded_in_their_order(own: Any, others: Any, values: Any, codes: Any) -> None:
    coding = distinct(pl.Series("a", own), pl.Series("a", others))
    assert coding.values.to_list() == values
    assert [coding.row, *coding.background] == codes
