"""Which changes can be meant: their names, types and sizes."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.errors import MisuseError
from audit_lab.explain.what_if.changes import checked_changes
from audit_lab.replay.signature import Feature, Output, Signature

SIGNATURE = Signature(
    (
        Feature("income", "float", "EUR"),
        Feature("city", "str", categories=("Bern", "Oslo")),
        Feature("years", "int", "year"),
        Feature("owner", "bool"),
    ),
    Output("probability", "bad", "good"),
)
DTYPES = {"income": pl.Float64(), "city": pl.String(), "years": pl.Int8(), "owner": pl.Boolean()}
RECORDED = {"income": 1_000.5, "city": "Bern", "years": 3, "owner": True, "note": "kept apart"}


def checked(changes, **dtypes):
    return checked_changes(SIGNATURE, {**DTYPES, **dtypes}, RECORDED, changes)


@pytest.mark.parametrize(
    ("changes", "meant"),
    [
        ({"income": 5}, {"income": 5.0}),
        ({"income": np.float32(0.5)}, {"income": 0.5}),
        ({"years": 4.0}, {"years": 4}),
        ({"years": np.int64(4)}, {"years": 4}),
        ({"owner": np.bool_(0)}, {"owner": False}),
        ({"city": "Paris"}, {"city": "Paris"}),
        ({"city": None, "income": None}, {"income": None, "city": None}),
        ({"years": 3, "city": "Bern"}, {}),
    ],
)
def test_values_are_taken_as_their_features_have_them(changes, meant):
    found = checked(changes)
    assert found == meant
    assert {name: type(value) for name, value in found.items()} == {name: type(value) for name, value in meant.items()}


def test_changes_come_in_the_models_order():
    assert list(checked({"owner": False, "income": 1, "city": "Oslo"})) == ["income", "city", "owner"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"incme": 1}, "'incme' is no input of this decision's model. Did you mean 'income'?"),
        ({"x": 1}, "'x' is no input of this decision's model. Its inputs are income, city, years, owner."),
        ({"note": "x"}, "'note' was recorded, but the model does not take it, so changing it would change nothing"),
        ({3: 1}, "3 is no name of an input"),
        ({"income": "5"}, "income is a number, and '5' is none"),
        ({"income": True}, "income is a number, and True is none"),
        ({"income": float("nan")}, "income cannot be nan: that is no finite number"),
        ({"income": math.inf}, "income cannot be inf"),
        ({"income": 10**400}, "income cannot be inf"),
        ({"income": 1j}, "income is a number, and 1j is none"),
        ({"income": [1]}, "income is a number, and [1] is none"),
        ({"years": 3.5}, "years is a whole number, and 3.5 is none"),
        ({"years": -math.inf}, "years cannot be -inf"),
        ({"years": 1_000}, "years was recorded as Int8, which cannot hold 1000"),
        ({"years": True}, "years is a whole number, and True is none"),
        ({"owner": 1}, "owner is true or false, and 1 is none"),
        ({"city": 7}, "city is text, and 7 is none"),
        ({"city": b"Bern"}, "city is text, and b'Bern' is none"),
        ({"city": "half \ud800"}, "the text for city is none that a log can hold: it has half of a surrogate pair"),
        ({"city": "x" * 10_001}, "the text for city has 10,001 characters"),
        ({"\x1b[31m": 1}, "'\\x1b[31m' is no input"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes, said):
    with pytest.raises(MisuseError) as refused:
        checked(changes)
    assert str(refused.value).replace("\\\\", "\\").startswith(said)


def test_a_float_of_fewer_bits_becomes_the_nearest_that_is_recorded():
    assert checked({"income": 0.1}, income=pl.Float32()) == {"income": 0.10000000149011612}
    with pytest.raises(MisuseError, match="recorded as Float32, which cannot hold 1e"):
        checked({"income": 1e300}, income=pl.Float32())


def test_a_fraction_may_take_the_place_of_a_number_that_was_recorded_whole():
    assert checked({"income": 2.5}, income=pl.Int64()) == {"income": 2.5}


@given(st.floats(allow_nan=False, allow_infinity=False), st.text(st.characters(exclude_categories=["Cs"])))
def test_every_finite_number_and_every_text_can_be_put_in(number, text):
    meant = checked({"income": number, "city": text})
    assert {"income": RECORDED["income"], "city": RECORDED["city"], **meant} == {"income": number, "city": text}
