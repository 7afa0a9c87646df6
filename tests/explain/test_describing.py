"""Sentences about an attribution: right for each kind of output, cautious first, and about the model only."""

from __future__ import annotations

from dataclasses import replace

import attributions
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.explain import Background, Check, Contribution
from audit_lab.explain.describing import Decided

EXAMPLE = replace(
    attributions.EXAMPLE,
    background=Background("2 of 9 decisions; those with the smallest digest", ("b-0", "b-1"), "ab" * 32),
)


def test_says_role_elements_rest_and_limits_in_four_sentences() -> None:
    role, elements, rest, limits = EXAMPLE.describe()

    assert role == (
        "The system's part in this decision was the output of a model, which put the probability of 'late' at 70.0 %: "
        "30.0 percentage points above the 40.0 % that it gives on average to the 2 decisions used for comparison "
        "(2 of 9 decisions)."
    )
    assert elements == (
        "Within the model, compared with those decisions, what raised it most was carrier = US (+25.0 percentage "
        "points), hour = 19 (+10.0 percentage points), weekend = no (under +0.1 percentage points); what lowered it "
        "most was distance = 412.5 (-5.0 percentage points)."
    )
    assert rest == "No other feature had any influence; without influence here: idle."
    assert limits == (
        "Every check of the explanation passed (additivity); these numbers describe this model's output against that "
        "comparison, not what would happen in the world if a value were another, nor whether the model is right."
    )


def test_units_follow_the_values_that_are_there() -> None:
    said = EXAMPLE.describe({"distance": "mile", "idle": "s", "hour": None})[1]

    assert "distance = 412.5 miles (-5.0" in said
    assert "hour = 19 (+10.0" in said


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (36, "month", "36 months"),
        (1, "month", "1 month"),
        (1.0, "year", "1 year"),
        (0, "day", "0 days"),
        (0.1522, "fraction", "15.22 %"),
        (3446, "Deutsche Mark", "3446 Deutsche Mark"),
        (None, "month", "missing"),
        ("three", "month", "three month"),
        (12, "kg", "12 kg"),
    ],
)
def test_units_read_as_they_are_spoken(value, unit, text) -> None:
    said = replace(EXAMPLE, contributions=(Contribution("f", value, 0.3),)).describe({"f": unit})[1]

    assert f"f = {text} (+30.0 percentage points)" in said


@pytest.mark.parametrize(
    ("decided", "lead"),
    [
        (
            Decided("late", "threshold", 0.26),
            (
                "The system decided 'late' by the output of a model against a limit of 26.0 %; the model put the "
                "probability of 'late' at 70.0 %: "
            ),
        ),
        (
            Decided("deny", "threshold", 0.5, "approve"),
            (
                "The system decided 'deny' by the output of a model against a limit of 50.0 %, and a person made that "
                "'approve' afterwards; the model put the probability"
            ),
        ),
        (
            Decided("deny", "amount-over-12000", 0.5, "deny"),
            (
                "The system decided 'deny' by the rule amount-over-12000, whatever the output of its model; that "
                "output is explained here: it put the probability of 'late' at 70.0 %: "
            ),
        ),
        (Decided("slow", "label", 0.5), "The system decided 'slow' by the output of a model; the model put the"),
        (Decided("slow"), "The system decided 'slow' by the output of a model; the model put the"),
        (
            Decided(None),
            "The system gave a score and decided nothing; the score is the output of a model, which put the",
        ),
    ],
)
def test_says_what_was_decided_and_by_what_where_that_is_known(decided, lead) -> None:
    said = EXAMPLE.describe(decided=decided)

    assert said[0].startswith(lead)
    assert len(said) == 4


def test_a_limit_of_the_score_is_not_given_in_the_units_of_another_output() -> None:
    said = replace(EXAMPLE, output_explained="log-odds").describe(decided=Decided("late", "threshold", 0.26))

    assert "against a limit of its score; the model put the log-odds of 'late'" in said[0]
    assert "0.26" not in said[0]


def test_the_row_of_the_log_says_what_was_decided_and_the_version_its_limit() -> None:
    row = {"decision": "late", "decision_rule": "threshold", "threshold": None}

    assert Decided.of(row, "on time", 0.3) == Decided("late", "threshold", 0.3, "on time")
    assert Decided.of({**row, "threshold": 0.2}, None, 0.3) == Decided("late", "threshold", 0.2)


def test_moments_stand_as_date_and_minute() -> None:
    timed = replace(
        EXAMPLE,
        background=Background("9 of 9, decided before 2025-02-07T11:41:17.070000+00:00; x", ("b",), "ab" * 32),
    )

    assert "(9 of 9, decided before 2025-02-07 11:41 UTC)." in timed.describe()[0]


def test_a_failed_check_is_told_in_the_first_sentence() -> None:
    doubtful = replace(EXAMPLE, checks=(*EXAMPLE.checks, Check("stability", passed=False, detail="the top changes.")))

    said = doubtful.describe()

    assert said[0] == (
        "Read this with caution: 1 of 2 checks of this explanation did not pass (stability: the top changes)."
    )
    assert len(said) == 5
    assert "passed" not in " ".join(said[1:])


def test_adds_up_the_features_that_it_does_not_name() -> None:
    many = replace(EXAMPLE, contributions=tuple(Contribution(f"f{n}", n, 0.1 - n / 100) for n in range(5)))

    assert many.describe()[2] == "The other 2 features with any influence come to +13.0 percentage points together."
    assert "; nothing lowered it." in many.describe()[1]


def test_names_the_one_feature_that_is_left_over() -> None:
    four = replace(EXAMPLE, contributions=tuple(Contribution(f"f{n}", n, -0.1 + n / 100) for n in range(4)))

    assert four.describe()[2] == "One more feature, f3, comes to -7.0 percentage points."


def test_many_features_without_influence_are_counted() -> None:
    idle = replace(EXAMPLE, contributions=tuple(Contribution(f"f{n}", n, 0.0) for n in range(500)))

    assert idle.describe()[2].endswith("without influence here: f0, f1, f10, f100, f101 and 495 more.")


@pytest.mark.parametrize(
    ("explained", "label", "put", "amount"),
    [
        ("log-odds", "late", "put the log-odds of 'late' at 0.7002: 0.3002 above the 0.4", "carrier = US (+0.25)"),
        ("margin", "late", "put the raw score (margin) of 'late' at 0.7002", "carrier = US (+0.25)"),
        ("margin", "the prediction", "put the raw score (margin) at 0.7002", "carrier = US (+0.25)"),
        ("value", "the prediction", "put the predicted value at 0.7002", "carrier = US (+0.25)"),
    ],
)
def test_other_outputs_have_words_of_their_own_and_no_per_cent(explained, label, put, amount) -> None:
    said = replace(EXAMPLE, output_explained=explained, label=label).describe()

    assert put in said[0]
    assert amount in said[1]
    assert "%" not in " ".join(said)
    assert "percentage" not in " ".join(said)


def test_large_values_are_written_out() -> None:
    price = replace(
        EXAMPLE,
        output_explained="value",
        label="the prediction",
        base_value=1_200_000.0,
        prediction_value=1_150_000.0,
        contributions=(Contribution("rooms", 2, -50_000.0),),
    )

    assert "put the predicted value at 1,150,000: 50,000 below the 1,200,000 that" in price.describe()[0]
    assert "what lowered it most was rooms = 2 (-50,000)" in price.describe()[1]


def test_an_output_like_the_average_is_neither_above_nor_below() -> None:
    same = replace(EXAMPLE, prediction_value=0.4, contributions=(Contribution("hour", 19, 0.0),))

    assert "at 40.0 %, which is what it gives on average to the 2 decisions" in same.describe()[0]
    assert same.describe()[1].endswith("nothing raised it; nothing lowered it.")


def test_lime_is_an_approximation_and_says_what_it_leaves_over() -> None:
    lime = replace(EXAMPLE, method="lime", prediction_value=0.75)

    said = lime.describe()

    assert "at 75.0 %; LIME approximates the model by a straight line that starts at 40.0 %, drawn from" in said[0]
    assert said[2].endswith("; +5.0 percentage points of the model's output is left over by the approximation.")


def test_a_background_of_one_is_called_one() -> None:
    alone = replace(EXAMPLE, background=Background("one", ("b-0",), "ab" * 32))

    assert "on average to the one decision used for comparison (one)" in alone.describe()[0]


def test_long_values_are_cut() -> None:
    long = replace(EXAMPLE, contributions=(Contribution("text", "x" * 500, 0.1),))

    assert f"text = {'x' * 80}... (+10.0" in long.describe()[1]


NUMBERS = st.floats(-1e6, 1e6)


@given(
    amounts=st.lists(NUMBERS, min_size=1, max_size=12),
    base=NUMBERS,
    put=NUMBERS,
    explained=st.sampled_from(["probability", "log-odds", "margin", "value"]),
    method=st.sampled_from(["shap", "lime"]),
    passed=st.booleans(),
)
def test_there_are_three_to_five_sentences_and_none_is_causal(*, amounts, base, put, explained, method, passed) -> None:
    contributions = tuple(Contribution(f"f{n:02}", n, amount) for n, amount in enumerate(amounts))
    attribution = replace(
        EXAMPLE,
        contributions=contributions,
        base_value=base,
        prediction_value=put,
        output_explained=explained,
        method=method,
        checks=(Check("additivity", passed=passed, detail="found"),),
    )

    said = attribution.describe()

    assert len(said) == (4 if passed else 5)
    assert all(each[0].isupper() and each.endswith(".") for each in said)
    assert not any(word in each for each in said for word in (" because", " due to", " caused"))
    pushing = [f"f{n:02} = {n} (" for n, amount in enumerate(amounts) if abs(amount) > 1e-9]
    assert sum(each in " ".join(said) for each in pushing) == min(3, sum(amount > 1e-9 for amount in amounts)) + min(
        3, sum(amount < -1e-9 for amount in amounts)
    )
