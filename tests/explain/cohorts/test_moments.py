"""Counts, means and spreads that are put together from blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.explain.cohorts.moments import GroupedMoments, Moments

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


def of(keys: list[int], numbers: list[float]) -> GroupedMoments:
    return GroupedMoments.of(np.array(keys, np.int64), np.array(numbers), np.array(keys, np.int64))


def test_one_value_has_no_spread_and_none_is_a_mean_of_itself() -> None:
    one = of([3], [0.1]).at(0)
    assert (one, one.variance, one.spread) == (Moments(1, 0.1, 0.0), None, None)


def test_equal_values_have_their_value_as_mean_and_no_deviation() -> None:
    found = of([0] * 7, [0.1] * 7).at(0)
    assert (found.mean, found.deviations) == (0.1, 0.0)


def test_values_far_from_zero_keep_their_spread() -> None:
    found = of([0] * 3, [1e9, 1e9 + 1, 1e9 + 2]).merged(of([0], [1e9 + 3])).at(0)
    assert found.variance == pytest.approx(5 / 3, rel=1e-9)


@settings(deadline=None)
@given(values, st.lists(st.integers(0, 3), min_size=60, max_size=60), st.integers(1, 60))
def test_merged_blocks_have_the_moments_of_all(numbers: list[float], keys: list[int], cut: int) -> None:
    keys = keys[: len(numbers)]
    first = of(keys[:cut], numbers[:cut])
    found = first.merged(of(keys[cut:], numbers[cut:])) if numbers[cut:] else first
    array, groups = np.array(numbers), np.array(keys)
    assert found.keys.tolist() == sorted(set(keys))
    for place, key in enumerate(found.keys):
        mine, moments = array[groups == key], found.at(place)
        assert moments.rows == len(mine)
        assert moments.mean == pytest.approx(mine.mean(), rel=1e-9, abs=1e-6)
        assert moments.deviations == pytest.approx(((mine - mine.mean()) ** 2).sum(), rel=1e-6, abs=1e-3)
        assert (found.least[place], found.most[place]) == (mine.min(), mine.max())
