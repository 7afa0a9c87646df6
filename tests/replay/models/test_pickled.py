"""Pickles that were trusted: each kind of object is asked as its own library would be."""

from __future__ import annotations

import io
import json
import pickle

import catboost
import cloudpickle
import joblib
import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pytest
import xgboost

from audit_lab.replay.models.scorer import ModelFault
from audit_lab.replay.scoring import load_model
from audit_lab.replay.signature import Signature

SIGNATURE = Signature.parse(
    json.dumps(
        {
            "features": [{"name": name, "dtype": "float"} for name in ("a", "b")],
            "output": {"kind": "probability", "positive": "bad", "negative": "good"},
        }
    )
)


@pytest.fixture(scope="module")
def table():
    generator = np.random.default_rng(6)
    return pd.DataFrame(generator.normal(size=(120, 2)), columns=["a", "b"])


@pytest.fixture(scope="module")
def target(table):
    return (table.a + table.b**2 > 0.5).astype(int)


MODELS = {
    "xgboost wrapper": lambda x, y: xgboost.XGBClassifier(n_estimators=4, missing=-1.0).fit(x, y),
    "xgboost booster": lambda x, y: xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(x, label=y), 4),
    "lightgbm wrapper": lambda x, y: lightgbm.LGBMClassifier(n_estimators=4, verbose=-1).fit(x, y),
    "lightgbm booster": lambda x, y: lightgbm.LGBMClassifier(n_estimators=4, verbose=-1).fit(x, y).booster_,
    "catboost": lambda x, y: catboost.CatBoostClassifier(iterations=4, verbose=0, allow_writing_files=False).fit(x, y),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_of_other_libraries(tmp_path, table, target, name):
    model = MODELS[name](table, target)
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(model))
    asked = xgboost.DMatrix(table) if name == "xgboost booster" else table
    expected = model.predict_proba(table)[:, 1] if hasattr(model, "predict_proba") else model.predict(asked)
    assert load_model(path, "pickle", SIGNATURE).scores(pl.from_pandas(table)).tolist() == expected.tolist()


def test_function_in_a_pipeline_that_cloudpickle_wrote(tmp_path, table, target):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    model = make_pipeline(FunctionTransformer(lambda frame: frame * 2.0), LogisticRegression()).fit(table, target)
    path = tmp_path / "model.pkl"
    path.write_bytes(cloudpickle.dumps(model))
    scorer = load_model(path, "cloudpickle", SIGNATURE)
    assert scorer.scores(pl.from_pandas(table)).tolist() == model.predict_proba(table)[:, 1].tolist()


@pytest.mark.parametrize("compress", [0, ("zlib", 3), ("lzma", 3)])
def test_what_joblib_compressed(tmp_path, table, target, compress):
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(table, target)
    buffer = io.BytesIO()
    joblib.dump(model, buffer, compress=compress)
    path = tmp_path / "model.joblib"
    path.write_bytes(buffer.getvalue())
    scorer = load_model(path, "joblib", SIGNATURE)
    assert scorer.scores(pl.from_pandas(table)).tolist() == model.predict_proba(table)[:, 1].tolist()


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b"cno_such_library\nModel\n.", "library-missing", "needs no_such_library"),
        (pickle.dumps({"model": 1}), "artifact-corrupt", "an object of builtins.dict, which predicts nothing"),
        (pickle.dumps([1, 2])[:-3], "artifact-corrupt", "cannot be loaded"),
    ],
)
def test_what_is_no_model_is_named(tmp_path, content, code, said):
    path = tmp_path / "model.pkl"
    path.write_bytes(content)
    with pytest.raises(ModelFault, match=said) as raised:
        load_model(path, "pickle", SIGNATURE)
    assert raised.value.code == code
