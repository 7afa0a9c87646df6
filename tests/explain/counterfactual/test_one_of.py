"""Columns of a one-hot encoding: exactly one stays 1, the real decision flips, and a row that breaks it is refused."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError

CITIES = ("in_bern", "in_oslo", "in_rome")
NAMES = [*CITIES, "owner", "income"]
ROWS = 40


def matrix(frame):
    return np.column_stack([frame[name].cast(pl.Float64) for name in NAMES]).astype(np.float32)


@pytest.fixture(scope="module")
def encoded():
    """Loans whose log has one column for each city, and a booster that denies Rome and the poor in Oslo."""
    import xgboost

    generator = np.random.default_rng(5)
    city = generator.integers(0, 3, 400)
    frame = pl.DataFrame(
        {
            "in_bern": (city == 0).astype(np.int64),
            "in_oslo": (city == 1).astype(np.int64),
            "in_rome": (city == 2).astype(bool),
            "owner": generator.integers(0, 2, 400),
            "income": generator.integers(10, 90, 400).astype(float),
        }
    )
    bad = (city == 2) | ((city == 1) & (frame["income"].to_numpy() < 40))
    data = xgboost.DMatrix(matrix(frame), label=bad.astype(float), feature_names=NAMES)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 3, "nthread": 1}, data, num_boost_round=10)
    return booster, frame.head(ROWS)


def score(encoded, row):
    import xgboost

    booster, _ = encoded
    values = np.array([[float(row[name]) for name in NAMES]], dtype=np.float32)
    return float(booster.predict(xgboost.DMatrix(values, feature_names=NAMES))[0])


@pytest.fixture
def log(make_log, encoded):
    booster, frame = encoded
    scores = [score(encoded, row) for row in frame.to_dicts()]
    artifact = bytes(booster.save_raw("ubj"))
    dtypes = {"in_rome": "bool", "income": "float"}
    output = {"kind": "probability", "positive": "bad", "negative": "good"}
    output["decisions"] = {"bad": "deny", "good": "approve"}
    signature = {
        "features": [{"name": name, "dtype": dtypes.get(name, "int")} for name in NAMES],
        "output": output,
    }
    outputs = [{"score": each, "label": "bad" if each >= 0.5 else "good"} for each in scores]
    folder = make_log(
        artifact=artifact,
        inputs_loans=lambda old: old.select("prediction_id", "recorded_at").hstack(frame),
        predictions=lambda old: old.with_columns(
            outputs=pl.Series(outputs),
            decision=pl.Series(["deny" if each >= 0.5 else "approve" for each in scores]),
            decision_rule=pl.lit("threshold"),
        ),
        model_versions=lambda old: old.with_columns(
            signature=pl.lit(json.dumps(signature)),
            artifact_sha256=pl.lit(hashlib.sha256(artifact).hexdigest()),
            decision_rules=pl.lit(None, dtype=pl.String),
        ),
    )
    return al.open(folder)


def denied_in_rome(encoded):
    rows = encoded[1].to_dicts()
    return next(number for number in range(ROWS - 1, 20, -1) if rows[number]["in_rome"])


def changed(row, found):
    return {**row, **{change.feature: change.after for change in found.changes}}


def test_without_the_group_a_column_alone_is_changed_and_with_it_the_one_moves(log, encoded):
    number = denied_in_rome(encoded)
    row = encoded[1].row(number, named=True)
    decision = log.decision(f"p-{number:03d}")
    alone = decision.counterfactual(5, most_changes=1).found
    assert any([change.feature for change in each.changes] == ["in_rome"] for each in alone)

    found = decision.counterfactual(5, constraints=al.Constraints(one_of=(CITIES,)), most_changes=2)

    assert found.found
    for each in found.found:
        after = changed(row, each)
        assert sum(int(after[name]) for name in CITIES) == 1
        assert {type(after[name]) for name in ("in_bern", "in_oslo")} == {int}
        assert type(after["in_rome"]) is bool
        assert score(encoded, after) < 0.5
        assert each.decision == "approve"
        assert each.score == pytest.approx(score(encoded, after), abs=1e-6)
    nearest = found.found[0]
    assert [(change.feature, change.before, change.after) for change in nearest.changes] == [
        ("in_bern", 0, 1),
        ("in_rome", True, False),
    ]
    assert nearest.distance == pytest.approx(2 / 5)
    assert "exactly one of in_bern, in_oslo, in_rome is 1" in found.constraints.words()
    assert found.tried.allowed["one of in_bern, in_oslo, in_rome"] == 2


def test_what_is_held_fast_within_a_group_gets_no_one(log, encoded):
    number = denied_in_rome(encoded)
    decision = log.decision(f"p-{number:03d}")
    free = al.Constraints(one_of=(CITIES,), immutable=("in_bern",))
    for each in decision.counterfactual(5, constraints=free).found:
        assert "in_bern" not in {change.feature for change in each.changes}

    fast = decision.counterfactual(5, constraints=al.Constraints(one_of=(CITIES,), immutable=("in_rome",)))
    assert fast.found == ()
    assert fast.tried.fixed["in_oslo"] == "in a group whose 1 may not move"
    assert any(line.startswith("No flip exists with up to 3 features changed") for line in fast.summary())


def test_a_column_that_was_never_one_before_is_no_advice(log, encoded):
    number = denied_in_rome(encoded)
    rome = encoded[1].with_row_index().filter("in_rome")["index"][0]
    until = log.decision(f"p-{rome + 1:03d}").prediction["occurred_at"]
    since = log.decision(f"p-{rome:03d}").prediction["occurred_at"]
    found = log.decision(f"p-{number:03d}").counterfactual(
        constraints=al.Constraints(one_of=(CITIES,)), window=(since, until)
    )
    assert found.found == ()
    assert found.tried.fixed["in_bern"] == "in a group whose 1 was seen in no other column that may have it"


@pytest.mark.parametrize(
    ("group", "said"),
    [
        (("in_bern",), "has fewer than two columns"),
        (("in_bern", "in_bern"), "or one that stands twice"),
        (("in_bern", "in_madrid"), "'in_madrid' is no input"),
        (("income", "in_bern"), "in the recorded row not exactly one of in_bern, income is 1"),
    ],
)
def test_a_group_that_cannot_be_one_is_refused(log, encoded, group, said):
    with pytest.raises(MisuseError, match=said):
        log.decision(f"p-{denied_in_rome(encoded):03d}").counterfactual(constraints=al.Constraints(one_of=(group,)))


def test_a_text_is_no_column_of_a_group(trees):
    with pytest.raises(MisuseError, match="'city' is a text or names a category, so it is not 0 or 1"):
        trees.ask(30, constraints=al.Constraints(one_of=(("city", "years"),)))
