"""Folders of MLflow: the flavor, the file, the proposal for a signature, and files that contradict each other."""

from __future__ import annotations

import catboost
import lightgbm
import numpy as np
import onnx
import pytest
import xgboost
import yaml
from sklearn.linear_model import LogisticRegression
from trained import mlflow_folder, trained

from audit_lab.errors import ModelError
from audit_lab.replay.artifacts.mlmodel import read_mlmodel

FEATURES = [{"name": "a", "dtype": "float"}, {"name": "n", "dtype": "int"}, {"name": "city", "dtype": "str"}]


@pytest.fixture(scope="module")
def data():
    matrix = np.random.default_rng(2).normal(size=(60, 3))
    return matrix, (matrix[:, 0] > 0).astype(int)


def models(name, matrix, target):
    if name == "xgboost":
        return xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(matrix, label=target), 2)
    if name == "xgboost wrapper":
        return xgboost.XGBClassifier(n_estimators=2).fit(matrix, target)
    if name == "lightgbm":
        return lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(matrix, target).booster_
    if name == "catboost":
        return catboost.CatBoostClassifier(iterations=2, verbose=0, allow_writing_files=False).fit(matrix, target)
    if name == "onnx":
        return onnx.load_from_string(trained("onnx", "probability").artifact)
    return LogisticRegression().fit(matrix, target)


@pytest.mark.parametrize(
    ("name", "flavor", "file", "artifact_format"),
    [
        ("xgboost", "xgboost", "model.ubj", "xgboost-ubj"),
        ("xgboost wrapper", "xgboost", "model.ubj", "xgboost-ubj"),
        ("lightgbm", "lightgbm", "model.lgb", "lightgbm-text"),
        ("catboost", "catboost", "model.cb", "catboost-cbm"),
        ("onnx", "onnx", "model.onnx", "onnx"),
        ("skops", "sklearn", "model.skops", "skops"),
        ("cloudpickle", "sklearn", "model.pkl", "cloudpickle"),
        ("pickle", "sklearn", "model.pkl", "pickle"),
    ],
)
def test_flavors_as_mlflow_writes_them(data, name, flavor, file, artifact_format):
    options = {"serialization_format": name} if flavor == "sklearn" else {}
    if name == "onnx":
        options = {"save_as_external_data": False}
    files = mlflow_folder(flavor, models(name, *data), FEATURES, **options)
    found = read_mlmodel(files)
    assert (found.flavor, found.file, found.artifact_format) == (flavor, file, artifact_format)
    assert set(found.flavors) == {flavor, "python_function"}
    assert [(feature.name, feature.dtype) for feature in found.features] == [
        ("a", "float"),
        ("n", "int"),
        ("city", "str"),
    ]
    assert len(found.model_uuid) == 32
    assert found.run_id is None


def folder(flavors, **files):
    description = {"flavors": flavors, "run_id": "r-1", "model_uuid": "u-1"}
    return {"MLmodel": yaml.safe_dump(description).encode(), **{name: text.encode() for name, text in files.items()}}


BOOSTER = {"xgboost": {"data": "model.json", "xgb_version": "3.2.0"}}
MODEL = {"model.json": '{"learner": 1}'}


def test_environment_files_that_contradict_each_other_are_named():
    conda = {"dependencies": ["python=3.11.7", "pip<=23.2.1", {"pip": ["mlflow==3.1", "XGBoost==3.1.0", "numpy"]}]}
    files = folder(
        {**BOOSTER, "python_function": {"python_version": "3.12.1"}},
        **MODEL,
        **{
            "conda.yaml": yaml.safe_dump(conda),
            "requirements.txt": "mlflow == 3.1\nxgboost==3.2.0  # pinned\nnumpy>=2\nscikit_learn==1.9\n-e .\n",
            "python_env.yaml": "python: 3.11.7\ndependencies: [-r requirements.txt]\n",
        },
    )
    assert read_mlmodel(files).notes == (
        "python is =3.11.7 in conda.yaml and ==3.11.7 in python_env.yaml and ==3.12.1 in MLmodel.",
        "xgboost is ==3.2.0 in requirements.txt and ==3.1.0 in conda.yaml and ==3.2.0 in MLmodel.",
        "scikit-learn is ==1.9 in requirements.txt and does not stand in conda.yaml.",
    )


def test_environment_files_that_agree_are_no_finding():
    files = folder(
        BOOSTER,
        **MODEL,
        **{
            "conda.yaml": yaml.safe_dump({"dependencies": ["python=3.11", {"pip": ["xgboost==3.2.0"]}]}),
            "requirements.txt": "xgboost==3.2.0\n",
        },
    )
    found = read_mlmodel(files)
    assert found.notes == ()
    assert (found.run_id, found.model_uuid) == ("r-1", "u-1")


def test_environment_file_that_cannot_be_read_is_named():
    files = folder(BOOSTER, **MODEL, **{"conda.yaml": "[unclosed", "requirements.txt": "xgboost==3.2.0"})
    assert read_mlmodel(files).notes == ("conda.yaml of the MLflow folder cannot be read.",)


def test_code_that_the_folder_brings_is_named():
    files = folder({"xgboost": {**BOOSTER["xgboost"], "code": "code"}}, **MODEL)
    assert read_mlmodel(files).notes == ("The folder brings code of its own (code), which was not loaded.",)


def test_python_model_is_a_pickle():
    found = read_mlmodel(folder({"python_function": {"python_model": "python_model.pkl"}}, **{"python_model.pkl": "x"}))
    assert (found.file, found.artifact_format) == ("python_model.pkl", "cloudpickle")


@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        ({"model.json": b"{}"}, "artifact-folder", "it has no file MLmodel"),
        ({"MLmodel": b"\xff\xfe\x00"}, "artifact-folder", "its MLmodel cannot be read"),
        ({"MLmodel": b"[" * 100_000}, "artifact-folder", "its MLmodel cannot be read"),
        ({"MLmodel": b"!!python/object/apply:os.system ['id']"}, "artifact-folder", "its MLmodel cannot be read"),
        ({"MLmodel": b"a: 1"}, "artifact-folder", "its MLmodel names no flavors"),
        ({"MLmodel": b"flavors: [xgboost]"}, "artifact-folder", "its MLmodel names no flavors"),
        ({"MLmodel": b"x" * 2_000_001}, "artifact-folder", "its MLmodel is too large"),
        (folder({"xgboost": {"data": "../../etc/passwd"}}), "artifact-folder", "which is not there"),
        (folder({"lightgbm": {"data": "m"}}, m="riddle"), "artifact-folder", "is of no format that is known"),
        (folder({"keras": {}}), "artifact-format-unknown", "no flavor that is read here, but keras"),
        (folder({"python_function": {"loader_module": "evil"}}), "artifact-format-unknown", "python_function"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_folder_that_cannot_be_used_is_refused_with_its_reason(files, code, said):
    with pytest.raises(ModelError) as raised:
        read_mlmodel(files)
    assert raised.value.code == code
    assert said in raised.value.message


@pytest.mark.parametrize(
    "inputs", [None, 3, "not JSON", "[]", '[{"type": "datetime", "name": "t"}]', '[{"type": "tensor"}]', "[1]"]
)
def test_signature_that_has_no_counterpart_is_no_proposal(inputs):
    description = {"flavors": BOOSTER, "signature": {"inputs": inputs}}
    files = {"MLmodel": yaml.safe_dump(description).encode(), "model.json": b'{"learner": 1}'}
    assert read_mlmodel(files).features is None
