"""What each rule makes of values, and what it does not take."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audit_lab as al
from audit_lab.capture.redaction.rule import WITHHELD, stated_rule
from audit_lab.errors import MisuseError
from audit_lab.log.keys.pseudonym import PseudonymKey

KEY = PseudonymKey("customers", ("trim",), b"k" * 32)


def rule(**stated):
    return stated_rule(stated, "file, column", lambda: KEY)


def applied(value, **stated):
    return rule(**stated).apply(value)


@pytest.mark.parametrize(
    ("stated", "value", "recorded"),
    [
        ({"rule": "mask"}, "Jane Doe", "****"),
        ({"rule": "mask", "keep_last": 4}, "4111111111111111", "****1111"),
        ({"rule": "mask", "keep_last": 4}, 4111111111111111, "****1111"),
        ({"rule": "mask", "keep_last": 4}, "1234567", "****"),
        ({"rule": "mask"}, True, WITHHELD),
        ({"rule": "mask"}, 1.5, WITHHELD),
        ({"rule": "pseudonym"}, 1.0, WITHHELD),
        ({"rule": "pseudonym"}, "  ", WITHHELD),
        ({"rule": "generalise", "step": 10}, 37, 30),
        ({"rule": "generalise", "step": 10}, -1, -10),
        ({"rule": "generalise", "step": 10}, 37.9, 30.0),
        ({"rule": "generalise", "step": 0.5}, 37, 37.0),
        ({"rule": "generalise", "step": 10}, np.int64(37), 30),
        ({"rule": "generalise", "step": 10}, np.float32(37.5), 30.0),
        ({"rule": "generalise", "step": 10}, Decimal("-0.01"), Decimal(-10)),
        ({"rule": "generalise", "step": 10}, math.inf, math.inf),
        ({"rule": "generalise", "step": 10}, "37", WITHHELD),
        ({"rule": "generalise", "step": 10}, True, WITHHELD),
        ({"rule": "generalise", "edges": [0, 20_000, 50_000]}, 20_000, 20_000),
        ({"rule": "generalise", "edges": [0, 20_000, 50_000]}, 19_999.99, 0.0),
        ({"rule": "generalise", "edges": [0, 20_000, 50_000]}, -3, 0),
        ({"rule": "generalise", "edges": [0, 20_000, 50_000]}, 1e9, 50_000.0),
        ({"rule": "generalise", "edges": [0, 20_000, 50_000]}, "1", WITHHELD),
        ({"rule": "generalise", "to": "month"}, date(1980, 5, 17), date(1980, 5, 1)),
        ({"rule": "generalise", "to": "year"}, "1980-05-17", "1980-01-01"),
        ({"rule": "generalise", "to": "month"}, "1980-05-17T10:00:00Z", "1980-05-01"),
        ({"rule": "generalise", "to": "month"}, "17.05.1980", WITHHELD),
        ({"rule": "generalise", "to": "month"}, "1980-05-17 Jane", "1980-05-01"),
        ({"rule": "generalise", "to": "month"}, pd.NaT, WITHHELD),
        ({"rule": "generalise", "prefix": 2}, "80331", "80"),
        ({"rule": "generalise", "prefix": 2}, "80", WITHHELD),
        ({"rule": "generalise", "prefix": 2}, 80331, WITHHELD),
        ({"rule": "generalise", "map": {"nurse": "health"}}, "nurse", "health"),
        ({"rule": "generalise", "map": {"nurse": "health"}}, "spy", "other"),
        ({"rule": "generalise", "map": {"1": "one"}, "otherwise": "many"}, 1, "one"),
    ],
)
def test_a_value_is_recorded_as(stated, value, recorded):
    made = applied(value, **stated)
    assert (type(made), made) == (type(recorded), recorded)


def test_a_moment_keeps_its_zone():
    assert applied(datetime(1980, 5, 17, 9, 1, 2, 3, tzinfo=UTC), rule="generalise", to="month") == datetime(
        1980, 5, 1, tzinfo=UTC
    )


def test_a_pseudonym_is_the_one_that_searches_for_a_subject_make():
    assert applied("  4711 ", rule="pseudonym") == applied(4711, rule="pseudonym") == al.pseudonym("4711", KEY)


def test_not_a_number_stays_none():
    assert math.isnan(applied(math.nan, rule="generalise", step=10))
    assert math.isnan(applied(math.nan, rule="generalise", edges=[1, 2]))


@given(st.floats(-1e12, 1e12), st.sampled_from([0.1, 0.5, 3, 10, 250]))
def test_a_step_is_at_most_the_value_and_less_than_a_step_below_it(value, step):
    made = applied(value, rule="generalise", step=step)
    slack = abs(value) * 1e-12 + 1e-9
    assert made - slack <= value < made + step + slack
    assert made == pytest.approx(round(made / step) * step)


@given(st.text(min_size=1, max_size=40), st.integers(0, 8))
def test_a_mask_shows_at_most_half_of_a_text_and_not_its_length(text, kept):
    made = applied(text, rule="mask", keep_last=kept)
    assert made.startswith("****")
    assert len(made) - 4 in {0, kept}
    assert 2 * (len(made) - 4) <= len(text)


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ("shred", "there is no rule 'shred'"),
        (3, "no rule is stated"),
        ({"rule": "drop", "keep_last": 2}, "drop takes no 'keep_last'"),
        ({"rule": "mask", "keep_last": 20}, "keep_last is no whole number from 0 to 8"),
        ({"rule": "mask", "keep_last": True}, "keep_last is no whole number"),
        ({"rule": "generalise"}, "generalise takes one of step, edges, to, prefix, map"),
        ({"rule": "generalise", "step": 1, "prefix": 2}, "generalise takes one of"),
        ({"rule": "generalise", "step": 0}, "step is no number above 0"),
        ({"rule": "generalise", "edges": [2, 1]}, "edges are not rising numbers"),
        ({"rule": "generalise", "edges": []}, "edges are not rising numbers"),
        ({"rule": "generalise", "to": "day"}, "month or year"),
        ({"rule": "generalise", "map": {"a": 1}}, "map is no table of texts"),
        ({"rule": "generalise", "step": 1, "otherwise": "x"}, "generalise takes one of"),
    ],
)
def test_what_is_no_rule_is_refused_with_the_rules_there_are(stated, told):
    with pytest.raises(MisuseError, match="file, column: ") as caught:
        stated_rule(stated, "file, column", lambda: KEY)
    assert told in str(caught.value)
    assert "drop, mask, pseudonym, generalise, keep" in str(caught.value)
