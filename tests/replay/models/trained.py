"""Small models of every format and kind, trained, saved and asked as their libraries' documentation says.

`trained` gives what a log would hold: the artifact, its signature, recorded inputs, and what the library's own ordinary
call answered for them at the time. Feature names, their order, their number and the data follow from the seed.
"""

from __future__ import annotations

import io
import json
import os
import pickle
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FORMATS", "KINDS", "ROWS", "UNSAFE", "TrainedModel", "mlflow_folder", "trained"]

ROWS = 200
KINDS = ("probability", "margin", "regression", "label", "multiclass")
FORMATS = (
    "skops",
    "xgboost-json",
    "xgboost-ubj",
    "xgboost-raw",
    "lightgbm-text",
    "catboost-cbm",
    "onnx",
    "mlflow",
    "pickle",
    "joblib",
    "cloudpickle",
)
#: Formats that run code when they are opened.
UNSAFE = ("pickle", "joblib", "cloudpickle")

_CLASSES = ("high", "low", "mid")
_SIDES = {"positive": "bad", "negative": "good"}
_FLOATS = ("amount", "ratio", "balance", "distance", "weight")
_INTEGERS = ("months", "children", "visits")
_TEXTS = {"channel": ("app", "branch", "phone", "web"), "region": ("east", "north", "west"), "plan": ("a", "b")}
#: Formats that take a missing category.
_GAPS_IN_TEXT = ("xgboost", "lightgbm", "skops", "mlflow", *UNSAFE)
#: Formats whose pipeline here has no imputer, which skops builds only when its type is named.
_NO_GAPS_IN_NUMBERS = ("skops", "mlflow")


@dataclass(frozen=True)
class TrainedModel:
    """An artifact with what a registry and a log would say of it.

    Parameters
    ----------
    artifact
        Bytes, or a folder's files by name.
    artifact_format
        As the registry states it.
    signature
        As in the registry's JSON.
    inputs
        The recorded inputs, `ROWS` of them, in signature order.
    outputs
        What the library answered: ``score``, ``label`` and ``probabilities`` as in the task's table.
    """

    artifact: bytes | dict[str, bytes]
    artifact_format: str
    signature: dict[str, Any]
    inputs: pl.DataFrame
    outputs: pl.DataFrame

    @property
    def signature_text(self) -> str:
        """The signature as the registry holds it."""
        return json.dumps(self.signature)

    def write(self, place: Path) -> Path:
        """Write the artifact to a path, as a file or a folder."""
        if isinstance(self.artifact, bytes):
            place.write_bytes(self.artifact)
            return place
        for name, content in self.artifact.items():
            target = place / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return place


@cache
def trained(artifact_format: str, kind: str, seed: int = 0) -> TrainedModel:
    """Train, save and ask one small model; the same one again where it was asked for before.

    Parameters
    ----------
    artifact_format
        One of `FORMATS`.
    kind
        One of `KINDS`.
    seed
        Decides names, order and number of the features, the data and the model.
    """
    generator = np.random.default_rng([seed, FORMATS.index(artifact_format), KINDS.index(kind)])
    inputs, features = _inputs(
        generator,
        gaps_in_text=artifact_format.startswith(_GAPS_IN_TEXT),
        gaps_in_numbers=artifact_format not in _NO_GAPS_IN_NUMBERS,
    )
    target = _target(generator, inputs, kind)
    train = _TRAINERS[artifact_format]
    artifact, outputs = train(inputs, features, target, kind, seed)
    output: dict[str, Any] = {"kind": kind}
    if kind in ("probability", "margin"):
        output |= _SIDES
    if kind in ("label", "multiclass"):
        output["classes"] = list(_CLASSES)
    signature = {"features": features, "output": output}
    return TrainedModel(artifact, artifact_format, signature, inputs, outputs)


def _inputs(
    generator: np.random.Generator, *, gaps_in_text: bool, gaps_in_numbers: bool
) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """Return recorded inputs and the features of the signature, both in one order."""
    floats = generator.choice(_FLOATS, generator.integers(2, 5), replace=False).tolist()
    integers = generator.choice(_INTEGERS, generator.integers(1, 3), replace=False).tolist()
    texts = generator.choice(list(_TEXTS), generator.integers(1, 3), replace=False).tolist()
    names = generator.permutation([*floats, *integers, *texts, "returning"]).tolist()
    columns, features = {}, []
    for name in names:
        gaps = pl.Series(generator.random(ROWS) < 0.07)
        if name in _FLOATS:
            values = pl.Series(generator.gamma(2.0, 30.0, ROWS).round(3))
            columns[name] = values.set(gaps, None) if gaps_in_numbers and name == floats[0] else values
            features.append({"name": name, "dtype": "float", "unit": "EUR"})
        elif name in _INTEGERS:
            columns[name] = pl.Series(generator.integers(0, 40, ROWS))
            features.append({"name": name, "dtype": "int"})
        elif name in _TEXTS:
            values = pl.Series(generator.choice(_TEXTS[name], ROWS).tolist())
            columns[name] = values.set(gaps, None) if gaps_in_text and name == texts[0] else values
            features.append({"name": name, "dtype": "str", "categories": list(_TEXTS[name])})
        else:
            columns[name] = pl.Series(generator.random(ROWS) < 0.4)
            features.append({"name": name, "dtype": "bool"})
    return pl.DataFrame(columns), features


def _target(generator: np.random.Generator, inputs: pl.DataFrame, kind: str) -> np.ndarray:
    """Return what the model is to learn: 0 or 1, a class's place, or a number; every feature has a part in it."""
    ranks = [inputs[name].rank("dense").fill_null(0).to_numpy() for name in inputs.columns]
    signal = sum(generator.uniform(0.5, 1.5) * (rank - rank.mean()) / (rank.std() + 1e-9) for rank in ranks)
    signal = signal + generator.normal(size=inputs.height)
    if kind in ("probability", "margin"):
        return (signal > 0.3).astype(int)
    if kind in ("label", "multiclass"):
        return np.digitize(signal, [-1.0, 1.0])
    return signal * 10 + 50


def recorded(kind: str, found: Any) -> pl.DataFrame:
    """Return the table of outputs for what a library gave."""
    rows = len(found)
    score = label = probabilities = None
    if kind == "label":
        label = [str(each) for each in found]
    elif kind == "multiclass":
        probabilities = np.asarray(found, dtype=np.float64)
        label = [_CLASSES[place] for place in probabilities.argmax(axis=1)]
        score = probabilities.max(axis=1)
    else:
        score = np.asarray(found, dtype=np.float64)
    return pl.DataFrame(
        {
            "score": pl.Series([None] * rows if score is None else score, dtype=pl.Float64),
            "label": pl.Series([None] * rows if label is None else label, dtype=pl.String),
            "probabilities": pl.Series(
                [None] * rows if probabilities is None else probabilities.tolist(), dtype=pl.List(pl.Float64)
            ),
        }
    )


def _named(kind: str, target: np.ndarray) -> np.ndarray:
    """Return the target by the names of its labels, for libraries that keep them."""
    if kind in ("probability", "margin"):
        return np.where(target == 1, _SIDES["positive"], _SIDES["negative"])
    return np.array(_CLASSES)[target] if kind in ("label", "multiclass") else target


def _pipeline(
    inputs: pl.DataFrame, features: list[dict[str, Any]], target: np.ndarray, kind: str, *, imputed: bool = False
) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    texts = [feature["name"] for feature in features if feature["dtype"] == "str"]
    numbers = [feature["name"] for feature in features if feature["dtype"] != "str"]
    steps = [SimpleImputer(strategy="median"), StandardScaler()] if imputed else [StandardScaler()]
    transformer = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), texts), (make_pipeline(*steps), numbers)
    )
    last = Ridge() if kind == "regression" else LogisticRegression(max_iter=500)
    frame = inputs.to_pandas()
    return make_pipeline(transformer, last).fit(frame, _named(kind, target))


def _asked(pipeline: Any, inputs: pl.DataFrame, kind: str) -> pl.DataFrame:
    frame = inputs.to_pandas()
    if kind == "probability":
        # The classes of a pipeline stand in alphabetical order, so the positive label ("bad") is the first.
        return recorded(kind, pipeline.predict_proba(frame)[:, 0])
    method = {"margin": "decision_function", "multiclass": "predict_proba"}.get(kind, "predict")
    return recorded(kind, getattr(pipeline, method)(frame))


def _train_skops(inputs, features, target, kind, _seed):
    import skops.io

    pipeline = _pipeline(inputs, features, target, kind)
    return skops.io.dumps(pipeline), _asked(pipeline, inputs, kind)


def _train_pickle(inputs, features, target, kind, _seed):
    pipeline = _pipeline(inputs, features, target, kind, imputed=True)
    return pickle.dumps(pipeline), _asked(pipeline, inputs, kind)


def _train_joblib(inputs, features, target, kind, _seed):
    import joblib

    pipeline = _pipeline(inputs, features, target, kind, imputed=True)
    buffer = io.BytesIO()
    joblib.dump(pipeline, buffer, compress=3)
    return buffer.getvalue(), _asked(pipeline, inputs, kind)


def _train_cloudpickle(inputs, features, target, kind, _seed):
    import cloudpickle

    pipeline = _pipeline(inputs, features, target, kind, imputed=True)
    return cloudpickle.dumps(pipeline), _asked(pipeline, inputs, kind)


def _train_mlflow(inputs, features, target, kind, _seed):
    pipeline = _pipeline(inputs, features, target, kind)
    return mlflow_folder("sklearn", pipeline, features, serialization_format="skops"), _asked(pipeline, inputs, kind)


def mlflow_folder(flavor: str, model: Any, features: list[dict[str, Any]], **options: Any) -> dict[str, bytes]:
    """Return the files that MLflow saves for a model, by name."""
    import importlib
    import tempfile
    import warnings
    from pathlib import Path

    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # MLflow warns of its own type hints while it is imported
        library = importlib.import_module(f"mlflow.{flavor}")
        from mlflow.models import ModelSignature
        from mlflow.types import ColSpec, Schema

        types = {"float": "double", "int": "long", "str": "string", "bool": "boolean"}
        schema = Schema([ColSpec(types[each["dtype"]], each["name"]) for each in features])
        path = Path(folder) / "model"
        standard = {"signature": ModelSignature(inputs=schema), "pip_requirements": ["numpy", "scikit-learn==1.9.1"]}
        library.save_model(model, str(path), **standard, **options)
        return {each.relative_to(path).as_posix(): each.read_bytes() for each in path.rglob("*") if each.is_file()}


def _positions(inputs: pl.DataFrame, features: list[dict[str, Any]]) -> np.ndarray:
    """Return the inputs as numbers: each text as its place among its categories, what is missing as NaN."""
    columns = []
    for feature in features:
        values = inputs[feature["name"]].to_list()
        if feature["dtype"] == "str":
            values = [None if value is None else feature["categories"].index(value) for value in values]
        columns.append([np.nan if value is None else float(value) for value in values])
    return np.array(columns).T


def _categorical(inputs: pl.DataFrame, features: list[dict[str, Any]]) -> Any:
    """Return the inputs as a pandas frame whose text columns are categorical."""
    import pandas as pd

    frame = inputs.to_pandas()
    for feature in features:
        if feature["dtype"] == "str":
            frame[feature["name"]] = pd.Categorical(inputs[feature["name"]].to_list(), feature["categories"])
    return frame


_XGBOOST_OBJECTIVES = {
    "probability": {"objective": "binary:logistic"},
    "margin": {"objective": "binary:logistic"},
    "regression": {"objective": "reg:squarederror"},
    "label": {"objective": "multi:softmax", "num_class": 3},
    "multiclass": {"objective": "multi:softprob", "num_class": 3},
}


def _booster(data: Any, kind: str, seed: int) -> tuple[Any, pl.DataFrame]:
    import xgboost

    parameters = {**_XGBOOST_OBJECTIVES[kind], "max_depth": 3, "nthread": 2, "seed": seed}
    booster = xgboost.train(parameters, data, num_boost_round=12)
    found = booster.predict(data, output_margin=kind == "margin")
    if kind == "label":
        found = [_CLASSES[int(place)] for place in found]
    return booster, recorded(kind, found)


def _train_xgboost_json(inputs, features, target, kind, seed):
    import xgboost

    data = xgboost.DMatrix(_categorical(inputs, features), label=target, enable_categorical=True)
    booster, outputs = _booster(data, kind, seed)
    return bytes(booster.save_raw("json")), outputs


def _train_xgboost_ubj(inputs, features, target, kind, seed):
    import xgboost

    data = xgboost.DMatrix(_positions(inputs, features), label=target, feature_names=inputs.columns)
    booster, outputs = _booster(data, kind, seed)
    return bytes(booster.save_raw("ubj")), outputs


def _train_xgboost_raw(inputs, features, target, kind, seed):
    import xgboost

    data = xgboost.DMatrix(_positions(inputs, features), label=target)
    booster, outputs = _booster(data, kind, seed)
    return bytes(booster.__getstate__()["handle"]), outputs


def _train_lightgbm(inputs, features, target, kind, seed):
    import lightgbm

    objective = {"regression": {"objective": "regression"}}.get(kind, {"objective": "multiclass", "num_class": 3})
    objective = {"objective": "binary"} if kind in ("probability", "margin") else objective
    parameters = {**objective, "num_leaves": 7, "min_data_in_leaf": 5, "seed": seed, "verbose": -1, "num_threads": 2}
    frame = _categorical(inputs, features)
    booster = lightgbm.train(parameters, lightgbm.Dataset(frame, label=target), num_boost_round=12)
    found = booster.predict(frame, raw_score=kind == "margin")
    if kind == "label":
        found = [_CLASSES[place] for place in found.argmax(axis=1)]
    return booster.model_to_string().encode(), recorded(kind, found)


def _train_catboost(inputs, features, target, kind, seed):
    import tempfile
    from pathlib import Path

    import catboost

    frame = inputs.to_pandas()
    texts = [feature["name"] for feature in features if feature["dtype"] == "str"]
    settings = {"iterations": 12, "depth": 3, "random_seed": seed, "verbose": False, "allow_writing_files": False}
    factory = catboost.CatBoostRegressor if kind == "regression" else catboost.CatBoostClassifier
    model = factory(cat_features=texts, thread_count=2, **settings).fit(frame, _named(kind, target))
    if kind == "probability":
        found = model.predict_proba(frame)[:, list(model.classes_).index("bad")]
    elif kind == "margin":
        # A margin is that of the second class, which is "good" here: the replay repeats it and does not turn it round.
        found = model.predict(frame, prediction_type="RawFormulaVal")
    else:
        found = model.predict_proba(frame) if kind == "multiclass" else np.ravel(model.predict(frame))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.cbm"
        model.save_model(str(path))
        return path.read_bytes(), recorded(kind, found)


def _train_onnx(inputs, features, target, kind, _seed):
    import onnxruntime
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import BooleanTensorType, FloatTensorType, Int64TensorType, StringTensorType

    pipeline = _onnx_pipeline(inputs, features, target, kind)
    types = {"float": FloatTensorType, "int": Int64TensorType, "str": StringTensorType, "bool": BooleanTensorType}
    options = None if kind == "regression" else {id(pipeline): {"zipmap": False, "raw_scores": kind == "margin"}}
    graph = convert_sklearn(
        pipeline,
        initial_types=[(each["name"], types[each["dtype"]]([None, 1])) for each in features],
        options=options,
    )
    content = graph.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    kinds = {"float": np.float32, "int": np.int64, "str": object, "bool": bool}
    feed = {each["name"]: inputs[each["name"]].to_numpy().astype(kinds[each["dtype"]])[:, None] for each in features}
    found = session.run(None, feed)
    if kind == "regression":
        return content, recorded(kind, found[0][:, 0])
    if kind in ("probability", "margin"):
        return content, recorded(kind, found[1][:, 0])
    return content, recorded(kind, found[0] if kind == "label" else found[1])


def _onnx_pipeline(inputs: pl.DataFrame, features: list[dict[str, Any]], target: np.ndarray, kind: str) -> Any:
    """Return a pipeline whose every step skl2onnx converts: floats alone are imputed and scaled."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    by_type = {kind: [each["name"] for each in features if each["dtype"] == kind] for kind in ("str", "float", "int")}
    transformer = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), by_type["str"]),
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), by_type["float"]),
        (StandardScaler(), by_type["int"]),
        ("passthrough", ["returning"]),
    )
    last = Ridge() if kind == "regression" else LogisticRegression(max_iter=500)
    return make_pipeline(transformer, last).fit(inputs.to_pandas(), _named(kind, target))


_TRAINERS = {
    "skops": _train_skops,
    "xgboost-json": _train_xgboost_json,
    "xgboost-ubj": _train_xgboost_ubj,
    "xgboost-raw": _train_xgboost_raw,
    "lightgbm-text": _train_lightgbm,
    "catboost-cbm": _train_catboost,
    "onnx": _train_onnx,
    "mlflow": _train_mlflow,
    "pickle": _train_pickle,
    "joblib": _train_joblib,
    "cloudpickle": _train_cloudpickle,
}
