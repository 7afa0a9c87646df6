"""Distances beside a plain double loop, and beside what the paper says of single cases."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.gower import distances, scale_of

NUMBER = st.none() | st.floats(-1e6, 1e6) | st.just(float("nan"))
TEXT = st.none() | st.sampled_from(["a", "b", "c"])
ROW = st.fixed_dictionaries(
    {"income": NUMBER, "years": st.none() | st.integers(-100, 100), "city": TEXT, "member": st.none() | st.booleans()}
)
TYPES = {"income": pl.Float64(), "years": pl.Int64(), "city": pl.String(), "member": pl.Boolean()}


def measured(own, rows, types=TYPES):
    frame = pl.DataFrame(
        {FEATURE + name: [row[name] for row in rows] for name in types},
        schema_overrides={FEATURE + name: dtype for name, dtype in types.items()},
    )
    scales = [scale_of(name, own[name], dtype, unit=None, is_category=False) for name, dtype in types.items()]
    return distances([scale.over(frame[FEATURE + scale.name]) for scale in scales], frame)


def naive(own, rows):
    """Return 1 less equation 1 of the paper, by two loops."""

    def missing(value):
        return value is None or (isinstance(value, float) and math.isnan(value))

    everyone = [own, *rows]
    told = []
    for row in rows:
        similarity, weights = 0.0, 0
        for name in own:
            if missing(own[name]) or missing(row[name]):
                continue
            weights += 1
            if name in ("city", "member"):
                similarity += own[name] == row[name]
            else:
                known = [each[name] for each in everyone if not missing(each[name])]
                width = max(known) - min(known)
                similarity += 1 if width == 0 else 1 - abs(own[name] - row[name]) / width
        told.append(1 - similarity / weights if weights else math.nan)
    return told


@settings(max_examples=150, deadline=None)
@given(ROW, st.lists(ROW, min_size=1, max_size=12))
def test_distances_are_those_of_a_double_loop(own, rows):
    np.testing.assert_allclose(measured(own, rows).distance, naive(own, rows), atol=1e-12)


def test_numbers_count_by_their_range_and_categories_as_wholes():
    own = {"income": 1_000.0, "years": 3, "city": "a", "member": True}
    rows = [
        {"income": 2_000.0, "years": 3, "city": "a", "member": True},
        {"income": 5_000.0, "years": 3, "city": "b", "member": False},
        {"income": None, "years": None, "city": "b", "member": None},
    ]
    found = measured(own, rows)
    assert found.distance.tolist() == [0.25 / 4, 3 / 4, 1.0]
    assert found.compared.tolist() == [4, 4, 1]
    assert found.differing.tolist() == [1, 3, 1]


def test_a_feature_that_the_decision_lacks_never_counts():
    own = {"income": None, "years": 3, "city": None, "member": None}
    found = measured(own, [{"income": 1.0, "years": 3, "city": "a", "member": True}])
    assert (found.distance.tolist(), found.compared.tolist()) == ([0.0], [1])


def test_what_has_nothing_in_common_has_no_distance():
    own = {"income": None, "years": 3, "city": None, "member": None}
    assert np.isnan(measured(own, [{"income": 1.0, "years": None, "city": "a", "member": True}]).distance).all()


def test_infinity_is_missing():
    own = {"income": 1.0}
    found = measured(own, [{"income": math.inf}, {"income": 2.0}], {"income": pl.Float64()})
    assert np.isnan(found.distance[0])
    assert found.distance[1] == 1.0


def test_texts_of_known_categories_are_compared_as_texts():
    own = {"city": "a"}
    found = measured(own, [{"city": "a"}, {"city": "b"}], {"city": pl.Enum(["b", "a"])})
    assert found.distance.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("dtype", [pl.List(pl.Float64()), pl.Datetime("us")])
def test_what_is_neither_number_nor_category_has_no_scale(dtype):
    assert scale_of("x", None, dtype, unit=None, is_category=False) is None


def test_a_number_that_names_a_category_is_one():
    scale = scale_of("code", 3, pl.Int64(), unit=None, is_category=True)
    assert scale.parts(pl.Series([3, 4])).tolist() == [0.0, 1.0]
