"""What is said of values that depend on the seed, and LIME where there is little or much to explain."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from audit_lab.explain.attribution import Check
from audit_lab.explain.lime_task import attribute
from audit_lab.explain.stability import check_spread, check_stability
from audit_lab.replay.signature import Signature

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Model

NAMES = ("a", "b", "c", "d")


def test_the_same_features_signs_and_ranks_pass():
    runs = {7: [0.4, -0.3, 0.2, 0.0], 8: [0.41, -0.31, 0.21, 0.01]}
    assert check_stability(runs, NAMES) == Check(
        "stability",
        passed=True,
        detail="over 1 further seeds (8) the largest features stay a (+), b (-), c (+) as with seed 7, in the same "
        "order (the same features in 1 of 1 runs, the same signs in 3 of 3 places, rank correlation of all "
        "magnitudes at least 1.00)",
    )


def test_another_order_of_the_same_features_is_said():
    found = check_stability({0: [0.4, -0.3, 0.2, 0.0], 1: [0.3, -0.4, 0.2, 0.0]}, NAMES)
    assert found.passed
    assert "though not always in this order" in found.detail
    assert "at least 0.80" in found.detail


def test_another_feature_among_the_largest_fails_in_words():
    found = check_stability({0: [0.4, -0.3, 0.2, 0.1], 1: [0.4, -0.3, 0.1, 0.2], 2: [0.4, -0.3, 0.2, 0.1]}, NAMES)
    assert not found.passed
    assert found.detail == (
        "the 3 largest features change with the seed in 1 of 2 further runs: a (+), b (-), c (+) with seed 0 become "
        "a (+), b (-), d (+) with seed 1, so rest nothing on which they are (over 2 further seeds (1, 2): the same "
        "features in 1 of 2 runs, the same signs in 5 of 6 places, rank correlation of all magnitudes at least 0.80)"
    )


def test_another_sign_fails_although_the_features_are_the_same():
    found = check_stability({0: [0.4, -0.3, 0.2, 0.0], 1: [0.4, 0.3, 0.2, 0.0]}, NAMES)
    assert not found.passed
    assert "the same features in 1 of 1 runs, the same signs in 2 of 3 places" in found.detail


def test_rounding_has_neither_sign_nor_rank():
    found = check_stability({0: [1e-17, -1e-18], 1: [-1e-17, 1e-17]}, NAMES[:2])
    assert (found.passed, found.detail) == (
        True,
        "with seed 0 and over 1 further seeds (1), no feature has any influence",
    )


def test_the_spread_is_told_by_feature():
    found = check_spread({0: [0.4, -0.3], 1: [0.45, -0.3], 2: [0.35, -0.32]}, NAMES[:2])
    assert found == Check(
        "spread",
        passed=True,
        detail="from the smallest to the largest value over 3 seeds, by feature: a 0.1, b 0.02",
    )


def test_a_spread_beyond_half_of_a_large_value_fails():
    found = check_spread({0: [0.4, 0.1], 1: [0.4, 0.2]}, NAMES[:2])
    assert not found.passed
    assert found.detail.endswith("a 0, b 0.1; more than half of its value for b, so that value's size is open")


def test_of_many_features_the_largest_are_told_and_the_widest_of_the_rest():
    values = [1.0 - place / 100 for place in range(20)]
    found = check_spread({0: values, 1: [*values[:-1], 0.5]}, [f"f{place}" for place in range(20)])
    assert found.detail.endswith("f11 0; the other 8 up to 0.31")


@pytest.fixture(scope="module")
def answers(request: pytest.FixtureRequest) -> dict[str, Any]:
    model: Model = request.getfixturevalue("booster")
    return attribute(model.job(samples=300)).header


def test_all_checks_stand_in_the_answer(answers):
    names = [name for name, *_ in answers["checks"]]
    assert names == ["local fidelity", "stability", "spread", "determinism", "familiarity"]


def test_without_further_seeds_stability_is_not_claimed(booster: Model):
    answer = attribute(booster.job(samples=300, further_seeds=0)).header
    detail = "no further seeds were asked for, so how far the values depend on this one was not tested"
    assert answer["checks"][1:3] == [["stability", False, detail], ["spread", False, detail]]
    assert answer["contributions"] == attribute(booster.job(samples=300)).header["contributions"]


def test_the_further_seeds_are_those_that_follow(booster: Model):
    answer = attribute(booster.job(samples=300, seed=4, further_seeds=2)).header
    assert answer["checks"][1][2].startswith("over 2 further seeds (5, 6) ")


def test_an_all_missing_row_is_explained_and_named(booster: Model):
    row = booster.row.select(pl.lit(None, dtype=kind).alias(name) for name, kind in booster.row.schema.items())
    answer = attribute(booster.job(row, samples=300)).header
    assert np.isfinite(answer["contributions"]).all()
    detail = next(detail for name, _, detail in answer["checks"] if name == "familiarity")
    assert detail == (
        "the background holds nothing like carrier = missing, hour = missing, weekend = missing, idle = missing"
    )


def test_constant_features_have_no_influence(booster: Model):
    same = pl.concat([booster.row] * 30)
    answer = attribute(booster.job(background=same, samples=300)).header
    assert np.abs(answer["contributions"]).max() < 1e-9
    detail = next(detail for name, _, detail in answer["checks"] if name == "stability")
    assert detail.endswith("no feature has any influence")


def wide_model(folder: Path, make_model: type[Model], features: int) -> Model:
    """Return a booster of numbers whose first feature decides."""
    import xgboost

    names = [f"f{place}" for place in range(features)]
    values = np.random.default_rng(3).normal(size=(400, features)).astype(np.float32)
    data = xgboost.DMatrix(values, label=values[:, 0] > 0, feature_names=names)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 2, "nthread": 1}, data, 10)
    path = folder / "wide.ubj"
    booster.save_model(path)
    signature = Signature.parse(
        json.dumps(
            {
                "features": [{"name": name, "dtype": "float"} for name in names],
                "output": {"kind": "probability", "positive": "yes", "negative": "no"},
            }
        )
    )
    frame = pl.DataFrame(values[:60].astype(np.float64), schema=names)
    return make_model(path, "xgboost-ubj", signature, frame[:1], frame[1:])


@pytest.mark.parametrize("features", [1, 200])
def test_one_feature_and_two_hundred(tmp_path, make_model, features):
    answer = attribute(wide_model(tmp_path, make_model, features).job(samples=1000)).header
    values = answer["contributions"]
    assert len(values) == features
    assert max(range(features), key=lambda place: abs(values[place])) == 0
