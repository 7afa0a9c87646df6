"""XGBoost boosters beside the plain case: early stopping, other boosters, objectives that contradict the kind."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
import xgboost

from audit_lab.replay.models.scorer import ModelFault
from audit_lab.replay.scoring import load_model
from audit_lab.replay.signature import Signature

NAMES = ("a", "b", "c")


def signature(kind="probability", **output):
    sides = {"positive": "bad", "negative": "good"} if kind == "probability" else {}
    features = [{"name": name, "dtype": "float"} for name in NAMES]
    return Signature.parse(json.dumps({"features": features, "output": {"kind": kind, **sides, **output}}))


@pytest.fixture(scope="module")
def data():
    generator = np.random.default_rng(3)
    matrix = generator.normal(size=(300, 3)).astype(np.float32)
    matrix[generator.random((300, 3)) < 0.1] = np.nan
    target = (np.nan_to_num(matrix[:, 0]) + generator.normal(size=300) > 0).astype(int)
    return matrix, target


def frame(matrix):
    return pl.DataFrame(matrix.astype(np.float64), schema=list(NAMES)).fill_nan(None)


def saved(path, model):
    model.save_model(path)
    return path


def test_wrapper_predicts_up_to_its_best_round_and_so_does_the_replay(data, tmp_path):
    matrix, target = data
    model = xgboost.XGBClassifier(n_estimators=60, early_stopping_rounds=3, eval_metric="logloss")
    model.fit(matrix[:200], target[:200], eval_set=[(matrix[200:], target[200:])], verbose=False)
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    scorer = load_model(saved(tmp_path / "wrapper.ubj", model), "xgboost-ubj", signature())
    assert scorer.scores(frame(matrix)).tolist() == model.predict_proba(matrix)[:, 1].tolist()
    assert [note.code for note in scorer.notes] == ["names-not-checked"]
    labels = load_model(tmp_path / "wrapper.ubj", "xgboost-ubj", signature("label", classes=["good", "bad"]))
    named = [["good", "bad"][place] for place in model.predict(matrix)]
    assert labels.outputs(frame(matrix)).labels == named


def test_booster_predicts_with_all_rounds_and_says_that_it_names_a_best_one(data, tmp_path):
    matrix, target = data
    train = xgboost.DMatrix(matrix[:200], label=target[:200])
    check = xgboost.DMatrix(matrix[200:], label=target[200:])
    booster = xgboost.train(
        {"objective": "binary:logistic"}, train, 60, evals=[(check, "c")], early_stopping_rounds=3, verbose_eval=False
    )
    scorer = load_model(saved(tmp_path / "booster.json", booster), "xgboost-json", signature())
    assert scorer.scores(frame(matrix)).tolist() == booster.predict(xgboost.DMatrix(matrix)).tolist()
    note = next(note for note in scorer.notes if note.code == "best-iteration-not-used")
    assert note.message == (
        f"the booster names {booster.best_iteration + 1} rounds as its best; all were used, as it does by itself"
    )


@pytest.mark.parametrize("name", ["gblinear", "dart"])
def test_other_boosters_give_the_same_bits(data, tmp_path, name):
    matrix, target = data
    matrix = np.nan_to_num(matrix)
    parameters = {"objective": "binary:logistic", "booster": name, "nthread": 1}
    parameters |= {"rate_drop": 0.3} if name == "dart" else {"updater": "coord_descent"}
    booster = xgboost.train(parameters, xgboost.DMatrix(matrix, label=target), 8)
    expected = booster.predict(xgboost.DMatrix(matrix)).tolist()
    scorer = load_model(saved(tmp_path / "model.json", booster), "xgboost-json", signature())
    assert scorer.scores(frame(matrix)).tolist() == expected


@pytest.mark.parametrize(
    ("objective", "kind"),
    [
        ("binary:logitraw", "probability"),
        ("binary:hinge", "probability"),
        ("reg:squarederror", "probability"),
        ("count:poisson", "multiclass"),
        ("binary:logistic", "regression"),
        ("binary:logitraw", "label"),
    ],
)
def test_objective_that_contradicts_the_kind_is_named(data, tmp_path, objective, kind):
    matrix, target = data
    booster = xgboost.train({"objective": objective}, xgboost.DMatrix(matrix, label=target), 2)
    scorer = load_model(saved(tmp_path / "model.ubj", booster), "xgboost-ubj", signature(kind))
    with pytest.raises(ModelFault, match=f"trained with the objective {objective}") as raised:
        scorer.outputs(frame(matrix))
    assert raised.value.code == "output-kind-differs"


def test_two_classes_of_softprob_may_be_read_as_a_probability(data, tmp_path):
    matrix, target = data
    parameters = {"objective": "multi:softprob", "num_class": 2}
    booster = xgboost.train(parameters, xgboost.DMatrix(matrix, label=target), 4)
    path = saved(tmp_path / "model.ubj", booster)
    expected = booster.predict(xgboost.DMatrix(matrix))
    second = load_model(path, "xgboost-ubj", signature()).scores(frame(matrix))
    first = load_model(path, "xgboost-ubj", signature(classes=["bad", "good"])).scores(frame(matrix))
    assert (first.tolist(), second.tolist()) == (expected[:, 0].tolist(), expected[:, 1].tolist())


def test_logistic_booster_gives_both_classes_as_its_wrapper_does(data, tmp_path):
    matrix, target = data
    model = xgboost.XGBClassifier(n_estimators=5).fit(matrix, target)
    path = saved(tmp_path / "model.ubj", model)
    outputs = load_model(path, "xgboost-ubj", signature("multiclass", classes=["good", "bad"])).outputs(frame(matrix))
    assert outputs.probabilities.tolist() == model.predict_proba(matrix).astype(np.float64).tolist()
    assert outputs.labels == [["good", "bad"][place] for place in model.predict(matrix)]
