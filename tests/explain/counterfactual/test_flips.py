"""What is found flips the real decision, keeps to what was stated, and is the nearest there is."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from itertools import combinations, product

import polars as pl
import pytest

from audit_lab.explain.counterfactual import Constraints

NUMBERS = ("income", "years")
STATED = [
    Constraints(),
    Constraints(immutable=("city",), only_up=("income",)),
    Constraints(only_down=("income",), ranges={"years": (3, 12)}),
    Constraints(categories={"city": ("Rome",)}, ranges={"income": (2_000, 6_000)}, only_up=("years",)),
]


def changed(row, found):
    return {**row, **{change.feature: change.after for change in found.changes}}


@pytest.mark.parametrize("constraints", STATED)
@pytest.mark.parametrize("between", [False, True])
def test_every_one_flips_the_real_decision_and_keeps_to_its_constraints(case, constraints, between):
    count = 0
    for number in (27, 33, 38):
        row = case.row(number)
        asked = case.ask(number, constraints=constraints, between=between)
        assert asked.decision == case.decide(row)
        for found in asked.found:
            count += 1
            assert found.decision == case.decide(changed(row, found)) != asked.decision
            for change in found.changes:
                assert change.before == row[change.feature] != change.after
                assert type(change.after) is type(change.before)
                assert change.feature not in constraints.immutable
                assert constraints.allows(change.feature, change.before, change.after)
                others = case.inputs.head(number)[change.feature].to_list()
                if between and change.feature in NUMBERS:
                    assert min(others) <= change.after <= max(others)
                else:
                    assert change.after in others
        sets = [{change.feature for change in found.changes} for found in asked.found]
        assert not any(one <= other for one, other in combinations(sets, 2))
    assert count >= 1


def brute_force(case, number, most):
    """Return the fewest changes that flip, and the smallest distance among those, over all values seen before."""
    row, before = case.row(number), case.inputs.head(number)
    own = case.decide(row)
    widths = {name: (max(values := [*before[name], row[name]]) - min(values)) for name in NUMBERS}
    for count in range(1, most + 1):
        distances = []
        for names in combinations(row, count):
            for values in product(*(before[name].unique().sort() for name in names)):
                other = dict(zip(names, values, strict=True))
                if any(row[name] == value for name, value in other.items()) or case.decide({**row, **other}) == own:
                    continue
                parts = [
                    abs(value - row[name]) / widths[name] if name in NUMBERS else 1.0 for name, value in other.items()
                ]
                distances.append(sum(parts) / len(row))
        if distances:
            return count, min(distances)
    return None


@pytest.mark.parametrize("number", [20, 28, 37])
def test_on_a_small_grid_the_nearest_is_the_nearest(make_log, trees, small_model, number):
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(small_model.artifact))
    # Few values of income, so that every combination can be run by hand as well.
    coarse = trees.inputs.with_columns((pl.col("income") / 1500).round().mul(1500), pl.col("years") // 4 * 4)
    codes = [["Bern", "Oslo", "Rome"].index(city) for city in coarse["city"]]
    matrix = xgboost.DMatrix(
        coarse.select("income", pl.Series("city", codes), "years").to_numpy().astype("float32"),
        feature_names=["income", "city", "years"],
    )
    scores = [float(score) for score in booster.predict(matrix)]
    decided = [trees.decide(row) for row in coarse.drop("prediction_id", "recorded_at").to_dicts()]
    folder = make_log(
        "coarse",
        inputs_loans=coarse,
        predictions=lambda frame: frame.with_columns(
            outputs=pl.Series([{"score": each, "label": "bad" if each >= 0.5 else "good"} for each in scores]),
            decision=pl.Series(decided),
            decision_rule=pl.Series(["newcomer" if years < 2 else "threshold" for years in coarse["years"]]),
        ),
    )
    case = type(trees)(folder, coarse, trees.decide)
    expected = brute_force(case, number, 3)
    (nearest,) = case.ask(number, k=1).found
    assert expected is not None
    assert len(nearest.changes) == expected[0]
    assert math.isclose(nearest.distance, expected[1], rel_tol=1e-12)


def test_between_values_seen_the_nearest_step_is_found(linear):
    number = next(each for each in range(59, 20, -1) if linear.decide(linear.row(each)) == "deny")
    row = linear.row(number)
    free = Constraints(immutable=("city", "years", "owner"))
    (found,) = linear.ask(number, k=1, constraints=free, between=True).found
    (change,) = found.changes
    assert change.after == round(change.after, 1) > row["income"]
    assert linear.decide({**row, "income": change.after}) == "approve"
    assert linear.decide({**row, "income": round(change.after - 0.1, 1)}) == "deny"


def test_with_few_candidates_what_is_found_flips_and_is_not_called_the_nearest(linear):
    for number in (30, 41, 52):
        asked = linear.ask(number, most_candidates=150, between=True)
        assert asked.tried.candidates <= 150
        assert asked.tried.exhaustive_changes == 0
        assert "so nearer ones may exist" in " ".join(asked.summary())
        for found in asked.found:
            assert linear.decide(changed(linear.row(number), found)) == found.decision != asked.decision


def test_a_rule_that_decided_is_flipped_too(linear):
    rules = [number for number in range(60) if linear.row(number)["years"] < 2 and not linear.row(number)["owner"]]
    for number in rules[-2:]:
        asked = linear.ask(number)
        assert asked.rule == "newcomer"
        assert asked.found
        for found in asked.found:
            assert found.rule == "threshold"
            assert {change.feature for change in found.changes} & {"years", "owner"}


def test_several_changes_are_found_where_one_is_not_enough(linear):
    poor = [number for number in range(30, 60) if linear.decide(linear.row(number)) == "deny"][:5]
    several = [
        found
        for number in poor
        for found in linear.ask(number, constraints=Constraints(ranges={"income": (None, 4_000)})).found
        if len(found.changes) > 1
    ]
    assert several
    for found in several:
        assert found.distance == pytest.approx(sum(change.part for change in found.changes) / 4)


_PROGRAM = """
import sys
import audit_lab as al
found = al.open(sys.argv[1]).decision("p-031").counterfactual(between=True, most_candidates=400)
sys.stdout.buffer.write(found.canonical())
"""


def test_two_processes_with_other_hash_seeds_give_the_same_bytes(linear):
    both = [
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(linear.folder)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
        )
        for seed in ("1", "4242")
    ]
    first, second = (each.communicate()[0] for each in both)
    assert [each.returncode for each in both] == [0, 0]
    assert first == second
    assert b'"found":[{"changes"' in first
