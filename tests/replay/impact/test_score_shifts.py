"""Quantiles of score differences, beside those of numpy."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.replay.impact.score_shifts import ScoreShifts

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300)


def shifts(*parts):
    found = ScoreShifts()
    for part in parts:
        found.add(pl.Series([0.0] * len(part)), pl.Series(part, dtype=pl.Float64))
    return found


@given(st.lists(NUMBERS.filter(lambda value: value != 0.0), min_size=1, max_size=60), st.floats(0, 1))
def test_quantiles_are_within_a_thousandth(values, share):
    exact = np.quantile(np.array(values), share, method="lower")
    assert shifts(values).quantile(share) == pytest.approx(exact, rel=0.0011)


@given(st.lists(NUMBERS, max_size=30), st.lists(NUMBERS, max_size=30))
def test_the_order_of_what_is_added_does_not_matter(one, other):
    assert shifts(one, other).to_dict() == shifts(other, one).to_dict()


def test_scores_that_stay_are_not_counted():
    found = ScoreShifts()
    found.add(pl.Series([0.5, 0.5, None, 0.25]), pl.Series([0.5, 0.75, None, 0.0]))
    told = found.to_dict()
    assert (told["moved"], told["lowest"], told["highest"], told["not_numbers"]) == (2, -0.25, 0.25, 0)


def test_what_is_no_number_is_counted_apart():
    found = ScoreShifts()
    before = pl.Series([0.5, None, float("nan"), float("inf")])
    found.add(before, pl.Series([None, 0.5, 0.5, float("nan")], dtype=pl.Float64))
    assert found.to_dict()["moved"] == 0
    assert found.to_dict()["not_numbers"] >= 2
    assert found.to_dict()["median"] is None
