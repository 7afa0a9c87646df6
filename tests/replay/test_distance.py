"""Distances of outputs: bits, absolute, and units in the last place, checked one float at a time."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.replay.distance import same_bits, single_precision, ulp_distance

FLOATS = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=True)
SINGLES = st.floats(allow_nan=False, allow_infinity=False, width=32)


def steps(one: float, other: float, code: str, whole: str) -> int:
    """Count representable values by the order of their bits, as Python integers."""

    def place(value: float) -> int:
        (bits,) = struct.unpack(whole, struct.pack(code, value))
        sign = 1 << (8 * struct.calcsize(code) - 1)
        return -(bits - sign) if bits & sign else bits

    return abs(place(one) - place(other))


@given(FLOATS, FLOATS)
def test_units_in_the_last_place(one, other):
    found, narrow = ulp_distance(np.array([one]), np.array([other]))
    both_single = all(_is_single(each) for each in (one, other))
    assert narrow[0] == both_single
    code = ("<f", "<I") if both_single else ("<d", "<Q")
    assert int(found[0]) == steps(one, other, *code)


def _is_single(value: float) -> bool:
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0] == value
    except OverflowError:
        return False


@given(SINGLES)
def test_neighbours_of_32_bit_floats_are_one_apart(value):
    beside = float(np.nextafter(np.float32(value), np.float32(np.inf)))
    if math.isinf(beside):
        return
    found, narrow = ulp_distance(np.array([value]), np.array([beside]))
    assert (int(found[0]), bool(narrow[0])) == (1, True)


@pytest.mark.parametrize(
    ("one", "other", "units"),
    [(0.1, math.nextafter(0.1, 1), 1), (0.0, -0.0, 0), (1.0, 1.0 + 3 * 2**-52, 3), (math.nan, 1.0, 2**64 - 1)],
)
def test_known_distances(one, other, units):
    assert int(ulp_distance(np.array([one]), np.array([other]))[0][0]) == units


def test_bits_tell_zeros_and_nans_apart():
    other_nan = struct.unpack("<d", struct.pack("<Q", 0x7FF8000000000001))[0]
    one = np.array([0.0, math.nan, math.nan, 1.5])
    other = np.array([-0.0, math.nan, other_nan, 1.5])
    assert same_bits(one, other).tolist() == [False, True, False, True]


def test_what_is_a_32_bit_float():
    assert single_precision(np.array([0.1, float(np.float32(0.1)), 1e300, math.inf])).tolist() == [
        False,
        True,
        False,
        True,
    ]
