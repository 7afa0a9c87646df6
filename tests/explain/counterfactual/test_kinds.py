"""Models that are no two classes with a threshold, inputs that are missing, and more features than can be tried."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import ModelError
from audit_lab.explain.counterfactual import Constraints
from audit_lab.explain.counterfactual.axis import axis_of
from audit_lab.explain.counterfactual.judge import Judge
from audit_lab.explain.counterfactual.nearest import nearest_flips
from audit_lab.explain.counterfactual.supported import _thinned
from audit_lab.replay.signature import Feature


def registered(output, **changed):
    """Return a change of the registry's row to another kind of output, without threshold and rules."""
    features = [
        {"name": "income", "dtype": "float", "unit": "EUR"},
        {"name": "city", "dtype": "str", "categories": ["Bern", "Oslo", "Rome"]},
        {"name": "years", "dtype": "int", "unit": "year"},
    ]
    signature = json.dumps({"features": features, "output": output})
    columns = {"signature": signature, "output_kind": output["kind"], "threshold": None, "decision_rules": None}
    return lambda frame: frame.with_columns(
        pl.lit(value, dtype=frame.schema.get(name, pl.String)).alias(name)
        for name, value in {**columns, **changed}.items()
    )


def test_of_several_classes_another_one_is_found_or_the_one_that_is_wanted(make_log, small_model):
    import xgboost

    codes = [["Bern", "Oslo", "Rome"].index(city) for city in small_model.inputs["city"]]
    matrix = np.column_stack([small_model.inputs["income"], codes, small_model.inputs["years"]]).astype(np.float32)
    classes = np.digitize(small_model.inputs["income"].to_numpy(), [3_500, 6_500])
    names = ["income", "city", "years"]
    data = xgboost.DMatrix(matrix, label=classes, feature_names=names)
    parameters = {"objective": "multi:softprob", "num_class": 3, "max_depth": 2, "nthread": 1}
    booster = xgboost.train(parameters, data, num_boost_round=6)
    artifact = bytes(booster.save_raw("ubj"))
    probabilities = booster.predict(data).astype(float)
    words = np.array(["low", "mid", "high"])
    labels = words[probabilities.argmax(axis=1)]
    outputs = [
        {"score": float(row.max()), "label": str(label), "probabilities": [float(each) for each in row]}
        for row, label in zip(probabilities, labels, strict=True)
    ]
    folder = make_log(
        artifact=artifact,
        predictions=lambda frame: frame.with_columns(
            outputs=pl.Series(outputs),
            decision=pl.Series([str(each) for each in labels]),
            decision_rule=pl.lit("label"),
            threshold=pl.lit(None, dtype=pl.Float64),
        ),
        model_versions=registered(
            {"kind": "multiclass", "classes": ["low", "mid", "high"]},
            artifact_sha256=hashlib.sha256(artifact).hexdigest(),
        ),
    )
    log = al.open(folder)
    number = next(each for each in range(39, 20, -1) if labels[each] == "low")
    decision = log.decision(f"p-{number:03d}")
    (wanted,) = decision.counterfactual(1, target="high").found
    row = {**decision.inputs, **{change.feature: change.after for change in wanted.changes}}
    values = np.array([[row["income"], ["Bern", "Oslo", "Rome"].index(row["city"]), row["years"]]], dtype=np.float32)
    again = booster.predict(xgboost.DMatrix(values, feature_names=names))[0]
    assert words[again.argmax()] == wanted.decision == "high"
    (other,) = decision.counterfactual(1).found
    assert other.decision != "low"
    assert (len(other.changes), other.distance) <= (len(wanted.changes), wanted.distance)


def test_a_version_that_only_gives_a_score_has_no_decision_to_flip(make_log, small_model):
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(small_model.artifact))
    codes = [["Bern", "Oslo", "Rome"].index(city) for city in small_model.inputs["city"]]
    matrix = np.column_stack([small_model.inputs["income"], codes, small_model.inputs["years"]]).astype(np.float32)
    data = xgboost.DMatrix(matrix, feature_names=["income", "city", "years"])
    outputs = [{"score": float(each)} for each in booster.predict(data, output_margin=True)]
    folder = make_log(
        predictions=lambda frame: frame.with_columns(
            outputs=pl.Series(outputs),
            decision=pl.lit(None, dtype=pl.String),
            decision_rule=pl.lit(None, dtype=pl.String),
            threshold=pl.lit(None, dtype=pl.Float64),
        ),
        model_versions=registered({"kind": "margin"}),
    )
    with pytest.raises(ModelError, match="gives a score and decides nothing, so there is nothing to flip") as refused:
        al.open(folder).decision("p-030").counterfactual()
    assert refused.value.code == "decision-missing"


def test_a_missing_number_may_be_given_and_none_is_changed_to_missing(make_log, small_model):
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(small_model.artifact))
    names = ["income", "city", "years"]
    gone = small_model.inputs.with_columns(
        income=pl.when(pl.int_range(pl.len()).is_in([5, 30])).then(None).otherwise("income")
    )
    city = ["Bern", "Oslo", "Rome"].index(gone["city"][30])
    values = np.array([[np.nan, city, gone["years"][30]]], dtype=np.float32)
    score = float(booster.predict(xgboost.DMatrix(values, feature_names=names))[0])
    label = "bad" if score >= 0.5 else "good"
    is_it = pl.col("prediction_id") == "p-030"
    folder = make_log(
        inputs_loans=lambda frame: frame.with_columns(gone["income"]),
        predictions=lambda frame: frame.with_columns(
            outputs=pl.when(is_it).then(pl.struct(score=pl.lit(score), label=pl.lit(label))).otherwise("outputs"),
            decision=pl.when(is_it).then(pl.lit("deny" if label == "bad" else "approve")).otherwise("decision"),
            decision_rule=pl.when(is_it).then(pl.lit("threshold")).otherwise("decision_rule"),
        ),
    )
    found = al.open(folder).decision("p-030").counterfactual(constraints=Constraints(only_up=("income",)))
    (given,) = [each.changes[0] for each in found.found if each.changes[0].feature == "income"]
    assert (given.before, given.part) == (None, 1.0)
    assert given.words().startswith("income ")
    assert given.words().endswith(" instead of nothing")
    late = al.open(folder).decision("p-031").counterfactual(10)
    assert all(change.after is not None for each in late.found for change in each.changes)


def test_steps_between_are_those_of_the_finest_decimal():
    feature = Feature("rate", "float")
    seen = pl.Series([1.5, 2.25, 4.0])
    axis = axis_of(feature, 2.0, seen, pl.Float64(), Constraints(ranges={"rate": (1.9, 2.03)}), between=True)
    assert list(axis.values) == [1.9, 1.91, 1.92, 1.93, 1.94, 1.95, 1.96, 1.97, 1.98, 1.99, 2.01, 2.02, 2.03]
    assert axis.origin == 10
    assert axis.part(10) == pytest.approx(0.01 / 2.5)
    whole = axis_of(Feature("n", "int"), 3, pl.Series([1, 6]), pl.Int64(), Constraints(only_up=("n",)), between=True)
    assert list(whole.values) == [4, 5, 6]


def test_numbers_without_a_step_stay_with_those_seen():
    seen = pl.Series([0.1234567, 0.5])
    axis = axis_of(Feature("rate", "float"), 0.3, seen, pl.Float64(), Constraints(), between=True)
    assert list(axis.values) == [0.1234567, 0.5]


def test_a_category_that_the_model_does_not_know_is_never_proposed():
    feature = Feature("city", "str", categories=("Bern", "Oslo"))
    axis = axis_of(feature, "Bern", pl.Series(["Bern", "Oslo", "Paris"]), pl.String(), Constraints(), between=False)
    assert axis.values == ["Oslo"]


def test_thinned_values_keep_the_lowest_and_the_highest():
    kept = _thinned(pl.Series(range(120_001)))
    assert kept.len() <= 50_001
    assert (kept[0], kept[-1]) == (0, 120_000)


class Counted(Judge):
    """A judge of whole numbers: a candidate flips when two named features are high enough."""

    def __init__(self, features, limit):
        constraints = Constraints()
        self.axes = [
            axis_of(Feature(f"f{n}", "int"), 0, pl.Series(range(200)), pl.Int64(), constraints, between=False)
            for n in range(features)
        ]
        self.known, self.refused, self.tried, self._limit, self._progress = {}, {}, 0, limit, None
        self._own, self._target, self._direction = {"decision": "no", "rule": "threshold", "score": 0.0}, None, 1

    def _run(self, states):
        for place, state in enumerate(states):
            values = {self.axes[axis].name: self.axes[axis].values[at] for axis, at in state}
            score = min(values.get("f3", 0), 120) + min(values.get("f401", 0), 77)
            decision = "yes" if score >= 190 else "no"
            yield (
                place,
                {"score": float(score), "label": None, "decision_rule": "threshold", "decision": decision},
            )


def test_of_five_hundred_features_each_has_its_turn_and_the_two_that_count_are_found():
    judge = Counted(500, 20_000)
    found = nearest_flips(judge, 1, 2, 500)
    assert judge.tried <= 20_000
    assert {state[0][0] for state in judge.known if len(state) == 1} == set(range(500))
    (state,) = found.states
    values = {judge.axes[axis].name: judge.axes[axis].values[at] for axis, at in state}
    assert min(values["f3"], 120) + min(values["f401"], 77) == 190
    assert found.exhaustive_changes == 0
