"""Conversions of units: both ways, every name, and numbers checked against the definitions."""

from __future__ import annotations

import polars as pl
import pytest

from audit_lab.replay.units import CONVERSIONS, NAMES, named


def converted(name, value):
    return pl.DataFrame({"x": [value]}).select(named(name).of(pl.col("x"))).item()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("mile -> km", 2.0, 3.218688),
        ("km -> mile", 3.218688, 2.0),
        ("pound -> kg", 10.0, 4.5359237),
        ("Celsius -> Fahrenheit", 100.0, 212.0),
        ("Fahrenheit -> Celsius", 212.0, 100.0),
        ("Celsius -> kelvin", -273.15, 0.0),
        ("year -> month", 2.0, 24.0),
        ("foot -> inch", 2.0, 24.0),
        ("the other sign -> this sign", 3.0, -3.0),
    ],
)
def test_known_values(name, value, expected):
    assert converted(name, value) == pytest.approx(expected, rel=1e-15)


def test_every_name_is_known_and_every_conversion_of_numbers_stands_once():
    assert all(named(name) is not None for name in NAMES)
    numbers = [(each.factor, each.divisor, each.before, each.after) for each in CONVERSIONS]
    assert len(set(numbers)) == len(numbers)
    assert {name for each in CONVERSIONS for name in each.name.split(" or ")} >= {"foot -> inch", "year -> month"}


def test_a_conversion_is_found_again_by_its_words():
    assert all(named(str(each)) == each for each in CONVERSIONS)


def test_what_has_no_name_is_none():
    assert named("furlong -> fortnight") is None
