"""Boosters are lifted out of pickles, and old binary boosters read, with the bits that the old release predicted."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import pickle
from pathlib import Path

import joblib
import numpy as np
import polars as pl
import pytest
import xgboost
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from audit_lab.errors import ModelError
from audit_lab.replay.artifacts.lifting import lift_booster
from audit_lab.replay.models.scorer import ModelFault
from audit_lab.replay.scoring import load_model
from audit_lab.replay.signature import Signature

GOLDEN = Path(__file__).parents[1] / "models" / "golden"
RELEASES = ("0.90", "1.2.1", "1.7.6", "2.1.4")
BINARY = ("0.90", "1.2.1", "1.7.6")
NAMES = ("a", "b", "c")
#: Where releases before 1.4 added up the trees in another order than this one does, and how far that leads apart.
ELSEWHERE = {
    (release, f"gbtree-{objective}.raw"): apart
    for release in ("0.90", "1.2.1")
    for objective, apart in (("multi-softprob", 2e-7), ("reg-squarederror", 2e-6), ("count-poisson", 1e-7))
}


def signature(kind="probability", names=NAMES, **output):
    sides = {"positive": "bad", "negative": "good"} if kind == "probability" else {}
    features = [{"name": name, "dtype": "float"} for name in names]
    return Signature.parse(json.dumps({"features": features, "output": {"kind": kind, **sides, **output}}))


def recorded(release, name):
    document = json.loads((GOLDEN / f"{release}.json").read_text())
    scores = [float.fromhex(score) for score in document["scores"][name]]
    rows = pl.DataFrame(document["inputs"], schema=list(NAMES), orient="row")
    return rows, np.array(scores)


@pytest.fixture
def load(tmp_path):
    def loaded(content, artifact_format, features):
        path = tmp_path / f"model-{len(list(tmp_path.iterdir()))}"
        path.write_bytes(content)
        return load_model(path, artifact_format, features)

    return loaded


def lifted_scorer(load, content, features=None, artifact_format="pickle"):
    found = lift_booster(content, artifact_format)
    return load(found.handed_over(), found.artifact_format, features or signature())


@pytest.mark.parametrize("release", RELEASES)
def test_booster_of_an_old_release_predicts_as_it_did(load, release):
    inputs, scores = recorded(release, "booster.pickle")
    content = (GOLDEN / f"{release}-booster.pickle").read_bytes()
    assert lift_booster(content).found_in == "xgboost.core.Booster"
    assert lifted_scorer(load, content).scores(inputs).tolist() == scores.tolist()


@pytest.mark.parametrize("release", RELEASES)
def test_wrapper_of_an_old_release_predicts_as_it_did(load, release):
    """With early stopping, and with -1 for a missing value, which only the wrapper knew."""
    inputs, scores = recorded(release, "wrapper.pickle")
    content = (GOLDEN / f"{release}-wrapper.pickle").read_bytes()
    found = lift_booster(content)
    assert (found.found_in, found.wrapped, found.missing) == ("xgboost.sklearn.XGBClassifier", True, -1.0)
    assert lifted_scorer(load, content).scores(inputs.fill_null(-1.0)).tolist() == scores.tolist()


@pytest.mark.parametrize("release", ["0.90", "1.2.1"])
def test_names_that_an_old_release_kept_outside_of_the_booster_are_checked(load, release):
    content = (GOLDEN / f"{release}-booster.pickle").read_bytes()
    assert lift_booster(content).feature_names == NAMES
    with pytest.raises(ModelFault, match="its order is another one than the signature's") as raised:
        lifted_scorer(load, content, signature(names=("b", "a", "c")))
    assert raised.value.code == "features-differ"


KINDS = {
    "gbtree-binary-logistic.raw": ("probability", {}),
    "gbtree-multi-softprob.raw": ("multiclass", {"classes": ["low", "mid", "high"]}),
    "gbtree-reg-squarederror.raw": ("regression", {}),
    "gbtree-count-poisson.raw": ("regression", {}),
    "gbtree-reg-tweedie.raw": ("regression", {}),
    "dart-binary-logistic.raw": ("probability", {}),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("release", BINARY)
def test_binary_booster_of_an_old_release_predicts_as_it_did(load, release, name):
    inputs, scores = recorded(release, name)
    kind, output = KINDS[name]
    scorer = load((GOLDEN / f"{release}-{name}").read_bytes(), "xgboost-raw", signature(kind, **output))
    outputs = scorer.outputs(inputs)
    found = (outputs.scores if outputs.probabilities is None else outputs.probabilities).ravel()
    if (release, name) in ELSEWHERE:
        assert np.abs(found / scores - 1).max() < ELSEWHERE[release, name]
    else:
        assert found.tolist() == scores.tolist()
    assert [note.code for note in scorer.notes] == ["names-not-checked", "binary-form-rewritten"]


def test_linear_booster_in_binary_form_is_not_rewritten(load):
    """XGBoost 3.2 adds its base score as a margin, whatever release wrote it: its answers would be wrong."""
    content = (GOLDEN / "1.7.6-gblinear-binary-logistic.raw").read_bytes()
    with pytest.raises(ModelFault, match="a booster of the kind gblinear is not rewritten"):
        load(content, "xgboost-raw", signature())


@pytest.mark.parametrize("end", [3, 100, 400, 1400])
def test_binary_booster_that_is_cut_off_is_a_fault(load, end):
    content = (GOLDEN / "1.7.6-gbtree-binary-logistic.raw").read_bytes()
    with pytest.raises(ModelFault) as raised:
        load(content[:end], "xgboost-raw", signature())
    assert raised.value.code == "artifact-corrupt"


@pytest.mark.parametrize(
    ("place", "number"), [(4, 2**31), (140, 2**62), (177, 2**31 - 1), (177, -1), (341, 2**30), (341, -7)]
)
def test_binary_booster_with_absurd_numbers_is_a_fault(load, place, number):
    content = bytearray((GOLDEN / "1.7.6-gbtree-binary-logistic.raw").read_bytes())
    content[place : place + 8] = number.to_bytes(8, "little", signed=True)
    with pytest.raises(ModelFault) as raised:
        load(bytes(content), "xgboost-raw", signature())
    assert raised.value.code in {"artifact-corrupt", "artifact-too-old", "features-differ"}


@pytest.fixture(scope="module")
def data():
    generator = np.random.default_rng(1)
    matrix = generator.normal(size=(200, 3)).astype(np.float32)
    return matrix, (matrix[:, 0] > 0).astype(int)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_wrapper_of_this_release_with_every_protocol(load, data, protocol):
    matrix, target = data
    model = xgboost.XGBClassifier(n_estimators=40, early_stopping_rounds=2, eval_metric="error")
    model.fit(matrix[:120], target[:120], eval_set=[(matrix[120:], target[120:])], verbose=False)
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    scorer = lifted_scorer(load, pickle.dumps(model, protocol))
    frame = pl.DataFrame(matrix.astype(np.float64), schema=list(NAMES))
    assert scorer.scores(frame).tolist() == model.predict_proba(matrix)[:, 1].tolist()


@pytest.mark.parametrize("compress", [0, 3])
def test_wrapper_that_joblib_wrote(load, data, compress):
    matrix, target = data
    model = xgboost.XGBClassifier(n_estimators=3).fit(matrix, target)
    buffer = io.BytesIO()
    joblib.dump(model, buffer, compress=compress)
    frame = pl.DataFrame(matrix.astype(np.float64), schema=list(NAMES))
    scorer = lifted_scorer(load, buffer.getvalue(), artifact_format="joblib")
    assert scorer.scores(frame).tolist() == model.predict_proba(matrix)[:, 1].tolist()


def test_what_is_lifted_and_what_is_left_out(data):
    matrix, target = data
    model = xgboost.XGBClassifier(n_estimators=3).fit(matrix, target)
    found = lift_booster(pickle.dumps(model))
    assert found.content == bytes(model.get_booster().__getstate__()["handle"])
    assert found.sha256 == hashlib.sha256(found.content).hexdigest()
    assert math.isnan(found.missing)
    assert found.left_out == ()
    old = lift_booster((GOLDEN / "0.90-wrapper.pickle").read_bytes())
    assert old.left_out == ("the names of its classes",)


class Evil:
    def __reduce__(self):
        return (os.system, ("touch /tmp/opened",))


def test_whatever_holds_more_than_a_booster_is_not_lifted(data):
    matrix, target = data
    model = xgboost.XGBClassifier(n_estimators=2).fit(matrix, target)
    booster = model.get_booster()
    refused = {
        "more than a booster: sklearn.pipeline.Pipeline": make_pipeline(StandardScaler(), model),
        "more than a booster: posix.system": [booster, Evil()],
        "it holds 2 boosters": [booster, xgboost.train({}, xgboost.DMatrix(matrix, label=target), 1)],
        "the booster is not the object itself": {"model": booster},
        "it holds 0 boosters": xgboost.XGBClassifier(),
        "more than a booster: sklearn.linear_model": LogisticRegression().fit(matrix, target),
    }
    for said, holder in refused.items():
        with pytest.raises(ModelError, match="no booster can be lifted out of the pickle") as raised:
            lift_booster(pickle.dumps(holder))
        assert said in raised.value.message
        assert raised.value.code == "artifact-format-unsafe"


def test_pickle_that_breaks_off_is_not_lifted():
    content = (GOLDEN / "1.7.6-booster.pickle").read_bytes()
    with pytest.raises(ModelError, match="pickle exhausted before seeing STOP"):
        lift_booster(content[:-1])
