"""What is said of values that a log has, and of those that it has not."""

from __future__ import annotations

import polars as pl
import pytest

import audit_lab as al
from audit_lab.explain.what_if import recorded_values as room
from audit_lab.explain.what_if.recorded_values import recorded_values
from audit_lab.replay.signature import Feature


@pytest.fixture
def say(make_log):
    """Return a function that says what is to be known of a value of a feature of forty decisions."""
    values = {
        "income": [None, float("nan"), float("inf"), 5.0, *([7.5] * 36)],
        "city": [*(["Bern"] * 39), None],
        "years": list(range(40)),
        "grade": [1, 3] * 20,
        "owner": [True] * 40,
        "empty": [None] * 40,
    }
    columns = [pl.Series(name, column) for name, column in values.items()]
    store = al.open(make_log(inputs_loans=lambda frame: frame.with_columns(*columns)))._store

    def said(value, name, dtype, unit=None, **more):
        found = recorded_values(store, "loans", Feature(name, dtype, unit, **more), value)
        return None if found is None else (found.code, found.sentence)

    return said


def test_what_lies_within_what_was_recorded_needs_no_remark(say):
    assert say(6.0, "income", "float") is None
    assert say(None, "income", "float") is None
    assert say(39, "years", "int") is None
    assert say("Bern", "city", "str") is None
    assert say(name="owner", dtype="bool", value=True) is None
    assert say(3, "grade", "int", categories=("1", "2", "3")) is None


def test_what_lies_outside_is_told_with_the_range(say):
    beyond = "No recorded decision had such a value: income 8 EUR is above all of them"
    assert say(8.0, "income", "float", "EUR") == (
        "outside-range",
        f"{beyond}, 5 to 7.5 EUR in the 40 recorded decisions of loans.",
    )
    assert say(-1, "years", "int")[1].startswith("No recorded decision had such a value: years -1 is below all of them")


def test_what_nobody_had_is_told(say):
    assert say("Rome", "city", "str") == (
        "never-recorded",
        "No recorded decision had city 'Rome', among the 40 recorded decisions of loans.",
    )
    assert say(name="owner", dtype="bool", value=False)[1].startswith("No recorded decision had owner no,")
    assert say(2, "grade", "int", categories=("1", "2", "3"))[0] == "never-recorded"
    assert say(2.0, "empty", "float")[1].startswith("No recorded decision had a value of empty")
    assert say(None, "years", "int") == (
        "never-missing",
        "No recorded decision lacked years: it is there in all of the 40 recorded decisions of loans.",
    )


def test_where_too_many_texts_are_to_be_kept_the_log_is_asked_for_the_one(say, monkeypatch):
    monkeypatch.setattr(room, "_MOST_KEPT", 0)
    assert say("Bern", "city", "str") is None
    assert say("Rome", "city", "str")[0] == "never-recorded"
    assert say(None, "city", "str") is None
